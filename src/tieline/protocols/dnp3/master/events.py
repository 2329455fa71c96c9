"""What a master tells the application."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.protocols.dnp3.application import IIN
from tieline.protocols.dnp3.errors import FragmentError
from tieline.protocols.dnp3.master.tasks import Rank, Result
from tieline.protocols.dnp3.measurements import Measurements


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Values of one fragment, in its order; common times of occurrence are worked in."""

    measurements: tuple[Measurements, ...]
    is_unsolicited: bool
    received_us: int
    """When the fragment was there, microseconds UTC of our own clock."""
    iin: IIN


@dataclass(frozen=True, slots=True)
class IinChanged:
    """Indications that last differ from those before: the time is needed, local control, trouble, restart, overflow, configuration."""

    iin: IIN


@dataclass(frozen=True, slots=True)
class Restarted:
    """The outstation says that it has restarted (IIN1.7); the start-up sequence follows."""


@dataclass(frozen=True, slots=True)
class BufferOverflowed:
    """The outstation has lost events (IIN2.3)."""


@dataclass(frozen=True, slots=True)
class StartedUp:
    """The integrity poll of the start-up sequence is done: there is a value of every point."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The outstation is there."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The outstation is no longer there: it does not answer, or the link is lost."""

    why: str


@dataclass(frozen=True, slots=True, eq=False)
class TaskDone:
    """A request of the application has ended; there is exactly one for each."""

    request: int
    result: Result


@dataclass(frozen=True, slots=True, eq=False)
class DutyRefused:
    """The outstation refuses something the settings ask for; it is left out until the next restart or link."""

    duty: Rank
    result: Result


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A fragment, or a part of one, that makes no sense to us; the rest was read."""

    what: str
    fault: FragmentError | None = None


MasterEvent = (
    Measured | IinChanged | Restarted | BufferOverflowed | StartedUp | Answers | Unanswered | TaskDone | DutyRefused | Unreadable
)
