"""A DNP3 outstation with manners: between the line and the session stands how the device behaves at the moment.

The link layer always answers, as it does in a device whose application hangs: only `gone` takes the channel away.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from tieline.model import Now
from tieline.protocols.dnp3.application import IIN, Control, Function, encode_fragment
from tieline.protocols.dnp3.line import Outgoing
from tieline.protocols.dnp3.outstation import Outstation
from tieline.simulator.devices.behavior import Behavior

_COMMANDS = {Function.SELECT, Function.OPERATE, Function.DIRECT_OPERATE, Function.DIRECT_OPERATE_NO_RESPONSE}
_REFUSED = IIN.NO_FUNCTION_CODE_SUPPORT | IIN.DEVICE_TROUBLE
_NO_RESPONSE = {
    Function.IMMEDIATE_FREEZE_NO_RESPONSE,
    Function.FREEZE_CLEAR_NO_RESPONSE,
    Function.FREEZE_AT_TIME_NO_RESPONSE,
    Function.AUTHENTICATION_REQUEST_NO_RESPONSE,
}


class _Behaving(Protocol):
    behavior: Behavior

    @property
    def ahead_us(self) -> int: ...


class Mannered:
    """A session that hears and answers as the device behaves, and that goes by the device's clock.

    `silent` hears and says nothing; `slow` says everything `delay_s` later; `refusing` answers every request that is no command with
    IIN2.0 and IIN1.6, and leaves commands to the session, whose outputs refuse them by status.
    """

    def __init__(self, device: _Behaving, session: Outstation) -> None:
        self._device = device
        self._session = session
        self._late: deque[tuple[float, Outgoing]] = deque()
        self._ready: list[Outgoing] = []
        self._restart_at: float | None = None
        self.is_heard = False
        """Whether the master has said something since the channel is there."""

    def restart_at(self, monotonic_s: float) -> None:
        """The device is back from a restart then."""
        self._restart_at = monotonic_s

    @property
    def is_busy(self) -> bool:
        """Whether it waits for a response."""
        return self._session.is_busy

    def link_up(self, now: Now) -> None:
        """The channel was opened."""
        self._session.link_up(self._own(now))

    def link_down(self, now: Now) -> None:
        """The channel was closed: what was on its way is lost."""
        self._late.clear()
        self._ready.clear()
        self.is_heard = False
        self._session.link_down(self._own(now))

    def receive(self, fragment: bytes, now: Now, *, broadcast: int | None = None) -> None:
        """A fragment from the master."""
        manner = self._device.behavior.manner
        if manner in {"silent", "gone"}:
            return
        self.is_heard = True
        function = fragment[1] if len(fragment) > 1 else Function.CONFIRM
        if manner == "refusing" and function not in _COMMANDS and function != Function.CONFIRM:
            if broadcast is None and function not in _NO_RESPONSE:
                control = Control(sequence=Control.of(fragment[0]).sequence)
                self._ready.append(Outgoing(encode_fragment(control, Function.RESPONSE, (), _REFUSED)))
            return
        self._session.receive(fragment, self._own(now), broadcast=broadcast)

    def tick(self, now: Now) -> None:
        """Time passed."""
        while self._late and self._late[0][0] <= now.monotonic_s:
            self._ready.append(self._late.popleft()[1])
        if self._restart_at is not None and now.monotonic_s >= self._restart_at:
            self._restart_at = None
            self._session.restart(self._own(now))
        self._session.tick(self._own(now))

    def next_deadline(self) -> float | None:
        """When `tick` has something to do."""
        deadlines = [self._session.next_deadline(), self._restart_at, self._late[0][0] if self._late else None]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def take(self, now: Now, *, may_begin: bool = True) -> list[Outgoing]:
        """What is to be sent now."""
        behavior = self._device.behavior
        if behavior.manner in {"silent", "gone"}:
            self._ready.clear()
            return []
        ready, self._ready = self._ready, []
        said = self._session.take(self._own(now), may_begin=may_begin and behavior.manner != "refusing")
        if behavior.manner == "slow" or self._late:
            self._late.extend((now.monotonic_s + behavior.delay_s, one) for one in said)
            return ready
        return ready + said

    def _own(self, now: Now) -> Now:
        return Now(now.monotonic_s, now.utc_us + self._device.ahead_us)
