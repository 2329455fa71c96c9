"""Report control blocks, where `open61850`'s engine falls short of IEC 61850-7-2, clause 17, or of the load of a field.

- It compares every changed attribute with every member of every block. Here one table says which member of which data set an attribute
  belongs to.
- It resumes after the attribute EntryID, which each new entry overwrites: what happens between the client's write of EntryID and that
  of RptEna, and everything before it, would never be sent. Here what the client wrote counts, once; without that, what nobody was
  sent yet.
- It sends what it has before it answers the write that asks for it, which some clients cannot take.
- An entry id that is not in the buffer is refused, so that a client hears of what it has lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from open61850.data import IECData, OctetStringData
from open61850.mms.pdu import ObjectName
from open61850.mms.report import ReasonCode, TrgOps
from open61850.server import MmsServer, ServerConnection
from open61850.server.model import ACCESS_OBJECT_VALUE_INVALID, Node
from open61850.server.reporting import ReportControl, ReportEngine, _Entry

_NOTHING = ReasonCode()


class Reports(ReportEngine):
    """The report control blocks of one server."""

    def __init__(self, server: MmsServer, *, on_report: Callable[[], None]) -> None:
        """`on_report` is called by some thread after a report was written or kept."""
        self._on_report = on_report
        self._members: dict[Node, list[tuple[ObjectName, int]]] = {}
        for data_set, members in server.model.data_sets.items():
            for index, member in enumerate(members):
                node = server.model.node(member)
                for leaf in node.leaves() if node is not None else ():
                    self._members.setdefault(leaf, []).append((data_set, index))
        self._resumptions: dict[ReportControl, int] = {}
        self._resuming: dict[ReportControl, int] = {}
        self._complete: set[ReportControl] = set()
        super().__init__(server)

    def stop(self) -> None:
        """Ends its thread."""
        super().stop()
        self.model.remove_listener(self._on_change)

    def data_sets_of(self, leaf: Node) -> set[ObjectName]:
        """The data sets that have an attribute."""
        return {data_set for data_set, _ in self._members.get(leaf, ())}

    def told_data_sets(self) -> set[ObjectName]:
        """The data sets of which somebody gets reports, and has got a complete one since the block was enabled."""
        with self._lock, self.model.lock:
            self._complete = {rcb for rcb in self._complete if rcb.enabled}
            return {name for rcb in self._complete if (name := _data_set_of(rcb)) is not None}

    @property
    def is_gathering(self) -> bool:
        """Whether a block waits for its buffer time to send what has changed."""
        with self._lock:
            return any(rcb.pending is not None for rcb in self.controls.values())

    def _on_write(self, connection: object, name: ObjectName, value: IECData) -> int | bool | None:
        parts = name.item.split("$")
        rcb = self.controls.get((name.domain or "", "$".join(parts[:3])))
        if rcb is None or len(parts) != 4:
            return super()._on_write(connection, name, value)
        with self._lock:
            if parts[3] == "EntryID" and isinstance(value, OctetStringData) and not rcb.enabled:
                entry = int.from_bytes(value.value, "big")
                if entry and all(each.entry_id != entry for each in rcb.buffer):
                    return ACCESS_OBJECT_VALUE_INVALID
                answer = super()._on_write(connection, name, value)
                if answer is True:
                    self._resumptions[rcb] = entry
                return answer
            answer = super()._on_write(connection, name, value)
            if parts[3] == "PurgeBuf" and answer is True:
                self._resumptions.pop(rcb, None)
            return answer

    def _enabled(self, rcb: ReportControl) -> None:
        rcb.ever_enabled = True
        self._complete.discard(rcb)
        if rcb.buffered:
            self._resuming[rcb] = self._resumptions.pop(rcb, rcb.sent)
            self._after_response(rcb, self._resume)
        self._schedule_integrity(rcb)

    def _resume(self, rcb: ReportControl) -> None:
        start = self._resuming.pop(rcb, None)
        for entry in [each for each in rcb.buffer if start is not None and each.entry_id > start]:
            self._send(rcb, entry)

    def _general_interrogation(self, rcb: ReportControl) -> None:
        self._after_response(rcb, super()._general_interrogation)

    def _report_all(self, rcb: ReportControl, reason: ReasonCode) -> None:
        super()._report_all(rcb, reason)
        self._complete.add(rcb)

    def _deliver(self, rcb: ReportControl, entry: _Entry) -> None:
        if rcb not in self._resuming:
            super()._deliver(rcb, entry)
            return
        rcb.keep(entry)  # `_resume` sends it in its turn
        rcb.set_attr("EntryID", OctetStringData(entry.entry_id.to_bytes(8, "big")))

    def _on_close(self, connection: object) -> None:
        with self._lock:
            for rcb in [each for each in self._resuming if each.owner is connection]:
                del self._resuming[rcb]
            super()._on_close(connection)

    def _after_response(self, rcb: ReportControl, action: Callable[[ReportControl], None]) -> None:
        """Does something when the client has the response to its write: not every client takes a report before that."""

        def act() -> None:
            with self._lock, self.model.lock:
                if rcb.enabled:
                    action(rcb)
            self._on_report()

        assert isinstance(rcb.owner, ServerConnection)
        rcb.owner.after_response.append(act)

    def _on_change(self, changed: Iterable[Node]) -> None:
        with self._lock, self.model.lock:
            places: dict[ObjectName, dict[int, set[str]]] = {}
            for leaf in changed:
                for data_set, index in self._members.get(leaf, ()) if leaf.triggers else ():
                    places.setdefault(data_set, {}).setdefault(index, set()).update(leaf.triggers)
            for rcb in self.controls.values():
                if not rcb.enabled and not (rcb.buffered and rcb.ever_enabled):
                    continue
                data_set_name = _data_set_of(rcb)
                found = places.get(data_set_name) if data_set_name is not None else None
                if found:
                    wanted = rcb.trg_ops()
                    reasons = {index: why for index, triggers in found.items() if (why := _reason(triggers, wanted)) != _NOTHING}
                    if reasons:
                        self._add(rcb, reasons)
        self._on_report()

    def _flush(self, rcb: ReportControl) -> None:
        super()._flush(rcb)
        self._on_report()


def _reason(triggers: set[str], wanted: TrgOps) -> ReasonCode:
    return replace(
        _NOTHING,
        data_change="dchg" in triggers and wanted.data_change,
        quality_change="qchg" in triggers and wanted.quality_change,
        data_update="dupd" in triggers and wanted.data_update,
    )


def _data_set_of(rcb: ReportControl) -> ObjectName | None:
    value = getattr(rcb.attr("DatSet"), "value", "")
    domain, _, item = value.partition("/")
    return ObjectName(item, domain) if item else None
