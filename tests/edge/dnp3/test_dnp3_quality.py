"""Flags and qualities, and that the documentation says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.edge.dnp3.commanding import STATUS_WORDS
from tieline.edge.dnp3.indications import INDICATIONS
from tieline.edge.dnp3.quality import FLAG_MEANINGS, QUALITY_FLAGS, FlagClass, flag_class, flags, qualities
from tieline.model import STATUS, VALIDITY, Quality, in_words
from tieline.protocols.dnp3.commands import CommandStatus
from tieline.protocols.dnp3.measurements import Flag, PointType

DOC = (Path(__file__).parents[3] / "docs/reference/dnp3.md").read_text()


def test_online_alone_is_good_and_nothing_else_but_forced_and_what_says_nothing_is() -> None:
    for kind in FlagClass:
        good = {octet for octet in range(256) if not int(qualities(kind)[octet]) & VALIDITY}
        harmless = Flag.ONLINE | Flag.REMOTE_FORCED | Flag.LOCAL_FORCED | 0xE0
        assert all(octet & Flag.ONLINE and not octet & ~harmless for octet in good)
        assert int(qualities(kind)[Flag.ONLINE]) == Quality.GOOD


def test_of_several_flags_the_worst_validity_counts() -> None:
    both = int(qualities(FlagClass.ANALOG)[Flag.ONLINE | Flag.OVER_RANGE | Flag.COMM_LOST])
    assert both == Quality.INVALID | Quality.OLD_DATA | Quality.OVERFLOW


def test_bits_five_and_six_mean_something_else_with_each_type() -> None:
    for kind, bit, detail in (
        (PointType.BINARY_INPUT, 32, Quality.OSCILLATORY),
        (PointType.DOUBLE_BIT_BINARY_INPUT, 32, Quality.OSCILLATORY),
        (PointType.ANALOG_OUTPUT_STATUS, 32, Quality.OVERFLOW),
        (PointType.ANALOG_INPUT, 64, Quality.BAD_REFERENCE),
        (PointType.FROZEN_COUNTER, 64, Quality.INCONSISTENT),
    ):
        assert int(qualities(flag_class(kind))[1 | bit]) == Quality.QUESTIONABLE | detail
    assert int(qualities(FlagClass.COUNTER)[1 | Flag.ROLLOVER]) == Quality.GOOD


def test_nothing_bad_looks_good_after_both_ways() -> None:
    for kind in FlagClass:
        for quality in range(STATUS + 1):
            back = int(qualities(kind)[flags(kind)[quality]])
            if quality & VALIDITY:
                assert back & VALIDITY, (kind, in_words(quality))
            if quality & VALIDITY == int(Quality.INVALID):
                assert back & VALIDITY == int(Quality.INVALID)
            if quality & Quality.TEST:
                assert back & VALIDITY


def test_a_good_value_stays_good_after_both_ways_and_a_substituted_one_substituted() -> None:
    for kind in FlagClass:
        assert int(qualities(kind)[flags(kind)[Quality.GOOD]]) == Quality.GOOD
        assert int(qualities(kind)[flags(kind)[Quality.SUBSTITUTED]]) == Quality.SUBSTITUTED


def _cells(heading: str) -> list[list[str]]:
    """The rows of the table under a heading."""
    part = DOC.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    rows = [line.strip().strip("|").split("|") for line in part.splitlines() if line.lstrip().startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


_ANALOG = {Flag.OVER_RANGE: "OVER_RANGE", Flag.REFERENCE_ERR: "REFERENCE_ERR"}


def _name(flag: Flag, classes: tuple[FlagClass, ...]) -> str:
    """One bit has several names; which one counts says the type."""
    return f"`{_ANALOG[flag] if classes == (FlagClass.ANALOG,) else flag.name}`"


def test_the_documentation_has_the_same_table_of_flags() -> None:
    documented = {(row[0], row[1]): row[2] for row in _cells("### Flags to quality")}
    expected = {}
    for meaning in FLAG_MEANINGS:
        types = "all" if len(meaning.classes) == len(FlagClass) else ", ".join(kind.value for kind in meaning.classes)
        name = f"{'' if meaning.is_set else 'not '}{_name(meaning.flag, meaning.classes)}"
        has_validity = bool(meaning.quality & VALIDITY)
        expected[name, types] = in_words(int(meaning.quality)).removeprefix("" if has_validity else "good, ")
    assert documented == expected


def test_the_documentation_has_the_same_table_of_qualities() -> None:
    documented = {(row[0], row[1]): row[2] for row in _cells("### Quality to flags")}
    expected = {}
    for meaning in QUALITY_FLAGS:
        types = "all" if len(meaning.classes) == len(FlagClass) else ", ".join(kind.value for kind in meaning.classes)
        detail = in_words(int(meaning.quality)).removeprefix("good, ")
        expected[detail, types] = _name(meaning.flag, meaning.classes)
    assert documented == expected


@pytest.mark.parametrize(
    "kind",
    [
        *(indication.kind for indication in INDICATIONS.values()),
        *("device_lost", "device_restored", "device_restarted", "device_events_lost", "points_missing", "points_unlisted"),
        *("request_refused", "master_connected", "master_lost"),
    ],
)
def test_every_kind_of_event_is_documented(kind: str) -> None:
    assert f"`{kind}`" in DOC


def test_every_status_has_words() -> None:
    assert set(STATUS_WORDS) == set(CommandStatus) - {CommandStatus.SUCCESS}
