"""One breaker that is opened to shed a load, and closed again."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from tieline.config.automation_functions.references import Breaker
from tieline.edge.automation.function import Answer, Read, Request
from tieline.edge.automation.functions.inputs import Position, position
from tieline.edge.automation.functions.standing import Standing
from tieline.model import Now, Result, Severity

_MOST_TRIES = 2


class Phase(Enum):
    """What this function is doing with the breaker."""

    IDLE = "idle"
    OPENING = "opening"
    CLOSING = "closing"


class ShedLoad:
    """Where the breaker is, what is asked of it, and whether it was this function that opened it."""

    def __init__(self, breaker: Breaker, standing: Standing, *, timeout_s: float) -> None:
        self.breaker = breaker
        self._standing = standing
        self._timeout_s = timeout_s
        self._request: Request | None = None
        self._since = 0.0
        self._tries = 0
        self._was_closed = False
        self._reason = ""
        self.position = Position.UNKNOWN
        self.phase = Phase.IDLE
        self.is_to_reopen = False
        """It was shed again while a command to close it was under way."""
        self.is_ours = False
        """It was seen closed, opened by this function, and not closed since."""

    @property
    def key(self) -> str:
        """Its name in what is remembered."""
        return f"{self.breaker.control.device}/{self.breaker.control.name}"

    def open(self, now: Now, reason: str) -> Request | None:
        """Asks it to open; nothing where it is seen open. One that is being closed is opened as soon as that has ended."""
        if self.phase is Phase.CLOSING:
            self.is_to_reopen, self._reason = True, reason
            return None
        if self.position is Position.OPEN or self.phase is Phase.OPENING:
            return None
        self._was_closed = self.position is Position.CLOSED
        self._tries, self._reason, self.phase = 1, reason, Phase.OPENING
        return self._ask(now, 0.0)

    def close(self, now: Now, reason: str) -> Request | None:
        """Asks it to close: only what this function has opened, and what is seen open."""
        if not self.is_ours or self.position is not Position.OPEN or self.phase is not Phase.IDLE:
            return None
        self._reason, self.phase = reason, Phase.CLOSING
        return self._ask(now, 1.0)

    def follow(self, now: Now, read: Read, answers: Sequence[Answer], *, may_act: bool) -> Request | None:
        """Sees where it is and what became of what was asked. Opening is tried twice, closing once."""
        self.position = position(read, self.breaker.position)
        result = next((answer.outcome.result for answer in answers if answer.request is self._request), None)
        has_failed = result in {Result.REFUSED, Result.FAILED} or now.monotonic_s - self._since > self._timeout_s
        match self.phase:
            case Phase.OPENING if self.position is Position.OPEN:
                self._end()
                self.is_ours = self.is_ours or self._was_closed
                self._standing.say("load_shed", f"opened {self.breaker.title}: {self._reason}", Severity.WARNING)
            case Phase.OPENING if has_failed:
                return self._open_again(now, may_act=may_act)
            case Phase.CLOSING if self.position is Position.CLOSED:
                self._end()
                self.is_ours = False
                self._standing.say("load_restored", f"closed {self.breaker.title}")
                return self._reopen(now, may_act=may_act)
            case Phase.CLOSING if has_failed:
                self._end()
                self.is_ours = False
                text = f"{self.breaker.title} was not seen to close; it is left to people"
                self._standing.say("breaker_failed_to_close", text, Severity.ERROR)
                return self._reopen(now, may_act=may_act)
            case Phase.IDLE if self.is_ours and self.position is Position.CLOSED:
                self.is_ours = False
                self._standing.say("load_restored", f"{self.breaker.title} was closed by somebody else")
        return None

    def _reopen(self, now: Now, *, may_act: bool) -> Request | None:
        wanted, self.is_to_reopen = self.is_to_reopen and may_act, False
        return self.open(now, self._reason) if wanted else None

    def _open_again(self, now: Now, *, may_act: bool) -> Request | None:
        if self._tries < _MOST_TRIES and may_act:
            self._tries += 1
            return self._ask(now, 0.0)
        self._end()
        self._standing.say("breaker_failed_to_open", f"{self.breaker.title} was not seen to open", Severity.ERROR)
        return None

    def _ask(self, now: Now, value: float) -> Request:
        self._since = now.monotonic_s
        self._request = Request(point=self.breaker.control, value=value, reason=self._reason)
        return self._request

    def _end(self) -> None:
        self.phase, self._request = Phase.IDLE, None
