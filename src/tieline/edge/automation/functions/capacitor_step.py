"""One step of a capacitor bank: its switch, its discharge, how often it went on, and whether it may still be used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tieline.config.automation_functions.references import Breaker
from tieline.edge.automation.function import Answer, Read, Request
from tieline.edge.automation.functions.inputs import Position, position
from tieline.edge.automation.functions.standing import Standing
from tieline.edge.automation.functions.timing import Recent
from tieline.model import Now, Result, Severity

_DAY_S = 86_400.0


class CapacitorStep:
    """A step discharges from when it is first seen open: after a restart too, nobody knows for how long it has been."""

    def __init__(self, breaker: Breaker, mvar: float, standing: Standing, *, timeout_s: float) -> None:
        self.breaker = breaker
        self.mvar = mvar
        self._standing = standing
        self._timeout_s = timeout_s
        self._request: Request | None = None
        self._closes = False
        self._since = 0.0
        self._went_on = Recent(_DAY_S)
        self._known = Position.UNKNOWN
        self.position = Position.UNKNOWN
        """As it is seen now."""
        self.changed_at = -math.inf
        """Monotonic time at which it was first seen where it is."""
        self.opened_at = math.inf
        """Monotonic time at which it was last seen to be open for the first time; infinite before."""
        self.is_locked_out = False
        self.operations = 0

    @property
    def is_moving(self) -> bool:
        """Whether a command is under way."""
        return self._request is not None

    def times_on(self, now: Now) -> int:
        """How often it went on within a day, or was told to."""
        return self._went_on.count(now)

    def follow(self, now: Now, read: Read, answers: Sequence[Answer], *, is_acting: bool) -> Result | None:
        """Sees where it is and what became of a command; gives how that ended, in the scan in which it did."""
        seen = position(read, self.breaker.position)
        before, was_asked = self._known, self._request is not None
        self.position = seen
        ended = self._end_command(now, seen, answers) if was_asked else None
        if seen is Position.UNKNOWN:
            return ended
        if seen is not before:
            self.changed_at = now.monotonic_s
            self.opened_at = now.monotonic_s if seen is Position.OPEN else self.opened_at
            if before is Position.CLOSED and not was_asked and is_acting:
                self.lock_out("opened by itself")
        self._known = seen
        return ended

    def ask(self, now: Now, reason: str, *, close: bool) -> Request:
        """Tells it to move; one that goes on is counted at once, so that no limit is exceeded by commands that are under way."""
        self._closes, self._since = close, now.monotonic_s
        self.operations += 1
        if close:
            self._went_on.add(now)
        self._request = Request(point=self.breaker.control, value=float(close), reason=reason)
        return self._request

    def lock_out(self, why: str) -> None:
        """It rests until somebody resets it."""
        if not self.is_locked_out:
            self.is_locked_out = True
            self._standing.say("capacitor_step_locked_out", f"{self.breaker.title} {why}; it rests until reset", Severity.ERROR)

    def _end_command(self, now: Now, seen: Position, answers: Sequence[Answer]) -> Result | None:
        result = next((answer.outcome.result for answer in answers if answer.request is self._request), None)
        if seen is (Position.CLOSED if self._closes else Position.OPEN):
            self._request = None
            self._standing.say("capacitor_switched", f"{self.breaker.title} {'on' if self._closes else 'off'}")
            return Result.DONE
        if result is Result.REFUSED:
            self._request = None
            self._standing.say("capacitor_refused", f"{self.breaker.title}: the command was refused", Severity.WARNING)
            return Result.REFUSED
        if result is Result.FAILED or now.monotonic_s - self._since > self._timeout_s:
            self._request = None
            self.lock_out(f"was not seen to {'close' if self._closes else 'open'}")
            return Result.FAILED
        return None

    def remember(self) -> dict[str, Any]:
        """Lockout and counters."""
        return {"locked_out": self.is_locked_out, "operations": self.operations, "went_on": self._went_on.remember()}

    def recall(self, state: object) -> None:
        """Takes what `remember` gave."""
        if not isinstance(state, Mapping):
            return
        self.is_locked_out = state.get("locked_out") is True
        operations = state.get("operations")
        if isinstance(operations, int) and not isinstance(operations, bool) and operations >= 0:
            self.operations = operations
        self._went_on.recall(state.get("went_on"))
