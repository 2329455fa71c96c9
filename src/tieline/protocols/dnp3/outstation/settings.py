"""How one association of an outstation is set, and what it tells its application."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tieline.model import LocalError
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.transport import MOST_FRAGMENT

LEAST_FRAGMENT = 249
"""Octets that every station takes (clause 4.2.2.1: one link frame)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutstationSettings:
    """Raises `LocalError` for a setting that cannot be."""

    max_fragment: int = MOST_FRAGMENT
    """Octets of a response; 249 to 65535."""
    event_capacity: tuple[int, int, int] = (10_000, 10_000, 10_000)
    """How many events of classes 1, 2 and 3 are kept for the master."""
    select_timeout_s: float = 10.0
    confirm_timeout_s: float = 5.0
    max_controls: int = 64
    """Commands that one request may hold; those beyond are answered TOO_MANY_OBJECTS."""
    unsolicited_allowed: bool = True
    """Off: no start-up response, and the functions that enable it are unknown (clause 5.1.1)."""
    unsolicited_retries: int | None = None
    """How often an unconfirmed unsolicited response is repeated octet for octet; None until it is confirmed, because
    a master knows a repetition by that, and what is sent anew it may take twice."""
    unsolicited_retry_s: float = 5.0
    """From a confirmation's timeout to the repetition; doubles each time."""
    unsolicited_retry_most_s: float = 60.0
    unsolicited_hold_s: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """How long events of classes 1, 2 and 3 wait for company."""
    unsolicited_max_events: tuple[int, int, int] = (100, 100, 100)
    """With so many events of a class nothing is held any longer."""
    time_period_s: float | None = None
    """How often the master is asked for the time, at start first; None where the clock comes from elsewhere."""
    restart_delay_s: tuple[int, int] = (10, 5)
    """After how long the outstation is back from a cold and a warm restart, as the master is told."""
    restart_allowed: bool = True
    accept_broadcast: bool = True
    max_open_files: int = 2
    file_timeout_s: float = 60.0
    """After how long without a request an open file is closed."""

    def __post_init__(self) -> None:
        if not LEAST_FRAGMENT <= self.max_fragment <= 0xFFFF:
            raise LocalError(f"a fragment has {LEAST_FRAGMENT} to 65535 octets at the most, not {self.max_fragment}")
        if (
            min(self.event_capacity) < 1
            or min(self.unsolicited_max_events) < 1
            or self.max_controls < 1
            or self.max_open_files < 0
        ):
            raise LocalError("each class of events has room for one at least, and a request for one command")
        timeouts = (self.select_timeout_s, self.confirm_timeout_s, self.unsolicited_retry_s, self.file_timeout_s)
        if not all(timeout > 0 for timeout in timeouts) or not (self.time_period_s is None or self.time_period_s > 0):
            raise LocalError("a timeout is longer than nothing")
        holds = self.unsolicited_hold_s
        if not (self.unsolicited_retry_most_s >= self.unsolicited_retry_s and all(hold >= 0 for hold in holds)):
            raise LocalError("the longest time between repetitions is not below the first, and no time is negative")
        if self.unsolicited_retries is not None and self.unsolicited_retries < 0:
            raise LocalError("repetitions are not negative")
        if not all(0 <= delay <= 0xFFFF for delay in self.restart_delay_s):
            raise LocalError("a restart takes 0 to 65535 s")


@dataclass(frozen=True, slots=True)
class TimeWritten:
    """The master set the clock: at `monotonic_s` it was `utc_us`."""

    utc_us: int
    monotonic_s: float


@dataclass(frozen=True, slots=True)
class RestartRequested:
    """The master wants the device restarted; once that is done, say `restart`."""

    is_cold: bool


@dataclass(frozen=True, slots=True)
class RestartCleared:
    """The master has seen that the outstation restarted."""


@dataclass(frozen=True, slots=True, eq=False)
class Frozen:
    """The master froze counters or analog inputs."""

    kind: PointType
    index: npt.NDArray[np.uint32]
    is_cleared: bool
    """Counters now begin at 0: whoever counts must do so too."""


@dataclass(frozen=True, slots=True, eq=False)
class DeadbandsWritten:
    """The master wrote deadbands of analog inputs; the database has them already."""

    index: npt.NDArray[np.uint32]
    deadband: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ClassAssigned:
    """The master put points into an event class; the database knows it already."""

    kind: PointType
    index: npt.NDArray[np.uint32]
    event_class: int


@dataclass(frozen=True, slots=True)
class UnsolicitedChanged:
    """The master enabled or disabled unsolicited responses; these classes are enabled now."""

    classes: frozenset[int]


OutstationEvent = TimeWritten | RestartRequested | RestartCleared | Frozen | DeadbandsWritten | ClassAssigned | UnsolicitedChanged
