"""What a rule set lets through, computed with sets of packets, against sending every packet of a small world through it."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.security.zones.packets import ANYTHING, Box, Field, Packet, State, address_number, box, sample
from tieline.security.zones.ruleset import Bound, Chain, Place, Rule, Ruleset, Table, decide, passing
from tieline.security.zones.ruleset_script import read_script

PORTS = range(3)
STATES = (State.NEW, State.ESTABLISHED, State.INVALID)
TRANSPORTS = (6, 17)
WORLD = [
    replace(
        sample(box(input=((1, 1),), output=((0, 0),), source=((address, address),), target=((address, address),))),
        transport=transport,
        target_port=port,
        state=state,
    )
    for address, port, state, transport in itertools.product(
        (address_number("10.0.0.1"), address_number("::1")), PORTS, STATES, TRANSPORTS
    )
]


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    port = draw(st.sampled_from([((0, 0),), ((1, 2),), ((0, 65_535),)]))
    state = draw(st.sampled_from([((0, 1),), ((5, 5),), ((0, 6),), ((1, 1), (5, 5))]))
    transport = draw(st.sampled_from([((6, 6),), ((0, 255),)]))
    return box(target_port=port, state=state, transport=transport)


@st.composite
def rules(draw: st.DrawFn, jumps: list[str], *, unsure: bool) -> Rule:
    verdicts = ["accept", "drop", "return", "continue", *(["jump", "goto"] if jumps else [])]
    verdict = draw(st.sampled_from(verdicts))
    return Rule(
        box=draw(boxes()),
        verdict=verdict,  # type: ignore[arg-type]
        target=draw(st.sampled_from(jumps)) if verdict in {"jump", "goto"} else "",
        unsure="who knows" if unsure and draw(st.booleans()) else "",
        text=verdict,
    )


@st.composite
def tables(draw: st.DrawFn, name: str, *, unsure: bool) -> Table:
    third = Chain(name="third", rules=tuple(draw(st.lists(rules([], unsure=unsure), max_size=3))))
    second = Chain(name="second", rules=tuple(draw(st.lists(rules(["third"], unsure=unsure), max_size=3))))
    base = Chain(
        name="base",
        rules=tuple(draw(st.lists(rules(["second", "third"], unsure=unsure), max_size=5))),
        hook=draw(st.sampled_from(["input", "prerouting"])),
        type="filter",
        priority=draw(st.sampled_from([-300, 0])),
        policy=draw(st.sampled_from(["accept", "drop"])),
    )
    family = draw(st.sampled_from(["inet", "ip", "ip6"]))
    return Table(family=family, name=name, chains={chain.name: chain for chain in (base, second, third)})


@st.composite
def rulesets(draw: st.DrawFn, *, unsure: bool) -> Ruleset:
    return Ruleset(tables=tuple(draw(tables(name, unsure=unsure)) for name in ("one", "two")[: draw(st.integers(1, 2))]))


def places_of(ruleset: Ruleset, packet: Packet, bound: Bound) -> tuple[Place, ...] | None:
    return next((passed.places for passed in passing(ruleset, "input", bound) if packet.is_in(passed.box)), None)


@settings(max_examples=150, deadline=None)
@given(rulesets(unsure=False))
def test_exactly_those_packets_pass_that_pass_one_by_one_and_by_the_same_rules(ruleset: Ruleset) -> None:
    passed = {bound: passing(ruleset, "input", bound) for bound in Bound}
    for packet in WORLD:
        for bound in Bound:
            decision = decide(ruleset, "input", packet, bound)
            first = next((entry for entry in passed[bound] if packet.is_in(entry.box)), None)
            assert (first is not None) == decision.passes
            if first is not None:  # a chain of the other family has nothing to say about the packet
                assert [place for place in first.places if place in decision.places] == list(decision.places)


@settings(max_examples=150, deadline=None)
@given(rulesets(unsure=True))
def test_what_is_not_understood_counts_as_open_for_the_most_and_as_closed_for_the_least(ruleset: Ruleset) -> None:
    most, least = (passing(ruleset, "input", bound) for bound in Bound)
    for packet in WORLD:
        in_most = any(packet.is_in(entry.box) for entry in most)
        in_least = any(packet.is_in(entry.box) for entry in least)
        assert in_most >= decide(ruleset, "input", packet, Bound.MOST).passes
        assert in_least <= decide(ruleset, "input", packet, Bound.LEAST).passes
        assert in_least <= in_most


def one_table(*lines: str, name: str = "inet t", hook: str = "input", priority: str = "0", policy: str = "accept") -> str:
    rules = "\n".join(lines)
    return f"table {name} {{\nchain c {{\ntype filter hook {hook} priority {priority}; policy {policy};\n{rules}\n}}\n}}\n"


def test_no_table_opens_what_another_one_closes() -> None:
    packet = sample(box(source=((1, 1),), target=((2, 2),), transport=((6, 6),), state=((0, 0),)))
    closed = one_table("tcp dport 22 drop", priority="10")
    opened = one_table("tcp dport 22 accept", name="inet docker", priority="-10")
    both = read_script(closed + opened)
    assert decide(read_script(opened), "input", packet, Bound.MOST).passes
    decision = decide(both, "input", packet, Bound.MOST)
    assert not decision.passes
    assert [place.table.name for place in decision.places] == ["docker", "t"]


def test_a_chain_before_connection_tracking_sees_no_state() -> None:
    packet = sample(box(source=((1, 1),), target=((2, 2),), transport=((6, 6),), state=((1, 1),)))
    early = read_script(one_table("ct state established accept", hook="prerouting", priority="raw", policy="drop"))
    late = read_script(one_table("ct state established accept", hook="prerouting", priority="mangle", policy="drop"))
    assert not decide(early, "input", packet, Bound.MOST).passes
    assert decide(late, "input", packet, Bound.MOST).passes


def test_a_host_without_any_table_lets_everything_through() -> None:
    assert {passed.box[Field.STATE] for passed in passing(Ruleset(tables=()), "input", Bound.LEAST)} == {ANYTHING[Field.STATE]}
