"""Reports: header, inclusion, numbers that are missing; with the encodings of open61850 beside them."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from open61850 import data as peer
from open61850.mms.report import OptFlds, bitstring_of

from tieline.model import RemoteError
from tieline.protocols.iec61850.mms.reports import Report, Sequence, decode_report

ENTRY = datetime(2026, 11, 23, 7, 38, 1, 591000, tzinfo=UTC)
ALL = OptFlds(
    sequence_number=True,
    report_time_stamp=True,
    reason_for_inclusion=True,
    data_set_name=True,
    data_reference=True,
    buffer_overflow=True,
    entry_id=True,
    conf_revision=True,
    segmentation=True,
)


def encoded(options: OptFlds, *, number: int = 7, segment: int = 0, more: bool = False) -> bytes:
    """A report of the first and third of four members."""
    parts: list[peer.IECData] = [peer.VisibleStringData("brcb"), options.to_bitstring()]
    parts += [peer.UIntData(number)] if options.sequence_number else []
    head = b"".join(peer.encode_data(part) for part in parts)
    if options.report_time_stamp:
        head += b"\x8c\x06" + peer.encode_binary_time(ENTRY)
    parts = [peer.VisibleStringData("LD/LLN0$States")] if options.data_set_name else []
    parts += [peer.BoolData(True)] if options.buffer_overflow else []
    parts += [peer.OctetStringData(bytes(range(8)))] if options.entry_id else []
    parts += [peer.UIntData(3)] if options.conf_revision else []
    parts += [peer.UIntData(segment), peer.BoolData(more)] if options.segmentation else []
    parts.append(bitstring_of([True, False, True, False]))
    parts += [peer.VisibleStringData("LD/A"), peer.VisibleStringData("LD/C")] if options.data_reference else []
    parts += [peer.BoolData(True), peer.BoolData(False)]
    parts += [peer.BitStringData(b"\x40", 1)] * 2 if options.reason_for_inclusion else []
    return head + b"".join(peer.encode_data(part) for part in parts)


def test_everything_that_a_report_can_say_is_read() -> None:
    report = decode_report(encoded(ALL, segment=2, more=True))
    assert report.report_id == "brcb"
    assert report.sequence_number == 7
    assert report.entry_time_us == int(ENTRY.timestamp()) * 1_000_000 + 591_000
    assert report.data_set == "LD/LLN0$States"
    assert report.has_overflowed
    assert report.entry_id == bytes(range(8))
    assert report.conf_rev == 3
    assert (report.segment, report.more_follow) == (2, True)
    assert (report.members, report.included.tolist()) == (4, [0, 2])
    assert report.has_references
    assert report.has_reasons


def test_a_report_may_say_nothing_but_its_values() -> None:
    report = decode_report(encoded(OptFlds()))
    assert (report.sequence_number, report.entry_id, report.data_set, report.segment) == (None, None, "", None)
    assert report.body == b"\x83\x01\xff\x83\x01\x00"


def test_damaged_reports_are_reports_or_an_error_and_nothing_else() -> None:
    generator = random.Random(17)
    whole = encoded(ALL)
    errors = 0
    for _ in range(20_000):
        damaged = bytearray(whole)
        for _ in range(generator.randrange(1, 4)):
            damaged[generator.randrange(len(damaged))] = generator.randrange(256)
        try:
            report = decode_report(bytes(damaged))
        except RemoteError:
            errors += 1
        else:
            assert report.included.size <= report.members
    assert 0 < errors < 20_000


def numbered(number: int | None, segment: int | None = None, *, more: bool = False) -> Report:
    return Report(report_id="", sequence_number=number, segment=segment, more_follow=more, members=0, included=None, body=b"")


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([0, 1, 2], 0),
        ([5, 6], 0),
        ([0, 2], 1),
        ([0, 1, 5], 3),
        ([254, 255, 0, 1], 0),
        ([65_534, 65_535, 0], 0),
        ([254, 0], 1),
        ([65_534, 0], 1),
        ([3, 3], 0),
        ([None, None], 0),
    ],
)
def test_numbers_that_are_missing_are_counted(numbers: list[int | None], missing: int) -> None:
    sequence = Sequence()
    assert sum(sequence.take(numbered(number)) for number in numbers) == missing


def test_segments_of_one_number_belong_together() -> None:
    sequence = Sequence()
    parts = [(4, 0, True), (4, 1, True), (4, 2, False), (5, 0, False), (6, None, False)]
    assert [sequence.take(numbered(number, segment, more=more)) for number, segment, more in parts] == [0] * 5


@pytest.mark.parametrize(
    "parts",
    [
        [(4, 0, True), (4, 2, False)],  # one between
        [(4, 0, True), (5, 0, False)],  # the end of the first
        [(3, 0, False), (4, 1, False)],  # the beginning of the second
    ],
)
def test_a_segment_that_is_missing_is_missed(parts: list[tuple[int, int, bool]]) -> None:
    sequence = Sequence()
    assert sum(sequence.take(numbered(number, segment, more=more)) for number, segment, more in parts) == 1


def test_an_entry_identifier_that_is_too_long_to_be_remembered_is_an_error() -> None:
    short, long = (peer.encode_data(peer.OctetStringData(bytes(size))) for size in (8, 65))
    ours = peer.encode_data(peer.OctetStringData(bytes(range(8))))
    whole = encoded(OptFlds(entry_id=True))
    assert decode_report(whole.replace(ours, short)).entry_id == bytes(8)
    with pytest.raises(RemoteError, match="65 octets"):
        decode_report(whole.replace(ours, long))
