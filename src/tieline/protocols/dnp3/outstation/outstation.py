"""An outstation's association with one master: requests in, responses out (IEEE 1815-2012, clauses 4 and 5).

A response is made a fragment at a time. A fragment with events in it, or with more to follow, asks for a confirmation; until that
comes the response waits, and the events stay in the buffer. A confirmation that does not come ends the response and puts its events
back; so does any new request. Unsolicited responses have sequence numbers and confirmations of their own (`unsolicited`), and only one
of both kinds is awaited with events at a time.

A request that repeats the last one, octet for octet and thus with the same sequence number, did not get its response: that is repeated,
and nothing is done twice. A READ is only repeated while its first fragment waits for the confirmation, for later its values are old.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tieline.model import LocalError, Now
from tieline.protocols.dnp3.application import (
    IIN,
    Control,
    Fragment,
    Function,
    encode_block,
    encode_fragment,
    parse_fragment,
)
from tieline.protocols.dnp3.errors import FragmentError
from tieline.protocols.dnp3.frame import BROADCAST_MAY_CONFIRM, BROADCAST_MUST_CONFIRM, BROADCAST_NO_CONFIRM, is_broadcast
from tieline.protocols.dnp3.line import Outgoing
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.objects import object_type
from tieline.protocols.dnp3.outstation.control_requests import CommandHandler, ControlRequests
from tieline.protocols.dnp3.outstation.database import Database
from tieline.protocols.dnp3.outstation.event_buffer import CLASSES, SMALLEST_EVENT, EventBuffer
from tieline.protocols.dnp3.outstation.files import FILE_FUNCTIONS, Files, FileServer
from tieline.protocols.dnp3.outstation.point_table import MOST_STRING
from tieline.protocols.dnp3.outstation.read_request import ReadPlan
from tieline.protocols.dnp3.outstation.requests import Answer, OutstationRequests
from tieline.protocols.dnp3.outstation.selection import Selection
from tieline.protocols.dnp3.outstation.settings import OutstationEvent, OutstationSettings
from tieline.protocols.dnp3.outstation.unsolicited import Unsolicited

_HEAD = 4
_MOST_EVENTS_TOLD = 256
_CONTROLS = {Function.SELECT, Function.OPERATE, Function.DIRECT_OPERATE, Function.DIRECT_OPERATE_NO_RESPONSE}
_SILENT = {
    Function.DIRECT_OPERATE_NO_RESPONSE,
    Function.IMMEDIATE_FREEZE_NO_RESPONSE,
    Function.FREEZE_CLEAR_NO_RESPONSE,
    Function.FREEZE_AT_TIME_NO_RESPONSE,
    Function.AUTHENTICATION_REQUEST_NO_RESPONSE,
}
_FOR_ALL = {
    Function.WRITE,
    Function.DIRECT_OPERATE_NO_RESPONSE,
    Function.IMMEDIATE_FREEZE_NO_RESPONSE,
    Function.FREEZE_CLEAR_NO_RESPONSE,
    Function.FREEZE_AT_TIME_NO_RESPONSE,
    Function.ENABLE_UNSOLICITED,
    Function.DISABLE_UNSOLICITED,
    Function.ASSIGN_CLASS,
    Function.RECORD_CURRENT_TIME,
}
"""What may come as a broadcast."""


@dataclass(slots=True)
class _Awaited:
    """A solicited fragment that waits for its confirmation."""

    fragment: bytes
    sequence: int
    plan: ReadPlan | None
    """What follows it."""
    is_first: bool
    is_final: bool
    tells_broadcast: bool
    until_s: float = 0.0
    """For how long, once it was taken."""


class Outstation:
    """One association; a `Session` of a `Line`. Several of them, one for each master, share the database."""

    def __init__(
        self,
        settings: OutstationSettings,
        database: Database,
        handler: CommandHandler,
        now: Now,
        files: Files | None = None,
    ) -> None:
        """Raises `LocalError` where octet strings may not fit into a response."""
        if database.table(PointType.OCTET_STRING) is not None and settings.max_fragment < MOST_STRING + _HEAD + 7:
            raise LocalError("fragments are too short for octet strings")
        self._settings = settings
        self._database = database
        self.buffer = EventBuffer(settings.event_capacity)
        """Events that the master has not confirmed."""
        database.attach(self.buffer)
        self._now = now
        self._told: deque[OutstationEvent] = deque(maxlen=_MOST_EVENTS_TOLD)
        self._unsolicited = Unsolicited(settings, self.buffer)
        self._selection = Selection(database.reservations, settings.select_timeout_s)
        self._controls = ControlRequests(handler, database, self._selection, settings.max_controls)
        self._requests = OutstationRequests(settings, database, handler, self._unsolicited, self._told.append)
        self._files: FileServer | None = None
        if files is not None:
            limits = settings.max_open_files, settings.file_timeout_s, settings.max_fragment
            self._files = FileServer(files, *limits)
        self._out: bytes | None = None
        self._is_up = False
        self._awaited: _Awaited | None = None
        self._deferred: tuple[bytes, Fragment] | None = None
        self._last_request = b""
        self._last_response: bytes | None = None
        self._broadcast: int | None = None
        self._last_broadcast = b""
        self._unsolicited_tells_broadcast = False
        self._needs_time_at: float | None = None
        if settings.time_period_s is not None:
            self.request_time(now)

    @property
    def is_busy(self) -> bool:
        """Whether a confirmation is awaited: on a shared medium nobody else may speak before it."""
        return self._awaited is not None or self._unsolicited.is_confirming

    @property
    def needs_time(self) -> bool:
        """Whether the master is asked for the time (IIN1.4); times are then told as not synchronized."""
        return not self._requests.has_time

    def request_time(self, now: Now) -> None:
        """Asks the master for the time, in each response until it writes it."""
        self._requests.has_time = False
        self._needs_time_at = None
        self._now = now

    def restart(self, now: Now) -> None:
        """As after a start of the device: IIN1.7, the start-up response, nothing enabled or ordered. Events are kept."""
        self._forget()
        if self._files is not None:
            self._files.close_all()
        self._unsolicited.restart()
        self.buffer.restore()
        self._requests.restart()
        if self._settings.time_period_s is not None:
            self.request_time(now)
        self._now = now

    def close(self) -> None:
        """The association is over: the database makes no events for it any more. Nothing may be called after this."""
        self._selection.clear()
        self._database.detach(self.buffer)

    def events(self) -> list[OutstationEvent]:
        """What the master did since this was asked last; at most 256, the newest."""
        told = list(self._told)
        self._told.clear()
        return told

    def link_up(self, now: Now) -> None:
        """The channel was opened."""
        self._now = now
        self._is_up = True
        self._unsolicited.link_up(now.monotonic_s)

    def link_down(self, now: Now) -> None:
        """The channel was closed: events that were not confirmed are sent again, selections are void."""
        self._now = now
        self._is_up = False
        self._forget()
        self._unsolicited.link_down()
        if self._unsolicited.is_unwanted:
            self._give_up_unsolicited()

    def receive(self, fragment: bytes, now: Now, *, broadcast: int | None = None) -> None:
        """A fragment from the master; whatever makes no sense is not answered."""
        self._now = now
        try:
            request = parse_fragment(fragment)
        except FragmentError:
            return
        control = request.control
        if request.is_response or not (control.first and control.final):
            return
        if broadcast is not None:
            self._take_broadcast(fragment, request, broadcast)
        elif request.function == Function.CONFIRM:
            self._take_confirm(control)
        elif not control.unsolicited:
            self._take_request(fragment, request)

    def tick(self, now: Now) -> None:
        """Confirmations that did not come, freezes that are due, the time that is needed again."""
        self._now = now
        self._requests.freezes.tick(now)
        if self._needs_time_at is not None and now.monotonic_s >= self._needs_time_at:
            self.request_time(now)
        if self._awaited is not None and self._out is None and now.monotonic_s >= self._awaited.until_s:
            self._abandon()
        if self._unsolicited.timed_out(now.monotonic_s):
            if self._unsolicited.is_exhausted:
                self._give_up_unsolicited()
            self._answer_deferred()
        self._unsolicited.notice(now.monotonic_s)

    def next_deadline(self) -> float | None:
        """When `tick` has something to do."""
        found = [self._needs_time_at, self._requests.freezes.next_deadline(self._now)]
        if self._is_up:
            if self._awaited is not None and self._out is None:
                found.append(self._awaited.until_s)
            found.append(self._unsolicited.next_deadline(self._now.monotonic_s))
        return min((time for time in found if time is not None), default=None)

    def take(self, now: Now, *, may_begin: bool = True) -> list[Outgoing]:
        """Responses, and an unsolicited one if that may begin now."""
        self._now = now
        self._unsolicited.notice(now.monotonic_s)
        out: list[bytes] = []
        if self._out is not None:
            out, self._out = [self._out], None
            if self._awaited is not None:  # it leaves now, and not before is its confirmation waited for
                self._awaited.until_s = now.monotonic_s + self._settings.confirm_timeout_s
        if may_begin and self._is_up and self._awaited is None and self._unsolicited.is_due(now.monotonic_s):
            out.append(self._unsolicited_fragment())
        return [Outgoing(fragment) for fragment in out]

    def _take_confirm(self, control: Control) -> None:
        if control.unsolicited:
            held_events = self._unsolicited.holds_events
            if not self._unsolicited.confirmed(control.sequence):
                return
            if held_events:  # behind a start-up response, what was sent is in a response that waits for its own confirmation
                self.buffer.confirm()
            if self._unsolicited_tells_broadcast:
                self._broadcast = None
            self._answer_deferred()
            return
        awaited = self._awaited
        if awaited is None or control.sequence != awaited.sequence:
            return
        self._awaited = None
        if awaited.tells_broadcast:
            self._broadcast = None
        if awaited.plan is not None:
            self.buffer.confirm()
            if not awaited.is_final:  # the master waits for the end, even if a full buffer has lost all that was left
                self._respond(awaited.plan, (awaited.sequence + 1) % 16, is_first=False)

    def _take_request(self, fragment: bytes, request: Fragment) -> None:
        self._last_broadcast = b""
        if fragment == self._last_request and self._repeat(request):
            return
        self._deferred = None
        if request.function != Function.OPERATE:  # sequence numbers come again, a selection must not
            self._selection.clear()
        if request.function == Function.READ and self._unsolicited.is_confirming:
            self._deferred = fragment, request
            return
        self._begin(fragment, request)

    def _repeat(self, request: Fragment) -> bool:
        """Answers a repeated request as before; False where it is to be carried out like a new one."""
        if request.function == Function.READ:
            awaited = self._awaited
            if awaited is None or not awaited.is_first:
                return False
            self._out = awaited.fragment
        elif self._last_response is not None:
            self._out = self._last_response
        return True

    def _begin(self, fragment: bytes, request: Fragment) -> None:
        self._abandon()
        self._last_request, self._last_response = fragment, None
        if request.function == Function.READ:
            self._read(fragment, request)
            return
        blocks, iin = self._carry_out(fragment, request)
        if request.function in _SILENT:
            return
        octets = b"".join(encode_block(block) for block in blocks)
        sequence = request.control.sequence
        self._last_response = self._send(octets, iin, sequence, plan=None, is_first=True, is_final=True)

    def _carry_out(self, fragment: bytes, request: Fragment) -> Answer:
        fault = _fault_indications(fragment, request)
        if request.function in _CONTROLS:
            if fault or len(fragment) + 2 > self._settings.max_fragment:
                self._selection.clear()
                return [], fault or IIN.PARAMETER_ERROR
            return self._controls.answer(request, fragment[2:], self._now)
        if request.function in FILE_FUNCTIONS and self._files is not None:
            blocks, iin = self._files.answer(request, self._now.monotonic_s)
            return blocks, iin | fault
        needed_time = self.needs_time
        blocks, iin = self._requests.answer(request, self._now)
        if needed_time and not self.needs_time and self._settings.time_period_s is not None:
            self._needs_time_at = self._now.monotonic_s + self._settings.time_period_s
        if request.function == Function.DISABLE_UNSOLICITED and self._unsolicited.holds_events:
            self._unsolicited.is_unwanted = True
            if not self._unsolicited.is_confirming:
                self._give_up_unsolicited()
        return blocks, iin | fault

    def _read(self, fragment: bytes, request: Fragment) -> None:
        if self._unsolicited.holds_events:
            self._give_up_unsolicited()
        plan = ReadPlan(self._database, self.buffer)
        for block in request.blocks:
            found = self._files.read(block, self._now.monotonic_s) if block.group == 70 and self._files is not None else None
            if found is not None:
                plan.add_block(found)
            else:
                plan.add(block, indications=self._indications(), utc_ms=self._now.utc_ms)
        plan.iin |= _fault_indications(fragment, request)
        self._respond(plan, request.control.sequence, is_first=True)

    def _respond(self, plan: ReadPlan, sequence: int, *, is_first: bool) -> None:
        octets = plan.write(self._settings.max_fragment - _HEAD, is_synchronized=not self.needs_time)
        self._send(octets, plan.iin, sequence, plan=plan, is_first=is_first, is_final=plan.is_done)

    def _send(self, octets: bytes, iin: IIN, sequence: int, *, plan: ReadPlan | None, is_first: bool, is_final: bool) -> bytes:
        has_events = plan is not None and self.buffer.has_sent
        must_confirm = has_events or not is_final or self._broadcast == BROADCAST_MUST_CONFIRM
        control = Control(first=is_first, final=is_final, confirm=must_confirm, sequence=sequence)
        fragment = encode_fragment(control, Function.RESPONSE, (), self._indications() | iin) + octets
        self._out = fragment
        tells_broadcast = self._broadcast is not None
        if must_confirm:
            self._awaited = _Awaited(fragment, sequence, plan, is_first, is_final, tells_broadcast)
        self._broadcast_told(is_confirmed=must_confirm)
        return fragment

    def _unsolicited_fragment(self) -> bytes:
        unsolicited = self._unsolicited
        fragment = unsolicited.pending
        if fragment is None:
            octets = b""
            if unsolicited.has_started:
                room = self._settings.max_fragment - _HEAD
                self.buffer.select_classes(unsolicited.classes, room // SMALLEST_EVENT)
                octets = self.buffer.write(room, is_synchronized=not self.needs_time)
                self.buffer.unselect()
            control = Control(confirm=True, unsolicited=True, sequence=unsolicited.sequence)
            fragment = encode_fragment(control, Function.UNSOLICITED_RESPONSE, (), self._indications()) + octets
            self._unsolicited_tells_broadcast = self._broadcast is not None
            self._broadcast_told(is_confirmed=True)
        unsolicited.sent(fragment, self._now.monotonic_s)
        return fragment

    def _take_broadcast(self, fragment: bytes, request: Fragment, address: int) -> None:
        if not self._settings.accept_broadcast or not is_broadcast(address):
            return
        if request.function == Function.CONFIRM or request.control.unsolicited:
            return
        if fragment == self._last_broadcast:  # the network doubled it
            return
        self._broadcast, self._last_broadcast = address, fragment
        self._unsolicited_tells_broadcast = False
        if self._awaited is not None:
            self._awaited.tells_broadcast = False
        if request.function in _FOR_ALL:
            self._carry_out(fragment, request)

    def _broadcast_told(self, *, is_confirmed: bool) -> None:
        """A response says that a broadcast came: that is enough unless it must be, or is anyway, confirmed."""
        if self._broadcast == BROADCAST_NO_CONFIRM or (self._broadcast == BROADCAST_MAY_CONFIRM and not is_confirmed):
            self._broadcast = None

    def _answer_deferred(self) -> None:
        deferred, self._deferred = self._deferred, None
        if deferred is not None:
            self._begin(*deferred)

    def _abandon(self) -> None:
        """Nobody waits for the response any more; its events are queued again."""
        awaited, self._awaited, self._out = self._awaited, None, None
        if awaited is not None and awaited.plan is not None:
            self.buffer.restore()

    def _give_up_unsolicited(self) -> None:
        self._unsolicited.give_up()
        self.buffer.restore()

    def _forget(self) -> None:
        self._abandon()
        self._deferred = None
        self._last_request, self._last_response = b"", None
        self._selection.clear()

    def _indications(self) -> IIN:
        iin = self._database.indications
        for number in CLASSES:
            if self.buffer.waiting(number):
                iin |= IIN(int(IIN.CLASS_1_EVENTS) << (number - 1))
        if self._broadcast is not None:
            iin |= IIN.BROADCAST
        if self.needs_time:
            iin |= IIN.NEED_TIME
        if self._requests.has_restarted:
            iin |= IIN.DEVICE_RESTART
        if self.buffer.is_overflown:
            self.buffer.note_overflow_told()
            iin |= IIN.EVENT_BUFFER_OVERFLOW
        return iin


def _fault_indications(fragment: bytes, request: Fragment) -> IIN:
    """What is said of a request that could not be read to its end."""
    if request.fault is None:
        return IIN(0)
    head = fragment[request.fault.offset : request.fault.offset + 2]
    if len(head) == 2 and head[1] and object_type(head[0], head[1]) is None:
        return IIN.OBJECT_UNKNOWN
    return IIN.PARAMETER_ERROR
