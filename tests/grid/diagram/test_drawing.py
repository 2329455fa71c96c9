"""Drawings say what the station is, and can be read: tried on stations as they are built, and on any that could be described."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.grid.diagram.drawn_stations import STATIONS
from tests.grid.diagram.looking import assert_reads, assert_shows
from tieline.grid.diagram import SymbolSet, draw
from tieline.model import EquipmentType, SingleLine
from tieline.model.single_line import Bay, Equipment, Node, Terminal, VoltageLevel

TWO_ENDS = [
    EquipmentType.BREAKER,
    EquipmentType.DISCONNECTOR,
    EquipmentType.CURRENT_TRANSFORMER,
    EquipmentType.LINE,
    EquipmentType.REACTOR,
]
ONE_END = [
    EquipmentType.EARTHING_SWITCH,
    EquipmentType.VOLTAGE_TRANSFORMER,
    EquipmentType.LINE,
    EquipmentType.LOAD,
    EquipmentType.CAPACITOR,
    EquipmentType.INFEED,
    EquipmentType.BREAKER,
    EquipmentType.BUSBAR,
]


@pytest.mark.parametrize("symbols", ["iec", "ansi"])
@pytest.mark.parametrize("name", STATIONS)
def test_a_station_is_drawn_as_it_is(name: str, symbols: SymbolSet) -> None:
    station = STATIONS[name]()
    drawing = draw(station, symbols=symbols)
    assert_shows(drawing, station)
    assert_reads(drawing)


@pytest.mark.parametrize("name", STATIONS)
def test_the_same_station_gives_the_same_drawing(name: str) -> None:
    assert draw(STATIONS[name]()) == draw(STATIONS[name]())


@st.composite
def stations(choose: st.DrawFn) -> SingleLine:
    """Nodes on up to three levels, some of them busbars, and whatever equipment between them."""
    counts = choose(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    nodes = [(level, f"n{level}-{number}") for level, count in enumerate(counts) for number in range(count)]
    bars = choose(st.sets(st.sampled_from(nodes), max_size=4))
    pieces: list[tuple[EquipmentType, tuple[str, ...]]] = []
    for level in range(len(counts)):
        here = [name for each, name in nodes if each == level]
        two = st.tuples(st.sampled_from(TWO_ENDS), st.tuples(st.sampled_from(here), st.sampled_from(here)))
        one = st.tuples(st.sampled_from(ONE_END), st.tuples(st.sampled_from(here)))
        pieces += choose(st.lists(st.one_of(two, two, one), max_size=9))
    names = [name for _, name in nodes]
    windings = st.lists(st.sampled_from(names), min_size=2, max_size=4, unique=True).map(tuple)
    transformers = choose(st.lists(windings, max_size=3)) if len(names) > 1 else []
    loose = choose(st.integers(0, 2))
    bays: list[list[Bay]] = [[] for _ in counts]
    for level, name in nodes:
        node = Node(path=name, name=name, is_busbar=(level, name) in bars)
        mine = [
            Equipment(path=f"p{row}", name=f"p{row}", type=kind, terminals=tuple(Terminal(node=end) for end in ends))
            for row, (kind, ends) in enumerate(pieces)
            if ends[0] == name
        ]
        bays[level].append(Bay(name=f"bay-{name}", nodes=(node,), equipment=tuple(mine)))
    unconnected = tuple(Equipment(path=f"loose{row}", name=f"loose{row}", type=EquipmentType.BREAKER) for row in range(loose))
    bays[0].append(Bay(name="loose", equipment=unconnected))
    return SingleLine(
        name="any",
        levels=tuple(
            VoltageLevel(name=f"{level}", nominal_kv=100.0 / 10**level, bays=tuple(each)) for level, each in enumerate(bays)
        ),
        transformers=tuple(
            Equipment(
                path=f"t{row}",
                name=f"t{row}",
                type=EquipmentType.POWER_TRANSFORMER,
                terminals=tuple(Terminal(node=end) for end in ends),
            )
            for row, ends in enumerate(transformers)
        ),
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(stations())
def test_any_station_is_drawn_as_it_is(station: SingleLine) -> None:
    drawing = draw(station)
    assert_shows(drawing, station)
    assert_reads(drawing)
