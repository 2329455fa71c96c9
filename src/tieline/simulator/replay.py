"""Replays a CSV of measurements through simulated devices, row by row.

The first column is a time (ISO 8601, or seconds since 1970); each other column goes to one point. A row appears in all registers at
once. Where a device has points named `row` and `time`, they show the row's number (from 1; 0 before the first) and its time in
seconds since 1970, so that a reader of one request can tell which row it has got.
"""

from __future__ import annotations

import asyncio
import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tieline.model import ConfigError
from tieline.simulator.devices import SimulatedDevice, Watch

_ROW, _TIME = "row", "time"


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """Measurements in rows; an empty cell is NaN."""

    columns: tuple[str, ...]
    time_s: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]
    """A row for each time, a column for each name."""

    def __len__(self) -> int:
        return len(self.time_s)


def read_recording(path: Path) -> Recording:
    """The recording in a CSV file. Raises `ConfigError` where it is none."""
    times: list[float] = []
    values: list[list[float]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            if len(header) < 2:
                raise ConfigError(f"{path}:1: a recording has a time column and at least one more")
            for cells in reader:
                if len(cells) != len(header):
                    raise ConfigError(f"{path}:{reader.line_num}: the row has {len(cells)} cells, the header {len(header)}")
                try:
                    times.append(_to_seconds(cells[0]))
                    values.append([float(cell) if cell.strip() else math.nan for cell in cells[1:]])
                except ValueError as error:
                    raise ConfigError(f"{path}:{reader.line_num}: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} is not CSV: {error}") from error
    if not times:
        raise ConfigError(f"{path} has no rows")
    return Recording(tuple(header[1:]), np.array(times), np.array(values))


class Replay:
    """A recording on its way through devices. `row` counts the rows shown so far."""

    def __init__(
        self, recording: Recording, devices: Mapping[str, SimulatedDevice], *, columns: Mapping[str, str] | None = None
    ) -> None:
        """`columns` says which point (`site/device/name`) a column goes to; columns it leaves out are not replayed.

        Without it every column needs a point: one of that path, or the only one of that name in lower case. Raises `ConfigError`.
        """
        self.row = 0
        self._recording = recording
        places = _map(recording.columns, devices, columns)
        self._shown = [
            _Shown(device, [(column, number) for column, other, number in places if other is device])
            for device in dict.fromkeys(device for _, device, _ in places)
        ]
        self.devices = tuple(shown.device.path for shown in self._shown)
        """The devices that it plays through."""

    def show(self, index: int) -> None:
        """Has all its devices show a row, counted from 0."""
        self.row = index + 1
        for shown in self._shown:
            shown.show(self.row, self._recording.time_s[index], self._recording.values[index])

    async def run(
        self, *, rows_per_s: float | None = None, until_read: bool = False, on_row: Callable[[int], None] | None = None
    ) -> None:
        """Shows all rows, one after another, and leaves the last.

        With `rows_per_s` a row stays for at least that part of a second: a replay that was held up goes on later, it leaves out
        nothing. With `until_read` a row also stays until every master has got all of it, and there is one. (At a Modbus device
        that is a connection that has read all of its registers once, as long as it lasts; at a DNP3 device the master it is
        connected with, once it has confirmed all events.) Without either, rows follow each other as fast as others let them.
        """
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        try:
            if until_read:
                for shown in self._shown:
                    shown.watch(changed)
            period_s = 1 / rows_per_s if rows_per_s else 0.0
            for index in range(len(self._recording)):
                self.show(index)
                if on_row is not None:
                    on_row(self.row)
                due = loop.time() + period_s
                await asyncio.sleep(max(0.0, due - loop.time()))
                while until_read and not all(shown.is_read for shown in self._shown):
                    changed.clear()
                    await changed.wait()
        finally:
            for shown in self._shown:
                shown.end()


class _Shown:
    """One device of a replay: its columns, and who has read the row that it shows."""

    def __init__(self, device: SimulatedDevice, places: list[tuple[int, int]]) -> None:
        self.device = device
        self._columns = np.array([column for column, _ in places], np.intp)
        self._numbers = np.array([number for _, number in places], np.intp)
        names = {point.name: number for number, point in enumerate(device.points) if number not in set(self._numbers.tolist())}
        self._row = names.get(_ROW)
        self._time = names.get(_TIME)
        self._watched = [*self._numbers.tolist(), *(number for number in (self._row, self._time) if number is not None)]
        self._watch: Watch | None = None

    @property
    def is_read(self) -> bool:
        """Whether every master has got the row, and there is one; never where nobody watches."""
        return self._watch is not None and self._watch.is_read

    def show(self, row: int, time_s: float, values: npt.NDArray[np.float64]) -> None:
        """A row for its points; an empty cell leaves its point as it was."""
        if self._watch is not None:
            self._watch.renew()
        held = self.device.values.copy()
        new = values[self._columns]
        held[self._numbers] = np.where(np.isnan(new), held[self._numbers], new)
        if self._row is not None:
            held[self._row] = row
        if self._time is not None:
            held[self._time] = time_s
        self.device.publish(held)

    def watch(self, changed: asyncio.Event) -> None:
        """Sets the event whenever somebody has got all of the row, or has gone."""
        self._watch = self.device.watch(self._watched, changed.set)

    def end(self) -> None:
        """Watches no longer."""
        if self._watch is not None:
            watch, self._watch = self._watch, None
            watch.end()


def _map(
    columns: tuple[str, ...], devices: Mapping[str, SimulatedDevice], given: Mapping[str, str] | None
) -> list[tuple[int, SimulatedDevice, int]]:
    paths = {point.path: (device, number) for device in devices.values() for number, point in enumerate(device.points)}
    if given is not None and (unknown := [name for name in given if name not in columns]):
        raise ConfigError(f"the recording has no column {', '.join(unknown)}; it has {', '.join(columns)}")
    places = []
    for index, name in enumerate(columns):
        if given is not None and name not in given:
            continue
        path = given[name] if given is not None else _find(name, paths)
        if path not in paths:
            raise ConfigError(f"column {name} of the recording goes to {path}, but there is no such point")
        places.append((index, *paths[path]))
    if not places:
        raise ConfigError("no column of the recording goes to a point")
    return places


def _find(name: str, paths: Mapping[str, object]) -> str:
    if name in paths:
        return name
    fitting = [path for path in paths if path.rsplit("/", 1)[1] == name.lower()]
    if len(fitting) == 1:
        return fitting[0]
    reason = f"it could be {', '.join(fitting[:4])}" if fitting else "no point has that name"
    raise ConfigError(f"column {name} of the recording goes nowhere: {reason}; name the column site/device/point")


def _to_seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
