"""The single-line: voltage levels, bays and equipment of a station, and what connects them.

One model for stations that bring SCL and for those that are described in `grid/`; what is drawn, and what topology is computed from, does
not know where it came from. Equipment has terminals, and terminals are at nodes: two pieces of equipment are connected where they have a
node in common. Nodes are named by their path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class EquipmentType(StrEnum):
    """What a piece of equipment is (codes of IEC 61850-6, table 10, in words)."""

    BREAKER = "breaker"
    DISCONNECTOR = "disconnector"
    EARTHING_SWITCH = "earthing_switch"
    CURRENT_TRANSFORMER = "current_transformer"
    VOLTAGE_TRANSFORMER = "voltage_transformer"
    POWER_TRANSFORMER = "power_transformer"
    BUSBAR = "busbar"
    LINE = "line"
    CABLE = "cable"
    INFEED = "infeed"
    """The network beyond."""
    LOAD = "load"
    GENERATOR = "generator"
    SOLAR = "solar"
    STORAGE = "storage"
    MOTOR = "motor"
    CAPACITOR = "capacitor"
    REACTOR = "reactor"
    CONVERTER = "converter"
    RESISTOR = "resistor"
    SURGE_ARRESTER = "surge_arrester"
    EARTH_FAULT_NEUTRALIZER = "earth_fault_neutralizer"
    BUSHING = "bushing"
    OTHER = "other"

    @property
    def is_switch(self) -> bool:
        """Whether it has a position."""
        return self in {EquipmentType.BREAKER, EquipmentType.DISCONNECTOR, EquipmentType.EARTHING_SWITCH}

    @property
    def is_feeding(self) -> bool:
        """Whether it can energize what it is connected to."""
        return self in {EquipmentType.INFEED, EquipmentType.GENERATOR, EquipmentType.SOLAR, EquipmentType.STORAGE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """An end of a piece of equipment."""

    node: str
    """Path of the node; empty where it is connected to nothing."""
    is_earth: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where something stands in the drawing, in its own grid."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """A piece of equipment with its terminals; a power transformer has one for each winding."""

    path: str
    """Unique: `MB/J1/Q01/QA1`, or the name it has in `grid/`."""
    name: str
    type: EquipmentType
    description: str = ""
    terminals: tuple[Terminal, ...] = ()
    is_normally_open: bool = False
    windings: tuple[str, ...] = ()
    """Names of the windings of a power transformer, in the order of its terminals."""
    has_tap_changer: bool = False
    logical_nodes: tuple[str, ...] = ()
    """What measures, protects and operates it: `MBQ01CTRL/XCBR1`."""
    position: Position | None = None

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes it is connected to, earth left out."""
        return tuple(end.node for end in self.terminals if end.node and not end.is_earth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A place where equipment meets."""

    path: str
    name: str
    description: str = ""
    is_busbar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bay:
    """A bay; one without equipment is a busbar."""

    name: str
    description: str = ""
    equipment: tuple[Equipment, ...] = ()
    nodes: tuple[Node, ...] = ()
    logical_nodes: tuple[str, ...] = ()
    position: Position | None = None

    @property
    def is_busbar(self) -> bool:
        """Whether it is nothing but a busbar."""
        return not self.equipment and any(node.is_busbar for node in self.nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoltageLevel:
    """A voltage level."""

    name: str
    description: str = ""
    nominal_kv: float | None = None
    bays: tuple[Bay, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleLine:
    """A station."""

    name: str
    description: str = ""
    levels: tuple[VoltageLevel, ...] = ()
    """From the highest voltage to the lowest."""
    transformers: tuple[Equipment, ...] = ()
    """Power transformers, which stand between voltage levels."""

    def equipment(self) -> Iterator[Equipment]:
        """Every piece of equipment, the transformers first."""
        yield from self.transformers
        for level in self.levels:
            for bay in level.bays:
                yield from bay.equipment

    def nodes(self) -> Iterator[Node]:
        """Every node."""
        return (node for level in self.levels for bay in level.bays for node in bay.nodes)

    def by_node(self) -> Mapping[str, tuple[Equipment, ...]]:
        """What is connected to each node."""
        found: dict[str, list[Equipment]] = {node.path: [] for node in self.nodes()}
        for piece in self.equipment():
            for node in dict.fromkeys(piece.nodes):
                found.setdefault(node, []).append(piece)
        return {node: tuple(pieces) for node, pieces in found.items()}
