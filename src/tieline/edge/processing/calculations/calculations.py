"""All calculations of a site.

Calculations that need others stand a level above them. Samples pass level by level: at each one, those of the same kind are done
together, and what comes out is among the samples of the next. Only calculations that one of the samples concerns are touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tieline.config.calculation_sections import (
    CounterDeltaSection,
    DemandSection,
    DifferenceSection,
    DurationSection,
    EnergySection,
    ExpressionSection,
    MembersSection,
    OperationsSection,
    RateSection,
    Settings,
    ThreePhaseSection,
    WindowSection,
)
from tieline.config.calculations import Calculation
from tieline.edge.image import ProcessImage
from tieline.edge.processing.calculations.demand import Demands
from tieline.edge.processing.calculations.durations import Durations
from tieline.edge.processing.calculations.energy import Energies
from tieline.edge.processing.calculations.expressions import Expressions
from tieline.edge.processing.calculations.fanout import Fanout, Index
from tieline.edge.processing.calculations.members import Members
from tieline.edge.processing.calculations.operations import Operations
from tieline.edge.processing.calculations.part import Part
from tieline.edge.processing.calculations.rates import Rates
from tieline.edge.processing.calculations.stamps import restamped
from tieline.edge.processing.calculations.three_phase import ThreePhase
from tieline.edge.processing.calculations.windows import Windows
from tieline.model import Now, Point, Samples

Make = Callable[[Sequence[Calculation], dict[int, int]], Part]

MAKERS: Mapping[str, tuple[tuple[type[Settings], ...], Make]] = {
    "members": ((MembersSection, DifferenceSection), Members),
    "three_phase": ((ThreePhaseSection,), ThreePhase),
    "expressions": ((ExpressionSection,), Expressions),
    "windows": ((WindowSection, CounterDeltaSection), Windows),
    "demands": ((DemandSection,), Demands),
    "energies": ((EnergySection,), Energies),
    "durations": ((DurationSection,), Durations),
    "operations": ((OperationsSection,), Operations),
    "rates": ((RateSection,), Rates),
}
"""Kinds: their sections, and what calculates them."""


class Calculations:
    """All calculations of a site. `points` are all points of the site, those of the plan included."""

    def __init__(self, plan: Sequence[Calculation], points: Iterable[Point]) -> None:
        ids = sorted(point.id for point in points)
        row_of: dict[int, int] = {number: row for row, number in enumerate(ids)}
        self._id = np.array(ids, np.uint32)
        self._levels: list[list[tuple[str, Part]]] = []
        for level in _levels(plan):
            parts = []
            for kind, (sections, make) in MAKERS.items():
                alike = [calculation for calculation in level if isinstance(calculation.settings, sections)]
                if alike:
                    parts.append((kind, make(alike, row_of)))
            self._levels.append(parts)
        used = [row_of[each.point.id] for calculation in plan for each in calculation.inputs]
        self._used = Fanout(used, len(ids))
        self._now_us: int | None = None

    @property
    def late(self) -> int:
        """Samples that were left out because they came too late."""
        return sum(part.late for parts in self._levels for _, part in parts)

    def take(self, samples: Samples, image: ProcessImage) -> Samples:
        """The results due to these samples, for each point in the order of their time. `image` is the site's; results are not put into it.

        A device's time stamp that is ten minutes ahead of the last tick, or more, is not believed: the sample then has the tick's.

        Raises `ValueError` where a sample is of no point of the site.
        """
        if not self._levels or not len(samples):
            return Samples.empty()
        rows = image.rows(samples.point)
        if self._now_us is not None:
            samples = restamped(samples, self._now_us)
        wanted = self._used.is_wanted(rows)
        if not wanted.any():
            return Samples.empty()
        if not wanted.all():
            rows, samples = rows[wanted], samples.take(wanted)
        with np.errstate(all="ignore"):  # what is no number becomes invalid
            return self._pass(rows, samples, None)

    def tick(self, now: Now) -> Samples:
        """The results that are due because time has passed, and those that follow from them."""
        self._now_us = now.utc_us
        with np.errstate(all="ignore"):
            return self._pass(np.empty(0, np.intp), Samples.empty(), now)

    def _pass(self, rows: Index, samples: Samples, now: Now | None) -> Samples:
        """Through all levels; results of one are among what the next ones take."""
        results: list[Samples] = []
        for parts in self._levels:
            found: list[Samples] = []
            for _, part in parts:
                if len(samples):
                    found.append(part.take(rows, samples))
                if now is not None:
                    found.append(part.tick(now))
            came = Samples.concatenate(each for each in found if len(each))
            if len(came):
                results.append(came)
                if parts is not self._levels[-1]:
                    rows = np.concatenate((rows, np.searchsorted(self._id, came.point)))
                    samples = Samples.concatenate((samples, came))
        return Samples.concatenate(results)

    def remember(self) -> dict[str, Any]:
        """What is to be kept over a restart: numbers, texts, lists and bytes."""
        return {
            f"{kind} {level}": kept
            for level, parts in enumerate(self._levels)
            for kind, part in parts
            if (kept := part.remember())
        }

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on from what was kept; entries that are unknown, missing, damaged or of another calculation now are ignored."""
        for name, kept in state.items():
            for parts in self._levels:
                for kind, part in parts:  # a calculation may stand at another level now
                    if str(name).partition(" ")[0] == kind and isinstance(kept, Mapping):
                        part.recall(kept)


def _levels(plan: Sequence[Calculation]) -> list[list[Calculation]]:
    """Each calculation one level above the highest of those that it needs; they come after those in the plan."""
    level_of: dict[int, int] = {}
    levels: list[list[Calculation]] = []
    for calculation in plan:
        level = max((level_of[each.point.id] + 1 for each in calculation.inputs if each.point.id in level_of), default=0)
        level_of[calculation.point.id] = level
        levels.extend([] for _ in range(len(levels), level + 1))
        levels[level].append(calculation)
    return levels
