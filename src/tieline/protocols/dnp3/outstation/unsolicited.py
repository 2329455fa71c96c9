"""When an outstation speaks unasked (clauses 4.1.5, 5.1.1).

After a start it says so with a response without objects, repeated until the master confirms it. From then on events of the classes
that the master enabled go out by themselves, one fragment at a time:

    idle  --events due-->  confirming  --confirmed-->  idle
                           confirming  --timeout-->    pausing  --pause over-->  confirming (the same octets, the same sequence)

While confirming a READ must wait. While pausing it is answered, and the fragment given up if events were in it, because these may be
part of the answer; what is sent later is new. A confirmation counts in both states. The fragment outlives a lost link.

A master that disables classes may have the fragment before it already, and its confirmation under way: that is awaited like any other,
for what was confirmed is not told again. If it does not come, the fragment is given up.
"""

from __future__ import annotations

from tieline.protocols.dnp3.outstation.event_buffer import CLASSES, EventBuffer
from tieline.protocols.dnp3.outstation.settings import OutstationSettings


class Unsolicited:
    """The state; fragments are made by the outstation."""

    def __init__(self, settings: OutstationSettings, events: EventBuffer) -> None:
        self._settings = settings
        self._events = events
        self._hold = dict(zip(CLASSES, settings.unsolicited_hold_s, strict=True))
        self._most = dict(zip(CLASSES, settings.unsolicited_max_events, strict=True))
        self.classes: frozenset[int] = frozenset()
        """Enabled by the master."""
        self.sequence = 0
        """Of the next fragment, or of the one that is pending."""
        self.has_started = False
        """Whether the start-up response was confirmed."""
        self.pending: bytes | None = None
        """The fragment that is not confirmed yet."""
        self._confirm_until: float | None = None
        self._repeat_at: float | None = None
        self._repeats = 0
        self.is_unwanted = False
        """Whether the master has disabled classes since the fragment that is pending was sent: it is not repeated."""
        self._since: dict[int, float] = {}
        self._quiet_until: float | None = None

    @property
    def is_confirming(self) -> bool:
        """Whether a confirmation is awaited, so that a READ must wait."""
        return self._confirm_until is not None

    @property
    def holds_events(self) -> bool:
        """Whether events are in the fragment that is pending."""
        return self.pending is not None and self.has_started

    def is_due(self, monotonic_s: float) -> bool:
        """Whether a fragment is to be sent now, the pending one again or a new one."""
        if not self._settings.unsolicited_allowed or self.is_confirming:
            return False
        if self.pending is not None:
            return self._repeat_at is not None and monotonic_s >= self._repeat_at
        if self._quiet_until is not None and monotonic_s < self._quiet_until:
            return False
        return not self.has_started or self._has_due_events(monotonic_s)

    def notice(self, monotonic_s: float) -> None:
        """Looks for events that arrived; their holding time begins."""
        for number in CLASSES:
            if number in self.classes and self._events.waiting(number):
                self._since.setdefault(number, monotonic_s)
            else:
                self._since.pop(number, None)

    def sent(self, fragment: bytes, monotonic_s: float) -> None:
        """The fragment is on its way, for the first time or again."""
        if self.pending is not None:
            self._repeats += 1
        self.pending = fragment
        self._confirm_until = monotonic_s + self._settings.confirm_timeout_s
        self._repeat_at = self._quiet_until = None
        self._since.clear()

    def confirmed(self, sequence: int) -> bool:
        """Takes a confirmation; False where nothing waits for this one."""
        if self.pending is None or sequence != self.sequence:
            return False
        self.has_started = True
        self._finish()
        return True

    def timed_out(self, monotonic_s: float) -> bool:
        """Looks whether the confirmation is overdue; True once for each time it is."""
        if self._confirm_until is None or monotonic_s < self._confirm_until:
            return False
        settings = self._settings
        self._confirm_until = None
        pause_s = min(settings.unsolicited_retry_s * 2.0 ** min(self._repeats, 32), settings.unsolicited_retry_most_s)
        self._repeat_at = monotonic_s + pause_s
        return True

    @property
    def is_exhausted(self) -> bool:
        """Whether the pending fragment was repeated as often as it may be, and timed out again."""
        retries = self._settings.unsolicited_retries
        is_last = self.is_unwanted or (retries is not None and self._repeats >= retries)
        return self.holds_events and not self.is_confirming and is_last

    def give_up(self) -> None:
        """Nobody will confirm the fragment that is pending; what follows is new, after the pause that was begun."""
        quiet_until = self._repeat_at
        self._finish()
        self._quiet_until = quiet_until

    def link_down(self) -> None:
        """Nothing can be confirmed until there is a link again."""
        self._confirm_until = self._repeat_at = self._quiet_until = None
        self._since.clear()

    def link_up(self, monotonic_s: float) -> None:
        """What is pending goes out again at once."""
        if self.pending is not None:
            self._repeat_at = monotonic_s

    def restart(self) -> None:
        """As at first, but that the sequence goes on."""
        if self.pending is not None:
            self._finish()
        self.has_started = False
        self.classes = frozenset()
        self.link_down()

    def next_deadline(self, monotonic_s: float) -> float | None:
        """When something is due; None where nothing is, or already is."""
        if self._confirm_until is not None:
            return self._confirm_until
        if self.pending is not None:
            found = [self._repeat_at]
        else:
            found = [self._quiet_until, *(since + self._hold[number] for number, since in self._since.items())]
        return min((time for time in found if time is not None and time > monotonic_s), default=None)

    def _has_due_events(self, monotonic_s: float) -> bool:
        return any(
            monotonic_s >= since + self._hold[number] or self._events.waiting(number) >= self._most[number]
            for number, since in self._since.items()
        )

    def _finish(self) -> None:
        self.pending = self._confirm_until = self._repeat_at = None
        self.sequence = (self.sequence + 1) % 16
        self._repeats = 0
        self.is_unwanted = False
