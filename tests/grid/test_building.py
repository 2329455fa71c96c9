"""How `grid/` and SCL become one network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tieline.config import Grid, Utility, read_folder
from tieline.config.grid import Load, Node, Switch
from tieline.grid.topology import Network, Piece, Place, PositionPoint, State, Topology, network_of
from tieline.model import EquipmentType, LocalError

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(RIDGEWAY)


def with_scl(utility: Utility, **paths: str) -> Utility:
    """Only these pieces of the grid are said to be in SCL."""
    assert utility.grid is not None

    def changed(piece: Node | Switch) -> Node | Switch:
        return piece.model_copy(update={"scl": paths.get(piece.name.replace("-", "_"), "")})

    grid = replace(
        utility.grid,
        nodes=tuple(map(changed, utility.grid.nodes)),  # type: ignore[arg-type]
        switches=tuple(map(changed, utility.grid.switches)),  # type: ignore[arg-type]
        transformers=tuple(piece.model_copy(update={"scl": ""}) for piece in utility.grid.transformers),
    )
    return replace(utility, grid=grid)


def settle(network: Network, **closed: bool) -> Topology:
    """Everything closed but for what is named and the earthing switches."""
    topology = Topology(network)
    for point in network.positions:
        is_closed = closed.get(point.switch.replace("-", "_").replace("/", "_"), not network.is_earthing(point.switch))
        topology.update(point.point, (1.0 + is_closed) if point.is_double else float(is_closed))
    return topology


def test_infeeds_of_scl_are_sources_where_no_grid_reaches_them(utility: Utility) -> None:
    network = network_of(replace(utility, grid=None))
    sources = {piece.name for piece in network.pieces if piece.is_source}
    assert sources == {"MB/J1/Q01/WA1", "MB/J1/Q02/WA1"}
    topology = settle(network)
    assert topology.state("MB/J1/W1/BB1") is State.ENERGIZED
    assert topology.would_parallel("MB/J1/Q01/QC1").ok is True


def test_infeeds_of_scl_are_no_sources_where_the_grid_knows_what_is_beyond(utility: Utility) -> None:
    network = network_of(utility)
    assert {piece.name for piece in network.pieces if piece.is_source} == {"tso"}
    topology = settle(network, ng_q1_hv=False, ng_q2_hv=False)
    assert topology.state("MB/J1/Q01/WA1") is State.DE_ENERGIZED


def test_a_breaker_whose_nodes_are_not_in_scl_connects_both_pairs(utility: Utility) -> None:
    network = network_of(with_scl(utility, mb_q1="MB/J1/Q01/QA1"))
    assert network.piece("mb-q1").branches == (("MB/J1/Q01/L1", "MB/J1/Q01/L2"), ("mb-in1", "mb-20"))
    topology = settle(network, mb_q2=False)
    assert topology.state("mb-20") is State.ENERGIZED
    effect = topology.would_deenergize("MB/J1/Q01/QA1")
    assert "hospital-load" in effect.equipment


def test_a_breaker_that_is_said_to_be_a_bay_is_the_breaker_of_that_bay(utility: Utility) -> None:
    nodes = {"mb_in1": "MB/J1/Q01/L3", "mb_20": "MB/J1/W1/BB1"}
    network = network_of(with_scl(utility, mb_q1="MB/J1/Q01", **nodes))
    assert network.switch("MB/J1/Q01/QA1") == network.switch("mb-q1")
    assert network.piece("mb-q1").nodes == ("MB/J1/Q01/L1", "MB/J1/Q01/L2")


def test_what_no_source_can_reach_is_unknown_and_never_dead(utility: Utility) -> None:
    network = network_of(with_scl(utility, mb_q1="MB/J1/Q01/QA1", mb_in1="MB/J1/Q01/L3"))
    cut_off = Network(
        [Place(name="a"), Place(name="b"), Place(name="c")],
        [
            Piece(name="grid", type=EquipmentType.INFEED, nodes=("a",), is_source=True),
            Piece(name="q", type=EquipmentType.BREAKER, nodes=("b", "c")),
            Piece(name="e", type=EquipmentType.EARTHING_SWITCH, nodes=("c",)),
        ],
        positions=[PositionPoint(point=1, switch="q"), PositionPoint(point=2, switch="e")],
    )
    topology = Topology(cut_off)
    topology.update([1, 2], [1, 1])
    assert topology.state("c") is State.UNKNOWN
    verdict = topology.would_earth_live("e")
    assert verdict.ok is None
    assert "no source of the model leads there" in verdict.words
    assert network.is_fed[network.node("mb-20")]


def test_a_utility_without_a_model_has_an_empty_network(utility: Utility) -> None:
    network = network_of(replace(utility, grid=None, sites=()))
    topology = Topology(network)
    assert not topology.update([1, 2], [0, 1])
    assert network.switches == ()


def test_switches_without_a_point_are_unknown_with_the_reason() -> None:
    grid = Grid(
        nodes=(Node(name="a", voltage_kv=20), Node(name="b", voltage_kv=20)),
        switches=(Switch(name="q", from_node="a", to_node="b"),),
        loads=(Load(name="town", node="b", peak_mw=2),),
    )
    utility = replace(read_folder(RIDGEWAY), grid=grid, sites=())
    topology = Topology(network_of(utility))
    assert topology.state("town") is State.UNKNOWN
    assert topology.why_unknown("q") == "no point tells its position"


def test_names_that_are_taken_twice_or_refer_to_nothing_are_errors() -> None:
    place = Place(name="a")
    breaker = Piece(name="q", type=EquipmentType.BREAKER, nodes=("a", "b"))
    with pytest.raises(LocalError, match="'a'"):
        Network([place, place], [])
    with pytest.raises(LocalError, match="no node 'b'"):
        Network([place], [breaker])
    with pytest.raises(LocalError, match="no switch 'x'"):
        Network([place], [], positions=[PositionPoint(point=1, switch="x")])
    with pytest.raises(LocalError, match="connected with nothing"):
        Network([place], [Piece(name="t", type=EquipmentType.LOAD, nodes=())])


@pytest.mark.parametrize("shape", ["chain", "shuffled chain", "star", "comb"])
def test_a_large_network_is_computed_at_once_whatever_its_shape(shape: str) -> None:
    count = 20_000
    order = np.arange(count)
    if shape == "shuffled chain":
        order = np.random.default_rng(2).permutation(count)
    parent = {"star": lambda row: 0, "comb": lambda row: row - 1 if row % 2 else max(row - 2, 0)}.get(shape, lambda row: row - 1)
    pieces = [
        Piece(name=f"q{row}", type=EquipmentType.BREAKER, nodes=(f"n{order[parent(row)]}", f"n{order[row]}"))
        for row in range(1, count)
    ]
    pieces.append(Piece(name="grid", type=EquipmentType.INFEED, nodes=(f"n{order[0]}",), is_source=True))
    network = Network(
        [Place(name=f"n{row}") for row in range(count)],
        pieces,
        positions=[PositionPoint(point=row, switch=f"q{row}") for row in range(1, count)],
    )
    topology = Topology(network)
    topology.update(np.arange(1, count), 2)
    assert (topology.columns.node_state == State.ENERGIZED).all()
    middle = count // 2 + 1
    topology.update(middle, 1)
    one_by_one = topology.columns.node_state.copy()
    topology.recompute()
    assert (topology.columns.node_state == one_by_one).all()
    assert (one_by_one[order[middle]], one_by_one[order[0]]) == (State.DE_ENERGIZED, State.ENERGIZED)
