"""What a regulator knows of its tap changer: whether a step that it commanded has come, and steps that nobody commanded.

One command is under way at a time. It ends when the position shows the step, when the command was refused or has failed, or when the
position has not followed in time; only the last two count as failures. Steps that were not commanded count towards a runaway.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tieline.edge.automation.function import Answer, Request
from tieline.edge.automation.functions.standing import Standing
from tieline.edge.automation.functions.timing import Recent
from tieline.model import Now, Result, Severity

_HOUR_S = 3600.0


class TapChanger:
    """The position with what is under way, and the counters of what went wrong."""

    def __init__(
        self,
        standing: Standing,
        *,
        timeout_s: float,
        lockout_after: int,
        runaway: tuple[int, float],
        most_an_hour: int,
        hunting: tuple[int, float],
    ) -> None:
        """`runaway` is how many uncommanded steps within how long, `hunting` how many reversals within how long."""
        self._standing = standing
        self._timeout_s = timeout_s
        self._lockout_after = lockout_after
        self._runaway_taps, window_s = runaway
        self._stray = Recent(window_s)
        self._most_an_hour = most_an_hour
        self._steps = Recent(_HOUR_S)
        self._hunting_reversals, window_s = hunting
        self._reversals = Recent(window_s)
        self._last_direction = 0
        self._is_busy_hour = False
        self._request: Request | None = None
        self._direction = 0
        self._from = math.nan
        self._ordered_at = 0.0
        self.position = math.nan
        """The last one that was certain; NaN before."""
        self.moved_at = -math.inf
        """Monotonic time of the last step that was commanded and came."""
        self.failures = 0
        self.is_hunting = False
        self.steps_last_hour = 0

    @property
    def is_under_way(self) -> bool:
        """Whether a step is commanded and not ended."""
        return self._request is not None

    def order(self, now: Now, request: Request, direction: int) -> None:
        """A step is commanded: up with 1, down with -1."""
        self._request, self._direction = request, direction
        self._from, self._ordered_at = self.position, now.monotonic_s

    def follow(self, now: Now, position: float, answers: Sequence[Answer], *, is_acting: bool) -> Result | None:
        """Takes the position (NaN where it is not certain) and the answers. Gives how a command ended, in the scan in which it did."""
        if not is_acting:
            self._request = None
            self._stray.clear()
        ended = None if self._request is None else self._follow_command(now, position, answers)
        if self._request is None and ended is not Result.DONE:
            self._follow_stray(now, position, is_acting=is_acting)
        if not math.isnan(position):
            self.position = position
        self._count(now)
        return ended

    def _follow_command(self, now: Now, position: float, answers: Sequence[Answer]) -> Result | None:
        moved = (position - self._from) * self._direction
        result = next((answer.outcome.result for answer in answers if answer.request is self._request), None)
        if moved >= 1:
            self._request = None
            self._arrive(now)
            for _ in range(min(int(moved) - 1, self._runaway_taps)):
                self._stray.add(now)
            self._check_runaway(now)
            return Result.DONE
        if moved <= -1:
            self._request = None
            self._fail("the tap went the wrong way")
            return Result.FAILED
        if result is Result.REFUSED:
            self._request = None
            self._standing.say("tap_refused", "a step was refused", Severity.WARNING)
            return Result.REFUSED
        if result is Result.FAILED or now.monotonic_s - self._ordered_at > self._timeout_s:
            self._request = None
            self._fail("the tap did not move")
            return Result.FAILED
        return None

    def _arrive(self, now: Now) -> None:
        self.failures = 0
        self.moved_at = now.monotonic_s
        self._steps.add(now)
        if self._last_direction == -self._direction:
            self._reversals.add(now)
        self._last_direction = self._direction

    def _fail(self, what: str) -> None:
        self.failures += 1
        self._standing.say(
            "tap_not_moved", f"{what} after a command ({self.failures} of {self._lockout_after})", Severity.WARNING
        )
        if self.failures >= self._lockout_after:
            self._standing.lock_out(f"{what} {self.failures} times in a row")

    def _follow_stray(self, now: Now, position: float, *, is_acting: bool) -> None:
        if is_acting and not math.isnan(position) and not math.isnan(self.position):
            for _ in range(min(int(abs(position - self.position)), self._runaway_taps)):
                self._stray.add(now)
            self._check_runaway(now)

    def _check_runaway(self, now: Now) -> None:
        count = self._stray.count(now)
        if count >= self._runaway_taps:
            self._standing.lock_out(f"runaway: {count} steps in {self._stray.window_s:g} s that were not commanded")

    def _count(self, now: Now) -> None:
        self.steps_last_hour = self._steps.count(now)
        if self.steps_last_hour > self._most_an_hour and not self._is_busy_hour:
            self._standing.say("tap_operations_high", f"{self.steps_last_hour} steps within an hour", Severity.WARNING)
        self._is_busy_hour = self.steps_last_hour > self._most_an_hour
        reversals = self._reversals.count(now)
        if reversals >= self._hunting_reversals and not self.is_hunting:
            text = f"hunting: {reversals} changes of direction in {self._reversals.window_s:g} s"
            self._standing.say("tap_hunting", text, Severity.WARNING)
        self.is_hunting = reversals >= self._hunting_reversals

    def release(self) -> None:
        """Forgets failures and stray steps: somebody has looked at it."""
        self.failures = 0
        self._stray.clear()

    def remember(self) -> dict[str, Any]:
        """Counters."""
        return {"failures": self.failures, "steps": self._steps.remember(), "reversals": self._reversals.remember()}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Takes what `remember` gave."""
        failures = state.get("failures")
        if isinstance(failures, int) and not isinstance(failures, bool) and 0 <= failures <= self._lockout_after:
            self.failures = failures
        self._steps.recall(state.get("steps"))
        self._reversals.recall(state.get("reversals"))
