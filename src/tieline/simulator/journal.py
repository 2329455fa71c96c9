"""What the simulated devices really did: every change of a point, with the device's own time, as lines of JSON.

    {"device": "north/rtu", "time": 1767225600123456, "is_first": false, "values": {"energy": 42.0}}

A line is a moment at which a device showed new values: those that differ from what it showed before, at the time that its events bear
(microseconds since 1970-01-01 UTC by the device's clock; by the machine's where the protocol has no event times). The first line of a
device is what it stands at when it starts; that is no event. Lines are written at once, so that a simulator that is killed leaves them, and
appended, so that the next one goes on in the same file.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from tieline.io import Clock
from tieline.model import UnavailableError
from tieline.simulator.devices import SimulatedDevice


class Journal:
    """Writes while its block lasts; `follow` devices within it."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Raises `UnavailableError` where the file cannot be written."""
        self._clock = clock
        self._shown: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
        try:
            self._file = path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise UnavailableError(f"cannot write the journal {path}: {(error.strerror or str(error)).lower()}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def follow(self, device: SimulatedDevice) -> None:
        """Writes what the device shows now, and all its changes from now on."""
        device.on_show = partial(self._note, device)
        self._note(device, None)

    def _note(self, device: SimulatedDevice, time_us: int | None) -> None:
        values = device.values
        before = self._shown.get(device.path)
        if before is None:
            numbers = np.arange(len(values))
        else:
            numbers = np.flatnonzero((values != before) & ~(np.isnan(values) & np.isnan(before)))
            if not len(numbers):
                return
        self._shown[device.path] = values.copy()
        line = {
            "device": device.path,
            "time": self._clock.now_us() if time_us is None else time_us,
            "is_first": before is None,
            "values": {device.points[number].name: float(values[number]) for number in numbers.tolist()},
        }
        self._file.write(json.dumps(line) + "\n")
