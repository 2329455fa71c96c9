"""Steps that know one sample at a time: scale, linearize, limits, invert, round. Parameters in columns, one row a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Protocol

import numpy as np

from tieline.config.processing_steps import Limits, Linearization, Round, Scale
from tieline.edge.processing.part import Column, Part, Qualities, Values
from tieline.model import VALIDITY, PointKind, Quality

_INVALID = np.uint16(Quality.INVALID)
_QUESTIONABLE = np.uint16(Quality.QUESTIONABLE)
_OUT_OF_RANGE = np.uint16(Quality.OUT_OF_RANGE)
_OVERFLOW = np.uint16(Quality.INVALID | Quality.OVERFLOW)
_NOT_VALIDITY = np.uint16(0xFFFF & ~VALIDITY)

State = Mapping[str, Column]
"""What a step remembers, columns by name; the first axis is that of its points."""


class StepOfMany(Protocol):
    """One step of many points at once."""

    @property
    def state(self) -> State:
        """What it remembers; the arrays themselves, so that they can be filled again."""
        ...

    def take(self, part: Part) -> tuple[Values, Qualities]:
        """Values and qualities after the step, as new columns or the part's own."""
        ...


class _Stateless:
    @property
    def state(self) -> State:
        return {}


class ScaleMany(_Stateless):
    """value · factor + offset; beyond what a double holds: invalid, overflow."""

    def __init__(self, steps: Sequence[Scale]) -> None:
        self._factor = np.array([step.factor for step in steps])
        self._offset = np.array([step.offset for step in steps])

    def take(self, part: Part) -> tuple[Values, Qualities]:
        with np.errstate(over="ignore", invalid="ignore"):
            value = part.value * self._factor[part.rows]
            value += self._offset[part.rows]
        return without_overflow(value, part.quality)


class LinearizeMany(_Stateless):
    """Straight lines between the rows of tables; one binary search for all samples at once, whatever their tables."""

    def __init__(self, steps: Sequence[Linearization]) -> None:
        tables = dict.fromkeys(steps)
        lengths = [len(step.inputs) for step in tables]
        begins = dict(zip(tables, np.cumsum([0, *lengths[:-1]]).tolist(), strict=True))
        self._inputs = np.concatenate([step.inputs for step in tables])
        self._outputs = np.concatenate([step.outputs for step in tables])
        self._first = np.array([begins[step] for step in steps], np.intp)
        self._last = self._first + np.array([len(step.inputs) - 2 for step in steps], np.intp)
        """The last line of each table begins here."""
        self._halvings = int(max(lengths) - 1).bit_length()
        self._extrapolates = np.array([step.outside == "extrapolate" for step in steps])
        self._is_invalid = np.array([step.outside == "invalid" for step in steps])

    def take(self, part: Part) -> tuple[Values, Qualities]:
        value = part.value
        first, last = self._first[part.rows], self._last[part.rows]
        lowest, highest = self._inputs[first], self._inputs[last + 1]
        is_outside = (value < lowest) | (value > highest)
        line, beyond = first.copy(), last + 1
        for _ in range(self._halvings):
            middle = (line + beyond) >> 1
            is_above = value >= self._inputs[middle]
            line = np.where(is_above, middle, line)
            beyond = np.where(is_above, beyond, middle)
        if is_outside.any():
            is_held = is_outside & ~self._extrapolates[part.rows]
            value = np.where(is_held, np.clip(value, lowest, highest), value)
        left, base = self._inputs[line], self._outputs[line]
        with np.errstate(over="ignore", invalid="ignore"):
            result = base + (value - left) * ((self._outputs[line + 1] - base) / (self._inputs[line + 1] - left))
        result, quality = without_overflow(result, part.quality)
        is_wrong = is_outside & self._is_invalid[part.rows]
        if is_wrong.any():
            quality = np.where(is_wrong, quality & _NOT_VALIDITY | _INVALID | _OUT_OF_RANGE, quality)
        return result, quality


class LimitsMany(_Stateless):
    """Beyond limits: questionable or invalid, out of range; the worse validity stays."""

    def __init__(self, steps: Sequence[Limits]) -> None:
        self._low = np.array([-np.inf if step.low is None else step.low for step in steps])
        self._high = np.array([np.inf if step.high is None else step.high for step in steps])
        self._is_invalid = np.array([step.beyond == "invalid" for step in steps])
        self._clamps = np.array([step.clamp for step in steps])

    def take(self, part: Part) -> tuple[Values, Qualities]:
        value, quality = part.value, part.quality
        low, high = self._low[part.rows], self._high[part.rows]
        beyond = (value < low) | (value > high)
        if not beyond.any():
            return value, quality
        validity = quality & np.uint16(VALIDITY)
        becomes_invalid = beyond & self._is_invalid[part.rows]
        worst = np.where(validity == 0, _QUESTIONABLE, validity)
        worst = np.where(becomes_invalid, _INVALID, worst)
        quality = np.where(beyond, quality & _NOT_VALIDITY | worst | _OUT_OF_RANGE, quality)
        return np.where(beyond & self._clamps[part.rows], np.clip(value, low, high), value), quality


class InvertMany(_Stateless):
    """Binary: 1 - value. Double: open and closed change places, intermediate and bad state stay."""

    def __init__(self, kinds: Sequence[PointKind]) -> None:
        self._low = np.array([1.0 if kind is PointKind.DOUBLE else 0.0 for kind in kinds])

    def take(self, part: Part) -> tuple[Values, Qualities]:
        low = self._low[part.rows]
        is_state = (part.value == low) | (part.value == low + 1)
        return np.where(is_state, 2 * low + 1 - part.value, part.value), part.quality


class RoundMany(_Stateless):
    """The nearest multiple of the resolution, of two as near the even one; as a decimal number, so that 0.1 three times is 0.3."""

    def __init__(self, steps: Sequence[Round]) -> None:
        ratios = [Fraction(str(step.resolution)) for step in steps]
        self._over = np.array([float(ratio.numerator) for ratio in ratios])
        self._under = np.array([float(ratio.denominator) for ratio in ratios])

    def take(self, part: Part) -> tuple[Values, Qualities]:
        over, under = self._over[part.rows], self._under[part.rows]
        with np.errstate(over="ignore", invalid="ignore"):
            multiple = np.rint(part.value * under / over)
            value = multiple * over / under
        return without_overflow(value, part.quality)


def without_overflow(value: Values, quality: Qualities) -> tuple[Values, Qualities]:
    """A result that no double holds is not a number: invalid, overflow."""
    is_beyond = np.isinf(value)
    if not is_beyond.any():
        return value, quality
    return np.where(is_beyond, np.nan, value), np.where(is_beyond, quality & _NOT_VALIDITY | _OVERFLOW, quality)
