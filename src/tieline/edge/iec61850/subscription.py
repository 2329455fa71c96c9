"""One report control block: taking it, and taking its reports (IEC 61850-7-2, clause 17).

    free ──(reserve, configure, EntryID, RptEna)──► enabled ──(association ends)──► to be resumed ──(the same again)──► enabled

A server keeps the reports of a buffered block while nobody is there. Whoever comes back writes the EntryID that it had last, and gets
what came after it. So the EntryID is remembered here beyond the association, and so are the last entries that were handed on: a server
that has forgotten where we were sends its whole buffer, of which we take what we do not have.

Attributes are written only where they differ from what they are to be: writing most of them purges the buffer (clause 17.2.2).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from tieline.edge.iec61850.client import MmsClient
from tieline.edge.iec61850.directory import Directory, Meanings
from tieline.edge.iec61850.settings import ReportBlock
from tieline.model import LocalError, RemoteError, Severity
from tieline.protocols.iec61850.mms.errors import RESOURCE, ServiceError
from tieline.protocols.iec61850.mms.layout import Columns, Member, Plan
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.reports import OptFld, Report, Sequence, TrgOp
from tieline.protocols.iec61850.mms.types import Structure
from tieline.protocols.iec61850.mms.values import AccessError, Bits, Value

MOST_ENTRIES = 10_000
"""Entries that are remembered as handed on."""

MOST_SEGMENTS = 4_096
"""Segments that are kept until the last has come."""

INTEGRITY_PERIODS = 3
"""A block whose integrity reports have come, and then do not for so many periods, does not report any more."""

INTEGRITY_GRACE_S = 2.0

_INTEGRITY = 0x80 >> TrgOp.INTEGRITY
_OPTIONS = frozenset(
    {
        OptFld.SEQUENCE_NUMBER,
        OptFld.TIME_OF_ENTRY,
        OptFld.REASON,
        OptFld.DATA_SET,
        OptFld.BUFFER_OVERFLOW,
        OptFld.ENTRY_ID,
        OptFld.CONF_REV,
    }
)
_TRIGGERS = frozenset({TrgOp.DATA_CHANGE, TrgOp.QUALITY_CHANGE, TrgOp.DATA_UPDATE, TrgOp.INTEGRITY, TrgOp.GENERAL_INTERROGATION})
_OPTIONS_LENGTH, _TRIGGERS_LENGTH = 10, 6

_Key: TypeAlias = "tuple[bytes, int | None, int | None]"

Tell = Callable[[str, Severity, str], None]
"""Hears of something worth an event: its kind, severity, and words."""


class UnusableError(RemoteError):
    """The block cannot be had, and why; others can."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a report brought."""

    columns: Columns
    entry_us: int | None


@dataclass(slots=True)
class Subscription:
    """One report control block of the settings, over any number of associations."""

    block: ReportBlock
    tell: Tell
    reservation_s: int = 3600
    is_enabled: bool = False
    report_id: str = ""
    data_set: Name | None = None
    members: tuple[Member, ...] = ()
    repeated: int = 0
    """Entries that came again and were dropped."""
    missing: int = 0
    """Reports that were missing."""
    segments: int = 0
    """Segments that were put together to reports."""
    _integrity_s: float = 0.0
    _buffer_time_s: float = 0.0
    has_integrity: bool = False
    """Integrity reports have come since it was enabled."""
    _instance: str | None = None
    _last_entry: bytes | None = None
    _entries: OrderedDict[_Key, None] = field(default_factory=OrderedDict)
    _plan: Plan = field(default_factory=lambda: Plan(()))
    _sequence: Sequence = field(default_factory=Sequence)
    _segments: list[Columns] = field(default_factory=list)
    _collected: int = 0
    """Members in those segments."""
    _unfinished: list[_Key] = field(default_factory=list)
    """Entries of those segments: they count as handed on when the last has come, and come again where the association ends before."""
    _is_resumed: bool = False
    _is_misfit: bool = False
    _has_spoken: bool = False
    _spoke_s: float = 0.0
    _is_forsaken: bool = False
    _claimed: AbstractSet[int] = frozenset()

    def remember(self) -> dict[str, Any]:
        """Where to go on when the gateway is started again: the instance that was taken, and its last entry."""
        return {"instance": self._instance, "entry": self._last_entry} if self._instance and self._last_entry else {}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on there; what makes no sense is passed over."""
        instance, entry = state.get("instance"), state.get("entry")
        if self.block.is_buffered and isinstance(entry, bytes) and any(name.item == instance for name in self.names):
            self._instance, self._last_entry = instance, entry

    @property
    def names(self) -> tuple[Name, ...]:
        """The control blocks that it may take."""
        block = self.block
        return tuple(Name(block.name.domain, block.name.item + each) for each in block.instances)

    @property
    def wants_data_set(self) -> bool:
        """Whether its data set is to be made."""
        return self.block.data_set is None

    def disconnected(self) -> None:
        """The association ended: what was not complete comes again."""
        self.is_enabled = False
        self._is_forsaken = False
        self._drop_segments()

    def is_silent(self, now_s: float) -> bool:
        """Whether integrity reports, which did come, have failed to; to be asked regularly, with a monotonic time in seconds.

        That an association is alive does not mean that its blocks report: a device may have disabled one, or its reporting may hang.
        """
        if self._has_spoken or not self.is_enabled or not self.has_integrity:
            self._spoke_s, self._has_spoken = now_s, False
        limit_s = INTEGRITY_PERIODS * self._integrity_s + self._buffer_time_s + INTEGRITY_GRACE_S
        return self._integrity_s > 0 and now_s - self._spoke_s > limit_s

    def forsake(self) -> None:
        """It is silent: what it brought is not followed any more, until it is enabled again."""
        self.is_enabled = False
        self._is_forsaken = True
        self._drop_segments()

    # Taking the block

    async def enable(
        self,
        client: MmsClient,
        directory: Directory,
        meanings: Meanings,
        *,
        to_cover: tuple[Name, ...] = (),
        claimed: AbstractSet[int] = frozenset(),
    ) -> None:
        """Reserves, configures and enables the first instance that is free; raises `UnusableError` where none can be had.

        `to_cover` are the members of a data set that is to be made, where the block is for that. `claimed` are rows that another block
        reports: they are not taken from this one, because each change is to be one sample.
        """
        self._claimed = claimed
        reasons = []
        for name in self._candidates():
            try:
                await self._enable(client, directory, meanings, name, to_cover)
            except (RemoteError, LocalError) as error:
                reasons.append(f"{name.item}: {error}")
            else:
                return
        raise UnusableError("; ".join(dict.fromkeys(reasons)))

    def _candidates(self) -> list[Name]:
        """What was ours first; while its buffer holds what we do not have, nothing else."""
        names = list(self.names)
        ours = [name for name in names if name.item == self._instance]
        if ours and self._last_entry is not None:
            return ours
        return ours + [name for name in names if name not in ours]

    async def _enable(
        self, client: MmsClient, directory: Directory, meanings: Meanings, name: Name, to_cover: tuple[Name, ...]
    ) -> None:
        writer = _Writer(client, directory, name)
        held = await writer.read()
        if held.get("RptEna"):
            if not self._is_forsaken or name.item != self._instance:
                raise RemoteError("another client has it")
            await writer.write("RptEna", value=False)
        await self._reserve(writer, held)
        try:
            data_set, members = await self._choose_data_set(writer, held, to_cover)
            self._adopt(meanings, held, name, data_set, members)
            await self._configure(writer, held)
            await self._resume(writer)
            self._sequence = Sequence()
            self.has_integrity = False
            self.is_enabled = True  # reports may come before the answer does
            await writer.write("RptEna", value=True)
        except BaseException as error:
            self.is_enabled = False
            if isinstance(error, RemoteError | LocalError) and (name.item != self._instance or self._last_entry is None):
                await self._give_back(writer, held)
            raise
        self._instance = name.item
        self._is_forsaken = False
        try:
            await writer.write("GI", value=True)
        except RemoteError as error:
            self.tell("request_refused", Severity.WARNING, f"{name} refuses a general interrogation: {error}")

    async def _reserve(self, writer: _Writer, held: dict[str, Value]) -> None:
        if "ResvTms" in held:
            seconds = held["ResvTms"]
            if seconds == -1:
                return  # the configuration gave it to a client; whether that is us, the next write tells
            await writer.write("ResvTms", value=self.reservation_s)
        elif "Resv" in held:
            await writer.write("Resv", value=True)

    async def _give_back(self, writer: _Writer, held: dict[str, Value]) -> None:
        """Ends a reservation of what cannot be used, so that others can; that it does not end is no news."""
        try:
            if "ResvTms" in held:
                if held["ResvTms"] != -1:
                    await writer.write("ResvTms", value=0)
            elif "Resv" in held:
                await writer.write("Resv", value=False)
        except (RemoteError, LocalError):
            return

    async def _choose_data_set(
        self, writer: _Writer, held: dict[str, Value], to_cover: tuple[Name, ...]
    ) -> tuple[Name, list[Name]]:
        """The data set that the block reports, and its members as the server has them."""
        if self.wants_data_set:
            return await self._make_data_set(writer, held, to_cover)
        expected = self.block.data_set
        text = held.get("DatSet")
        actual = _data_set_name(text) if isinstance(text, str) and text else None
        if actual is None:
            if expected is None:
                raise RemoteError("it has no data set")
            await writer.write("DatSet", value=str(expected))
            actual = expected
        elif expected is not None and actual != expected:
            self.tell("model_differs", Severity.WARNING, f"{writer.block} reports {actual}, where {expected} was expected")
        return actual, await self._members_of(writer.client, actual)

    async def _members_of(self, client: MmsClient, data_set: Name) -> list[Name]:
        try:
            return await client.data_set(data_set)
        except ServiceError as error:
            # A list that is longer than a PDU cannot be had; what is expected is as good as can be, and each report is checked against it.
            if error.error_class == RESOURCE and data_set == self.block.data_set and self.block.members:
                return list(self.block.members)
            raise

    async def _make_data_set(
        self, writer: _Writer, held: dict[str, Value], to_cover: tuple[Name, ...]
    ) -> tuple[Name, list[Name]]:
        if not to_cover:
            raise RemoteError("there is nothing that no other data set has")
        made = Name(writer.block.domain, f"{writer.block.logical_node}$Tieline{writer.block.item.rpartition('$')[2]}"[:64])
        try:
            there = await writer.client.data_set(made)
        except RemoteError:
            there = []
        if tuple(there) != to_cover:
            if there:
                if held.get("DatSet"):
                    await writer.write("DatSet", value="")
                await writer.client.delete_data_set(made)
            await writer.client.create_data_set(made, to_cover)
            self.tell("data_set_made", Severity.INFO, f"{made} was made of {len(to_cover)} members that no data set had")
        if held.get("DatSet") != str(made):
            await writer.write("DatSet", value=str(made))
        return made, list(to_cover)

    def _adopt(self, meanings: Meanings, held: dict[str, Value], name: Name, data_set: Name, members: list[Name]) -> None:
        """What the reports of the block will mean."""
        self._compare(held, name, data_set, members)
        unknown = [member for member in members if meanings.member(member) is None]
        if unknown:
            self.tell(
                "model_differs", Severity.WARNING, f"{data_set} has members that the device does not describe: {_some(unknown)}"
            )
        plan = tuple((meanings.member(member) or Member(())).without(self._claimed) for member in members)
        if data_set != self.data_set or plan != self.members:
            self._plan = Plan(plan)
            self.members = plan
        self.data_set = data_set
        report_id = held.get("RptID")
        self.report_id = report_id if isinstance(report_id, str) and report_id else str(name)
        self._drop_segments()
        self._is_misfit = False

    def _compare(self, held: dict[str, Value], name: Name, data_set: Name, members: list[Name]) -> None:
        revision, expected = held.get("ConfRev"), self.block.conf_rev
        if expected is not None and revision != expected:
            text = f"{name} has configuration revision {revision!r}, where {expected} was expected"
            self.tell("model_differs", Severity.WARNING, text)
        absent = [member for member in self.block.members if member not in members]
        if absent:
            self.tell("model_differs", Severity.WARNING, f"{data_set} lacks {len(absent)} members: {_some(absent)}")
        surplus = [member for member in members if member not in self.block.members] if self.block.members else []
        if surplus:
            self.tell("model_differs", Severity.INFO, f"{data_set} has {len(surplus)} members more: {_some(surplus)}")

    async def _configure(self, writer: _Writer, held: dict[str, Value]) -> None:
        options = set(_OPTIONS) | ({OptFld.DATA_REFERENCE} if self.block.with_references else set())
        if not self.block.is_buffered:
            options -= {OptFld.BUFFER_OVERFLOW, OptFld.ENTRY_ID}
        wanted: dict[str, Value] = {
            "OptFlds": Bits.of({int(bit) for bit in options}, _OPTIONS_LENGTH),
            "TrgOps": Bits.of({int(bit) for bit in _TRIGGERS}, _TRIGGERS_LENGTH),
            "BufTm": round(self.block.buffer_time_s * 1000),
            "IntgPd": round(self.block.integrity_s * 1000),
        }
        kept = []
        for attribute, value in wanted.items():
            if _same_bits(held.get(attribute), value):
                continue
            try:
                await writer.write(attribute, value=value)
            except RemoteError:
                if not self._can_keep(attribute, held.get(attribute)):
                    raise
                kept.append(attribute)
        self._integrity_s = _seconds(held, "IntgPd") if "IntgPd" in kept else self.block.integrity_s
        self._buffer_time_s = _seconds(held, "BufTm") if "BufTm" in kept else self.block.buffer_time_s
        if kept:
            self.tell("model_differs", Severity.WARNING, f"{writer.block} keeps its own {', '.join(kept)}")

    def _can_keep(self, attribute: str, held: Value) -> bool:
        """Whether the block is of use with what the device has there; many relays have these attributes fixed."""
        if attribute in {"BufTm", "IntgPd"}:
            return True
        if not isinstance(held, Bits):
            return False
        if attribute == "TrgOps":
            return held.has(TrgOp.DATA_CHANGE)
        # A report says which options it has. Without an EntryID nobody could say where to go on.
        return not self.block.is_buffered or held.has(OptFld.ENTRY_ID)

    async def _resume(self, writer: _Writer) -> None:
        self._is_resumed = False
        if not self.block.is_buffered or self._last_entry is None:
            return
        try:
            await writer.write("EntryID", value=self._last_entry)
            self._is_resumed = True
        except RemoteError as error:
            text = f"{writer.block} does not know the entry that came last ({error}); what it lost before that is not known"
            self.tell("device_events_lost", Severity.WARNING, text)

    def leave(self, rows: AbstractSet[int]) -> None:
        """From now on, another block reports these rows."""
        plan = tuple(member.without(rows) for member in self.members)
        if plan != self.members:
            self._plan = Plan(plan)
            self.members = plan
            self._drop_segments()

    # Taking its reports

    def is_mine(self, report: Report) -> bool:
        """Whether a report is of this block."""
        if not self.is_enabled or report.report_id != self.report_id:
            return False
        return not report.data_set or report.data_set == str(self.data_set) or report.data_set.startswith("@")

    def take(self, report: Report) -> Taken | None:
        """What a report brings; None where it came before, or where segments of it are still to come. Raises `RemoteError`."""
        self._has_spoken = True
        if report.members != len(self.members):
            self._misfit(report)
            return None
        self._count(report)
        if self._is_repeated(report):
            self.repeated += 1
            return None
        columns = self._plan.decode(
            report.body, report.included, has_references=report.has_references, has_reasons=report.has_reasons
        )
        self.has_integrity |= columns.reason is not None and bool((columns.reason & _INTEGRITY).any())
        self._segments.append(columns)
        self._collected += len(report.included)
        # A member comes once in a report: segments that bring more than there are would have no end.
        if report.more_follow and self._collected <= len(self.members) and len(self._segments) < MOST_SEGMENTS:
            return None
        self.segments += len(self._segments) if len(self._segments) > 1 else 0
        whole = Columns.joined(self._segments)
        self._segments.clear()
        self._collected = 0
        return Taken(whole, report.entry_time_us)

    def handed_on(self, report: Report) -> None:
        """What the report brought is with the gateway: the server need not send it again."""
        if report.entry_id is None or not self.block.is_buffered:
            return
        self._unfinished.append(_key(report))
        if report.more_follow and self._segments:
            return
        self._entries.update(dict.fromkeys(self._unfinished))
        self._unfinished.clear()
        while len(self._entries) > MOST_ENTRIES:
            self._entries.popitem(last=False)
        if not report.more_follow:
            self._last_entry = report.entry_id

    def _drop_segments(self) -> None:
        self._segments.clear()
        self._collected = 0
        self._unfinished.clear()

    def _is_repeated(self, report: Report) -> bool:
        return report.entry_id is not None and self.block.is_buffered and _key(report) in self._entries

    def _count(self, report: Report) -> None:
        missing = self._sequence.take(report)
        if missing:
            self.missing += missing
            self._drop_segments()
            text = f"{self.block.name}: {missing} reports are missing before number {report.sequence_number}"
            self.tell("reports_missing", Severity.WARNING, text)
        # A server says so of the first report after it was started, too: that is no loss of ours.
        if report.has_overflowed and self._is_resumed:
            text = f"{self.block.name} has lost reports: more happened than its buffer could keep"
            self.tell("device_events_lost", Severity.ERROR, text)

    def _misfit(self, report: Report) -> None:
        if not self._is_misfit:
            self._is_misfit = True
            text = f"{self.block.name} reports a data set of {report.members} members, where {len(self.members)} were described"
            self.tell("model_differs", Severity.WARNING, text)

    def denied_rows(self, columns: Columns) -> dict[int, np.ndarray[tuple[int], np.dtype[np.intp]]]:
        """Rows of members that could not be accessed or are not as described: by the code of the error, -1 for the latter."""
        found: dict[int, list[int]] = {}
        for place, code in columns.denied:
            found.setdefault(code, []).extend(self.members[place].rows)
        for place in columns.misshapen:
            found.setdefault(-1, []).extend(self.members[place].rows)
        return {code: np.array(sorted(set(rows)), np.intp) for code, rows in found.items()}


@dataclass(frozen=True, slots=True)
class _Writer:
    """Reads and writes the attributes of one control block."""

    client: MmsClient
    directory: Directory
    block: Name

    async def read(self) -> dict[str, Value]:
        """All attributes by name; raises `RemoteError` where there is no such block."""
        mms_type = self.directory.find(self.block)
        if not isinstance(mms_type, Structure):
            raise RemoteError("the device has no such report control block")
        (value,) = await self.client.read([self.block])
        if isinstance(value, AccessError):
            raise RemoteError(f"it cannot be read: {value.words}")
        if not isinstance(value, tuple) or len(value) != len(mms_type.components):
            raise RemoteError("it is not as the device describes it")
        return {component.name: part for component, part in zip(mms_type.components, value, strict=True)}

    async def write(self, attribute: str, *, value: Value) -> None:
        name = self.block.child(attribute)
        mms_type = self.directory.find(name)
        if mms_type is None:
            raise RemoteError(f"it has no {attribute}")
        error = await self.client.write(name, value, mms_type)
        if error is not None:
            raise RemoteError(f"{attribute} cannot be written: {error.words}")


def _seconds(held: dict[str, Value], attribute: str) -> float:
    value = held.get(attribute)
    return value / 1000 if isinstance(value, int) else 0.0


def _key(report: Report) -> _Key:
    return report.entry_id or b"", report.entry_time_us, report.segment


def _same_bits(held: Value, wanted: Value) -> bool:
    """Whether a value is what it is to be; a bit string that is shorter has its last bits clear."""
    if isinstance(held, Bits) and isinstance(wanted, Bits):
        length = max(held.length, wanted.length)
        # Whether reports come in segments is for the server to say: bit 9 of OptFlds.
        return all(held.has(bit) == wanted.has(bit) for bit in range(length) if bit != OptFld.SEGMENTATION)
    return held == wanted


def _data_set_name(text: str) -> Name:
    domain, _, item = text.partition("/")
    return Name(domain, item) if item else Name("", domain)


def _some(names: list[Name]) -> str:
    named = ", ".join(map(str, names[:5]))
    return named if len(names) <= 5 else f"{named} and {len(names) - 5} more"
