"""Pairs of a sample and the one before it, for what accumulates from sample to sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tieline.config.calculations import Calculation
from tieline.edge.processing.calculations.fanout import Bits, Fanout, Floats, Index, Times, starts_of
from tieline.edge.processing.calculations.stamps import is_in_order
from tieline.model import Samples

T = TypeVar("T", bound=np.generic)
Number = TypeVar("Number", np.float64, np.int64)

NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Arrived:
    """Samples in runs of one calculation each, in order of time; older than what it had before only where our clock has stepped back."""

    which: Index
    time: Times
    value: Floats
    quality: Bits

    @property
    def first(self) -> Index:
        """Where each calculation's run begins."""
        return starts_of(self.which)


class Arrivals:
    """Puts samples in order for calculations of one input each; those that come after a newer one are left out and counted."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        self._slots = Fanout([row_of[calculation.inputs[0].point.id] for calculation in plan], len(row_of))
        self._factor = np.array([calculation.inputs[0].factor for calculation in plan])
        self.time = np.full(len(plan), NEVER, np.int64)
        """Of the newest sample of each; kept up by whoever takes."""
        self.late = 0

    def take(self, rows: Index, samples: Samples) -> Arrived:
        """The samples of these rows."""
        position, which = self._slots.expand(rows)
        time = samples.time[position]
        right = is_in_order(time, self.time[which], samples.quality[position])
        if not right.all():
            self.late += int(np.count_nonzero(~right))
            position, which, time = position[right], which[right], time[right]
        order = np.lexsort((time, which))
        position, which, time = position[order], which[order], time[order]
        return Arrived(which, time, samples.value[position] * self._factor[which], samples.quality[position])


def before(current: npt.NDArray[T], first: Index, held: npt.NDArray[T]) -> npt.NDArray[T]:
    """Of each row the one before it in its run; of a run's first, what was held of its calculation before."""
    shifted = np.empty_like(current)
    shifted[1:] = current[:-1]
    shifted[first] = held
    return shifted


def running_totals(first: Index, base: npt.NDArray[Number], steps: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """The total of each calculation after each of its steps, from its total before: added one by one, so that batches do not matter."""
    if len(first) == len(steps):
        return np.add(base, steps)
    total = np.empty_like(steps)
    ends = np.append(first[1:], len(steps))
    for run, (begin, end) in enumerate(zip(first.tolist(), ends.tolist(), strict=True)):
        total[begin:end] = np.cumsum(np.append(base[run], steps[begin:end]))[1:]
    return total


def lasts(first: Index, count: int) -> Index:
    """Where each run ends."""
    return np.append(first[1:], count) - 1
