"""What the edge needs from every protocol's driver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from tieline.config import Device
from tieline.model import PointId, UnavailableError

Settle = Callable[[], Awaitable[None]]
"""Returns when everything handed over so far is on the site's disk; raises `UnavailableError` where some of it had to be given up."""


async def at_once() -> None:
    """A `Settle` for those who keep nothing on a disk."""


class UnconfirmedError(UnavailableError):
    """The request left but its answer was lost: the device may or may not have acted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverHealth:
    """How a device is doing; counts since the driver was made."""

    is_up: bool
    """The device answered the last time it was asked."""
    requests: int = 0
    exceptions: int = 0
    """Answers that said no."""
    timeouts: int = 0
    """Requests without an answer, connections that failed or broke."""
    malformed: int = 0
    """Answers that made no sense."""
    overruns: int = 0
    """Poll cycles that did not happen because the one before took too long."""
    cycle_share: float | None = None
    """How long a poll cycle takes of its period: the last one of the poll group that is worst; None where nothing was polled yet."""

    @property
    def errors(self) -> int:
        """Requests that brought no values, whatever the reason."""
        return self.exceptions + self.timeouts + self.malformed


class Driver(Protocol):
    """One device. Made with the `Device`, a `Clock`, and where samples and events go; both calls are synchronous and never block."""

    @property
    def device(self) -> Device:
        """The device it drives."""
        ...

    @property
    def health(self) -> DriverHealth:
        """A snapshot."""
        ...

    async def run(self) -> None:
        """Acquires until cancelled; whatever the device or the network does becomes quality and events, never an error."""
        ...

    async def write(self, point: PointId, value: float) -> None:
        """Makes the device take the value and returns when it has confirmed.

        Raises `RefusedError` where the value or point is not writable, `RemoteError` where the device said no or nonsense,
        `UnavailableError` where it was not asked, and `UnconfirmedError` where nobody knows.
        """
        ...
