"""A simulated IED: the points of a device in an MMS server made from its SCL file, with reports, controls and interlocking.

What the field shows is put into the server by a thread of the device, one column after another, and only what moved beyond its deadband:
`t` is the time of the change, and all changes of a column are one entry of a report. Commands come in threads of the clients and
act on the event loop, where the plant is; a switch that the plant moves ends its command when it has arrived.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import structlog
from open61850.server.control import (
    ADD_CAUSE_BLOCKED_BY_INTERLOCKING,
    ADD_CAUSE_BLOCKED_BY_PROCESS,
    ADD_CAUSE_BLOCKED_BY_SWITCHING_HIERARCHY,
    ADD_CAUSE_BLOCKED_BY_SYNCHROCHECK,
    ADD_CAUSE_INCONSISTENT_PARAMETERS,
    ADD_CAUSE_POSITION_REACHED,
    ADD_CAUSE_TIME_LIMIT_OVER,
    IN_EXECUTION,
    Command,
)
from open61850.server.model import Node

from tieline import config
from tieline.io import Clock
from tieline.model import ConfigError, LocalError, PointKind, Quality, TielineError
from tieline.protocols.iec61850.scl import data_model
from tieline.simulator.devices.behavior import NORMAL, Behavior
from tieline.simulator.devices.device import Column, ShowNote, WriteNote
from tieline.simulator.devices.iec61850.attributes import Attribute, decode_number, encode_quality, find_attribute
from tieline.simulator.devices.iec61850.data import server_data, time_stamp
from tieline.simulator.devices.iec61850.server import Server
from tieline.simulator.devices.iec61850.switches import CLOSED, OPEN, Switch, Switches
from tieline.simulator.devices.iec61850.wire import Wire

log = structlog.get_logger(__name__)

_MOST_WAITING = 1_000
_ACTS_WITHIN_S = 5.0
_OPERATES_WITHIN_S = 10.0
_ENDS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """What the field showed at one time."""

    values: Column
    qualities: npt.NDArray[np.uint16]
    time_us: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """A command on its way: which point has to reach what until when."""

    number: int
    target: float
    until_s: float


class Iec61850Device:
    """One IED of a utility folder: its values, its server, its manners."""

    def __init__(self, device: config.Iec61850Device, clock: Clock) -> None:
        self.device = device
        self.path = device.path
        self.points = device.points
        self.behavior: Behavior = NORMAL
        self.on_write: WriteNote | None = None
        self.on_show: ShowNote | None = None
        self.listeners: list[Callable[[frozenset[Node]], None]] = []
        """Told, in the device's thread, which attributes have just changed."""
        self._clock = clock
        self._described = device.described
        self._index = {point.name: number for number, point in enumerate(device.points)}
        self._switches = Switches(device.scl, device.described)
        self.data = server_data(device.scl, device.ied)
        """What clients read. `data.lock` keeps them out."""
        self._attributes = self._find_attributes()
        self._settings = {
            attribute.leaf: number
            for number, attribute in enumerate(self._attributes)
            if attribute is not None and device.points[number].kind.is_writable
        }
        self._commands = {point.reference: number for number, point in enumerate(device.described) if point.fc == "CO"}
        self._status = {
            number: status
            for number, point in enumerate(device.described)
            if point.fc == "CO" and (status := self._find_status(point.reference)) is not None
        }
        self._followers = self._find_followers()
        resting = _resting(device)
        self.feedback = frozenset(self._followers) | self._switches.derived | frozenset(resting)
        self._scale = np.array([row.scale for row in device.rows], np.float64)
        self._offset = np.array([row.offset for row in device.rows], np.float64)
        measured = [point.kind in {PointKind.ANALOG, PointKind.COUNTER} for point in device.points]
        deadbands = [point.reporting.deadband for point in device.points]
        self._deadband = np.where(measured, np.array(deadbands, np.float64), 0.0)
        self._is_served = np.array([attribute is not None for attribute in self._attributes], np.bool_)
        self._values: Column = np.zeros(len(device.rows))
        self._qualities = np.zeros(len(device.rows), np.uint16)
        for switch in self._switches:
            for number in switch.positions:
                self._values[number] = OPEN if switch.is_earthing else CLOSED
        for number, value in resting.items():
            self._values[number] = value
        self._switches.interlock(self._values)
        self._blocked: dict[int, int] = {}
        self._watch: _ReportWatch | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None
        # Of the device's thread, but for what the condition guards.
        self._shown_values: Column = np.full(len(device.rows), np.nan)
        self._shown_qualities = np.zeros(len(device.rows), np.uint16)
        self._is_shown = False
        self._changed = threading.Condition()
        self._waiting: deque[_Shown] = deque(maxlen=_MOST_WAITING)
        self._offered = self._applied = 0
        self._is_closing = False
        self._operations: dict[str, _Operation] = {}
        self._offer()

    def __len__(self) -> int:
        return len(self.points)

    @property
    def values(self) -> Column:
        """What the points stand at, in engineering units; they change with `publish` and `change`."""
        return self._values

    def number(self, name: str) -> int:
        """A point's number in the device. Raises `LocalError` where there is no such point."""
        if name not in self._index:
            raise LocalError(f"{self.path} has no point {name}")
        return self._index[name]

    def publish(self, values: Column) -> None:
        """New values for all points, in their order, all at one time; what moved beyond its deadband is one entry of a report.

        A thousand of them may wait for the server; then the oldest is left out.
        """
        self._values[:] = values
        self._offer()

    def change(self, values: Mapping[str, float]) -> None:
        """New values for some points. It costs as much as `publish`: change many at once."""
        for name, value in values.items():
            self._values[self.number(name)] = value
        self._offer()

    def mark(self, names: Sequence[str], quality: Quality) -> None:
        """Gives points another quality than good, from now on."""
        self._qualities[[self.number(name) for name in names]] = quality
        self._offer()

    def block(self, names: Sequence[str], add_cause: int | None) -> None:
        """Refuses commands of these points with an AddCause (IEC 61850-7-2) from now on; None takes them again.

        Interlocking (10) and synchrocheck (11) only refuse commands whose check bits ask for them.
        """
        for number in map(self.number, names):
            if self._described[number].fc != "CO":
                raise LocalError(f"{self.path}/{self.points[number].name} takes no commands")
            self._blocked.pop(number, None)
            if add_cause is not None:
                self._blocked[number] = add_cause

    def watch(self, numbers: Sequence[int], on_read: Callable[[], None]) -> _ReportWatch:
        """Looks from now on whether reports have brought everything. One watch at a time.

        Raises `ConfigError` for points that no report control block covers.
        """
        covered = {source.data_set for source in self.device.report_sources if source.data_set}
        for number in numbers:
            if not any(source.data_set in covered for source in self._described[number].sources):
                raise ConfigError(f"{self.path}/{self.points[number].name} is in no report: nobody can tell when it is read")
        self._watch = _ReportWatch(self, numbers, on_read)
        return self._watch

    def unwatch(self, watch: _ReportWatch) -> None:
        """Ends a watch; harmless for one that another has replaced."""
        if self._watch is watch:
            self._watch = None

    def is_delivered(self, numbers: Sequence[int]) -> bool:
        """Whether all that was published has left in reports: each point has a client that gets them and knows all, and nothing waits."""
        server = self._server
        with self._changed:
            if server is None or self._applied != self._offered:
                return False
        if server.reports.is_gathering or not all(wire.is_sent for wire in server.clients):
            return False
        told = server.reports.told_data_sets()
        return all(
            attribute is not None and server.reports.data_sets_of(attribute.leaf) & told
            for attribute in (self._attributes[number] for number in numbers)
        )

    # The endpoint's side

    def open(self) -> None:
        """Starts the server and the device's thread; harmless when repeated."""
        if self._thread is not None:
            return
        self._loop = asyncio.get_running_loop()
        self._is_closing = False
        self._server = Server(
            self.path,
            self.data,
            lambda: self.behavior,
            on_report=self._tell_watch,
            check=self._check,
            handlers=dict.fromkeys(self._commands, self._operate),
        )
        self.data.add_listener(self._note_settings)
        self._thread = threading.Thread(target=self._work, name=f"ied {self.path}", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Ends them; connections are to be over. What was published stays."""
        thread, server = self._thread, self._server
        if thread is None or server is None:
            return
        self._thread = self._server = None
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(thread.join, _ENDS_WITHIN_S)
        self.data.remove_listener(self._note_settings)

    async def join(self) -> None:
        """Waits until the threads of clients that are gone have ended."""
        if self._server is not None:
            await asyncio.to_thread(self._server.join)

    def admit(self, wire: Wire, peer: tuple[str, int]) -> bool:
        """Serves a client; False where there are too many, or where the device does not even answer a call."""
        return self._server is not None and self._server.admit(wire, peer)

    def look(self) -> None:
        """Something was sent, or somebody has gone."""
        if self._watch is not None:
            self._watch.on_read()

    # The device's thread

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closing and (wait_s := self._wait_s()) is not None and wait_s > 0:
                    self._changed.wait(wait_s)
                while not self._waiting and not self._is_closing and not self._operations:
                    self._changed.wait()
                if self._is_closing:
                    return
                shown = self._waiting.popleft() if self._waiting else None
            try:
                if shown is not None:
                    self._show(shown)
                self._end_operations()
            except Exception:
                log.exception("simulated device cannot show its values", device=self.path)
            finally:
                if shown is not None:
                    with self._changed:
                        self._applied = shown.number
                        self._changed.notify_all()
            self._tell_watch()

    def _wait_s(self) -> float | None:
        """How long until a command has taken too long; None where none is on its way."""
        deadlines = [operation.until_s for operation in self._operations.values()]
        return min(deadlines) - time.monotonic() if deadlines else None

    def _show(self, shown: _Shown) -> None:
        moved = ~(np.abs(shown.values - self._shown_values) <= self._deadband)
        moved &= ~(np.isnan(shown.values) & np.isnan(self._shown_values))
        moved |= shown.qualities != self._shown_qualities
        if not self._is_shown:
            moved[:] = True
            self._is_shown = True
        moved &= self._is_served
        numbers = np.flatnonzero(moved)
        if not len(numbers):
            return
        self._shown_values[numbers] = shown.values[numbers]
        self._shown_qualities[numbers] = shown.qualities[numbers]
        raw = ((shown.values - self._offset) / self._scale).tolist()
        stamp = time_stamp(shown.time_us)
        changed: set[Node] = set()
        with self.data.batch(), self.data.lock:
            for number in numbers.tolist():
                attribute = self._attributes[number]
                assert attribute is not None
                attribute.show(self.data, raw[number], encode_quality(int(shown.qualities[number])), stamp)
                changed.update(node for _, node in attribute.values)
        for listener in tuple(self.listeners):
            listener(frozenset(changed))

    def _end_operations(self) -> None:
        """Ends commands whose switch has arrived, and those that took too long."""
        server, loop = self._server, self._loop
        if server is None or loop is None:
            return
        with self._changed:
            now = time.monotonic()
            ended = {
                reference: None if self._shown_values[operation.number] == operation.target else ADD_CAUSE_TIME_LIMIT_OVER
                for reference, operation in self._operations.items()
                if self._shown_values[operation.number] == operation.target or now >= operation.until_s
            }
            for reference in ended:
                del self._operations[reference]
        for reference, cause in ended.items():
            # Not here: a command holds the lock that this needs, and waits for this thread to show what it did.
            loop.call_soon_threadsafe(loop.run_in_executor, None, server.controls.finish, reference, cause)

    def _note_settings(self, changed: list[Node]) -> None:
        """A client may have written settings; what the device itself has put there is not told."""
        for node in changed:
            number = self._settings.get(node)
            if number is None or threading.current_thread() is self._thread or self._loop is None or node.value is None:
                continue
            value = decode_number(node.value, self.points[number].kind)
            if value is not None:
                engineering = value * self._scale[number] + self._offset[number]
                self._loop.call_soon_threadsafe(self._carry_out, number, float(engineering), Future())

    # The clients' threads

    def _check(self, command: Command) -> int | None:
        """Why a command is refused."""
        if self.behavior.manner == "refusing":
            return ADD_CAUSE_BLOCKED_BY_SWITCHING_HIERARCHY
        reference = _reference_of(command)
        number = self._commands.get(reference)
        if number is None:
            return None
        blocked = self._blocked.get(number)
        if blocked is not None and (
            {ADD_CAUSE_BLOCKED_BY_INTERLOCKING: command.interlock_check, ADD_CAUSE_BLOCKED_BY_SYNCHROCHECK: command.synchro_check}
        ).get(blocked, True):
            return blocked
        value = self._engineering(number, command)
        row = self.device.rows[number]
        if value is None or (row.low is not None and value < row.low) or (row.high is not None and value > row.high):
            return ADD_CAUSE_INCONSISTENT_PARAMETERS
        status = self._status.get(number)
        if status is not None and self.points[status].kind is PointKind.DOUBLE and self._values[status] == _position(value):
            return ADD_CAUSE_POSITION_REACHED
        switch = self._switches.find(reference)
        return ADD_CAUSE_BLOCKED_BY_INTERLOCKING if self._is_interlocked(switch, value, command) else None

    def _is_interlocked(self, switch: Switch | None, value: float, command: Command) -> bool:
        if switch is None or not command.interlock_check:
            return False
        enabled = switch.may_close if value >= 0.5 else switch.may_open
        return enabled is not None and not self._values[enabled]

    def _operate(self, command: Command) -> int | None:
        """Carries a command out: done, under way, or why it failed."""
        reference = _reference_of(command)
        number = self._commands[reference]
        value = self._engineering(number, command)
        loop = self._loop
        if value is None or loop is None:
            return ADD_CAUSE_INCONSISTENT_PARAMETERS
        status = self._status.get(number)
        is_moved = status is not None and status not in self._followers
        if is_moved:
            assert status is not None
            timeout_ms = getattr(self._described[number].control, "operate_timeout_ms", None)
            until_s = time.monotonic() + (timeout_ms / 1e3 if timeout_ms else _OPERATES_WITHIN_S)
            target = _position(value) if self.points[status].kind is PointKind.DOUBLE else value
            with self._changed:
                self._operations[reference] = _Operation(number=status, target=target, until_s=until_s)
                self._changed.notify()
        done: Future[int] = Future()
        loop.call_soon_threadsafe(self._carry_out, number, value, done)
        try:
            number_shown = done.result(_ACTS_WITHIN_S)
        except (TielineError, TimeoutError):
            with self._changed:
                self._operations.pop(reference, None)
            return ADD_CAUSE_BLOCKED_BY_PROCESS
        with self._changed:
            self._changed.wait_for(lambda: self._applied >= number_shown or self._is_closing, _ACTS_WITHIN_S)
        return IN_EXECUTION if is_moved else None

    def _engineering(self, number: int, command: Command) -> float | None:
        value = decode_number(command.ctl_val, self.points[number].kind)
        return None if value is None else float(value * self._scale[number] + self._offset[number])

    # The event loop's side of them

    def _carry_out(self, number: int, value: float, done: Future[int]) -> None:
        try:
            self._values[number] = value
            status = self._status.get(number)
            for follower in self._followers if status is not None else ():
                if self._followers[follower] == status:
                    self._values[follower] = _position(value) if self.points[follower].kind is PointKind.DOUBLE else value
            if self.on_write is not None:
                self.on_write(number, value)
            done.set_result(self._offer())
        except TielineError as error:
            done.set_exception(error)

    def _offer(self) -> int:
        self._switches.interlock(self._values)
        values, qualities, now_us = self._values.copy(), self._qualities.copy(), self._clock.now_us()
        if self.on_show is not None:
            self.on_show(now_us)
        with self._changed:
            self._offered += 1
            self._waiting.append(_Shown(values, qualities, now_us, self._offered))
            self._changed.notify_all()
            return self._offered

    def _tell_watch(self) -> None:
        if self._watch is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self.look)

    # What is where

    def _find_attributes(self) -> list[Attribute | None]:
        own = {point.reference for point in self._described}
        attributes: list[Attribute | None] = []
        for number, point in enumerate(self._described):
            others = []
            switch = self._switches.find(point.reference)
            if switch is not None and number == switch.positions[0]:
                others = [each for each in self._same_switch(point.equipment[:1]) if each not in own]
            attributes.append(None if point.fc == "CO" else find_attribute(self.data, point, others=others))
        return attributes

    def _same_switch(self, path: Sequence[str]) -> list[str]:
        """The positions of the switch at a path of the substation, whether they are points or not."""
        ied = self.device.ied
        return [
            f"{device.name}/{node.name}.Pos"
            for device in ied.devices()
            for node in device.nodes
            if node.ln_class in {"XCBR", "XSWI"}
            and path
            and self.device.scl.equipment(ied.name, device.inst, node.name)[:1] == path
        ]

    def _find_status(self, reference: str) -> int | None:
        """The point that shows where a controllable data object stands."""
        values = ("stVal", "valWTr.posVal", "mxVal.f", "mxVal.i")
        for number, point in enumerate(self._described):
            if point.reference == reference and point.fc in {"ST", "MX"} and point.value in values:
                return number
        return None

    def _find_followers(self) -> dict[int, int]:
        """Points that nothing in the plant moves and that show what was commanded, and of which status point they follow the command."""
        followers = {}
        for status in self._status.values():
            switch = self._switches.find(self._described[status].reference)
            for number in switch.positions if switch is not None else (status,):
                if not self.points[number].equipment:
                    followers[number] = status
        return followers


class _ReportWatch:
    """Whether reports have brought everything."""

    def __init__(self, device: Iec61850Device, numbers: Sequence[int], on_read: Callable[[], None]) -> None:
        self._device = device
        self._numbers = tuple(numbers)
        self.on_read = on_read

    @property
    def is_read(self) -> bool:
        """Whether somebody gets reports of every point, and all of them have been sent."""
        return self._device.is_delivered(self._numbers)

    def renew(self) -> None:
        """Nothing to do: what is new has not been sent."""

    def end(self) -> None:
        """Looks no longer."""
        self._device.unwatch(self)


def _position(value: float) -> float:
    return CLOSED if value >= 0.5 else OPEN


def _reference_of(command: Command) -> str:
    """`LD/CSWI1.Pos`."""
    node, _, data_object = command.object_item.partition("$CO$")
    return f"{command.domain}/{node}.{data_object.replace('$', '.')}"


def _resting(device: config.Iec61850Device) -> dict[int, float]:
    """Enumerations that nothing in the plant moves, and where they stand: as the file configures them, or at the first that there is."""
    configured = {each.reference: each.value for each in data_model(device.scl, device.ied)}
    resting = {}
    for number, (row, point) in enumerate(zip(device.rows, device.described, strict=True)):
        if point.enum is None or point.control is not None or not point.enum.values:
            continue
        words = {word: ordinal for ordinal, word in point.enum.values}
        lowest = min(words.values())
        first = 0 if lowest <= 0 <= max(words.values()) else lowest
        ordinal = words.get(configured.get(point.object_reference) or "", first)
        resting[number] = ordinal * row.scale + row.offset
    return resting
