"""A simulated DNP3 outstation: the points of a device with events, time stamps and outputs, without a channel.

The protocol's part is Tieline's own outstation, the one that gateways present upward with. What a master writes acts before the response
leaves, and time stamps come from a clock that the master may set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tieline import config
from tieline.config.dnp3_points import GROUPS, STATUS_GROUPS, Dnp3Row
from tieline.io import Clock
from tieline.model import ConfigError, LocalError, Now, PointKind, TielineError
from tieline.protocols.dnp3.commands import (
    AnalogCommand,
    BinaryCommand,
    Command,
    CommandStatus,
    OperateMode,
    Operation,
    TripClose,
)
from tieline.protocols.dnp3.measurements import POINT_TYPES, STATIC_VARIATIONS, Flag, PointType
from tieline.protocols.dnp3.outstation import (
    FREEZES,
    STATE_LIMITS,
    Database,
    Frozen,
    Outstation,
    OutstationSettings,
    Points,
    RestartRequested,
    TimeWritten,
)
from tieline.simulator.devices.behavior import NORMAL, Behavior
from tieline.simulator.devices.device import Column, ShowNote, WriteNote
from tieline.simulator.devices.manners import Mannered

_SOURCES = {frozen: source for source, frozen in FREEZES.items()}
_TIME_PERIOD_S = 3_600.0
_RESTART_S = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Points of one type: which, where they are, and how their values become counts."""

    kind: PointType
    points: npt.NDArray[np.intp]
    indexes: npt.NDArray[np.int64]
    scale: Column
    offset: Column
    lowest: Column
    highest: Column
    is_whole: npt.NDArray[np.bool_]

    def raw(self, values: Column) -> Column:
        """What the outstation holds; what does not fit goes to the nearest limit."""
        numbers = (values[self.points] - self.offset) / self.scale
        whole = np.clip(np.rint(np.nan_to_num(numbers)), self.lowest, self.highest)
        return np.where(self.is_whole, whole, numbers)


class Dnp3Device:
    """One DNP3 outstation of a utility folder: its values, its events, its manners."""

    def __init__(self, device: config.Dnp3Device, clock: Clock) -> None:
        self.device = device
        self.path = device.path
        self.points = device.points
        self.behavior: Behavior = NORMAL
        self.on_write: WriteNote | None = None
        self.on_show: ShowNote | None = None
        self.on_change: Callable[[], None] | None = None
        """Told when there is something that the master may want to hear unasked."""
        self._clock = clock
        self._rows = device.rows
        self._index = {point.name: number for number, point in enumerate(device.points)}
        self._places = {(row.group, row.index): number for number, row in enumerate(device.rows)}
        self._feedback = {
            number: self._places[status]
            for number, row in enumerate(device.rows)
            if (status := (STATUS_GROUPS.get(row.group, -1), row.index)) in self._places
        }
        self.feedback = frozenset(self._feedback.values())
        self._values: Column = np.zeros(len(device.rows))
        self._cleared = np.zeros(len(device.rows))
        self._flags = np.full(len(device.rows), int(Flag.ONLINE), np.uint8)
        self._groups = _plan(device)
        self.database = Database(_settings_of(device))
        settings = OutstationSettings(
            max_fragment=device.connection.max_fragment, time_period_s=_TIME_PERIOD_S, restart_delay_s=(_RESTART_S, _RESTART_S)
        )
        self.outstation = Outstation(settings, self.database, _Outputs(self), Now(clock.monotonic(), clock.now_us()))
        self.session = Mannered(self, self.outstation)
        """What a line drives."""
        self.ahead_us = 0
        """By how much the device's clock is ahead of ours: what its master wrote."""
        self._watch: _EventWatch | None = None
        self._is_published = False
        self._store(with_events=False)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def values(self) -> Column:
        """What the points stand at, in engineering units; they change with `publish` and `change`."""
        return self._values

    @property
    def is_delivered(self) -> bool:
        """Whether there is a master, and it has confirmed every event."""
        return self.session.is_heard and not len(self.outstation.buffer)

    def number(self, name: str) -> int:
        """A point's number in the device. Raises `LocalError` where there is no such point."""
        if name not in self._index:
            raise LocalError(f"{self.path} has no point {name}")
        return self._index[name]

    def row(self, number: int) -> Dnp3Row:
        """Which object a point is."""
        return self._rows[number]

    def publish(self, values: Column) -> None:
        """New values for all points, in their order, all at one time; beyond their deadbands they are events, but for the first."""
        self._values[:] = values
        self._store(with_events=self._is_published)
        self._is_published = True

    def change(self, values: Mapping[str, float]) -> None:
        """New values for some points. It costs as much as `publish`: change many at once."""
        for name, value in values.items():
            self._values[self.number(name)] = value
        self._store()

    def mark(self, names: Sequence[str], flags: Flag) -> None:
        """Gives points other flags than ONLINE, from now on."""
        self._flags[[self.number(name) for name in names]] = flags
        self._store()

    def watch(self, numbers: Sequence[int], on_read: Callable[[], None]) -> _EventWatch:
        """Looks from now on whether all events are confirmed. Raises `ConfigError` for points that have none. One watch at a time."""
        silent = {place.number for place in _places_of(self.device) if not place.event_class}
        for number in numbers:
            if number in silent:
                raise ConfigError(
                    f"{self.path}/{self._rows[number].name} has no events (class 0): nobody can tell when its values are read"
                )
        self._watch = _EventWatch(self, on_read)
        return self._watch

    def unwatch(self, watch: _EventWatch) -> None:
        """Ends a watch; harmless for one that another has replaced."""
        if self._watch is watch:
            self._watch = None

    # A line's side

    def on_activity(self, now: Now) -> None:
        """Something happened on the line."""
        for event in self.outstation.events():
            match event:
                case TimeWritten():
                    since_us = int((now.monotonic_s - event.monotonic_s) * 1e6)
                    self.ahead_us = event.utc_us + since_us - self._clock.now_us()
                case RestartRequested():
                    self.session.restart_at(now.monotonic_s + _RESTART_S)
                case Frozen(kind=PointType.COUNTER, is_cleared=True):
                    self._clear(event.index)
                case _:
                    pass
        self._look()

    def on_channel(self, reason: str | None) -> None:  # noqa: ARG002 - whether the master is there, its fragments say
        """A channel came or went."""
        self._look()

    # The outputs

    def command(self, number: int, value: float) -> None:
        """Does what a master has asked an output to do; what reports the same output shows it at once."""
        self._values[number] = value
        if number in self._feedback:
            self._values[self._feedback[number]] = value
        if self.on_write is not None:
            self.on_write(number, value)
        self._store()

    def find_output(self, group: int, index: int) -> int | None:
        """The number of the point that is this output."""
        return self._places.get((group, index))

    def _store(self, *, with_events: bool = True) -> None:
        now_us = self._clock.now_us() + self.ahead_us
        counted = self._values - self._cleared
        made = 0
        for group in self._groups:
            flags = self._flags[group.points]
            made += self.database.update(group.kind, group.indexes, group.raw(counted), flags, now_us, with_events=with_events)
        if self.on_show is not None:
            self.on_show(now_us)
        if made and self.on_change is not None:
            self.on_change()

    def _clear(self, indexes: npt.NDArray[np.uint32]) -> None:
        for group in self._groups:
            if group.kind is PointType.COUNTER:
                points = group.points[np.isin(group.indexes, indexes)]
                self._cleared[points] = self._values[points]

    def _look(self) -> None:
        if self._watch is not None and self.is_delivered:
            self._watch.on_read()


class _EventWatch:
    """Whether the master has everything."""

    def __init__(self, device: Dnp3Device, on_read: Callable[[], None]) -> None:
        self._device = device
        self.on_read = on_read

    @property
    def is_read(self) -> bool:
        """Whether there is a master, and it has confirmed every event."""
        return self._device.is_delivered

    def renew(self) -> None:
        """Nothing to do: what is new has not been confirmed."""

    def end(self) -> None:
        """Looks no longer."""
        self._device.unwatch(self)


class _Outputs:
    """Takes the commands of masters."""

    def __init__(self, device: Dnp3Device) -> None:
        self._device = device

    def select(self, index: int, command: Command) -> CommandStatus:
        """Whether the command could be carried out."""
        if self._device.behavior.manner == "refusing":
            return CommandStatus.LOCAL
        found = self._find(index, command)
        return found if isinstance(found, CommandStatus) else CommandStatus.SUCCESS

    def operate(self, index: int, command: Command, mode: OperateMode) -> CommandStatus:  # noqa: ARG002 - all alike
        """Carries it out."""
        if self._device.behavior.manner == "refusing":
            return CommandStatus.LOCAL
        found = self._find(index, command)
        if isinstance(found, CommandStatus):
            return found
        number, value = found
        try:
            if not isinstance(command, BinaryCommand) or command.count:  # 0 times is not at all (annex A.8.1)
                self._device.command(number, value)
        except TielineError:
            return CommandStatus.HARDWARE_ERROR
        return CommandStatus.SUCCESS

    def write_string(self, index: int, value: bytes) -> bool:  # noqa: ARG002
        """There are no octet strings."""
        return False

    def _find(self, index: int, command: Command) -> tuple[int, float] | CommandStatus:
        """The output that is meant and the value that it gets, or why there is none."""
        number = self._device.find_output(12 if isinstance(command, BinaryCommand) else 41, index)
        if number is None:
            return CommandStatus.NOT_SUPPORTED
        row = self._device.row(number)
        if isinstance(command, AnalogCommand):
            value = command.value * row.scale + row.offset
            is_beyond = (row.low is not None and value < row.low) or (row.high is not None and value > row.high)
            return CommandStatus.OUT_OF_RANGE if is_beyond else (number, value)
        state = _OPERATIONS[row.operation].get((command.operation, command.trip_close))
        return CommandStatus.NOT_SUPPORTED if state is None else (number, state)


_OPERATIONS: Mapping[str, Mapping[tuple[Operation, TripClose], float]] = {
    "latch": {(Operation.LATCH_ON, TripClose.NUL): 1.0, (Operation.LATCH_OFF, TripClose.NUL): 0.0},
    "trip_close": {(Operation.PULSE_ON, TripClose.CLOSE): 1.0, (Operation.PULSE_ON, TripClose.TRIP): 0.0},
    "pulse": {(Operation.PULSE_ON, TripClose.NUL): 1.0},
}
"""What the outputs of a device take: the control model that the point list names, and no other."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A point that the outstation reports: its number in the device, its row, and as what it is reported."""

    number: int
    row: Dnp3Row
    kind: PointType

    @property
    def source(self) -> PointType:
        """Where its values go: those of a frozen point to what is frozen."""
        return _SOURCES.get(self.kind, self.kind)

    @property
    def is_frozen(self) -> bool:
        return self.kind in _SOURCES

    @property
    def event_class(self) -> int:
        return GROUPS[self.kind.static].event_class if self.row.event_class is None else self.row.event_class

    @property
    def variation(self) -> int:
        """Of its present value; that of a command's row is the command's."""
        return 0 if GROUPS[self.row.group].is_written else self.row.variation


def _places_of(device: config.Dnp3Device) -> list[_Place]:
    """The points of the list, and the status of outputs that have no row of their own for it."""
    own = {(row.group, row.index) for row in device.rows}
    places = []
    for number, row in enumerate(device.rows):
        group = STATUS_GROUPS.get(row.group, row.group)
        if group == row.group or (group, row.index) not in own:
            places.append(_Place(number, row, POINT_TYPES[group][0]))
    return places


def _settings_of(device: config.Dnp3Device) -> dict[PointType, Points]:
    """The outstation's points: those of the list, and what its frozen points are frozen from."""
    columns: dict[PointType, list[tuple[int, int, int, int, float]]] = {}
    for place in _places_of(device):
        row, deadband = place.row, 0.0
        if row.kind in {PointKind.ANALOG, PointKind.COUNTER} and not place.is_frozen:
            deadband = round(device.points[place.number].reporting.deadband / abs(row.scale), 9)
        column = row.index, place.event_class, place.variation, row.event_variation, deadband
        columns.setdefault(place.kind, []).append(column)
    for frozen, source in _SOURCES.items():
        there = {index for index, *_ in columns.get(source, ())}
        missing = [index for index, *_ in columns.get(frozen, ()) if index not in there]
        if missing:
            columns.setdefault(source, []).extend((index, 0, 0, 0, 0.0) for index in missing)
    settings = {}
    for kind, rows in columns.items():
        index, event_class, variation, event_variation, deadbands = zip(*rows, strict=True)
        settings[kind] = Points(
            index=index,
            event_class=event_class,
            static_variation=variation,
            event_variation=event_variation,
            deadband=deadbands,
        )
    return settings


def _plan(device: config.Dnp3Device) -> list[_Group]:
    placed: dict[tuple[PointType, int], _Place] = {}
    for place in _places_of(device):
        target = place.source, place.row.index
        # What is measured goes before what is frozen of it, wherever it stands in the list.
        if target not in placed or not place.is_frozen:
            placed[target] = place
    groups = []
    for kind in dict.fromkeys(kind for kind, _ in placed):
        places = [place for (other, _), place in placed.items() if other is kind]
        numbers, rows = [place.number for place in places], [place.row for place in places]
        spans = [_span(kind, place) for place in places]
        groups.append(
            _Group(
                kind=kind,
                points=np.array(numbers, np.intp),
                indexes=np.array([row.index for row in rows], np.int64),
                scale=np.array([row.scale for row in rows], np.float64),
                offset=np.array([row.offset for row in rows], np.float64),
                lowest=np.array([span[0] if span else -np.inf for span in spans]),
                highest=np.array([span[1] if span else np.inf for span in spans]),
                is_whole=np.array([span is not None for span in spans], np.bool_),
            )
        )
    return groups


def _span(kind: PointType, place: _Place) -> tuple[float, float] | None:
    """The lowest and highest count that a point holds; None for floating point."""
    if kind in STATE_LIMITS:
        return 0.0, float(STATE_LIMITS[kind])
    variation = (0 if place.is_frozen else place.variation) or STATIC_VARIATIONS[kind][0]
    return GROUPS[kind.static].spans.get(variation)
