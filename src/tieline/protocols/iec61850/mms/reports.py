"""Reports (IEC 61850-7-2, clause 17; 61850-8-1, clause 17): their header, their segments, and which numbers are missing.

A report is an information report of the list `RPT`: RptID and OptFlds, what OptFlds says is there, the inclusion bits, and then for
each member that is included its reference, its value and its reason. One that does not fit into a PDU comes in segments, which bear the
same number and each a part of the members.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from tieline.model import RemoteError
from tieline.protocols.iec61850.mms.ber import Field, field_at, text
from tieline.protocols.iec61850.mms.values import Bits, Moment, Value, decode_simple

LIST_NAME = "RPT"
MOST_MEMBERS = 65_536
MOST_ENTRY_OCTETS = 64
"""An EntryID has 8; thousands of them are remembered, so that they must not be long."""


class OptFld(IntEnum):
    """Bits of OptFlds; the first is reserved (IEC 61850-8-1, table 43)."""

    SEQUENCE_NUMBER = 1
    TIME_OF_ENTRY = 2
    REASON = 3
    DATA_SET = 4
    DATA_REFERENCE = 5
    BUFFER_OVERFLOW = 6
    ENTRY_ID = 7
    CONF_REV = 8
    SEGMENTATION = 9


class TrgOp(IntEnum):
    """Bits of TrgOps (IEC 61850-8-1, table 42), and of a member's reason."""

    DATA_CHANGE = 1
    QUALITY_CHANGE = 2
    DATA_UPDATE = 3
    INTEGRITY = 4
    GENERAL_INTERROGATION = 5
    APPLICATION = 6


EVENT_REASONS = 0x80 >> TrgOp.DATA_CHANGE | 0x80 >> TrgOp.QUALITY_CHANGE | 0x80 >> TrgOp.DATA_UPDATE | 0x80 >> TrgOp.APPLICATION
"""Reasons that mean that something happened, in the first octet of a reason; the others say what is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Report:
    """One report, or one segment of it."""

    report_id: str
    sequence_number: int | None = None
    entry_time_us: int | None = None
    data_set: str = ""
    """As MMS writes it: `LD/LLN0$DataSet`; empty where the report does not name it."""
    has_overflowed: bool = False
    """Entries were lost before this one, because the buffer of the block was full."""
    entry_id: bytes | None = None
    conf_rev: int | None = None
    segment: int | None = None
    more_follow: bool = False
    members: int
    """How many members the data set has, by the inclusion bits."""
    included: npt.NDArray[np.intp]
    has_references: bool = False
    has_reasons: bool = False
    body: bytes
    """What stands behind the inclusion bits."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.offset = 0

    def field(self) -> Field:
        found = field_at(self.data, self.offset, len(self.data))
        self.offset = found.stop
        return found

    def value(self) -> Value:
        found = self.field()
        return decode_simple(found.tag, self.data[found.start : found.stop])

    def number(self, what: str) -> int:
        value = self.value()
        if isinstance(value, bool) or not isinstance(value, int):
            raise RemoteError(f"a report's {what} is no number")
        return value

    def flag(self, what: str) -> bool:
        value = self.value()
        if not isinstance(value, bool):
            raise RemoteError(f"a report's {what} is neither true nor false")
        return value

    def text(self, what: str) -> str:
        found = self.field()
        if found.tag != 0x8A:
            raise RemoteError(f"a report's {what} is no text")
        return text(self.data, found)


def decode_report(results: bytes) -> Report:
    """The report in the results of an information report; raises `RemoteError`."""
    reader = _Reader(results)
    report_id = reader.text("identifier")
    options = reader.value()
    if not isinstance(options, Bits):
        raise RemoteError("a report's optional fields are no bits")
    sequence = reader.number("sequence number") if options.has(OptFld.SEQUENCE_NUMBER) else None
    entry_time = reader.value() if options.has(OptFld.TIME_OF_ENTRY) else None
    data_set = reader.text("data set") if options.has(OptFld.DATA_SET) else ""
    has_overflowed = reader.flag("buffer overflow") if options.has(OptFld.BUFFER_OVERFLOW) else False
    entry_id = reader.value() if options.has(OptFld.ENTRY_ID) else None
    if isinstance(entry_id, bytes) and len(entry_id) > MOST_ENTRY_OCTETS:
        raise RemoteError(f"a report's entry identifier has {len(entry_id)} octets")
    conf_rev = reader.number("configuration revision") if options.has(OptFld.CONF_REV) else None
    segment, more = None, False
    if options.has(OptFld.SEGMENTATION):
        segment = reader.number("segment")
        more = reader.flag("word on more segments")
    members, included = _inclusion(results, reader.field())
    return Report(
        report_id=report_id,
        sequence_number=sequence,
        entry_time_us=entry_time.time_us if isinstance(entry_time, Moment) else None,
        data_set=data_set,
        has_overflowed=has_overflowed,
        entry_id=entry_id if isinstance(entry_id, bytes) else None,
        conf_rev=conf_rev,
        segment=segment,
        more_follow=more,
        members=members,
        included=included,
        has_references=options.has(OptFld.DATA_REFERENCE),
        has_reasons=options.has(OptFld.REASON),
        body=results[reader.offset :],
    )


def _inclusion(data: bytes, found: Field) -> tuple[int, npt.NDArray[np.intp]]:
    size = found.stop - found.start - 1
    if found.tag != 0x84 or size < 0 or data[found.start] > 7 or 8 * size > MOST_MEMBERS:
        raise RemoteError("a report's inclusion bits make no sense")
    count = max(0, 8 * size - data[found.start])
    bits = np.unpackbits(np.frombuffer(data, np.uint8, size, found.start + 1), count=count)
    return count, np.flatnonzero(bits)


class Sequence:
    """The sequence numbers of one control block since it was enabled: what is missing, and which segments belong together.

    SqNum of an unbuffered block has 8 bits, of a buffered one 16; implementations wrap at either, so both are taken for a wrap.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._segment: int | None = None

    def take(self, report: Report) -> int:
        """How many reports are missing before this one; a segment that is missing counts as one."""
        number, segment = report.sequence_number, report.segment
        missing = 0
        if number is not None:
            if number != self._last or self._segment is None:
                missing = self._gap(number) + (1 if self._segment is not None else 0) + (1 if segment else 0)
            elif segment is not None and segment != self._segment + 1:
                missing = 1
            self._last = number
        self._segment = segment if report.more_follow and segment is not None else None
        return missing

    def _gap(self, number: int) -> int:
        if self._last is None or number in {self._last, self._last + 1} or (number == 0 and self._last in {0xFF, 0xFFFF}):
            return 0
        return (number - self._last - 1) % (1 << 16 if max(number, self._last) > 0xFF else 1 << 8)
