"""A master's association with one outstation: what leaves when, and what is made of what comes.

Theory of operation. Everything a master does is a `Task`: a duty of its own (`agenda`) or a request of the application. One request is
outstanding at a time; when there is none, the task of the lowest rank sends its next. A select is followed by its operate and by
nothing else; between the blocks of a file everything else may go.

    link up -> start-up duties by rank -> integrity done: StartedUp -> unsolicited responses, polls, requests
    IIN1.7 at any time: Restarted, and from the start again. No answer: Unanswered, and the duties wait at doubling intervals.

Unsolicited responses are taken at any time, before the integrity poll too, and confirmed: the outstation would otherwise keep its buffer
full, and what is delivered early is older than what the poll brings or as old, never newer. A fragment is delivered first and confirmed
afterwards, and confirmed too when a part of it cannot be read: it would not be readable the next time.
The application drains `events` before it lets the confirmation leave, and so nothing confirmed can be lost on the way to it. One that
keeps what it gets on a disk lets the master *hold* the confirmations of what brings values until it says with `release` that they are
safe; meanwhile no request leaves behind a response, because an outstation would take it for a refusal to confirm. A confirmation that is
held longer than an outstation may be expected to wait is given up: the events come again, are recognized, and are confirmed then. After
`distrust` they are taken again.

Memory is bounded: one confirmation for each sequence number, a bounded number of requests, fragments and blocks. A flood of unsolicited
responses costs what it takes to read them; the outstanding request has its own deadline, which they do not move.
"""

from __future__ import annotations

from dataclasses import dataclass

from tieline.model import LocalError, Now
from tieline.protocols.dnp3.application import (
    EVENTS_WAITING,
    IIN,
    REQUEST_REFUSED,
    Control,
    Fragment,
    Function,
    encode_fragment,
    parse_fragment,
)
from tieline.protocols.dnp3.errors import FragmentError
from tieline.protocols.dnp3.line import Outgoing
from tieline.protocols.dnp3.master.agenda import Agenda, Entry
from tieline.protocols.dnp3.master.duties import duties_of
from tieline.protocols.dnp3.master.events import (
    Answers,
    BufferOverflowed,
    DutyRefused,
    IinChanged,
    MasterEvent,
    Measured,
    Restarted,
    StartedUp,
    TaskDone,
    Unanswered,
    Unreadable,
)
from tieline.protocols.dnp3.master.exchange import Exchange, Task
from tieline.protocols.dnp3.master.reception import content_of
from tieline.protocols.dnp3.master.repeats import Repeats
from tieline.protocols.dnp3.master.settings import MasterSettings
from tieline.protocols.dnp3.master.tasks import (
    Fate,
    Outcome,
    Rank,
    Reply,
    Result,
    Steps,
)

_MOST_WAITING = 256
_LASTING = (
    IIN.NEED_TIME | IIN.LOCAL_CONTROL | IIN.DEVICE_TROUBLE | IIN.DEVICE_RESTART | IIN.EVENT_BUFFER_OVERFLOW | IIN.CONFIG_CORRUPT
)
_POLLS = {Rank.INTEGRITY, Rank.POLL_EVENTS}
_CLASS_BITS = {1: IIN.CLASS_1_EVENTS, 2: IIN.CLASS_2_EVENTS, 3: IIN.CLASS_3_EVENTS}


@dataclass(slots=True)
class MasterCounters:
    """What happened that is no event."""

    requests: int = 0
    timeouts: int = 0
    strays: int = 0
    """Fragments that answer nothing: late, out of sequence, or not for a master."""
    repeats: int = 0
    """Fragments that came a second time."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A confirmation that waits until its events are safe."""

    mark: int
    fragment: bytes
    is_unsolicited: bool
    expires_s: float


class Association:
    """The session with one outstation; `Master` adds what the application may ask."""

    def __init__(self, settings: MasterSettings | None = None) -> None:
        self.settings = settings or MasterSettings()
        self.counters = MasterCounters()
        self._agenda = Agenda(
            duties_of(self.settings, self._classes_to_scan), self.settings.first_backoff_s, self.settings.longest_backoff_s
        )
        self._repeats = Repeats()
        self._events: list[MasterEvent] = []
        self._tasks: list[Task] = []
        self._exchange: Exchange | None = None
        self._confirmations: dict[bytes, None] = {}
        self._held: list[_Held] = []
        self._mark = 0
        self._sequence = 0
        self._number = 0
        self._is_up = False
        self._is_present: bool | None = None
        self._is_starting = False
        self._is_restart_old = False
        """The restart, if one is indicated, was before the start-up sequence began."""
        self._iin = IIN(0)
        self._unsolicited_classes: frozenset[int] = frozenset()
        self._last_response = b""
        self._last_unsolicited = b""
        self._looked_s = float("-inf")

    @property
    def is_busy(self) -> bool:
        """Whether it waits for a response, or an operate follows its select: nobody else may begin a request."""
        if self._exchange is not None or self._holds_response:
            return True
        return any(task.has_begun and task.rank is Rank.COMMAND for task in self._tasks)

    @property
    def held(self) -> int | None:
        """A mark for all confirmations that are held now, for `release` or `distrust`; None where none is."""
        return self._held[-1].mark if self._held else None

    @property
    def _holds_response(self) -> bool:
        """Whether the outstation waits for the confirmation of a response."""
        return any(not held.is_unsolicited for held in self._held)

    @property
    def repeated_events(self) -> int:
        """Events that came a second time and were not delivered again."""
        return self._repeats.dropped

    def events(self) -> list[MasterEvent]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def link_up(self, now: Now) -> None:
        """The channel is there: the start-up sequence begins."""
        if self._is_up:
            self.link_down(now)
        self._is_up = True
        self._is_starting = self._is_restart_old = True
        self._unsolicited_classes = frozenset()
        self._looked_s = float("-inf")
        self._agenda.start(now.monotonic_s)

    def link_down(self, now: Now) -> None:
        """The channel is gone: nothing is outstanding any more, and every request of the application has its result."""
        self._is_up = False
        self._repeats.link_lost()
        self._confirmations.clear()
        self._held.clear()
        exchange, self._exchange = self._exchange, None
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            if task.entry is not None:
                task.steps.close()
            elif exchange is not None and task is exchange.task:
                self._advance(task, exchange.reply(Fate.LINK_LOST, now), now)
            else:
                self._advance(task, Reply(Fate.LINK_LOST if task.attempts else Fate.NOT_SENT), now)
        if self._is_present is not False:
            self._is_present = False
            self._events.append(Unanswered("the link is lost"))

    def release(self, mark: int, now: Now) -> None:
        """What came up to the mark is safe: its confirmations may leave."""
        released = [held for held in self._held if held.mark <= mark]
        self._held = self._held[len(released) :]
        self._confirmations |= dict.fromkeys(held.fragment for held in released)
        if self._exchange is not None and any(not held.is_unsolicited for held in released):
            self._exchange.wait_on(now)

    def distrust(self, mark: int) -> None:
        """What came up to the mark is lost on our side: it is not confirmed, and taken again when it comes again."""
        self._held = [held for held in self._held if held.mark > mark]
        self._repeats.forget()
        self._last_response = self._last_unsolicited = b""

    def receive(self, fragment: bytes, now: Now, *, broadcast: int | None = None) -> None:
        """Takes a fragment; what it brings is among the events."""
        if not self._is_up or broadcast is not None:
            self.counters.strays += 1
            return
        if len(fragment) > self.settings.max_fragment:
            self._events.append(Unreadable(f"a fragment of {len(fragment)} octets"))
            return
        try:
            found = parse_fragment(fragment)
        except FragmentError as fault:
            self._events.append(Unreadable("a fragment", fault))
            return
        if found.function == Function.RESPONSE:
            self._take_response(found, fragment, now)
        elif found.function == Function.UNSOLICITED_RESPONSE:
            self._take_unsolicited(found, fragment, now)
        else:
            self.counters.strays += 1

    def tick(self, now: Now) -> None:
        """Lets time pass."""
        self._looked_s = now.monotonic_s
        exchange = self._exchange
        self._held = [held for held in self._held if now.monotonic_s < held.expires_s]
        if exchange is not None and now.monotonic_s >= exchange.deadline_s:
            self._time_out(exchange, now)
        self._expire(now)

    def next_deadline(self) -> float | None:
        """When `tick` is due, monotonic seconds; later than the last tick."""
        if not self._is_up:
            return None
        times = [task.expires_s for task in self._waiting() if task.expires_s > self._looked_s]
        times += [held.expires_s for held in self._held]
        if self._exchange is not None:
            times.append(self._exchange.deadline_s)
        elif not self._holds_response:
            due_s = self._agenda.next_due(self._looked_s)
            times += [] if due_s is None else [due_s]
        first_s = min(times, default=float("inf"))
        return None if first_s == float("inf") else first_s

    def take(self, now: Now, *, may_begin: bool = True) -> list[Outgoing]:
        """Confirmations, and a request where it may begin and nothing is outstanding."""
        if not self._is_up:
            return []
        self._looked_s = max(self._looked_s, now.monotonic_s)
        outgoing = [Outgoing(confirmation) for confirmation in self._confirmations]
        self._confirmations.clear()
        if may_begin:
            self._expire(now)
            while self._exchange is None and not self._holds_response:
                task = self._pick(now)
                if task is None:
                    break
                outgoing.append(self._send(task, now))
        return outgoing

    def _begin(self, rank: Rank, steps: Steps, now: Now, lifetime_s: float | None = None, *, is_restart: bool = False) -> int:
        if len(self._tasks) >= _MOST_WAITING:
            raise LocalError(f"{_MOST_WAITING} requests are waiting already")
        task = Task(rank, steps, number=self._number + 1)
        task.is_restart = is_restart
        task.expires_s = now.monotonic_s + (lifetime_s or self.settings.request_lifetime_s)
        octets = len(encode_fragment(Control(), task.request.function, task.request.at(now)))
        if octets > self.settings.max_request:
            raise LocalError(f"the request has {octets} octets, more than {self.settings.max_request}")
        self._number += 1
        if self._is_up:
            self._tasks.append(task)
        else:
            self._end(task, Result(outcome=Outcome.NOT_SENT, why="there is no link"), now)
        return self._number

    def _pick(self, now: Now) -> Task | None:
        """The task whose request leaves now; a command that has begun goes on before anything else."""
        best = min(self._tasks, key=lambda task: (task.rank, not task.has_begun), default=None)
        entry = self._agenda.pick(now.monotonic_s)
        if entry is not None and (best is None or entry.duty.rank < best.rank):
            entry.is_running = True
            best = Task(entry.duty.rank, entry.duty.steps(), entry=entry)
            self._tasks.append(best)
        return best

    def _send(self, task: Task, now: Now) -> Outgoing:
        request = task.request
        sequence = self._sequence
        self._sequence = (sequence + 1) & 0x0F
        fragment = encode_fragment(Control(sequence=sequence), request.function, request.at(now))
        self.counters.requests += 1
        task.has_begun = True
        task.attempts += 1
        if request.expects_response:
            settings = self.settings
            self._exchange = Exchange(task, sequence, now, settings.timeout_s, settings.longest_response_s, self._repeats.mark)
        else:
            self._advance(task, Reply(Fate.SENT, now, now), now)
        return Outgoing(fragment, request.destination)

    def _waiting(self) -> list[Task]:
        """Tasks whose next request has not left."""
        outstanding = None if self._exchange is None else self._exchange.task
        return [task for task in self._tasks if task is not outstanding]

    def _expire(self, now: Now) -> None:
        for task in self._waiting():
            if now.monotonic_s >= task.expires_s:
                self._tasks.remove(task)
                self._advance(task, Reply(Fate.UNANSWERED if task.attempts else Fate.NOT_SENT), now)

    def _time_out(self, exchange: Exchange, now: Now) -> None:
        self.counters.timeouts += 1
        task = exchange.task
        self._exchange = None
        if exchange.is_too_long(now):
            self._advance(task, exchange.reply(Fate.BROKEN, now), now)
            return
        may_repeat = task.request.is_repeatable and not self._agenda.is_held
        if may_repeat and task.attempts <= self.settings.retries:
            return  # it is still among the tasks, and its request the next to leave
        self._agenda.silent(now.monotonic_s)
        if self._is_present is not False:
            self._is_present = False
            self._events.append(Unanswered(f"no answer to {task.request.function.name} within {self.settings.timeout_s} s"))
        self._advance(task, exchange.reply(Fate.UNANSWERED, now), now)

    def _advance(self, task: Task, reply: Reply, now: Now) -> None:
        try:
            task.next(reply)
        except StopIteration as stop:
            self._end(task, stop.value, now)
        else:
            if task.number is not None and task.rank is not Rank.COMMAND:
                task.expires_s = now.monotonic_s + self.settings.request_lifetime_s

    def _end(self, task: Task, result: Result, now: Now) -> None:
        if task in self._tasks:
            self._tasks.remove(task)
        if task.entry is not None:
            self._end_duty(task.entry, result, now)
        else:
            assert task.number is not None
            if task.is_restart and result.delay_ms:
                self._agenda.hold(now.monotonic_s, result.delay_ms / 1_000)
            self._events.append(TaskDone(task.number, result))

    def _end_duty(self, entry: Entry, result: Result, now: Now) -> None:
        rank, now_s = entry.duty.rank, now.monotonic_s
        entry.is_running = False
        match result.outcome:
            case Outcome.DONE | Outcome.SENT:
                # A scan that brought events is worth another at once.
                self._agenda.done(entry, now_s, paced=rank is not Rank.SCAN_EVENTS or not result.points)
                self._note_duty(rank)
            case Outcome.REFUSED if not result.iin & REQUEST_REFUSED:
                self._agenda.postpone(entry, now_s)  # it is busy with another request
            case Outcome.REFUSED if rank in _POLLS and entry.duty.period_s:
                # It may be refused only as long as there is nothing to report.
                if self._agenda.refuse_once(entry, now_s):
                    self._events.append(DutyRefused(rank, result))
            case Outcome.REFUSED:
                self._agenda.refuse(entry)
                self._events.append(DutyRefused(rank, result))
            case _ if rank is Rank.FREEZE:
                self._agenda.skip(entry, now_s)
            case _ if not self._agenda.is_held:
                self._agenda.postpone(entry, now_s)
            case _:
                pass  # it stays due until the outstation answers

    def _note_duty(self, rank: Rank) -> None:
        if rank is Rank.CLEAR_RESTART:
            self._is_restart_old = False
        elif rank is Rank.INTEGRITY:
            self._agenda.cancel(Rank.SCAN_EVENTS)
            if self._is_starting:
                self._is_starting = False
                self._events.append(StartedUp())
        elif rank is Rank.ENABLE_UNSOLICITED:
            self._unsolicited_classes = self.settings.unsolicited_classes
            self._agenda.cancel(Rank.SCAN_EVENTS)

    def _take_response(self, fragment: Fragment, octets: bytes, now: Now) -> None:
        control, exchange = fragment.control, self._exchange
        if exchange is None or not exchange.expects(control):
            self._take_stray(control, octets, now)
            return
        self._hear(is_answer=True)
        exchange.accept(fragment, now)
        # The next request goes on behind the last fragment: with its number it could take that one's confirmation for its own.
        self._sequence = (control.sequence + 1) & 0x0F
        self._last_response = octets
        if exchange.task.request.function is Function.READ:
            self._deliver(fragment, exchange, now)
        else:
            exchange.add(list(fragment.blocks))
        if control.confirm:
            self._confirm(control, now, has_content=bool(fragment.blocks))
        is_integrity = exchange.task.rank is Rank.INTEGRITY
        if control.final:
            self._exchange = None
            if is_integrity:
                self._repeats.all_read(exchange.mark)
            self._advance(exchange.task, exchange.reply(Fate.ANSWERED, now), now)
        elif exchange.fragments >= self.settings.most_fragments:
            self._exchange = None
            self._advance(exchange.task, exchange.reply(Fate.BROKEN, now), now)
        assert fragment.iin is not None
        self._note(fragment.iin, now, is_integrity=is_integrity)

    def _take_stray(self, control: Control, octets: bytes, now: Now) -> None:
        """A repetition of the last response is confirmed again; anything else answers a request given up long ago, or none."""
        if octets == self._last_response:
            self.counters.repeats += 1
            if control.confirm:
                self._confirm(control, now)
        else:
            self.counters.strays += 1

    def _take_unsolicited(self, fragment: Fragment, octets: bytes, now: Now) -> None:
        control = fragment.control
        if not (control.unsolicited and control.first and control.final):
            self.counters.strays += 1
            return
        self._hear(is_answer=False)
        if octets == self._last_unsolicited:
            self.counters.repeats += 1
        else:
            self._last_unsolicited = octets
            self._deliver(fragment, None, now)
        if control.confirm:
            self._confirm(control, now, has_content=bool(fragment.blocks))
        assert fragment.iin is not None
        self._note(fragment.iin, now)

    def _confirm(self, control: Control, now: Now, *, has_content: bool = True) -> None:
        answer = Control(unsolicited=control.unsolicited, sequence=control.sequence)
        confirmation = encode_fragment(answer, Function.CONFIRM)
        if not (self.settings.holds_confirmations and has_content):
            self._confirmations[confirmation] = None
            return
        self._mark += 1
        # The same confirmation is held once; what it confirms now includes what it confirmed before.
        self._held = [held for held in self._held if held.fragment != confirmation]
        expires_s = now.monotonic_s + self.settings.timeout_s
        self._held.append(_Held(self._mark, confirmation, control.unsolicited, expires_s))

    def _deliver(self, fragment: Fragment, exchange: Exchange | None, now: Now) -> None:
        assert fragment.iin is not None
        content = content_of(fragment)
        points = sum(map(len, content.measurements))
        if exchange is not None:
            exchange.add(content.others, points)
        measurements = self._repeats.pass_new(content.measurements)
        if measurements:
            self._events.append(Measured(tuple(measurements), exchange is None, now.utc_us, fragment.iin))
        self._events += [Unreadable(what) for what in content.unreadable]
        if fragment.fault is not None:
            self._events.append(Unreadable("the rest of a fragment", fragment.fault))

    def _hear(self, *, is_answer: bool) -> None:
        """The outstation is there; its answers end what its silence held up, and so does what it says of itself after a silence."""
        if is_answer or not self._is_present:
            self._agenda.answered()
        if not self._is_present:
            self._is_present = True
            self._events.append(Answers())

    def _note(self, iin: IIN, now: Now, *, is_integrity: bool = False) -> None:
        now_s = now.monotonic_s
        changed = (iin ^ self._iin) & _LASTING
        risen = changed & iin
        self._iin = iin
        if changed:
            self._events.append(IinChanged(iin & _LASTING))
        if iin & IIN.DEVICE_RESTART:
            self._note_restart(now_s)
        else:
            self._is_restart_old = False
            self._agenda.calm(Rank.CLEAR_RESTART)
            self._agenda.allow(Rank.CLEAR_RESTART)
        if iin & IIN.NEED_TIME:
            self._agenda.ask(Rank.SYNCHRONIZE_TIME, now_s)
        else:
            self._agenda.calm(Rank.SYNCHRONIZE_TIME)
        if risen & IIN.EVENT_BUFFER_OVERFLOW:
            self._events.append(BufferOverflowed())
        # The answer to the poll itself still says that there was an overflow: its events are not confirmed yet.
        if not iin & IIN.EVENT_BUFFER_OVERFLOW:
            self._agenda.calm(Rank.INTEGRITY)
        elif self.settings.integrity_on_overflow and not is_integrity and not self._agenda.waits(Rank.INTEGRITY, now_s):
            self._agenda.ask(Rank.INTEGRITY, now_s)
        if not iin & EVENTS_WAITING:
            self._agenda.calm(Rank.SCAN_EVENTS)
        if self._classes_to_scan():
            self._agenda.ask(Rank.SCAN_EVENTS, now_s)
        else:
            self._agenda.cancel(Rank.SCAN_EVENTS)

    def _note_restart(self, now_s: float) -> None:
        if self._agenda.is_wanted(Rank.CLEAR_RESTART):
            return
        self._events.append(Restarted())
        if self._is_restart_old:  # it was before the sequence that is under way
            self._agenda.ask(Rank.CLEAR_RESTART, now_s)
            return
        self._unsolicited_classes = frozenset()
        self._is_starting = self.settings.integrity_on_restart
        self._agenda.restart(now_s)

    def _classes_to_scan(self) -> frozenset[int]:
        """All that may be scanned when one of them is indicated: read one by one, classes would come out of the order of events."""
        scanned = self.settings.scan_on_iin - self._unsolicited_classes
        return scanned if any(self._iin & _CLASS_BITS[each] for each in scanned) else frozenset()
