"""What is to be drawn of a station: parts with symbols, and the nets that connect them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tieline.config.diagram import DiagramFile
from tieline.grid.diagram.symbols import kind_of
from tieline.model import ConfigError, EquipmentType, SingleLine
from tieline.model.single_line import Bay, Equipment

_MOST_PORTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A measurement that is shown at a part."""

    point: str
    """Path."""
    quantity: str
    unit: str
    decimals: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Something with a symbol. `nets` are those of its ports, in the order of the symbol's ports."""

    id: str
    name: str
    kind: str
    nets: tuple[str, ...]
    description: str = ""
    bay: str = ""
    title: str = ""
    """What the end of its bay is called."""
    subtitle: str = ""
    side: str = ""
    """Where its bay should hang: up, down, or empty where that does not matter."""
    values: tuple[Value, ...] = ()
    is_normally_open: bool = False
    has_taps: bool = False
    order: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    """A connectivity node."""

    id: str
    name: str
    level: int
    """0 is the highest voltage."""
    description: str = ""
    is_bar: bool = False
    bar_part: str = ""
    """The piece of equipment that the busbar is, where the description has one."""
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A station as a graph."""

    name: str
    title: str
    parts: tuple[Part, ...]
    nets: Mapping[str, Net]
    levels: tuple[float | None, ...]
    """Nominal voltages in kV."""
    at: Mapping[str, tuple[Part, ...]] = field(default_factory=dict)
    """The parts at each net."""
    columns: int | None = None
    """Sections of a feeder in a row."""


def plan_of(
    station: SingleLine, layout: DiagramFile | None = None, values: Mapping[str, tuple[Value, ...]] | None = None
) -> Plan:
    """The graph of a station. `values` are those of equipment and nodes by their path.

    Raises `ConfigError` for equipment with more than four terminals inside the station.
    """
    layout = layout or DiagramFile()
    values = values or {}
    nets = _nets(station, layout, values)
    bars: dict[str, str] = {}
    parts: list[Part] = []
    places = {bay.name: row for row, bay in enumerate(_in_order(station, layout))}
    owners = [(piece, None) for piece in station.transformers]
    found: list[tuple[Equipment, Bay | None]] = [*owners]
    found += [(piece, bay) for level in station.levels for bay in level.bays for piece in bay.equipment]
    for piece, bay in found:
        ends = tuple(end for end in piece.nodes if end in nets)
        if piece.type is EquipmentType.BUSBAR and ends and ends[0] not in bars and nets[ends[0]].is_bar:
            bars[ends[0]] = piece.path
            continue
        parts.append(_part(piece, bay, ends, nets, layout, values, places))
    parts.sort(key=lambda part: part.order)
    for net, part in bars.items():
        known = nets[net]
        nets[net] = Net(
            id=net,
            name=known.name,
            level=known.level,
            description=known.description,
            is_bar=True,
            bar_part=part,
            values=known.values or values.get(part, ()),
        )
    return Plan(
        name=station.name,
        title=layout.title or station.description or station.name,
        parts=tuple(parts),
        nets=nets,
        levels=tuple(level.nominal_kv for level in station.levels),
        at=_at(parts),
        columns=layout.columns,
    )


def _in_order(station: SingleLine, layout: DiagramFile) -> list[Bay]:
    bays = [bay for level in station.levels for bay in level.bays]
    wanted = {name: row for row, name in enumerate(layout.order)}
    return sorted(bays, key=lambda bay: wanted.get(bay.name, len(wanted)))


def _nets(station: SingleLine, layout: DiagramFile, values: Mapping[str, tuple[Value, ...]]) -> dict[str, Net]:
    nets: dict[str, Net] = {}
    for row, level in enumerate(station.levels):
        for bay in level.bays:
            for node in bay.nodes:
                hint = layout.nodes.get(node.path)
                named = bay.description if bay.is_busbar and len(bay.nodes) == 1 else node.description
                nets[node.path] = Net(
                    id=node.path,
                    name=(hint.name if hint else "") or named or node.name,
                    level=row,
                    description=node.description,
                    is_bar=node.is_busbar if hint is None or hint.busbar is None else hint.busbar,
                    values=values.get(node.path, ()),
                )
    return nets


def _part(
    piece: Equipment,
    bay: Bay | None,
    ends: tuple[str, ...],
    nets: Mapping[str, Net],
    layout: DiagramFile,
    values: Mapping[str, tuple[Value, ...]],
    places: Mapping[str, int],
) -> Part:
    if len(ends) > _MOST_PORTS:
        raise ConfigError(f"{piece.path} has {len(ends)} terminals, a single-line draws up to {_MOST_PORTS}")
    if piece.type is EquipmentType.POWER_TRANSFORMER:
        ends = tuple(sorted(ends, key=lambda end: nets[end].level))
    hint = layout.equipment.get(piece.path)
    of_bay = layout.bays.get(bay.name) if bay else None
    kind = kind_of(piece.type, len(ends))
    if hint and hint.symbol:
        kind = hint.symbol
    # Bays of an SCL file have names and descriptions of their own; those drawn from `grid/` are named after their breaker.
    is_described = bay is not None and "/" in piece.path
    return Part(
        id=piece.path,
        name=(hint.name if hint else "") or piece.name,
        kind=kind,
        nets=ends,
        description=piece.description,
        bay=bay.name if bay else piece.path,
        title=(of_bay.name if of_bay else "") or (bay.name if bay is not None and is_described else piece.name),
        subtitle=(of_bay.description if of_bay else "") or (bay.description if bay is not None and is_described else ""),
        side=(of_bay.side if of_bay else None) or "",
        values=values.get(piece.path, ()),
        is_normally_open=piece.is_normally_open,
        has_taps=piece.has_tap_changer,
        order=places.get(bay.name, 0) if bay else len(places),
    )


def _at(parts: Iterable[Part]) -> dict[str, tuple[Part, ...]]:
    at: dict[str, list[Part]] = {}
    for part in parts:
        for net in dict.fromkeys(part.nets):
            at.setdefault(net, []).append(part)
    return {net: tuple(found) for net, found in at.items()}
