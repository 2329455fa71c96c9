"""Part (q): the switching state of a network, against its size.

Random networks: a tree whose every other branch is a switch, the rest lines; a node in fifty has a load, one in a thousand a source,
one in ten an earthing switch. The radial ones have one open tie for fifty nodes; the meshed ones have three closed switches more for ten
nodes. Two of a hundred switches are in no known position. Measured are the computation of everything, one switch that changes (the
median and the worst of many, opened and closed again), and the verdict on what opening one would take the voltage from.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from bench.result import Result
from tieline.grid.topology import Network, Piece, Place, PositionPoint, Topology
from tieline.model import EquipmentType

SIZES = (100, 1_000, 10_000, 100_000)
MOVES = 100


def pieces_of(nodes: int, rng: np.random.Generator, *, meshed: bool) -> Iterator[Piece]:
    """A random network with so many nodes."""
    for node in range(1, nodes):
        near = int(rng.integers(max(0, node - 30), node))
        kind = EquipmentType.BREAKER if node % 2 else EquipmentType.LINE
        yield Piece(name=f"b{node}", type=kind, nodes=(f"n{near}", f"n{node}"))
    for tie in range(nodes * 3 // 10 if meshed else nodes // 50):
        one, other = rng.choice(nodes, 2, replace=False).tolist() if nodes < 1_000 else rng.integers(0, nodes, 2).tolist()
        yield Piece(name=f"tie{tie}", type=EquipmentType.DISCONNECTOR, nodes=(f"n{one}", f"n{other}"))
    for node in range(0, nodes, 50):
        yield Piece(name=f"load{node}", type=EquipmentType.LOAD, nodes=(f"n{node}",), load_mw=0.2)
    for node in range(0, nodes, 1_000):
        yield Piece(name=f"source{node}", type=EquipmentType.INFEED, nodes=(f"n{node}",), is_source=True)
    for node in range(0, nodes, 10):
        yield Piece(name=f"e{node}", type=EquipmentType.EARTHING_SWITCH, nodes=(f"n{node}",))


def build(nodes: int, *, meshed: bool) -> Network:
    """The network; a switch's point is its row."""
    pieces = tuple(pieces_of(nodes, np.random.default_rng(nodes), meshed=meshed))
    switches = (piece.name for piece in pieces if piece.type.is_switch)
    return Network(
        (Place(name=f"n{node}") for node in range(nodes)),
        pieces,
        positions=[PositionPoint(point=row, switch=name) for row, name in enumerate(switches)],
    )


def normal(network: Network, *, meshed: bool) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The position of every switch."""
    values = np.full(len(network.switches), 2.0)
    for row, name in enumerate(network.switches):
        if network.is_earthing(name) or (name.startswith("tie") and not meshed):
            values[row] = 1.0
    values[np.random.default_rng(1).random(len(values)) < 0.02] = 0.0
    return values


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes once."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def measure(nodes: int, *, meshed: bool) -> list[Result]:
    """One network."""
    network = build(nodes, meshed=meshed)
    topology = Topology(network)
    values = normal(network, meshed=meshed)
    topology.update(np.arange(len(values)), values)
    whole = np.median([milliseconds(topology.recompute) for _ in range(15)])
    rng = np.random.default_rng(7)
    rows = rng.choice([row for row, name in enumerate(network.switches) if name[0] in "bt"], MOVES).tolist()
    ones = []
    for row in rows:
        for value in (3.0 - values[row] if values[row] else 1.0, values[row]):
            ones.append(milliseconds(lambda row=row, value=value: topology.update(row, value)))
    verdicts = [milliseconds(lambda row=row: topology.would_deenergize(network.switches[row])) for row in rows[:20]]
    name = f"{'meshed' if meshed else 'radial'}, {nodes:,} nodes"
    detail = f"{len(network.switches):,} switches"
    return [
        Result(part="q", name=f"{name}: everything", value=float(whole), unit="ms", detail=detail),
        Result(part="q", name=f"{name}: one change, median", value=float(np.median(ones)), unit="ms"),
        Result(part="q", name=f"{name}: one change, worst of {len(ones)}", value=max(ones), unit="ms"),
        Result(part="q", name=f"{name}: a verdict on opening, median", value=float(np.median(verdicts)), unit="ms"),
    ]


def run() -> list[Result]:
    """All sizes."""
    return [result for nodes in SIZES for meshed in (False, True) for result in measure(nodes, meshed=meshed)]


if __name__ == "__main__":
    from bench.result import show

    show(run())
