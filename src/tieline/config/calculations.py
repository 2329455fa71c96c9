"""`[[calculations]]` in `site.toml`: points that are calculated at the site from others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from pydantic import ValidationError

from tieline.config.calculation_inputs import Binding, Input, References, bind, references_of
from tieline.config.calculation_sections import CalculationSection, Settings
from tieline.config.calculation_units import factor
from tieline.config.lines import KeyPath
from tieline.config.quantities import quantity_of
from tieline.config.rows import PointRow
from tieline.config.site_points import CALCULATED, SitePoints
from tieline.model import Point, PointId, PointKind, Reporting, derive_point_id

__all__ = ["Calculation", "CalculationSection", "Input", "read_calculations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculation:
    """How one point is calculated."""

    point: Point
    settings: Settings
    """The function, with its keys as they were typed."""
    inputs: tuple[Input, ...]
    """In the order in which the function takes them."""
    scale: float = 1.0
    """What the function gives for its inputs, times this, is in the point's unit."""


def read_calculations(
    points: SitePoints, sections: Sequence[tuple[KeyPath, CalculationSection]], default: Reporting
) -> tuple[Calculation, ...]:
    """The calculations that are right, each after those that it needs, their points made known to `points`; mistakes become findings."""
    _announce(points)
    named: dict[str, tuple[KeyPath, Settings]] = {}
    for key, section in sections:
        if section.root.name in named:
            points.source.report_key((*key, "name"), "the name is taken already", "choose another", value=section.root.name)
        else:
            named[section.root.name] = (key, section.root)
    found = {name: references_of(points, key, settings) for name, (key, settings) in named.items()}
    read: dict[str, Calculation] = {}
    for name in _in_order(points, named, found):
        key, settings = named[name]
        calculation = _read(points, key, settings, found[name], default, read)
        if calculation is not None:
            read[name] = calculation
            points.add(calculation.point)
    return tuple(read.values())


def _announce(points: SitePoints) -> None:
    """Makes the names known, so that others may refer to them before they are read and also where they have mistakes."""
    tables = points.source.document.get("calculations", [])
    for table in tables if isinstance(tables, list) else []:
        name = table.get("name") if isinstance(table, dict) else None
        if isinstance(name, str):
            path = f"{points.site}/{CALCULATED}/{name}"
            kind, number = PointKind.ANALOG, derive_point_id(path)
            points.add(Point(id=PointId(number), site=points.site, device=CALCULATED, name=name, kind=kind))


def _in_order(points: SitePoints, named: dict[str, tuple[KeyPath, Settings]], found: dict[str, References]) -> list[str]:
    """The names, each after those that it needs; those that need each other are left out, and each circle is a finding."""
    graph = {
        name: {needed for needed in references.names_at(CALCULATED) if needed in named} for name, references in found.items()
    }
    while True:
        try:
            return list(TopologicalSorter(graph).static_order())
        except CycleError as error:
            circle = list(reversed(error.args[1]))
            first = min(circle, key=list(named).index)
            turned = circle[circle.index(first) : -1] + circle[: circle.index(first)]
            says = " needs ".join(f"{CALCULATED}/{name}" for name in [*turned, first])
            remedy = "let one of them be calculated from measured points alone"
            points.source.report_key(named[first][0], f"needs itself: {says}", remedy, value=first)
            graph = {name: needed - set(circle) for name, needed in graph.items() if name not in circle}


def _read(
    points: SitePoints,
    key: KeyPath,
    settings: Settings,
    references: References,
    default: Reporting,
    read: dict[str, Calculation],
) -> Calculation | None:
    if not references.is_whole or any(name not in read for name in references.names_at(CALCULATED)):
        return None  # what it needs is not there or has a mistake, which is a finding already
    binding = bind(points, key, settings, references)
    if binding is None:
        return None
    point = _point(points, key, settings, binding, default)
    if point is None:
        return None
    return Calculation(point=point, settings=settings, inputs=binding.inputs, scale=binding.scale)


def _point(points: SitePoints, key: KeyPath, settings: Settings, binding: Binding, default: Reporting) -> Point | None:
    given = settings.model_dump(include=PointRow.model_fields.keys() & type(settings).model_fields.keys())
    try:
        row = PointRow.model_validate({**given, "kind": binding.kind, "unit": binding.unit})
    except ValidationError as error:
        for details in error.errors(include_url=False):
            problem, _, remedy = str(details.get("ctx", {}).get("error", details["msg"])).partition("; ")
            points.source.report_key((*key, *details["loc"]), problem, remedy, value=settings.name)
        return None
    if not _has_right_quantity(points, key, row):
        return None
    return row.to_point(points.site, CALCULATED, default)


def _has_right_quantity(points: SitePoints, key: KeyPath, row: PointRow) -> bool:
    if not row.quantity:
        return True
    quantity = quantity_of(row.quantity, row.kind)
    source = points.source
    if quantity is None:
        source.report_key((*key, "quantity"), "there is no such quantity", "see the list in the reference", value=row.quantity)
    elif row.kind not in quantity.kinds:
        kinds = " or ".join(sorted(quantity.kinds))
        source.report_key((*key, "quantity"), f"is never {row.kind}", f"a point of it is {kinds}", value=row.quantity)
    elif factor(row.unit, quantity.unit) is None:
        units = ", ".join(unit for unit in quantity.units if unit)
        remedy = f"write {units}" if units else "remove the unit"
        source.report_key((*key, "unit"), f"{row.quantity} is not measured in it", remedy, value=row.unit)
    else:
        return True
    return False
