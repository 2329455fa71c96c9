"""`grid/`: the electrical model, one CSV a kind of equipment, one row a piece.

    nodes.csv  lines.csv  transformers.csv  switches.csv  sources.csv  loads.csv  solar.csv  storage.csv  shunts.csv

Only `nodes.csv` and `sources.csv` have to be there. Names are unique through all files: they are what the `equipment` column of a
point list refers to. Values are those on the name plate; voltages are between phases.
"""

from __future__ import annotations

import difflib
import re
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from tieline.config.fields import Name, PositiveSeconds, Strict
from tieline.config.findings import Finding
from tieline.config.quantities import MEASURED, OPERATED, EquipmentKind, quantity_of
from tieline.config.reading import Source
from tieline.config.rows import PointRow

_VECTOR_GROUP = re.compile(r"^(D|YN?|ZN?)(d|yn?|zn?)(\d{1,2})$")


def _positive(description: str) -> Any:
    return Field(gt=0, allow_inf_nan=False, description=description)


def _non_negative(default: float, description: str) -> Any:
    return Field(default=default, ge=0, allow_inf_nan=False, description=description)


class Equipment(Strict):
    """What every piece of equipment has."""

    kind: ClassVar[EquipmentKind]

    name: Name
    description: str = ""
    scl: str = Field(default="", description="its path in the substation section of an SCL file, for example MB/J1/Q01/QA1")

    @property
    @abstractmethod
    def nodes(self) -> tuple[str, ...]:
        """The nodes that its terminals are connected to; the one it is measured at comes first."""


class Node(Equipment):
    """A busbar, or a place where equipment meets (CIM ConnectivityNode)."""

    kind = EquipmentKind.NODE
    voltage_kv: float = _positive("nominal, between phases")
    site: Name | None = Field(default=None, description="where it stands")

    @property
    def nodes(self) -> tuple[str, ...]:
        """Itself."""
        return (self.name,)


class _Branch(Equipment):
    from_node: Name = Field(description="where it is measured")
    to_node: Name = Field(description="where positive power flows to")

    @property
    def nodes(self) -> tuple[str, ...]:
        """Both ends."""
        return (self.from_node, self.to_node)


class Line(_Branch):
    """An overhead line or a cable (CIM ACLineSegment)."""

    kind = EquipmentKind.LINE
    length_km: float = _positive("route length")
    r_ohm_per_km: float = _positive("resistance at operating temperature")
    x_ohm_per_km: float = _positive("reactance")
    c_nf_per_km: float = _non_negative(0.0, "capacitance to earth")
    rated_current_a: float = _positive("continuous")


class Switch(_Branch):
    """A circuit breaker or disconnector; closed it has no impedance (CIM Breaker, Disconnector)."""

    kind = EquipmentKind.SWITCH
    type: Literal["breaker", "disconnector"] = Field(default="breaker", description="breaker or disconnector")
    normal: Literal["closed", "open"] = Field(default="closed", description="closed or open")
    rated_current_a: float = Field(default=1250.0, gt=0, allow_inf_nan=False, description="continuous")
    recloses: bool = Field(default=False, description="protection trips it now and then in the simulator, and recloses")


class Transformer(Equipment):
    """A two-winding transformer, with or without a tap changer at its high side (CIM PowerTransformer)."""

    kind = EquipmentKind.TRANSFORMER
    high_node: Name = Field(description="where it is measured")
    low_node: Name = Field(description="whose voltage is regulated")
    rated_mva: float = _positive("apparent power")
    high_kv: float = _positive("rated voltage, at the neutral tap")
    low_kv: float = _positive("rated voltage without load")
    vector_group: str = Field(default="Dyn11", description="for example YNd11 or Dyn5")
    short_circuit_percent: float = Field(gt=0, lt=100, allow_inf_nan=False, description="short-circuit voltage uk")
    load_loss_kw: float = _positive("at rated current")
    no_load_loss_kw: float = _positive("at rated voltage")
    no_load_current_percent: float = _non_negative(0.3, "of the rated current")
    tap_lowest: int = Field(default=0, ge=-60, le=60, description="position")
    tap_highest: int = Field(default=0, ge=-60, le=60, description="position")
    tap_neutral: int = Field(default=0, ge=-60, le=60, description="position in which the rated voltages hold")
    tap_step_percent: float = _non_negative(0.0, "of high_kv; a higher position is a higher voltage at the low side")
    target_kv: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="regulated on load to this at low_node")
    deadband_percent: float = Field(default=1.2, gt=0, lt=20, description="of target_kv, to both sides together")
    delay_s: PositiveSeconds = Field(default=30.0, description="the voltage is off for so long before the tap moves")
    top_oil_rise_k: float = Field(default=52.0, gt=0, description="in steady state at rated losses")
    hot_spot_rise_k: float = Field(default=22.0, gt=0, description="above top oil at rated current")
    oil_time_constant_min: float = Field(default=180.0, gt=0, description="of IEC 60076-7")
    winding_time_constant_min: float = Field(default=7.0, gt=0, description="of IEC 60076-7")

    @property
    def nodes(self) -> tuple[str, ...]:
        """High side, low side."""
        return (self.high_node, self.low_node)

    @property
    def clock(self) -> int:
        """The hours by which the low side lags."""
        match = _VECTOR_GROUP.match(self.vector_group)
        assert match
        return int(match[3]) % 12

    @field_validator("vector_group")
    @classmethod
    def _vector_group_exists(cls, text: str) -> str:
        match = _VECTOR_GROUP.match(text)
        if not match or int(match[3]) > 12:
            raise ValueError("is not a vector group; write for example YNd11 or Dyn5")
        is_odd = (match[1][0] == "Y") != (match[2][0] == "y")
        if match[1][0] != "Z" and match[2][0] != "z" and is_odd != bool(int(match[3]) % 2):
            raise ValueError("has a clock number that these windings cannot give; Dy, Yd are odd, Yy, Dd are even")
        return text

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.low_kv < self.high_kv:
            raise ValueError(f"low_kv {self.low_kv:g} is not below high_kv {self.high_kv:g}; exchange or correct them")
        if not self.tap_lowest <= self.tap_neutral <= self.tap_highest:
            raise ValueError("tap_neutral does not lie between tap_lowest and tap_highest; correct them")
        if self.tap_lowest < self.tap_highest and self.tap_step_percent == 0:
            raise ValueError("the taps make no difference; write tap_step_percent")
        if self.target_kv is not None and self.tap_lowest == self.tap_highest:
            raise ValueError("target_kv needs taps to reach it with; write tap_lowest and tap_highest, or leave it empty")
        if self.load_loss_kw >= self.short_circuit_percent / 100 * self.rated_mva * 1000:
            raise ValueError("load_loss_kw is larger than short_circuit_percent permits; correct one of them")
        return self


class _Shunted(Equipment):
    node: Name = Field(description="where it is connected")

    @property
    def nodes(self) -> tuple[str, ...]:
        """The one it is connected to."""
        return (self.node,)


class ExternalSource(_Shunted):
    """The network beyond (CIM ExternalNetworkInjection)."""

    kind = EquipmentKind.SOURCE
    voltage_pu: float = Field(default=1.0, gt=0.5, lt=1.5, description="behind its impedance")
    short_circuit_mva: float = Field(default=10_000.0, gt=0, allow_inf_nan=False, description="what it can feed into a fault")
    x_to_r: float = Field(default=10.0, gt=0, allow_inf_nan=False, description="of its impedance")


class Load(_Shunted):
    """Customers together (CIM EnergyConsumer)."""

    kind = EquipmentKind.LOAD
    peak_mw: float = _positive("highest consumption")
    power_factor: float = Field(default=0.95, gt=0, le=1, description="lagging")
    profile: Literal["residential", "commercial", "industrial", "constant"] = Field(
        default="residential", description="residential, commercial, industrial or constant"
    )


class Solar(_Shunted):
    """A photovoltaic unit with its inverter (CIM PhotoVoltaicUnit)."""

    kind = EquipmentKind.SOLAR
    peak_mw: float = _positive("of the modules at 1000 W/m2 and 25 °C")
    rated_mva: float = _positive("of the inverter")
    tilt: float = Field(default=25.0, ge=0, le=90, description="degrees from horizontal")
    azimuth: float = Field(default=180.0, ge=0, le=360, description="degrees from north; 180 faces south")


class Storage(_Shunted):
    """A battery with its converter (CIM BatteryUnit)."""

    kind = EquipmentKind.STORAGE
    rated_mw: float = _positive("charging and discharging")
    capacity_mwh: float = _positive("usable")
    efficiency_percent: float = Field(default=88.0, gt=0, le=100, description="there and back")
    initial_percent: float = Field(default=50.0, ge=0, le=100, description="state of charge when the simulation begins")


class Shunt(_Shunted):
    """A capacitor bank, or, negative, a reactor (CIM LinearShuntCompensator)."""

    kind = EquipmentKind.SHUNT
    reactive_mvar: float = Field(allow_inf_nan=False, description="injected at nominal voltage; negative for a reactor")


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The electrical model of a utility."""

    nodes: tuple[Node, ...] = ()
    lines: tuple[Line, ...] = ()
    transformers: tuple[Transformer, ...] = ()
    switches: tuple[Switch, ...] = ()
    sources: tuple[ExternalSource, ...] = ()
    loads: tuple[Load, ...] = ()
    solar: tuple[Solar, ...] = ()
    storage: tuple[Storage, ...] = ()
    shunts: tuple[Shunt, ...] = ()

    def __iter__(self) -> Iterator[Equipment]:
        return (piece for field in fields(self) for piece in getattr(self, field.name))

    @cached_property
    def by_name(self) -> Mapping[str, Equipment]:
        """Every piece of equipment by its name."""
        return {piece.name: piece for piece in self}


_FILES: Mapping[str, type[Equipment]] = {
    "nodes": Node,
    "lines": Line,
    "transformers": Transformer,
    "switches": Switch,
    "sources": ExternalSource,
    "loads": Load,
    "solar": Solar,
    "storage": Storage,
    "shunts": Shunt,
}
_REQUIRED = {"nodes", "sources"}


class GridFolder:
    """`grid/` as it was read, and what is needed to check point lists against it."""

    def __init__(self, folder: Path, sites: Iterable[str], findings: list[Finding]) -> None:
        """Reads it; mistakes go to `findings`. A folder without `grid/` is fine: there is nothing to check against."""
        self.grid: Grid | None = None
        self._is_whole = True
        self._in_scl: list[tuple[Source, int, Equipment]] = []
        path = folder / "grid"
        if path.is_dir():
            before = len(findings)
            self._read(folder, path, tuple(sites), findings)
            self._is_whole = len(findings) == before

    @property
    def names(self) -> frozenset[str] | None:
        """The names of all nodes and equipment; None where there are mistakes."""
        return frozenset(self.grid.by_name if self.grid else ()) if self._is_whole else None

    def check_points(self, source: Source, rows: Sequence[tuple[int, PointRow]]) -> None:
        """Every row of a point list measures something that its equipment has, in a unit that fits."""
        if self.grid is not None:
            for line, row in rows:
                if row.equipment or row.quantity:
                    self._check_point(source, line, row, self.grid)

    def check_scl(self, paths: Collection[str]) -> None:
        """What equipment is said to be in SCL files is there; `paths` are those of all that were read."""
        for source, line, piece in self._in_scl:
            if piece.scl not in paths:
                close = difflib.get_close_matches(piece.scl, paths, n=1)
                remedy = f"did you mean {close[0]}?" if close else "write the path of a piece of equipment, or of its bay"
                source.report("no SCL file of a site has it", remedy, line=line, where="scl", value=piece.scl)

    def _read(self, folder: Path, path: Path, sites: Sequence[str], findings: list[Finding]) -> None:
        read: dict[str, list[tuple[Source, int, Equipment]]] = {}
        for stem, model in _FILES.items():
            file = path / f"{stem}.csv"
            read[stem] = []
            if file.is_file() or stem in _REQUIRED:
                source = Source(folder, file, findings)
                read[stem] = [(source, line, piece) for line, piece in source.read_table(model)]
        for file in sorted(path.glob("*.csv")):
            if file.stem not in _FILES:
                Source(folder, file, findings).report(
                    "there is no such part of the electrical model",
                    f"the files are {', '.join(f'{stem}.csv' for stem in _FILES)}",
                )
        is_legible = not any(finding.file.startswith("grid/") for finding in findings)
        pieces = [entry for entries in read.values() for entry in entries]
        _check_names(pieces)
        self._in_scl = [entry for entry in pieces if entry[2].scl]
        _check_paths(self._in_scl)
        nodes = {piece.name: piece for _, _, piece in read["nodes"] if isinstance(piece, Node)}
        for source, line, node in read["nodes"]:
            site = getattr(node, "site", None)
            if site is not None and site not in sites:
                source.report("there is no such site", _write_one_of(site, sites), line=line, where="site", value=site)
        _check_nodes(pieces, nodes, is_legible=is_legible)
        if is_legible:
            _check_fed(pieces, nodes)
        contents: dict[str, Any] = {stem: tuple(piece for _, _, piece in entries) for stem, entries in read.items()}
        self.grid = Grid(**contents)  # each stem was read with the model of its own field

    def _check_point(self, source: Source, line: int, row: PointRow, grid: Grid) -> None:
        for given, missing in (("equipment", "quantity"), ("quantity", "equipment")):
            if getattr(row, given) and not getattr(row, missing):
                source.report(
                    f"{given} is given without {missing}",
                    "write both, or leave both empty",
                    line=line,
                    where=given,
                    value=getattr(row, given),
                )
        piece = grid.by_name.get(row.equipment)
        if row.equipment and piece is None and self._is_whole:
            remedy = _write_one_of(row.equipment, grid.by_name)
            source.report("there is no such equipment in grid/", remedy, line=line, where="equipment", value=row.equipment)
        if row.quantity:
            self._check_quantity(source, line, row, piece)

    @staticmethod
    def _check_quantity(source: Source, line: int, row: PointRow, piece: Equipment | None) -> None:
        words = OPERATED if row.kind.is_writable else MEASURED
        quantity = quantity_of(row.quantity, row.kind)
        if quantity is None:
            verb = "operated" if row.kind.is_writable else "measured"
            remedy = _write_one_of(row.quantity, words)
            source.report(f"there is no such quantity to be {verb}", remedy, line=line, where="quantity", value=row.quantity)
            return
        if piece is not None and piece.kind not in quantity.equipment:
            fitting = ", ".join(name for name, other in words.items() if piece.kind in other.equipment) or "none"
            source.report(
                f"a {piece.kind} has no such quantity", f"it has {fitting}", line=line, where="quantity", value=row.quantity
            )
        if row.kind not in quantity.kinds:
            source.report(
                f"{row.quantity} is not {_article(row.kind)} point",
                f"write {' or '.join(sorted(quantity.kinds))}",
                line=line,
                where="kind",
                value=row.kind,
            )
        if row.unit not in quantity.units:
            units = " or ".join(unit for unit in quantity.units if unit)
            remedy = f"write {units}" if "" not in quantity.units else "leave it empty"
            source.report(f"is no unit of {row.quantity}", remedy, line=line, where="unit", value=row.unit or "(empty)")
        if row.phase not in quantity.phases:
            phases = ", ".join(sorted(phase for phase in quantity.phases if phase))
            remedy = f"write one of {phases}, or leave it empty" if phases else "leave it empty"
            source.report(f"{row.quantity} has no such phase", remedy, line=line, where="phase", value=row.phase)


def _check_names(pieces: Iterable[tuple[Source, int, Equipment]]) -> None:
    taken: dict[str, str] = {}
    for source, line, piece in pieces:
        place = f"{source.name}:{line}"
        first = taken.setdefault(piece.name, place)
        if first != place:
            source.report(f"the name is taken by {first}", "choose another", line=line, where="name", value=piece.name)


def _check_paths(pieces: Iterable[tuple[Source, int, Equipment]]) -> None:
    taken: dict[str, str] = {}
    for source, line, piece in pieces:
        place = f"{source.name}:{line}"
        first = taken.setdefault(piece.scl, place)
        if first != place:
            source.report(
                f"{first} is that already", "one piece of equipment is one in both", line=line, where="scl", value=piece.scl
            )


def _check_nodes(pieces: Iterable[tuple[Source, int, Equipment]], nodes: Mapping[str, Node], *, is_legible: bool) -> None:
    """Terminals are connected to nodes that exist, of a voltage that fits."""
    for source, line, piece in pieces:
        if isinstance(piece, Node):
            continue
        columns = [name for name in ("from_node", "to_node", "high_node", "low_node", "node") if hasattr(piece, name)]
        for column in columns:
            name = getattr(piece, column)
            if name not in nodes and is_legible:
                source.report("there is no such node", _write_one_of(name, nodes), line=line, where=column, value=name)
        ends = [nodes[name] for name in piece.nodes if name in nodes]
        if len(set(piece.nodes)) < len(piece.nodes):
            source.report("both ends are the same node", "name two nodes", line=line, where=columns[1], value=piece.nodes[1])
        elif isinstance(piece, _Branch) and len(ends) == 2 and ends[0].voltage_kv != ends[1].voltage_kv:
            source.report(
                f"joins {ends[0].voltage_kv:g} kV and {ends[1].voltage_kv:g} kV",
                "put a transformer between them, or correct the node",
                line=line,
                where="to_node",
                value=piece.to_node,
            )
        elif isinstance(piece, Transformer):
            for column, rated, name in (("high_kv", piece.high_kv, piece.high_node), ("low_kv", piece.low_kv, piece.low_node)):
                nominal = nodes[name].voltage_kv if name in nodes else rated
                if not 0.85 <= rated / nominal <= 1.18:
                    remedy = "correct the rated voltage, or the node"
                    source.report(f"the node {name} has {nominal:g} kV", remedy, line=line, where=column, value=rated)


def _check_fed(pieces: Iterable[tuple[Source, int, Equipment]], nodes: Mapping[str, Node]) -> None:
    """With all switches closed, every node is reached from a source."""
    neighbors: dict[str, set[str]] = {name: set() for name in nodes}
    places: dict[str, tuple[Source, int]] = {}
    frontier: list[str] = []
    for source, line, piece in pieces:
        if isinstance(piece, Node):
            places[piece.name] = (source, line)
        elif isinstance(piece, ExternalSource):
            frontier.append(piece.node)
        elif len(piece.nodes) == 2 and all(name in nodes for name in piece.nodes):
            one, other = piece.nodes
            neighbors[one].add(other)
            neighbors[other].add(one)
    reached: set[str] = set()
    while frontier:
        name = frontier.pop()
        if name in neighbors and name not in reached:
            reached.add(name)
            frontier.extend(neighbors[name])
    for name in nodes:
        if name not in reached:
            source, line = places[name]
            source.report(
                "no source reaches it", "connect it with a line, switch or transformer", line=line, where="name", value=name
            )


def _write_one_of(name: str, known: Iterable[str]) -> str:
    return _suggest(name, tuple(known))


@lru_cache(maxsize=256)
def _suggest(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"write one of {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}" if known else "there is none yet"


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
