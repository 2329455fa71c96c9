"""The alarms of a site: `alarms.csv`, or what is made where there is none; every mistake of every row becomes a finding."""

from __future__ import annotations

import copy
import difflib
import fnmatch
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from tieline.config.alarm_defaults import default_alarms, text_of
from tieline.config.alarm_events import LASTING
from tieline.config.alarm_plan import INVALID, QUESTIONABLE, SWITCHING_STATES, AlarmPlan
from tieline.config.alarm_rows import AlarmRow, AlarmsSection
from tieline.config.calculation_expressions import expression_of
from tieline.config.detection import PointDetection
from tieline.config.findings import Finding
from tieline.config.lines import KeyPath
from tieline.config.reading import Source
from tieline.config.site_points import SitePoints
from tieline.config.snmp import SnmpDevice
from tieline.model import Point, PointKind
from tieline.model.alarms import AlarmKind
from tieline.rules import RuleError, Type, name_problem

__all__ = ["AlarmPlan", "AlarmRow", "AlarmsSection", "read_alarms"]

FILE = "alarms.csv"

LIMIT_KINDS = frozenset(
    {AlarmKind.HIGH_HIGH, AlarmKind.HIGH, AlarmKind.LOW, AlarmKind.LOW_LOW, AlarmKind.DEVIATION, AlarmKind.RATE}
)
_OF_DEVICES = frozenset({AlarmKind.COMMUNICATION, AlarmKind.EVENT})
_BINARY_WORDS = {"0": 0, "1": 1, "off": 0, "on": 1, "open": 0, "closed": 1}
_DOUBLE_WORDS = {
    "0": 0,
    "1": 1,
    "2": 2,
    "3": 3,
    "intermediate": 0,
    "off": 1,
    "open": 1,
    "on": 2,
    "closed": 2,
    "bad": 3,
}
_ONLY_FOR: Mapping[str, frozenset[AlarmKind]] = {
    "limit": LIMIT_KINDS,
    "hysteresis": LIMIT_KINDS,
    "reference": frozenset({AlarmKind.DEVIATION}),
    "state": frozenset({AlarmKind.STATE, AlarmKind.QUALITY}),
    "event": frozenset({AlarmKind.EVENT}),
}
"""Columns that mean something for some types alone."""
_LEVELS = (AlarmKind.LOW_LOW, AlarmKind.LOW, AlarmKind.HIGH, AlarmKind.HIGH_HIGH)


class _Rows(Source):
    """A CSV file whose keys are (line, column); counts its mistakes."""

    mistakes = 0

    def report(self, problem: str, remedy: str = "", *, line: int = 0, where: str = "", value: object = "") -> None:
        """Notes one mistake."""
        self.mistakes += 1
        super().report(problem, remedy, line=line, where=where, value=value)

    def report_key(self, key: KeyPath, problem: str, remedy: str = "", *, value: object = "") -> None:
        """Notes one mistake in a cell."""
        self.report(problem, remedy, line=int(key[0]), where=str(key[1]), value=value)


def read_alarms(
    points: SitePoints,
    folder: Path,
    site_folder: Path,
    findings: list[Finding],
    *,
    own_points: Iterable[Point],
    devices: Sequence[str],
    watched: Sequence[SnmpDevice],
    of_watched: Iterable[AlarmPlan],
    detection: Sequence[PointDetection],
    plant_points: Iterable[Point],
    equipment: Collection[str] | None,
) -> tuple[AlarmPlan, ...]:
    """The alarms of the site. `own_points` are Tieline's own; `devices` all devices that site.toml has, those with mistakes too;
    `watched` are nodes of the network, `of_watched` their alarms, each of which is made unless a row says one of that type of its point.

    `equipment` names what the electrical model has; None where that is not known because of mistakes in it.
    """
    path = site_folder / FILE
    wanted = _section(points.source.document).defaults
    made = default_alarms(points.site, devices, plant_points, detection)
    if not path.exists():
        return () if wanted is False else (*made, *of_watched)
    devices = [*devices, *(each.name for each in watched)]
    known = copy.copy(points)
    known.source = source = _Rows(folder, path, findings)
    for point in own_points:
        known.add(point)
    reader = _Reader(known, source, devices, equipment)
    described = [plan for line, row in source.read_table(AlarmRow) for plan in reader.read(line, row)]
    reader.check_levels()
    if wanted is False:
        return tuple(described)
    taken = {plan.id for plan in described} | {f"{points.site}/{name}" for name in reader.names}
    said = {(plan.device, plan.point, plan.kind) for plan in described}
    others = [plan for plan in of_watched if (plan.device, plan.point, plan.kind) not in said]
    return (*described, *(plan for plan in (*(made if wanted else ()), *others) if plan.id not in taken))


def _section(document: Mapping[str, object]) -> AlarmsSection:
    """What `[alarms]` says; where it has mistakes, those are findings already."""
    try:
        return AlarmsSection.model_validate(document.get("alarms", {}))
    except ValidationError:
        return AlarmsSection()


class _Reader:
    """Turns rows into alarms; a row with a mistake gives none."""

    def __init__(self, points: SitePoints, source: _Rows, devices: Sequence[str], equipment: Collection[str] | None) -> None:
        self._points = points
        self._source = source
        self._devices = devices
        self._equipment = equipment
        self.names: dict[str, int] = {}
        """Name: its line."""
        self._levels: dict[str, dict[AlarmKind, tuple[int, float]]] = {}
        """Point: the line and the limit of each type."""

    def read(self, line: int, row: AlarmRow) -> Iterator[AlarmPlan]:
        """The alarms of a row."""
        before = self._source.mistakes
        first = self.names.setdefault(row.name, line)
        if first != line:
            self._report(line, "name", f"the name is taken by line {first}", "choose another", row.name)
        self._check_columns(line, row)
        targets = self._targets(line, row)
        reference = self._points.find((line, "reference"), row.reference) if row.reference else None
        inputs = self._suppression(line, row)
        states = self._states(line, row, targets)
        abnormal = {target: self._abnormal(line, row, point) for target, point in targets}
        for _, point in targets:
            self._check_point(line, row, point, reference)
        if self._source.mistakes > before:
            return
        is_family = any(wild in row.point for wild in "*?")
        for target, point in targets:
            device = point.device if point else target
            yield AlarmPlan(
                id=f"{self._points.site}/{row.name}" + (f"/{target}" if is_family else ""),
                site=self._points.site,
                device=device,
                point=point,
                name=row.name,
                text=row.description or text_of(row.type, device, point, row.event),
                kind=row.type,
                priority=row.priority,
                limit=row.limit,
                hysteresis=row.hysteresis,
                reference=reference,
                abnormal=abnormal[target],
                is_any_doubt=row.type is AlarmKind.QUALITY and row.state == QUESTIONABLE,
                event=row.event,
                on_delay_s=row.on_delay_s,
                off_delay_s=row.off_delay_s,
                latched=row.latched,
                group=row.group,
                area=row.area,
                equipment=_equipment_of(row, point),
                consequence=row.consequence,
                response=row.response,
                suppress=row.suppress,
                suppress_inputs=inputs,
                suppress_states=states,
                shelvable=row.shelvable,
                most_shelve_s=60 * row.most_shelve_min,
            )

    def check_levels(self) -> None:
        """The limits of each point are in order."""
        for limits in self._levels.values():
            levels = [(kind, *limits[kind]) for kind in _LEVELS if kind in limits]
            for (below, _, lower), (kind, line, limit) in pairwise(levels):
                if not lower < limit:
                    problem = f"the {kind} limit is not above the {below} limit {lower:g} of the same point"
                    self._source.report_key((line, "limit"), problem, "correct one of them", value=f"{limit:g}")

    def _report(self, line: int, column: str, problem: str, remedy: str, value: object = "") -> None:
        self._source.report_key((line, column), problem, remedy, value=value)

    def _check_columns(self, line: int, row: AlarmRow) -> None:
        for column, kinds in _ONLY_FOR.items():
            if getattr(row, column) not in {"", None, 0.0} and row.type not in kinds:
                problem = f"means nothing for an alarm of type {row.type}"
                self._report(line, column, problem, "leave it empty", getattr(row, column))
        if row.type in LIMIT_KINDS and row.limit is None:
            self._report(line, "limit", "is missing", f"an alarm of type {row.type} needs one")
        if row.type in {AlarmKind.DEVIATION, AlarmKind.RATE} and row.limit is not None and not row.limit > 0:
            self._report(line, "limit", f"a {row.type} is measured without sign", "write a number above 0", f"{row.limit:g}")
        if row.type in {AlarmKind.DEVIATION, AlarmKind.RATE} and row.limit is not None and row.hysteresis >= row.limit > 0:
            self._report(line, "hysteresis", "it would never return", f"write less than {row.limit:g}", f"{row.hysteresis:g}")
        if row.type is AlarmKind.DEVIATION and not row.reference:
            self._report(line, "reference", "is missing", "name the point that the deviation is measured from")
        if row.type is AlarmKind.STATE and not row.state:
            self._report(line, "state", "is missing", "write the abnormal states, for example on or intermediate|bad")
        if row.type is AlarmKind.QUALITY and row.state not in {"", INVALID, QUESTIONABLE}:
            self._report(line, "state", "is no quality", f"write {INVALID} or {QUESTIONABLE}", row.state)
        if row.type is AlarmKind.EVENT and not row.event:
            self._report(line, "event", "is missing", "write the kind of the events, for example value_stuck")
        if row.event and row.event not in LASTING and row.on_delay_s:
            problem = f"{row.event} is over at once and would never last for so long"
            self._report(line, "on_delay_s", problem, "leave it empty", f"{row.on_delay_s:g}")

    def _targets(self, line: int, row: AlarmRow) -> list[tuple[str, Point | None]]:
        """What a row names: points as `device/name`, devices by their names, the site itself as nothing."""
        if "/" in row.point or (row.point and row.type not in _OF_DEVICES):
            if row.type is AlarmKind.COMMUNICATION:
                self._report(line, "point", "is a point", "name the device alone; a point has no communication", row.point)
                return []
            return [(f"{point.device}/{point.name}", point) for point in self._points.match((line, "point"), row.point)]
        if not row.point:
            if row.type not in _OF_DEVICES:
                self._report(line, "point", "is missing", "write device/name")
                return []
            return [("", None)]
        found = [device for device in self._devices if fnmatch.fnmatchcase(device, row.point)]
        if not found and not self._points.is_uncertain(row.point):
            close = difflib.get_close_matches(row.point, self._devices, n=1)
            remedy = f"did you mean {close[0]}?" if close else "correct the name"
            self._report(line, "point", "there is no such device at this site", remedy, row.point)
        return [(device, None) for device in found]

    def _check_point(self, line: int, row: AlarmRow, point: Point | None, reference: Point | None) -> None:
        if point is None:
            return
        if point.kind.is_writable:
            problem = f"{point.device}/{point.name} is written and not measured"
            self._report(line, "point", problem, "name its feedback", row.point)
        elif row.type in LIMIT_KINDS and point.kind.is_discrete:
            problem = f"{point.device}/{point.name} is a {point.kind} point and has no limits"
            self._report(line, "type", problem, "write state, or name a quantity", row.type)
        elif row.type is AlarmKind.STATE and not point.kind.is_discrete:
            problem = f"{point.device}/{point.name} is of kind {point.kind} and has no states"
            self._report(line, "type", problem, "write high or low, or name a binary or double point", row.type)
        if reference is not None and reference.path == point.path:
            self._report(line, "reference", "is the point itself", "name another", row.reference)
        elif reference is not None and reference.unit != point.unit:
            problem = f"is in {reference.unit or 'no unit'}, {point.device}/{point.name} in {point.unit or 'none'}"
            self._report(line, "reference", problem, "compare points of one unit; a calculation can convert", row.reference)
        if row.limit is not None and row.type in _LEVELS:
            self._check_level(line, row, point, row.limit)

    def _check_level(self, line: int, row: AlarmRow, point: Point, limit: float) -> None:
        limits = self._levels.setdefault(point.path, {})
        first, _ = limits.setdefault(row.type, (line, limit))
        if first != line:
            problem = f"line {first} has the {row.type} limit of {point.device}/{point.name} already"
            self._report(line, "point", problem, "keep one", row.point)
        if (point.high is not None and limit > point.high) or (point.low is not None and limit < point.low):
            low, high = ("..." if end is None else f"{end:g}" for end in (point.low, point.high))
            problem = f"lies outside of what {point.device}/{point.name} can be: {low} to {high}"
            self._report(line, "limit", problem, "correct it, or the point's low and high", f"{limit:g}")

    def _abnormal(self, line: int, row: AlarmRow, point: Point | None) -> frozenset[int]:
        if row.type is not AlarmKind.STATE or point is None or not point.kind.is_discrete:
            return frozenset()
        words = _DOUBLE_WORDS if point.kind is PointKind.DOUBLE else _BINARY_WORDS
        given = [word.strip().lower() for word in row.state.split("|") if word.strip()]
        for word in given:
            if word not in words:
                permitted = ", ".join(words)
                self._report(line, "state", f"is no state of a {point.kind} point", f"write one of {permitted}", word)
        found = frozenset(words[word] for word in given if word in words)
        if len(found) == len(set(words.values())):
            self._report(line, "state", "every state is abnormal", "leave one that is normal", row.state)
        return found

    def _states(self, line: int, row: AlarmRow, targets: Sequence[tuple[str, Point | None]]) -> frozenset[str]:
        """The switching states in which it is suppressed; the equipment of which they are has to be in the electrical model."""
        given = [word.strip() for word in row.suppress_states.split("|") if word.strip()]
        for word in given:
            if word not in SWITCHING_STATES:
                self._report(line, "suppress_states", "is no such state", f"write {' or '.join(SWITCHING_STATES)}", word)
        for target, point in targets if given else ():
            name = _equipment_of(row, point)
            if not name:
                problem = f"{target or 'the site'} belongs to no equipment whose state it could be"
                self._report(line, "equipment", problem, "name a piece of equipment in grid/", row.equipment)
            elif self._equipment is not None and name not in self._equipment:
                close = difflib.get_close_matches(name, self._equipment, n=1)
                remedy = f"did you mean {close[0]}?" if close else "name a piece of equipment in grid/"
                self._report(line, "equipment", "is not in the electrical model", remedy, name)
        return frozenset(given)

    def _suppression(self, line: int, row: AlarmRow) -> dict[str, Point]:
        """The points behind the names in the expression."""
        inputs: dict[str, Point] = {}
        is_whole = True
        for part in filter(None, (part.strip() for part in row.suppress_inputs.split(";"))):
            name, _, reference = (half.strip() for half in part.partition("="))
            problem = name_problem(name)
            if problem or not reference:
                self._report(line, "suppress_inputs", problem or "has no point", "write name = device/name", part)
                is_whole = False
                continue
            point = self._points.find((line, "suppress_inputs"), reference)
            is_whole &= point is not None
            if point is not None:
                inputs[name] = point
        if row.suppress and is_whole:
            self._check_expression(line, row, inputs)
        elif row.suppress_inputs and not row.suppress:
            self._report(line, "suppress", "is missing", "write the expression that uses them", row.suppress_inputs)
        return inputs

    def _check_expression(self, line: int, row: AlarmRow, inputs: Mapping[str, Point]) -> None:
        try:
            expression = expression_of(row.suppress, {name: point.kind for name, point in inputs.items()})
        except RuleError as error:
            for mistake in error.mistakes:
                self._report(line, "suppress", f"column {mistake.column}: {mistake.problem}", mistake.remedy, row.suppress)
            return
        if expression.type is not Type.BOOL:
            self._report(line, "suppress", f"gives {expression.type}", "compare it with something", row.suppress)
        if expression.aged:
            self._report(line, "suppress", "AGE is not known here", "use GOOD instead", row.suppress)
        for name in sorted(inputs.keys() - expression.names - expression.aged):
            self._report(line, "suppress_inputs", "the expression does not use it", "use it or remove it", name)


def _equipment_of(row: AlarmRow, point: Point | None) -> str:
    return row.equipment or (point.equipment if point else "")
