"""Small networks, written as a list of what stands between which nodes."""

from __future__ import annotations

from collections.abc import Mapping

from tieline.grid.topology import Network, Piece, Place, PositionPoint, Topology, VoltagePoint
from tieline.model import EquipmentType as T

KINDS = {
    "source": T.INFEED,
    "breaker": T.BREAKER,
    "disconnector": T.DISCONNECTOR,
    "earth": T.EARTHING_SWITCH,
    "line": T.LINE,
    "transformer": T.POWER_TRANSFORMER,
    "load": T.LOAD,
    "solar": T.SOLAR,
}
VOLTAGE_POINTS = 1_000_000


def network_from(text: str) -> Network:
    """One line a piece: `kind name node [node]`, a load with its megawatts at the end. Each switch's double point is its place + 1.

    Each node has a voltage point: `VOLTAGE_POINTS` + its row, in kV of nominal 20 kV.
    """
    rows = [line.split() for line in text.strip().splitlines()]
    pieces = [
        Piece(
            name=name,
            type=KINDS[kind],
            nodes=tuple(nodes[:1] if kind == "load" else nodes),
            is_source=kind == "source",
            load_mw=float(nodes[1]) if kind == "load" else 0.0,
        )
        for kind, name, *nodes in rows
    ]
    places = [Place(name=node, voltage_kv=20.0) for node in dict.fromkeys(node for piece in pieces for node in piece.nodes)]
    switches = [piece.name for piece in pieces if piece.type.is_switch]
    return Network(
        places,
        pieces,
        positions=[PositionPoint(point=row + 1, switch=name) for row, name in enumerate(switches)],
        voltages=[
            VoltagePoint(
                point=VOLTAGE_POINTS + row, node=place.name, live_from=9.0, dead_to=2.0, unit="kV", path=f"vt/{place.name}"
            )
            for row, place in enumerate(places)
        ],
    )


class Station:
    """A topology that is operated by the names of its switches."""

    def __init__(self, text: str, **closed: bool | None) -> None:
        """Breakers and disconnectors are closed, earthing switches open, but for those that are named (`-` is written `_`)."""
        self.network = network_from(text)
        self.topology = Topology(self.network)
        positions: dict[str, bool | None] = {name: not self.network.is_earthing(name) for name in self.network.switches}
        self.set(positions | {name.replace("_", "-"): state for name, state in closed.items()})

    def set(self, positions: Mapping[str, bool | None]) -> tuple[str, ...]:
        """Positions of switches, None for between them; the nodes that changed."""
        points = [self.network.switch_row[name] + 1 for name in positions]
        values = [{True: 2, False: 1, None: 0}[closed] for closed in positions.values()]
        return self.topology.update(points, values).nodes

    def measure(self, node: str, kv: float, quality: int = 0) -> None:
        """The voltage at a node."""
        self.topology.update(VOLTAGE_POINTS + self.network.node_row[node], kv, quality)

    def states(self, *names: str) -> list[str]:
        """The states of nodes or equipment, in words."""
        return [self.topology.state(name).words for name in names]
