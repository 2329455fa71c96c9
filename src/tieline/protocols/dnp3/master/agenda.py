"""What a master does on its own account, and when.

Theory of operation. Each duty is a row of a table: what it does, when it becomes due of itself (link, restart, period), and its rank.
Duties can also be asked for, by an internal indication. Of those that are due the one of the lowest rank is done first, so that the
start-up sequence is nothing but the order of the ranks:

    disable unsolicited -> clear restart (asked for by IIN1.7) -> set the clock (IIN1.4) -> assign classes -> write deadbands
    -> integrity poll -> enable unsolicited -> the rest

What is asked for again and again, because the outstation does not do what it says it does, is done at intervals that double; they are
forgotten once the indication was seen to be off. An outstation that does not answer holds up all duties, again at doubling intervals.
A duty that is refused is left out until the link or the outstation starts anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tieline.protocols.dnp3.master.tasks import Rank, Steps


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Duty:
    """A row of the table."""

    rank: Rank
    steps: Callable[[], Steps]
    at_link_up: bool = False
    at_restart: bool = False
    period_s: float = 0.0
    """0: not of itself."""


class Entry:
    """A duty with its state."""

    __slots__ = ("due_s", "duty", "is_refused", "is_reported", "is_running", "is_stale", "not_before_s", "wait_s")

    def __init__(self, duty: Duty) -> None:
        self.duty = duty
        self.clear()

    def clear(self) -> None:
        """As it was when it was made."""
        self.due_s: float | None = None
        self.not_before_s = 0.0
        self.wait_s = 0.0
        self.is_refused = False
        self.is_reported = False
        self.is_running = False
        self.is_stale = False
        """The outstation has restarted while it ran: it is done once more."""


class Agenda:
    """All duties of one association."""

    def __init__(self, duties: list[Duty], first_backoff_s: float, longest_backoff_s: float) -> None:
        self._entries = [Entry(duty) for duty in sorted(duties, key=lambda duty: duty.rank)]
        self._by_rank = {rank: [entry for entry in self._entries if entry.duty.rank is rank] for rank in Rank}
        self._first_s, self._longest_s = first_backoff_s, longest_backoff_s
        self._hold_s = 0.0
        self._backoff_s = 0.0

    @property
    def is_held(self) -> bool:
        """Whether the outstation was silent when it was last asked."""
        return self._backoff_s > 0

    def start(self, now_s: float) -> None:
        """The link is there."""
        self._hold_s = self._backoff_s = 0.0
        for entry in self._entries:
            entry.clear()
            if entry.duty.at_link_up:
                entry.due_s = now_s
            elif entry.duty.period_s:
                entry.due_s = now_s + entry.duty.period_s

    def restart(self, now_s: float) -> None:
        """The outstation has restarted; an outstation that says so again and again is believed at intervals."""
        clearing = self._entry(Rank.CLEAR_RESTART)
        at_s = max(now_s, clearing.not_before_s)
        for entry in self._entries:
            entry.is_refused = False
            entry.is_stale = entry.is_running
            if entry.duty.at_restart:
                entry.due_s = at_s
            elif entry.due_s is None and entry.duty.period_s:
                entry.due_s = now_s + entry.duty.period_s
        clearing.due_s = at_s

    def ask(self, rank: Rank, now_s: float) -> None:
        """An indication asks for a duty; it is done, but not sooner than its interval."""
        for entry in self._of(rank):
            if not entry.is_refused:
                due_s = max(now_s, entry.not_before_s)
                entry.due_s = due_s if entry.due_s is None else min(entry.due_s, due_s)

    def calm(self, rank: Rank) -> None:
        """The indication that asks for a duty is off."""
        for entry in self._of(rank):
            entry.not_before_s = entry.wait_s = 0.0

    def cancel(self, rank: Rank) -> None:
        """There is no reason for a duty any more."""
        for entry in self._of(rank):
            entry.due_s = None

    def allow(self, rank: Rank) -> None:
        """What was refused may be tried again."""
        for entry in self._of(rank):
            entry.is_refused = False

    def is_wanted(self, rank: Rank) -> bool:
        """Whether a duty of this rank is due, now or later, or was refused."""
        return any(entry.due_s is not None or entry.is_refused for entry in self._of(rank))

    def waits(self, rank: Rank, now_s: float) -> bool:
        """Whether a duty of this rank was done so lately that it is not to be done again."""
        return any(entry.not_before_s > now_s for entry in self._of(rank))

    def pick(self, now_s: float) -> Entry | None:
        """The duty to do now; it stays due until one of the next four is said."""
        if self._hold_s > now_s:
            return None
        due = (entry for entry in self._entries if entry.due_s is not None and entry.due_s <= now_s and not entry.is_running)
        return next(due, None)

    def done(self, entry: Entry, now_s: float, *, paced: bool = True) -> None:
        """A duty was done; `paced`: asked for again soon, it waits."""
        self._plan(entry, now_s)
        if entry.is_stale and entry.duty.at_restart:
            entry.due_s = now_s
        entry.is_stale = False
        if paced:
            self._pace(entry, now_s)

    def postpone(self, entry: Entry, now_s: float) -> None:
        """A duty could not be done now for a reason that passes."""
        self._pace(entry, now_s)
        entry.due_s = entry.not_before_s

    def refuse(self, entry: Entry) -> None:
        """A duty is left out until the next start."""
        entry.is_refused = True
        entry.due_s = None

    def refuse_once(self, entry: Entry, now_s: float) -> bool:
        """A duty is refused, and goes on at its period all the same; whether that is news."""
        is_news, entry.is_reported = not entry.is_reported, True
        self._plan(entry, now_s)
        return is_news

    def skip(self, entry: Entry, now_s: float) -> None:
        """A duty that must not be repeated has failed: the next time is its period's."""
        self._plan(entry, now_s)

    def silent(self, now_s: float) -> None:
        """The outstation did not answer: all duties wait."""
        self._backoff_s = min(max(2 * self._backoff_s, self._first_s), self._longest_s)
        self._hold_s = now_s + self._backoff_s

    def answered(self) -> None:
        """The outstation is there."""
        self._backoff_s = self._hold_s = 0.0

    def hold(self, now_s: float, seconds: float) -> None:
        """The outstation has said that it is away for a while."""
        self._hold_s = now_s + min(seconds, self._longest_s)

    def next_due(self, after_s: float) -> float | None:
        """When the next duty becomes due after a moment."""
        waiting = [entry for entry in self._entries if not entry.is_running]
        times = [max(entry.due_s, self._hold_s) for entry in waiting if entry.due_s is not None]
        return min((time for time in times if time > after_s), default=None)

    def _of(self, rank: Rank) -> list[Entry]:
        return self._by_rank[rank]

    def _entry(self, rank: Rank) -> Entry:
        return self._of(rank)[0]

    def _plan(self, entry: Entry, now_s: float) -> None:
        period_s, due_s = entry.duty.period_s, entry.due_s
        if not period_s:
            entry.due_s = None
            return
        next_s = now_s if due_s is None else due_s
        # Periods that have passed meanwhile are left out, not made up for.
        entry.due_s = next_s + period_s * max(1, (now_s - next_s) // period_s + 1)

    def _pace(self, entry: Entry, now_s: float) -> None:
        entry.wait_s = min(max(2 * entry.wait_s, self._first_s), self._longest_s)
        entry.not_before_s = now_s + entry.wait_s
