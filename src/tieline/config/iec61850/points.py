"""The rows of an IED: derived from its SCL file, and chosen, renamed and corrected by its list where there is one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from tieline.config.checks import check_names, has_right_scale
from tieline.config.iec61850.equipment import EquipmentLinks
from tieline.config.iec61850.names import derived_name
from tieline.config.iec61850.quantities import meaning_of
from tieline.config.iec61850.rows import Iec61850Listed, Iec61850Row
from tieline.config.quantities import quantity_of
from tieline.config.reading import Source
from tieline.model import PointKind
from tieline.protocols.iec61850.scl import Scl, SclFinding, SclPoint, Severity, points_of
from tieline.protocols.iec61850.scl.ied import AccessPoint, Ied

_NUMBERS = frozenset({PointKind.ANALOG, PointKind.COUNTER})
_MAIN_OF_MANY = frozenset({"general", "stVal"})
"""Of data objects with several values, that which their reference alone means."""
_PLANT = ("equipment", "quantity", "phase")
_AS_LISTED = ("description", "unit", "deadband", "deadband_percent", "max_silence_s", "id")


@dataclass(frozen=True, slots=True)
class Described:
    """A row, the line of the list that it comes from (0: of none), and what the SCL file says of it."""

    line: int
    row: Iec61850Row
    point: SclPoint


class IedPoints:
    """The points that an IED offers at an access point."""

    def __init__(self, scl: Scl, ied: Ied, access_point: AccessPoint, links: EquipmentLinks, scl_source: Source) -> None:
        self._scl = scl
        self._ied = ied
        self._links = links
        self._source = scl_source
        self._suggestions: dict[str, str] = {}
        self._insts = {device.inst: device.name for device in access_point.devices}

    def derive(self) -> list[Described]:
        """A row for each member of a data set and each command; sampled values, thousands a second, are no points."""
        found = points_of(self._scl, self._ied)
        self._report(found.findings)
        chosen = [point for point in found.points if point.ld_inst in self._insts and point.cdc != "SAV"]
        rows = [Described(0, Iec61850Row.model_validate(self._describe(point)), point) for point in chosen]
        taken: dict[str, SclPoint] = {}
        for each in rows:
            other = taken.setdefault(each.row.name, each.point)
            if other is not each.point:
                self._source.report(
                    f"{other.object_reference} would have the same name",
                    "name the points in a list",
                    line=each.point.line,
                    where=each.point.object_reference,
                    value=each.row.name,
                )
        return rows

    def choose(self, source: Source, listed: Sequence[tuple[int, Iec61850Listed]], goose: Collection[str]) -> list[Described]:
        """The rows that a list names, with what it says other; `goose` are the data sets that are listened to."""
        found = points_of(self._scl, self._ied, beyond_data_sets=True)
        self._report(found.findings)
        index = self._index([point for point in found.points if point.ld_inst in self._insts])
        rows: list[Described] = []
        seen: dict[tuple[str, str], int] = {}
        for line, entry in listed:
            point = index.get(entry.reference)
            if point is None:
                remedy = self._suggest(entry.reference, index)
                source.report("the IED has no such value", remedy, line=line, where="reference", value=entry.reference)
                continue
            first = seen.setdefault(point.key, line)
            if first != line:
                source.report(
                    f"line {first} has the same value", "name each once", line=line, where="reference", value=entry.reference
                )
                continue
            row = self._correct(source, line, entry, point, goose)
            if row is not None:
                rows.append(Described(line, row, point))
        check_names(source, [(each.line, each.row) for each in rows])
        return rows

    def _describe(self, point: SclPoint) -> dict[str, object]:
        """What the SCL file says, in the words of a point list."""
        low, high = _limits(point)
        return {
            "name": derived_name(point),
            "kind": point.kind,
            "unit": point.unit,
            "description": point.description or point.reference,
            **dict(zip(_PLANT, self._place(point, point.kind, point.unit), strict=True)),
            "low": low,
            "high": high,
            "reference": point.object_reference,
            "fc": point.fc,
            "scale": point.scale,
            "offset": point.offset,
            "is_whole": point.b_type.startswith("INT"),
        }

    def _place(self, point: SclPoint, kind: PointKind, unit: str, equipment: str = "") -> tuple[str, str, str]:
        """Equipment, quantity and phase, at a given piece or at that of the links; all empty where they are not known or do not fit."""
        node = self._scl.nodes(self._ied).get((point.ld_inst, point.logical_node))
        meaning = meaning_of(point, node.ln_class) if node else None
        if meaning is None:
            return "", "", ""
        is_energy = meaning.towards_busbar is not None
        quantity = quantity_of("energy_exported" if is_energy else meaning.quantity, kind)
        if quantity is None or kind not in quantity.kinds or unit not in quantity.units or meaning.phase not in quantity.phases:
            return "", "", ""
        links = self._links
        piece = links.named(equipment) if equipment else links.find(point.equipment, quantity, is_of_link=meaning.is_of_link)
        if piece is None:
            return "", "", ""
        name = self._links.counted(piece, meaning) if is_energy else quantity.name
        return (piece.name, name, meaning.phase) if name else ("", "", "")

    def _correct(
        self, source: Source, line: int, entry: Iec61850Listed, point: SclPoint, goose: Collection[str]
    ) -> Iec61850Row | None:
        kind = entry.kind or point.kind
        if kind is not point.kind and not {kind, point.kind} <= _NUMBERS:
            remedy = "write analog or counter" if point.kind in _NUMBERS else f"write {point.kind}, or leave it empty"
            source.report(f"a {point.b_type} is {point.kind}", remedy, line=line, where="kind", value=kind)
            return None
        if not has_right_scale(source, line, entry.scale, entry.offset, kind=kind, is_discrete=kind.is_discrete):
            return None
        if entry.source == "goose":
            self._check_goose(source, line, point, goose)
        unit = point.unit if entry.unit is None else entry.unit
        fields = self._describe(point)
        fields |= dict(zip(_PLANT, self._place(point, kind, unit, entry.equipment or ""), strict=True))
        fields |= {name: value for name in (*_PLANT, *_AS_LISTED) if (value := getattr(entry, name)) is not None}
        low, high = (None if limit is None else limit * entry.scale + entry.offset for limit in _limits(point))
        if entry.scale < 0:
            low, high = high, low
        fields |= {
            "name": entry.name or fields["name"],
            "kind": kind,
            "low": low if entry.low is None else entry.low,
            "high": high if entry.high is None else entry.high,
            "scale": point.scale * entry.scale,
            "offset": point.offset * entry.scale + entry.offset,
            "source": entry.source,
        }
        try:
            return Iec61850Row.model_validate(fields)
        except ValidationError as error:
            source.report_row(line, {name: str(value) for name, value in fields.items() if value is not None}, error)
            return None

    def _check_goose(self, source: Source, line: int, point: SclPoint, goose: Collection[str]) -> None:
        data_sets = {each.data_set for each in point.sources}
        if not data_sets & set(goose):
            source.report(
                "no GOOSE that the site listens to has it",
                "describe [goose] in site.toml with its control block, or leave the column empty",
                line=line,
                where="source",
                value="goose",
            )

    def _index(self, points: Sequence[SclPoint]) -> Mapping[str, SclPoint]:
        """Under every way to write their references: of the attribute, and of the data object where that has one value only."""
        index: dict[str, SclPoint] = {}
        objects: dict[str, list[SclPoint]] = {}
        for point in points:
            index[point.object_reference] = point
            operate = point.object_reference.partition(".Oper.")[0] + ".Oper" if point.fc == "CO" else point.reference
            objects.setdefault(operate, []).append(point)
        for reference, among in objects.items():
            main = among if len(among) == 1 else [point for point in among if point.value in _MAIN_OF_MANY]
            if len(main) == 1:
                index.setdefault(reference, main[0])
        for reference, point in list(index.items()):
            _, _, below = reference.partition("/")
            index.setdefault(f"{point.ld_inst}/{below}", point)
        return index

    def _suggest(self, reference: str, index: Mapping[str, SclPoint]) -> str:
        node = reference.partition(".")[0]
        near = [each for each in index if each.partition(".")[0] == node]
        if near:
            return f"did you mean {difflib.get_close_matches(reference, near, n=1, cutoff=0.0)[0]}?"
        if node not in self._suggestions:
            nodes = difflib.get_close_matches(node, {each.partition(".")[0] for each in index}, n=1)
            example = "write for example CTRL/CSWI1.Pos, as the SCL file has it"
            self._suggestions[node] = f"did you mean something of {nodes[0]}?" if nodes else example
        return self._suggestions[node]

    def _report(self, findings: Sequence[SclFinding]) -> None:
        for each in findings:
            if each.severity is Severity.ERROR:
                self._source.report(each.problem, each.remedy, line=each.line, where=each.path, value=each.value)


def _limits(point: SclPoint) -> tuple[float | None, float | None]:
    """What the SCL file gives as the range of a value, where that is one."""
    if point.low is not None and point.high is not None and not point.low < point.high:
        return None, None
    return point.low, point.high
