"""Units of calculated points: which can be converted into each other, and by what factor.

The tables are those of `config/quantities.py`, and beside them reactive and apparent energy, charge, angles and times, which nothing at
equipment is measured in but which calculations give. A unit that is in none of them is converted into nothing but itself, and an empty
one says nothing: it is taken to be the right one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tieline.config.quantities import MEASURED

TIMES: Mapping[str, float] = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
"""Units of time, in seconds."""

_FURTHER: tuple[Mapping[str, float], ...] = (
    {"varh": 1.0, "kvarh": 1e3, "Mvarh": 1e6},
    {"VAh": 1.0, "kVAh": 1e3, "MVAh": 1e6},
    {"Ah": 1.0, "kAh": 1e3},
    {"°": 1.0, "deg": 1.0, "rad": 57.29577951308232},
    TIMES,
)

_OVER_AN_HOUR = {"W": "Wh", "var": "varh", "VA": "VAh", "A": "Ah"}
"""Base unit: that of its integral over an hour."""


def _tables() -> Iterator[Mapping[str, float]]:
    yield from _FURTHER
    yield from (quantity.units for quantity in MEASURED.values())


_BASES: dict[str, tuple[str, float]] = {}
for _units in _tables():
    for _unit, _factor in _units.items():
        if _unit not in {"", "1"}:
            _BASES.setdefault(_unit, (next(iter(_units)), _factor))


def base_of(unit: str) -> str:
    """The unit that those are converted into with which this one can be compared; itself where nothing is known of it."""
    return _BASES.get(unit, (unit, 1.0))[0]


def in_base(unit: str) -> float:
    """How many of its base unit one of this unit is."""
    return _BASES.get(unit, (unit, 1.0))[1]


def factor(given: str, wanted: str) -> float | None:
    """What a number in the given unit is multiplied by to be in the wanted one; None where the two measure different things."""
    if given == wanted or not _says_something(given) or not _says_something(wanted):
        return 1.0
    if base_of(given) != base_of(wanted):
        return None
    return in_base(given) / in_base(wanted)


def over_an_hour(unit: str) -> str:
    """The unit of the integral over time in hours: kW gives kWh."""
    base = base_of(unit)
    if base in _OVER_AN_HOUR and unit in _BASES:
        return unit + "h"
    return f"{unit}·h" if unit else ""


def _says_something(unit: str) -> bool:
    return unit not in {"", "1"}
