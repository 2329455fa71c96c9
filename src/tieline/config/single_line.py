"""The single-line of a site without SCL, from the electrical model in `grid/`.

`grid/` knows nodes and equipment, and no bays. A node at which several switches meet is a busbar; what hangs together once the busbars are
taken out is a bay, and bears the name of its breaker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tieline.config.grid import Equipment, ExternalSource, Grid, Node, Shunt, Switch, Transformer
from tieline.config.quantities import EquipmentKind
from tieline.model import single_line as model
from tieline.model.single_line import EquipmentType

_TYPES = {
    EquipmentKind.LINE: EquipmentType.LINE,
    EquipmentKind.SOURCE: EquipmentType.INFEED,
    EquipmentKind.LOAD: EquipmentType.LOAD,
    EquipmentKind.SOLAR: EquipmentType.SOLAR,
    EquipmentKind.STORAGE: EquipmentType.STORAGE,
}
_BUSBAR_ENDS = 3
"""So many switches and sources at a node make it a busbar."""


def single_line_of(grid: Grid, site: str) -> model.SingleLine:
    """The station of a site: its nodes, and everything with a terminal at one of them, lines to elsewhere too."""
    nodes = {node.name: node for node in grid.nodes if node.site == site}
    pieces = [piece for piece in grid if not isinstance(piece, Node) and any(end in nodes for end in piece.nodes)]
    others = [piece for piece in pieces if not isinstance(piece, Transformer)]
    busbars = _busbars(nodes, others)
    levels = []
    for voltage_kv in sorted({node.voltage_kv for node in nodes.values()}, reverse=True):
        here = {name: node for name, node in nodes.items() if node.voltage_kv == voltage_kv}
        bays = [_busbar(node) for name, node in here.items() if name in busbars]
        bays += _bays(here, others, busbars)
        levels.append(model.VoltageLevel(name=f"{voltage_kv:g}kV", nominal_kv=voltage_kv, bays=tuple(bays)))
    transformers = tuple(_piece(piece) for piece in pieces if isinstance(piece, Transformer))
    return model.SingleLine(name=site, levels=tuple(levels), transformers=transformers)


def _busbars(nodes: Mapping[str, Node], pieces: Iterable[Equipment]) -> frozenset[str]:
    """Nodes at which three switches meet, or two and a source, unless it is where a bay chooses between busbars.

    There a breaker meets disconnectors that lead to nodes at which more disconnectors meet.
    """
    breakers: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    choices: dict[str, list[str]] = {name: [] for name in nodes}
    for piece in pieces:
        if isinstance(piece, ExternalSource):
            sources.update(piece.nodes)
        elif isinstance(piece, Switch) and piece.type == "breaker":
            breakers.update(piece.nodes)
        elif isinstance(piece, Switch):
            for here, there in (piece.nodes, piece.nodes[::-1]):
                choices.setdefault(here, []).append(there)

    def is_busbar(name: str) -> bool:
        switches = breakers[name] + len(choices[name])
        if switches < 2 or switches + sources[name] < _BUSBAR_ENDS:
            return False
        leads_on = all(len(choices[there]) > len(choices[name]) for there in choices[name])
        return breakers[name] != 1 or not choices[name] or not leads_on

    return frozenset(filter(is_busbar, nodes))


def _busbar(node: Node) -> model.Bay:
    bar = model.Node(path=node.name, name=node.name, description=node.description, is_busbar=True)
    return model.Bay(name=node.name, description=node.description, nodes=(bar,))


def _bays(nodes: Mapping[str, Node], pieces: Iterable[Equipment], busbars: frozenset[str]) -> list[model.Bay]:
    """What hangs together without the busbars. A coupler between two busbars is a bay of its own."""
    groups: dict[str, str] = {name: name for name in nodes if name not in busbars}

    def root(name: str) -> str:
        while groups[name] != name:
            groups[name] = groups[groups[name]]
            name = groups[name]
        return name

    placed: list[tuple[str, Equipment]] = []
    for piece in pieces:
        inner = [end for end in piece.nodes if end in groups]
        for end in inner[1:]:
            groups[root(end)] = root(inner[0])
        if inner:
            placed.append((inner[0], piece))
        elif any(end in nodes for end in piece.nodes):
            placed.append((piece.name, piece))
            groups[piece.name] = piece.name
    bays: dict[str, list[Equipment]] = {root(name): [] for name in nodes if name in groups}
    for name, piece in placed:
        bays.setdefault(root(name), []).append(piece)
    members: dict[str, list[Node]] = {}
    for name, node in nodes.items():
        if name in groups:
            members.setdefault(root(name), []).append(node)
    return [_bay(within, members.get(name, [])) for name, within in bays.items()]


def _bay(pieces: Sequence[Equipment], nodes: Sequence[Node]) -> model.Bay:
    namesake = next((piece for piece in pieces if isinstance(piece, Switch) and piece.type == "breaker"), None)
    first = namesake or next(iter(pieces), None) or nodes[0]
    return model.Bay(
        name=first.name,
        description=first.description,
        equipment=tuple(_piece(piece) for piece in pieces),
        nodes=tuple(model.Node(path=node.name, name=node.name, description=node.description) for node in nodes),
    )


def _piece(piece: Equipment) -> model.Equipment:
    is_open = isinstance(piece, Switch) and piece.normal == "open"
    is_transformer = isinstance(piece, Transformer)
    return model.Equipment(
        path=piece.name,
        name=piece.name,
        type=_type_of(piece),
        description=piece.description,
        terminals=tuple(model.Terminal(node=node) for node in piece.nodes),
        is_normally_open=is_open,
        windings=("high", "low") if is_transformer else (),
        has_tap_changer=isinstance(piece, Transformer) and piece.tap_lowest < piece.tap_highest,
    )


def _type_of(piece: Equipment) -> EquipmentType:
    if isinstance(piece, Switch):
        return EquipmentType.BREAKER if piece.type == "breaker" else EquipmentType.DISCONNECTOR
    if isinstance(piece, Transformer):
        return EquipmentType.POWER_TRANSFORMER
    if isinstance(piece, Shunt):
        return EquipmentType.CAPACITOR if piece.reactive_mvar >= 0 else EquipmentType.REACTOR
    return _TYPES.get(piece.kind, EquipmentType.OTHER)
