"""The standard function blocks of IEC 61131-3 (clause 6.6.3.5): latches, edges, counters, timers.

A block is stepped when its call is executed, with all of its inputs, and gives its outputs in the order of its `BlockKind`. Timers take the
monotonic clock. While a timer runs it keeps the moment at which it would have begun (`begin`), so that no error adds up; `pause` drops
that moment and keeps what has elapsed, from which the next step goes on: after a restart, and after a call that could not be made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tieline.rules.types import Type

Numbers = Sequence[float]

LARGEST_COUNT = 2_147_483_647.0
"""Counters stop here and at its negative: the range of DINT."""


class Block(Protocol):
    """A function block with its state."""

    def step(self, now_s: float, *inputs: float) -> tuple[float | bool, ...]:
        """The outputs after a call; BOOL inputs are bool."""

    def pause(self) -> None:
        """Lets no time pass until the next step."""

    def state(self) -> list[float]:
        """What `restore` needs."""

    def restore(self, state: Numbers) -> None:
        """Goes on from a state; the numbers are finite, and as many as `state` gives."""


class _Memory:
    """One bit of memory, which is all of the state of latches and edges."""

    def __init__(self) -> None:
        self._memory = False

    def pause(self) -> None:
        """Has no time to stop."""

    def state(self) -> list[float]:
        return [float(self._memory)]

    def restore(self, state: Numbers) -> None:
        self._memory = state[0] != 0


class SetDominant(_Memory):
    """SR: set wins."""

    def step(self, now_s: float, *inputs: float) -> tuple[float | bool, ...]:  # noqa: ARG002
        set_1, reset = inputs
        self._memory = bool(set_1 or (not reset and self._memory))
        return (self._memory,)


class ResetDominant(_Memory):
    """RS: reset wins."""

    def step(self, now_s: float, *inputs: float) -> tuple[float | bool, ...]:  # noqa: ARG002
        set_, reset_1 = inputs
        self._memory = bool(not reset_1 and (set_ or self._memory))
        return (self._memory,)


class RisingEdge(_Memory):
    """R_TRIG: Q for the one call in which CLK has become TRUE; also in the very first, as the standard has it."""

    def step(self, now_s: float, *inputs: float) -> tuple[float | bool, ...]:  # noqa: ARG002
        (clock,) = inputs
        rose = bool(clock and not self._memory)
        self._memory = bool(clock)
        return (rose,)


class FallingEdge(_Memory):
    """F_TRIG: Q for the one call in which CLK has become FALSE; also in the very first, as the standard has it."""

    def step(self, now_s: float, *inputs: float) -> tuple[float | bool, ...]:  # noqa: ARG002
        (clock,) = inputs
        fell = not clock and not self._memory
        self._memory = not clock
        return (fell,)


class _Counter:
    def __init__(self) -> None:
        self._count = 0.0
        self._clock = False

    def pause(self) -> None:
        """Has no time to stop."""

    def state(self) -> list[float]:
        return [self._count, float(self._clock)]

    def restore(self, state: Numbers) -> None:
        self._count = state[0]
        self._clock = state[1] != 0

    def _edge(self, clock: float) -> bool:
        rose = bool(clock and not self._clock)
        self._clock = bool(clock)
        return rose


class UpCounter(_Counter):
    """CTU: counts rising edges of CU, Q from PV on."""

    def step(self, now_s: float, *inputs: float) -> tuple[float | bool, ...]:  # noqa: ARG002
        up, reset, preset = inputs
        edge = self._edge(up)
        if reset:
            self._count = 0.0
        elif edge and self._count < LARGEST_COUNT:
            self._count += 1
        return self._count >= preset, self._count


class DownCounter(_Counter):
    """CTD: counts rising edges of CD down from PV, Q at zero and below."""

    def step(self, now_s: float, *inputs: float) -> tuple[float | bool, ...]:  # noqa: ARG002
        down, load, preset = inputs
        edge = self._edge(down)
        if load:
            self._count = preset
        elif edge and self._count > -LARGEST_COUNT:
            self._count -= 1
        return self._count <= 0, self._count


class _Timer:
    def __init__(self) -> None:
        self._is_running = False
        self._begin: float | None = None
        self._elapsed = 0.0
        self._output = False

    def pause(self) -> None:
        """Keeps what has elapsed; the time until the next step does not count."""
        self._begin = None

    def state(self) -> list[float]:
        return [float(self._is_running), self._elapsed, float(self._output)]

    def restore(self, state: Numbers) -> None:
        self._is_running = state[0] != 0
        self._elapsed = max(state[1], 0.0)
        self._output = state[2] != 0
        self._begin = None

    def _start(self, now_s: float) -> None:
        self._is_running = True
        self._begin = now_s
        self._elapsed = 0.0

    def _stop(self) -> None:
        self._is_running = False
        self._begin = None

    def _advance(self, now_s: float) -> float:
        """Seconds since the timer started, if it runs."""
        if self._begin is None:
            self._begin = now_s - self._elapsed
        self._elapsed = now_s - self._begin
        return self._elapsed

    def _outputs(self, preset: float) -> tuple[float | bool, ...]:
        return self._output, max(min(self._elapsed, preset), 0.0)


class OnDelay(_Timer):
    """TON: Q when IN has been TRUE for PT."""

    def step(self, now_s: float, *inputs: float) -> tuple[float | bool, ...]:
        given, preset = inputs
        if not given:
            self._stop()
            self._elapsed = 0.0
            self._output = False
            return self._outputs(preset)
        if not self._is_running:
            self._start(now_s)
        self._output = self._advance(now_s) >= preset
        return self._outputs(preset)


class OffDelay(_Timer):
    """TOF: Q with IN, and for PT after IN has become FALSE."""

    def step(self, now_s: float, *inputs: float) -> tuple[float | bool, ...]:
        given, preset = inputs
        if given:
            self._stop()
            self._elapsed = 0.0
            self._output = True
        elif self._output:
            if not self._is_running:
                self._start(now_s)
            if self._advance(now_s) >= preset:
                self._stop()
                self._output = False
        return self._outputs(preset)


class Pulse(_Timer):
    """TP: Q for PT from a rising edge of IN, whatever IN does meanwhile."""

    def step(self, now_s: float, *inputs: float) -> tuple[float | bool, ...]:
        given, preset = inputs
        if given and not self._is_running:
            self._start(now_s)
            self._output = True
        if self._output and self._advance(now_s) >= preset:
            self._output = False
        if not self._output and not given:
            self._stop()
            self._elapsed = 0.0
        return self._outputs(preset)


@dataclass(frozen=True, slots=True)
class BlockKind:
    """A function block as it is called: names and types of inputs and outputs, in the order of `step`."""

    name: str
    make: Callable[[], Block]
    inputs: Mapping[str, Type]
    outputs: Mapping[str, Type]


_BIT = {"Q": Type.BOOL}
_COUNT = {"Q": Type.BOOL, "CV": Type.REAL}
_TIMED = {"Q": Type.BOOL, "ET": Type.TIME}
_TIMER = {"IN": Type.BOOL, "PT": Type.TIME}

_ALL = (
    BlockKind("SR", SetDominant, {"S1": Type.BOOL, "R": Type.BOOL}, {"Q1": Type.BOOL}),
    BlockKind("RS", ResetDominant, {"S": Type.BOOL, "R1": Type.BOOL}, {"Q1": Type.BOOL}),
    BlockKind("R_TRIG", RisingEdge, {"CLK": Type.BOOL}, _BIT),
    BlockKind("F_TRIG", FallingEdge, {"CLK": Type.BOOL}, _BIT),
    BlockKind("CTU", UpCounter, {"CU": Type.BOOL, "R": Type.BOOL, "PV": Type.REAL}, _COUNT),
    BlockKind("CTD", DownCounter, {"CD": Type.BOOL, "LD": Type.BOOL, "PV": Type.REAL}, _COUNT),
    BlockKind("TON", OnDelay, _TIMER, _TIMED),
    BlockKind("TOF", OffDelay, _TIMER, _TIMED),
    BlockKind("TP", Pulse, _TIMER, _TIMED),
)

KINDS = {kind.name: kind for kind in _ALL}


def finite(number: object) -> float | None:
    """A remembered number, if it is one and finite."""
    if not isinstance(number, int | float):
        return None
    try:
        known = float(number)
    except OverflowError:
        return None
    return known if math.isfinite(known) else None


def restored(block: Block, state: object) -> bool:
    """Puts a remembered state into the block if it is one."""
    if not isinstance(state, list | tuple) or len(state) != len(block.state()):
        return False
    numbers = [known for number in state if (known := finite(number)) is not None]
    if len(numbers) != len(state):
        return False
    block.restore(numbers)
    return True
