"""Switches that are operated, tripped and reclosed; tap changers that hold a voltage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tieline.config.grid import Switch, Transformer

Column = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TRAVEL_S = 0.4
_DEAD_TIME_S = 5.0
_RECLOSES_FOR_GOOD = 0.85
_REPAIR_S = 180.0
_INDICATION_S = 60.0
_NEVER = np.inf


class Switchgear:
    """Positions of all switches. A switch that is told to move is in between for a moment.

    Protection trips a switch that `recloses` at random times; after a dead time it is closed again, now and then in vain: then it
    stays open until somebody closes it, or the fault has been repaired.
    """

    def __init__(self, switches: Sequence[Switch], rng: np.random.Generator, *, seconds_between_trips: float) -> None:
        """`seconds_between_trips` is the mean, over all switches together; `math.inf` for none."""
        self._rng = rng
        self._mean = seconds_between_trips
        self._candidates = np.flatnonzero([switch.recloses for switch in switches])
        count = len(switches)
        self.closed: Mask = np.array([switch.normal == "closed" for switch in switches], np.bool_)
        self.moving: Mask = np.zeros(count, np.bool_)
        self.tripped: Mask = np.zeros(count, np.bool_)
        self.operations: Column = rng.integers(20, 400, count).astype(np.float64)
        self._target = self.closed.copy()
        self._arrives = np.full(count, _NEVER)
        self._recloses = np.full(count, _NEVER)
        self._attempts = np.zeros(count, np.intp)
        self._resets = np.full(count, _NEVER)
        self._jammed = np.zeros(count, np.bool_)
        self._next_trip = self._draw(0.0)

    @property
    def position(self) -> Column:
        """Double points: 0 between, 1 open, 2 closed."""
        return np.where(self.moving, 0.0, np.where(self.closed, 2.0, 1.0))

    @property
    def commanded(self) -> Mask:
        """Where each switch was told to be."""
        return self._target

    def operate(self, index: int, *, close: bool, now: float) -> None:
        """Moves a switch; it arrives a moment later."""
        self._recloses[index] = _NEVER
        self._move(index, close=close, now=now)
        if close and not self._jammed[index]:
            self.tripped[index] = False

    def jam(self, index: int, *, jammed: bool) -> None:
        """A jammed switch does not move when it is told to, and protection cannot open it."""
        self._jammed[index] = jammed

    def trip(self, index: int, now: float, *, recloses: bool = True) -> None:
        """Protection opens a switch at once."""
        if self.closed[index] and not self._jammed[index]:
            self.closed[index] = self._target[index] = False
            self.moving[index], self._arrives[index] = False, _NEVER
            self.operations[index] += 1
            self.tripped[index] = True
            self._resets[index] = _NEVER
            last = self._attempts[index] > 0
            self._recloses[index] = now + (_REPAIR_S if last else _DEAD_TIME_S) if recloses else _NEVER
            self._attempts[index] += recloses

    def reset(self, index: int) -> None:
        """Clears the indication of a trip."""
        self.tripped[index] = False

    def step(self, now: float) -> None:
        """What has become due by `now`."""
        for index in np.flatnonzero(self._arrives <= now):
            self.operations[index] += self.closed[index] and not self._target[index]
            self.closed[index] = self._target[index]
            self.moving[index], self._arrives[index] = False, _NEVER
        for index in np.flatnonzero(self._recloses <= now):
            self._recloses[index] = _NEVER
            self.closed[index] = self._target[index] = True
            is_repaired = self._attempts[index] > 1
            if not is_repaired and self._rng.random() > _RECLOSES_FOR_GOOD:
                self.trip(int(index), now)
            else:
                self._attempts[index] = 0
                self._resets[index] = now + _INDICATION_S
        due = self._resets <= now
        self.tripped[due], self._resets[due] = False, _NEVER
        if now >= self._next_trip:
            self._next_trip = self._draw(now)
            self.trip(int(self._rng.choice(self._candidates)), now)

    def _move(self, index: int, *, close: bool, now: float) -> None:
        if self._jammed[index]:
            return
        self._target[index] = close
        if self.closed[index] != close:
            self.moving[index] = True
            self._arrives[index] = now + _TRAVEL_S
        else:
            self.moving[index], self._arrives[index] = False, _NEVER

    def _draw(self, now: float) -> float:
        if not len(self._candidates) or not np.isfinite(self._mean):
            return float(_NEVER)
        return now + float(self._rng.exponential(self._mean))


class TapChangers:
    """Tap positions; where a target voltage is set, held by a regulator with a deadband and a delay."""

    def __init__(self, transformers: Sequence[Transformer]) -> None:
        self._lowest = np.array([t.tap_lowest for t in transformers], np.float64)
        self._highest = np.array([t.tap_highest for t in transformers], np.float64)
        self._deadband = np.array([t.deadband_percent for t in transformers]) / 200
        self._delay_s = np.array([t.delay_s for t in transformers], np.float64)
        self._can_regulate = np.array([t.target_kv is not None for t in transformers], np.bool_)
        self.automatic: Mask = self._can_regulate.copy()
        self.target_v: Column = np.array([(t.target_kv or 0.0) * 1e3 for t in transformers], np.float64)
        self.position: Column = np.array([t.tap_neutral for t in transformers], np.float64)
        self.operations: Column = np.zeros(len(transformers))
        self._off_s: Column = np.zeros(len(transformers))

    def step(self, seconds: float, low_voltage: Column) -> None:
        """Counts how long each voltage has been off, and moves a tap when that was long enough."""
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(self.automatic & (low_voltage > 0), 1 - low_voltage / self.target_v, 0.0)
        direction = np.where(np.abs(error) > self._deadband, np.sign(error), 0.0)
        self._off_s = np.where(direction != 0, self._off_s + seconds, 0.0)
        due = self._off_s >= self._delay_s
        self._go(np.where(due, self.position + direction, self.position))
        self._off_s = np.where(due, 0.0, self._off_s)

    def move(self, index: int, position: float) -> None:
        """Takes a tap to a position by hand; automatic regulation ends."""
        self.automatic[index] = False
        wanted = self.position.copy()
        wanted[index] = round(position)
        self._go(wanted)

    def regulate(self, index: int, *, automatically: bool) -> None:
        """Switches between automatic and manual."""
        self.automatic[index] = automatically and self._can_regulate[index]
        self._off_s[index] = 0.0

    def _go(self, wanted: Column) -> None:
        wanted = np.clip(wanted, self._lowest, self._highest)
        self.operations = self.operations + np.abs(wanted - self.position)
        self.position = wanted
