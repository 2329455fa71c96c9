"""Whether a function can work: what blocks it at the moment, and what has locked it out until somebody resets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieline.edge.automation.function import Notice, Read
from tieline.edge.automation.functions.inputs import is_on
from tieline.edge.automation.functions.timing import Delay
from tieline.model import Now, Point, Severity

_SAID_AFTER_S = 2.0
"""A block that is over sooner, such as that of a breaker on its way, is no event."""


class Standing:
    """A block passes by itself; a lockout survives restarts and ends with a reset. Each is said once, a block when it lasts."""

    def __init__(self, name: str, *, block: Point | None = None, reset: Point | None = None) -> None:
        """`block` and `reset` are inputs: while the one is on, or not certain, the function is blocked; the other releases as it rises."""
        self._name = name
        self._block = block
        self._reset = reset
        self._reset_was: bool | None = None
        self._is_asked = False
        self.was_reset = False
        """Somebody has reset it with this scan."""
        self._lasting = Delay()
        self._is_said = False
        self._notices: list[Notice] = []
        self.blocked = ""
        """Why; empty where it is not."""
        self.lockout = ""
        """Why; empty where it is not."""

    def read(self, read: Read) -> str:
        """Looks at the two inputs; gives why the block input blocks, or nothing."""
        state = is_on(read, self._reset)
        self.was_reset = self._is_asked or (state is True and self._reset_was is False)
        self._is_asked = False
        self._reset_was = self._reset_was if state is None else state
        if self.was_reset:
            self._release()
        if self._block is None:
            return ""
        blocks = is_on(read, self._block)
        where = f"{self._block.device}/{self._block.name}"
        return f"{where} blocks" if blocks else f"{where} is not certain" if blocks is None else ""

    def ask_for_reset(self) -> None:
        """The next scan releases the lockout."""
        self._is_asked = True

    def set_block(self, now: Now, reason: str) -> None:
        """The function is blocked for that reason from now on, or, with none, no longer."""
        if self._lasting.held_s(now, holds=bool(reason)) >= _SAID_AFTER_S and not self._is_said:
            self._is_said = True
            self.say("function_blocked", f"blocked: {reason}", Severity.WARNING)
        elif self._is_said and not reason:
            self._is_said = False
            self.say("function_released", "no longer blocked")
        self.blocked = reason

    def lock_out(self, reason: str) -> None:
        """The function rests until somebody resets it."""
        if not self.lockout:
            self.lockout = reason
            self.say("function_locked_out", f"locked out: {reason}", Severity.ERROR)

    def _release(self) -> None:
        if self.lockout:
            self.lockout = ""
            self.say("function_lockout_reset", "lockout reset")

    def say(self, kind: str, text: str, severity: Severity = Severity.INFO) -> None:
        """One line for people, with the name of the function before it."""
        self._notices.append(Notice(kind=kind, text=f"{self._name}: {text}", severity=severity))

    def take_notices(self) -> tuple[Notice, ...]:
        """What was said since the last time."""
        said = tuple(self._notices)
        self._notices.clear()
        return said

    def remember(self) -> dict[str, Any]:
        """The lockout."""
        return {"lockout": self.lockout}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Takes what `remember` gave."""
        lockout = state.get("lockout")
        if isinstance(lockout, str):
            self.lockout = lockout
