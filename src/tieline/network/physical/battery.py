"""Battery sizing by sections (IEEE 1115 for nickel-cadmium, IEEE 485 for lead-acid) and how long a battery lasts.

Theory: the duty cycle is a row of periods of constant current. Section n asks what capacity is needed to have carried the first n
periods: each change of current counts with the capacity factor Kt of the time that is left to the section's end, so that a current which
falls again is taken back. The section that asks for most governs, for the voltage may be lowest at the end of any period. Kt is the rated
capacity, in Ah, that a cell needs for each ampere over a time, to a given end voltage: data of the cell.

IEEE 1115 derates for temperature in each line, because for nickel-cadmium the factor depends on the time; IEEE 485 corrects once at
the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tieline.network.result import Given, Input, Result, Verdict, at_most

Chemistry = Literal["lead_acid", "nickel_cadmium"]
Points = Sequence[tuple[float, float]]

_SOURCES: dict[Chemistry, str] = {
    "nickel_cadmium": "IEEE 1115, cell sizing worksheet",
    "lead_acid": "IEEE 485, cell sizing worksheet",
}
_ONE = Given(1.0, "none stated")


@dataclass(frozen=True, slots=True)
class Period:
    """A constant current for a time."""

    amperes: float
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CellData:
    """What a cell's manufacturer states. Factors in between are interpolated linearly over time."""

    name: str
    chemistry: Chemistry
    capacity_factors: Points
    """Minutes and Kt, rising in both."""
    temperature_factors: Points = ()
    """Minutes and the derating at the design temperature (IEEE 1115); empty for none."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the worksheet."""

    period: int
    change_a: float
    minutes_to_end: float
    capacity_factor: float
    temperature_factor: float

    @property
    def size_ah(self) -> float:
        """Required size; negative where the current falls."""
        return self.change_a * self.capacity_factor * self.temperature_factor

    def __str__(self) -> str:
        return (
            f"{self.change_a:+g} A x {self.capacity_factor:.4g} x {self.temperature_factor:.4g}"
            f" ({self.minutes_to_end:g} min to the end) = {self.size_ah:.2f} Ah"
        )


@dataclass(frozen=True, slots=True)
class Section:
    """The first periods of a duty cycle, as the worksheet adds them up."""

    lines: tuple[Line, ...]

    @property
    def size_ah(self) -> float:
        """What the section needs."""
        return sum(line.size_ah for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """What a size is multiplied with. `temperature` is the factor on the whole; for cells with factors by time it stands there."""

    temperature: Given = _ONE
    design_margin: Given = _ONE
    ageing: Given = _ONE

    @property
    def product(self) -> float:
        """All of them."""
        return self.temperature.value * self.design_margin.value * self.ageing.value

    def inputs(self) -> Iterator[Input]:
        """As the formulas name them."""
        yield Input(name="temperature factor", value=self.temperature.value, origin=self.temperature.origin)
        yield Input(name="design margin", value=self.design_margin.value, origin=self.design_margin.origin)
        yield Input(name="ageing factor", value=self.ageing.value, origin=self.ageing.origin)


class OutsideDataError(ValueError):
    """A time is longer than the cell's factors reach."""


def sections_of(duty: Sequence[Period], cell: CellData) -> tuple[Section, ...]:
    """The worksheet. Sections after which the current rises further are left out, as the next one always asks for more.

    Raises `OutsideDataError` where the cell's factors do not reach far enough.
    """
    return tuple(_sections(duty, cell))


def _sections(duty: Sequence[Period], cell: CellData) -> Iterator[Section]:
    for count in range(1, len(duty) + 1):
        if count < len(duty) and duty[count].amperes > duty[count - 1].amperes:
            continue
        lines, before = [], 0.0
        for index in range(count):
            change = duty[index].amperes - before
            before = duty[index].amperes
            minutes = sum(period.minutes for period in duty[index:count])
            factor = _capacity_factor(cell, minutes, is_rise=change > 0)
            derating = interpolated(cell.temperature_factors, minutes) if cell.temperature_factors else 1.0
            lines.append(Line(index + 1, change, minutes, factor, derating))
        yield Section(tuple(lines))


def _capacity_factor(cell: CellData, minutes: float, *, is_rise: bool) -> float:
    points = cell.capacity_factors
    if minutes > points[-1][0]:
        raise OutsideDataError(f"the factors of {cell.name} end at {points[-1][0]:g} min, {minutes:g} min are needed")
    if minutes < points[0][0] and not is_rise:
        return 0.0  # below the shortest time that is stated nothing is taken back: on the safe side
    return interpolated(points, minutes)


def interpolated(points: Points, at: float) -> float:
    """The value at a place, linear between points, that of the nearest end beyond them."""
    if at <= points[0][0]:
        return points[0][1]
    for (x0, y0), (x1, y1) in pairwise(points):
        if at <= x1:
            return y0 + (y1 - y0) * (at - x0) / (x1 - x0)
    return points[-1][1]


def required_capacity(
    subject: str,
    duty: Sequence[Period],
    cell: CellData,
    *,
    random: Sequence[Period] = (),
    factors: Factors | None = None,
    installed_ah: Given | None = None,
) -> Result:
    """The rated capacity in Ah that a duty cycle needs, against the one that is installed.

    `random` is the load that may come at any time; its size is added to the governing section.
    """
    factors = factors or Factors()
    inputs = [
        Input(
            name="duty cycle", value=", ".join(f"{p.amperes:g} A {p.minutes:g} min" for p in duty), origin="loads of the supply"
        ),
        Input(name="cell", value=cell.name, origin="catalogue"),
        *factors.inputs(),
    ]
    value, note = math.nan, ""
    limit = installed_ah.value if installed_ah else None
    if installed_ah:
        inputs.append(Input(name="installed", value=installed_ah.value, unit="Ah", origin=installed_ah.origin))
    try:
        sections = sections_of(duty, cell)
        governing = max(sections, key=lambda section: section.size_ah)
        extra = max((section.size_ah for section in _sections(random, cell)), default=0.0)
        value = (governing.size_ah + extra) * factors.product
        inputs.append(
            Input(
                name=f"section {len(governing.lines)}, which governs",
                value=" ".join(f"[{line}]" for line in governing.lines),
                unit=f"= {governing.size_ah:.2f} Ah",
            )
        )
        if random:
            inputs.append(Input(name="random load", value=extra, unit="Ah"))
    except OutsideDataError as error:
        note = str(error)
    margin, verdict = at_most(value, limit)
    return Result(
        what="battery capacity",
        subject=subject,
        value=value,
        unit="Ah",
        formula=(
            "section = sum of (change of current * Kt * Tt at the time to its end); "
            "required = (largest section + random load) * temperature factor * design margin * ageing factor"
        ),
        inputs=tuple(inputs),
        source=_SOURCES[cell.chemistry],
        limit=limit,
        margin=margin,
        verdict=Verdict.UNKNOWN if note else verdict,
        note=note,
    )


def autonomy(
    subject: str,
    load_a: Given,
    cell: CellData,
    installed_ah: Given,
    *,
    required_minutes: Given | None = None,
    factors: Factors | None = None,
) -> Result:
    """Minutes for which a battery carries a constant load; the factors of the sizing hold the other way round."""
    factors = factors or Factors()
    shared = factors.product

    def needed(minutes: float) -> float:
        return sum(line.size_ah for line in sections_of([Period(load_a.value, minutes)], cell)[0].lines) * shared

    longest, note = cell.capacity_factors[-1][0], ""
    limit = required_minutes.value if required_minutes else None
    if load_a.value <= 0:
        value = math.inf
    elif needed(longest) <= installed_ah.value:
        value, note = longest, f"at least; the factors of {cell.name} end there"
    else:
        value = _largest(lambda minutes: needed(minutes) <= installed_ah.value, longest)
    margin = None if limit is None else value - limit
    verdict = Verdict.INFORMATION if margin is None else Verdict.OK if margin >= 0 else Verdict.FAILS
    if note and verdict is Verdict.FAILS:
        verdict = Verdict.UNKNOWN
    inputs = [
        Input(name="load", value=load_a.value, unit="A", origin=load_a.origin),
        Input(name="installed", value=installed_ah.value, unit="Ah", origin=installed_ah.origin),
        Input(name="cell", value=cell.name, origin="catalogue"),
        *factors.inputs(),
    ]
    if required_minutes:
        inputs.append(Input(name="required", value=required_minutes.value, unit="min", origin=required_minutes.origin))
    return Result(
        what="battery autonomy",
        subject=subject,
        value=value,
        unit="min",
        formula="the longest t with load * Kt(t) * Tt(t) * temperature factor * design margin * ageing factor <= installed",
        inputs=tuple(inputs),
        source=_SOURCES[cell.chemistry],
        limit=limit,
        margin=margin,
        verdict=verdict,
        note=note,
    )


def _largest(holds: Callable[[float], bool], high: float) -> float:
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
