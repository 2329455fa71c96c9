"""What a master does on its own account with one outstation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from tieline.model import LocalError
from tieline.protocols.dnp3.measurements import PointType
from tieline.protocols.dnp3.transport import MOST_FRAGMENT

DeadbandVariation = Literal[1, 2, 3]
"""Of group 34: 1 is 16 bits, 2 is 32 bits, 3 a floating-point number."""

EVENT_CLASSES = frozenset({1, 2, 3})


class TimeSynchronization(Enum):
    """How the outstation's clock is set when it asks for it with IIN1.4 (clause 10.3)."""

    LAN = "LAN"
    """RECORD_CURRENT_TIME, then the time at which that was sent (g50v3)."""
    NON_LAN = "non-LAN"
    """DELAY_MEASURE, then the time corrected by the delay (g50v1); on serial lines."""
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAssignment:
    """Points of one type that shall report in one class; without indexes all of them."""

    point_class: int
    """0 to 3; 0 means no events."""
    kind: PointType
    ranges: tuple[tuple[int, int], ...] = ()
    """First and last index, both included."""

    def __post_init__(self) -> None:
        _check(0 <= self.point_class <= 3, f"a class is 0 to 3, not {self.point_class}")
        _check(bool(self.kind.static), f"{self.kind.name} has no present values that a class could be assigned to")
        for start, stop in self.ranges:
            _check(0 <= start <= stop <= 0xFFFF, f"a range is 0 to 65535, not {start} to {stop}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPoll:
    """A read of events at a period."""

    classes: frozenset[int] = EVENT_CLASSES
    period_s: float

    def __post_init__(self) -> None:
        check_classes(self.classes)
        _check(bool(self.classes) and self.period_s > 0, "an event poll has classes and a period above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezePlan:
    """All counters are frozen at a period, and the frozen ones read."""

    period_s: float
    clear: bool = False
    """Begin to count from 0 again; then a lost answer is not repeated."""

    def __post_init__(self) -> None:
        _check(self.period_s > 0, "a freeze has a period above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterSettings:
    """One association's settings. Raises `LocalError` for values that make no sense."""

    timeout_s: float = 5.0
    """For each fragment of a response."""
    retries: int = 1
    """Repetitions of requests that do no harm when they arrive twice; all others are never repeated."""
    longest_response_s: float = 600.0
    """For a whole response of many fragments."""
    most_fragments: int = 1_000
    """Of one response."""
    first_backoff_s: float = 1.0
    longest_backoff_s: float = 60.0
    """An outstation that does not answer, or asks for the same thing ever again, is served at intervals that double, from the first to
    the longest."""
    command_lifetime_s: float = 10.0
    """A command that could not be sent within this is not sent at all."""
    request_lifetime_s: float = 300.0
    """The same for other requests of the application."""
    disable_unsolicited_at_start: bool = True
    unsolicited_classes: frozenset[int] = EVENT_CLASSES
    """Enabled once the start-up integrity poll is done; none: left disabled."""
    time_synchronization: TimeSynchronization = TimeSynchronization.LAN
    integrity_period_s: float = 0.0
    """0: only at start, after a restart and after an overflow."""
    integrity_on_restart: bool = True
    integrity_on_overflow: bool = True
    event_polls: tuple[EventPoll, ...] = ()
    scan_on_iin: frozenset[int] = EVENT_CLASSES
    """Classes that are read, together, when IIN1.1 to 1.3 say that one has events, unless unsolicited responses bring them."""
    freeze: FreezePlan | None = None
    class_assignments: tuple[ClassAssignment, ...] = ()
    deadbands: tuple[tuple[int, float], ...] = ()
    """Index of an analog input and its deadband (group 34)."""
    deadband_variation: DeadbandVariation = 3
    holds_confirmations: bool = False
    """Confirmations of what brings values wait until the application releases them, `timeout_s` at the most."""
    max_fragment: int = MOST_FRAGMENT
    """Octets of a fragment that are accepted."""
    max_request: int = MOST_FRAGMENT - 2
    """Octets of a request; two less than the outstation takes, so that an echo with indications fits too."""

    def __post_init__(self) -> None:
        for name in _ABOVE_ZERO:
            _check(getattr(self, name) > 0, f"{name} is above 0")
        _check(self.longest_backoff_s >= self.first_backoff_s, "longest_backoff_s is not below first_backoff_s")
        _check(self.integrity_period_s >= 0, "integrity_period_s is not below 0")
        _check(self.retries >= 0, "retries is not below 0")
        _check(self.most_fragments >= 1, "most_fragments is above 0")
        _check(249 <= self.max_fragment <= 65_535, "max_fragment is 249 to 65535")
        _check(100 <= self.max_request <= 65_535, "max_request is 100 to 65535")
        check_classes(self.unsolicited_classes)
        check_classes(self.scan_on_iin)
        check_deadbands(self.deadbands, self.deadband_variation)


_ABOVE_ZERO = ("timeout_s", "longest_response_s", "first_backoff_s", "command_lifetime_s", "request_lifetime_s")


def check_deadbands(deadbands: Sequence[tuple[int, float]], variation: DeadbandVariation) -> None:
    """Raises `LocalError` for an index that does not exist, or a deadband that its variation cannot hold."""
    limit = _HIGHEST_DEADBAND[variation]
    for index, deadband in deadbands:
        _check(0 <= index <= 0xFFFF, f"an index is 0 to 65535, not {index}")
        _check(0 <= deadband <= limit, f"g34v{variation} cannot hold a deadband of {deadband}")


_HIGHEST_DEADBAND = {1: float(0xFFFF), 2: float(0xFFFFFFFF), 3: 3.4028234663852886e38}


def check_classes(classes: frozenset[int]) -> None:
    """Raises `LocalError` unless these are event classes."""
    _check(classes <= EVENT_CLASSES, f"event classes are 1 to 3, not {sorted(classes)}")


def _check(is_right: bool, message: str) -> None:
    if not is_right:
        raise LocalError(message)
