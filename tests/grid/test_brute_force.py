"""Random networks against a search of their own for every assignment of the unknown switches."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grid.stations import network_from
from tieline.grid.topology import Network, Topology

NODES = 7
ENDS = st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)).filter(lambda pair: pair[0] != pair[1])
STATES = st.sampled_from((True, True, False, False, None))


@dataclass(frozen=True)
class Case:
    """A network as text, and the position of every switch."""

    text: str
    positions: tuple[bool | None, ...]

    def topology(self) -> tuple[Network, Topology]:
        network = network_from(self.text)
        topology = Topology(network)
        topology.update(np.arange(len(self.positions)) + 1, [{True: 2, False: 1, None: 3}[state] for state in self.positions])
        return network, topology


@st.composite
def cases(draw: st.DrawFn) -> Case:
    lines = [f"load nothing-{node} n{node} 1" for node in range(NODES)]
    lines += [f"source s{row} n{node}" for row, node in enumerate(draw(st.lists(st.integers(0, NODES - 1), max_size=2)))]
    for kind in ("line", "transformer"):
        pairs = draw(st.lists(ENDS, max_size=3))
        lines += [f"{kind} {kind}{row} n{one} n{other}" for row, (one, other) in enumerate(pairs)]
    breakers = draw(st.lists(ENDS, min_size=1, max_size=7))
    lines += [f"breaker q{row} n{one} n{other}" for row, (one, other) in enumerate(breakers)]
    earths = draw(st.lists(st.integers(0, NODES - 1), max_size=3))
    lines += [f"earth e{row} n{node}" for row, node in enumerate(earths)]
    states = draw(st.lists(STATES, min_size=len(breakers) + len(earths), max_size=len(breakers) + len(earths)))
    unknown = [row for row, state in enumerate(states) if state is None]
    for row in unknown[5:]:
        states[row] = True
    return Case("\n".join(lines), tuple(states))


def assignments(positions: Sequence[bool | None]) -> Iterator[tuple[bool, ...]]:
    """Every one that agrees with what is known."""
    return itertools.product(*((state,) if state is not None else (False, True) for state in positions))


@dataclass(frozen=True)
class Truth:
    """Which nodes are energized and earthed for one assignment, found by walking."""

    energized: frozenset[str]
    earthed: frozenset[str]

    @classmethod
    def of(cls, network: Network, closed: Mapping[str, bool]) -> Truth:
        electric: dict[str, list[str]] = {place.name: [] for place in network.places}
        galvanic: dict[str, list[str]] = {place.name: [] for place in network.places}
        sources, earths = [], []
        for piece in network.pieces:
            is_on = closed.get(piece.name, True)
            if piece.is_source:
                sources += piece.nodes
            elif piece.type == "earthing_switch":
                earths += piece.nodes if is_on else ()
            elif len(piece.nodes) == 2 and is_on:
                for one, other in (piece.nodes, piece.nodes[::-1]):
                    electric[one].append(other)
                    if piece.type != "power_transformer":
                        galvanic[one].append(other)
        return cls(walk(electric, sources), walk(galvanic, earths))


def walk(neighbors: Mapping[str, Sequence[str]], starts: Sequence[str]) -> frozenset[str]:
    """Everything that is reached from there."""
    reached: set[str] = set()
    frontier = list(starts)
    while frontier:
        node = frontier.pop()
        if node not in reached:
            reached.add(node)
            frontier += neighbors[node]
    return frozenset(reached)


def agreed(values: Sequence[bool]) -> bool | None:
    """What all of them are; None where they differ."""
    return values[0] if len(set(values)) == 1 else None


def truths(network: Network, positions: Sequence[bool | None], **set_to: bool) -> list[Truth]:
    """One for each assignment, in the same order whatever some switches are set to."""
    return [Truth.of(network, dict(zip(network.switches, closed, strict=True)) | set_to) for closed in assignments(positions)]


def fed(network: Network) -> frozenset[str]:
    """What a source reaches with everything closed."""
    return Truth.of(network, {}).energized


@settings(max_examples=100, deadline=None)
@given(cases())
def test_every_level_is_what_all_assignments_agree_in(case: Case) -> None:
    network, topology = case.topology()
    found = truths(network, case.positions)
    reachable = fed(network)
    for place in network.places:
        expected = agreed([place.name in truth.energized for truth in found]) if place.name in reachable else None
        assert topology.is_energized(place.name) is expected
        assert topology.is_earthed(place.name) is agreed([place.name in truth.earthed for truth in found])


@settings(max_examples=100, deadline=None)
@given(cases())
def test_what_was_changed_step_by_step_is_what_is_computed_at_once(case: Case) -> None:
    network, topology = case.topology()
    other = Topology(network)
    for row in np.random.default_rng(len(case.text)).permutation(len(case.positions)).tolist():
        for state in (not case.positions[row], case.positions[row]):
            other.update(row + 1, {True: 2, False: 1, None: 0}[state])
    for column in ("node_state", "piece_state", "energized", "earthed"):
        assert np.array_equal(getattr(other.columns, column), getattr(topology.columns, column))
    other.recompute()
    assert np.array_equal(other.columns.energized, topology.columns.energized)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_verdicts_on_parallels_and_live_earthing_are_exact(case: Case) -> None:
    network, topology = case.topology()
    reachable = fed(network)
    for switch in network.switches:
        ends = network.piece(switch).nodes
        if not reachable.issuperset(ends):
            continue
        if network.is_earthing(switch):
            live = [ends[0] in truth.energized for truth in truths(network, case.positions)]
            assert topology.would_earth_live(switch).ok is agreed([not each for each in live])
            continue
        apart = truths(network, case.positions, **{switch: False})
        is_dead = [not truth.energized.issuperset(ends) for truth in apart]
        expected = True if topology.position(switch) else agreed(is_dead)
        assert topology.would_parallel(switch).ok is expected
        assert topology.synchrocheck_needed(switch).ok is expected


@settings(max_examples=100, deadline=None)
@given(cases())
def test_what_is_lost_or_gained_lies_between_what_is_certain_and_what_is_possible(case: Case) -> None:
    network, topology = case.topology()
    reachable = fed(network)
    pieces = [piece for piece in network.pieces if reachable.issuperset(piece.nodes)]

    def live(truth: Truth) -> set[str]:
        return {piece.name for piece in pieces if truth.energized.intersection(piece.nodes)}

    for switch in network.switches:
        now = truths(network, case.positions)
        opened = truths(network, case.positions, **{switch: False})
        closed = truths(network, case.positions, **{switch: True})
        lost = [live(before) - live(after) for before, after in zip(now, opened, strict=True)]
        gained = [live(after) - live(before) for before, after in zip(now, closed, strict=True)]
        for effect, changed in ((topology.would_deenergize(switch), lost), (topology.would_energize(switch), gained)):
            assert set(effect.equipment) <= set.intersection(*changed)
            assert set(effect.equipment) | set(effect.possibly) >= set.union(*changed)
            assert effect.load_mw <= effect.load_mw_at_most
        verdict = topology.would_deenergize(switch)
        assert verdict.ok is not True or not any(lost)
        assert verdict.ok is not False or all(lost)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_no_closing_is_allowed_that_puts_voltage_on_earth_for_some_assignment(case: Case) -> None:
    network, topology = case.topology()
    for switch in network.switches:
        if network.is_earthing(switch) or topology.position(switch):
            continue
        ok = topology.would_energize(switch).ok
        one, other = network.piece(switch).nodes
        opened = truths(network, case.positions, **{switch: False})
        closed = truths(network, case.positions, **{switch: True})
        for before, after in zip(opened, closed, strict=True):
            gained = (after.energized - before.energized) & before.earthed
            meets = any(a in before.energized and b in before.earthed for a, b in ((one, other), (other, one)))
            brings = {one, other}.issubset(after.energized & after.earthed) and meets
            if ok is True:
                assert not gained
                assert not brings
            if ok is False:
                assert after.energized & after.earthed


@settings(max_examples=100, deadline=None)
@given(cases(), st.data())
def test_closing_another_switch_never_takes_voltage_or_earth_away(case: Case, data: st.DataObject) -> None:
    network, topology = case.topology()
    row = data.draw(st.integers(0, len(case.positions) - 1))
    before = topology.columns
    topology.update(row + 1, 2)
    after = topology.columns
    was_open = case.positions[row] is False
    assert (after.energized >= before.energized)[network.is_fed].all() or not was_open
    assert (after.energized == 2)[before.energized == 2].all()
    assert (after.earthed == 2)[before.earthed == 2].all()


@settings(max_examples=100, deadline=None)
@given(cases(), st.data())
def test_learning_a_position_never_contradicts_what_was_certain(case: Case, data: st.DataObject) -> None:
    _, topology = case.topology()
    unknown = [row for row, state in enumerate(case.positions) if state is None]
    if not unknown:
        return
    before = topology.columns
    topology.update(data.draw(st.sampled_from(unknown)) + 1, data.draw(st.sampled_from((1, 2))))
    for column in ("energized", "earthed"):
        was, now = getattr(before, column), getattr(topology.columns, column)
        assert np.array_equal(now[was != 1], was[was != 1])
