"""How long an end of a session may stay open: until the grant's end, without permission for a moment only, not idle for long.

The center says several times a second that the session is still permitted. An end that has not heard it for `LOST_S` closes, whoever
is to blame: a center that is cut off, hangs or has ended permits nothing. The end of the grant is kept on the monotonic clock, so that
setting the clock back prolongs nothing; setting it forward past the end ends it as well.
"""

from __future__ import annotations

from tieline.model import Now

PERMIT_S = 0.4
"""So often the center says so."""
LOST_S = 1.8
"""Within two seconds after the last word both ends are closed."""


class Tenure:
    """One end of one session."""

    def __init__(self, now: Now, *, end_us: int, idle_s: float, lost_s: float = LOST_S) -> None:
        self._end_us = end_us
        self._deadline_s = now.monotonic_s + (end_us - now.utc_us) / 1e6
        self._idle_s = idle_s
        self._lost_s = lost_s
        self._permitted_s = now.monotonic_s
        self._moved_s = now.monotonic_s

    def permit(self, now: Now) -> None:
        """The center says that the session may go on."""
        self._permitted_s = now.monotonic_s

    def move(self, now: Now) -> None:
        """A byte has passed."""
        self._moved_s = now.monotonic_s

    def why_over(self, now: Now) -> str:
        """Why the session is over; empty while it is not."""
        if now.monotonic_s >= self._deadline_s or now.utc_us >= self._end_us:
            return "the grant's time is over"
        if self.is_lost(now):
            return "the center does not permit it any more, or cannot be heard"
        if now.monotonic_s - self._moved_s > self._idle_s:
            return "nothing has passed for too long"
        return ""

    def is_lost(self, now: Now) -> bool:
        """Whether the other end has not been heard for too long."""
        return now.monotonic_s - self._permitted_s > self._lost_s
