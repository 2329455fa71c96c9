"""The judge of the resilience tests finds what is lost, doubled and wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.resilience.truth import Journal, Rows, judge, strangers
from tieline.model import Quality

STAMPED = int(Quality.DEVICE_TIME)
START = 1_767_225_600_000_000
RTU, METER, BAY = "north/rtu/energy", "south/meter/level", "south/bay/ctrl-xcbr1-opcnt"


def write(path: Path, device: str, *points: tuple[float, dict[str, float]], first: bool = True) -> None:
    with path.open("a") as file:
        if first:
            file.write(json.dumps({"device": device, "time": START, "is_first": True, "values": {}}) + "\n")
        for seconds, values in points:
            line = {"device": device, "time": START + round(seconds * 1e6) + 345, "is_first": False, "values": values}
            file.write(json.dumps(line) + "\n")


def rows(*held: tuple[float, float, int]) -> Rows:
    """Seconds, value and quality of each."""
    return Rows(
        np.array([START + round(seconds * 1e6) for seconds, _, _ in held], np.int64),
        np.array([value for _, value, _ in held]),
        np.array([quality for _, _, quality in held], np.uint16),
    )


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    path = tmp_path / "journal"
    write(path, "north/rtu", *((number, {"energy": float(number)}) for number in (1, 2, 3)))
    return Journal(path).read()


ALL = ((1, 1, STAMPED), (2, 2, STAMPED), (3, 3, STAMPED))


def judged(journal: Journal, held: dict[str, Rows], **chosen: object) -> tuple[int, int, int, int, int]:
    given = {"first": 0, "last": journal.lines, "excused": {}} | chosen
    found = judge(journal, held, **given)  # type: ignore[arg-type]
    return found.expected, found.found, found.doubled, found.wrong, found.died


def test_a_complete_history_is_right(journal: Journal) -> None:
    assert judged(journal, {RTU: rows(*ALL)}) == (3, 3, 0, 0, 0)
    assert not strangers(journal, {RTU: rows(*ALL)})


def test_a_change_that_is_missing_is_found(journal: Journal) -> None:
    assert judged(journal, {RTU: rows(ALL[0], ALL[2])}) == (3, 2, 0, 0, 0)
    assert judged(journal, {}) == (3, 0, 0, 0, 0)


def test_a_change_that_has_only_the_gateways_time_is_missing(journal: Journal) -> None:
    assert judged(journal, {RTU: rows(ALL[0], (2, 2, 0), ALL[2])}) == (3, 2, 0, 0, 0)


def test_a_change_that_is_there_twice_is_found(journal: Journal) -> None:
    assert judged(journal, {RTU: rows(*ALL, ALL[1])}) == (3, 3, 1, 0, 0)


def test_a_wrong_value_and_a_bad_quality_are_found(journal: Journal) -> None:
    assert judged(journal, {RTU: rows(ALL[0], (2, 7, STAMPED), ALL[2])}) == (3, 3, 0, 1, 0)
    bad = STAMPED | int(Quality.INVALID)
    assert judged(journal, {RTU: rows(ALL[0], (2, 2, bad), ALL[2])}) == (3, 3, 0, 1, 0)


def test_what_no_device_has_shown_is_a_stranger(journal: Journal) -> None:
    assert len(strangers(journal, {RTU: rows(*ALL, (2.5, 2, STAMPED))})) == 1
    assert len(strangers(journal, {RTU: rows(*ALL, (2.5, 9, 0))})) == 1
    assert not strangers(journal, {RTU: rows(*ALL, (2.5, 2, 0))})


def test_what_a_killed_device_showed_last_is_not_expected_but_what_came_before_is(journal: Journal) -> None:
    assert judged(journal, {RTU: rows(ALL[0])}, excused={0: 2}) == (1, 1, 0, 0, 2)
    assert judged(journal, {RTU: rows(ALL[1])}, excused={0: 3}) == (2, 1, 0, 0, 1)


def test_only_the_lines_of_the_window_are_judged(journal: Journal) -> None:
    assert judged(journal, {RTU: rows(ALL[0])}, first=2, last=3) == (1, 0, 0, 0, 0)


def test_a_polled_value_has_to_be_there_and_only_once_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, "south/meter", *((number, {"level": float(number)}) for number in (1, 2, 3)))
    journal = Journal(path).read()
    assert judged(journal, {METER: rows((1.1, 1, 0), (2.1, 2, 0))}) == (2, 2, 0, 0, 0)
    assert judged(journal, {METER: rows((1.1, 1, 0), (2.1, 2, int(Quality.INVALID)))}) == (2, 1, 0, 0, 0)
    assert not strangers(journal, {METER: rows((1.1, 1, 0), (2.1, 2, 0))})
    assert len(strangers(journal, {METER: rows((1.1, 1, 0), (2.1, 2, 0), (2.1, 2, 0))})) == 1
    assert len(strangers(journal, {METER: rows((1.1, 2, 0), (2.1, 1, 0))})) == 1


def test_an_ied_is_not_expected_to_keep_what_happened_before_anybody_enabled_its_reports(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, "south/bay", *((number, {"ctrl-xcbr1-opcnt": float(number)}) for number in (1, 2, 3)))
    journal = Journal(path).read()
    assert judged(journal, {BAY: rows(ALL[1], ALL[2])}) == (2, 2, 0, 0, 1)
    assert judged(journal, {BAY: rows(ALL[0], ALL[2])}) == (3, 2, 0, 0, 0)
    write(path, "south/bay", (60, {"ctrl-xcbr1-opcnt": 4.0}), first=False)
    assert judged(journal.read(), {}) == (1, 0, 0, 0, 3)


def test_a_line_that_is_not_whole_yet_is_read_later(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, "north/rtu", (1, {"energy": 1.0}))
    whole = path.read_text()
    path.write_text(whole[:-5])
    journal = Journal(path).read()
    assert journal.lines == 1
    path.write_text(whole)
    assert journal.read().lines == 2
