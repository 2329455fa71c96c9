"""The algebra of packet sets against counting every packet of a small world."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.security.zones.packets import (
    ANYTHING,
    Box,
    Field,
    Interval,
    Intervals,
    address_number,
    address_text,
    box,
    common,
    includes,
    interface_intervals,
    interface_number,
    interface_text,
    is_within,
    merged,
    network_intervals,
    normalized,
    overlap,
    sample,
    subtract,
    without,
)

WORLD = range(12)
SMALL = range(5)


@st.composite
def intervals(draw: st.DrawFn, last: int = WORLD[-1]) -> Intervals:
    pairs = draw(st.lists(st.tuples(st.integers(0, last), st.integers(0, last)), max_size=4))
    return normalized((min(pair), max(pair)) for pair in pairs)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    three = [draw(intervals(SMALL[-1]).filter(bool)) for _ in range(3)]
    return box(source=three[0], target_port=three[1], state=three[2])


def values(of: Iterable[Interval]) -> set[int]:
    return {value for first, last in of for value in range(first, last + 1)}


def packets(of: Iterable[Box]) -> set[tuple[int, ...]]:
    return {
        point
        for one in of
        for point in itertools.product(values(one[Field.SOURCE]), values(one[Field.TARGET_PORT]), values(one[Field.STATE]))
    }


@given(intervals(), intervals())
def test_sets_of_values_are_those_of_python(a: Intervals, b: Intervals) -> None:
    assert values(common(a, b)) == values(a) & values(b)
    assert values(without(a, b)) == values(a) - values(b)
    assert values(normalized([*a, *b])) == values(a) | values(b)
    assert {value for value in WORLD if includes(a, value)} == values(a)
    for result in (common(a, b), without(a, b)):
        assert result == normalized(result)


@given(st.sets(st.integers(0, 400)), intervals(400))
def test_few_values_are_found_among_many(many: set[int], few: Intervals) -> None:
    lone = normalized((value, value) for value in many)
    assert values(common(lone, few)) == many & values(few)
    assert values(common(few, lone)) == many & values(few)
    assert values(without(few, lone)) == values(few) - many


@settings(max_examples=60)
@given(st.lists(boxes(), max_size=3), st.lists(boxes(), max_size=3))
def test_differences_of_sets_of_packets_are_exact(a: list[Box], b: list[Box]) -> None:
    assert packets(subtract(a, b)) == packets(a) - packets(b)
    assert packets(merged([*a, *b])) == packets(a) | packets(b)
    for one in a:
        assert is_within(one, b) == (packets([one]) <= packets(b))
        for other in b:
            both = overlap(one, other)
            assert packets([] if both is None else [both]) == packets([one]) & packets([other])


@given(boxes())
def test_a_sample_is_a_packet_of_its_box(one: Box) -> None:
    assert sample(one).is_in(one)
    assert sample(one) == sample(one)


def test_the_pieces_of_a_difference_do_not_overlap() -> None:
    pieces = subtract([ANYTHING], [box(source=((1, 2),), target=((3, 4),)), box(target_port=((22, 22),))])
    assert all(overlap(a, b) is None for a, b in itertools.combinations(pieces, 2))


@pytest.mark.parametrize("text", ["0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "fe80::1", "2001:db8::ff"])
def test_an_address_comes_back_from_its_number(text: str) -> None:
    assert address_text(address_number(text)) == text


def test_networks_and_ranges_hold_their_first_and_last_address() -> None:
    assert network_intervals("10.1.0.0/30") == ((address_number("10.1.0.0"), address_number("10.1.0.3")),)
    assert network_intervals("10.1.0.9") == ((address_number("10.1.0.9"),) * 2,)
    assert network_intervals("10.1.0.2-10.1.0.9") == ((address_number("10.1.0.2"), address_number("10.1.0.9")),)
    with pytest.raises(ValueError, match="no range"):
        network_intervals("10.1.0.9-10.1.0.2")


def test_interfaces_with_a_wildcard_are_those_that_begin_so() -> None:
    some = interface_intervals("eth*")
    assert includes(some, interface_number("eth0"))
    assert includes(some, interface_number("eth10.100"))
    assert not includes(some, interface_number("et0"))
    assert not includes(some, interface_number("lo"))
    assert interface_text(interface_number("eth0")) == "eth0"


def test_a_packet_reads_as_people_write_it() -> None:
    packet = sample(box(source=network_intervals("10.1.0.9"), target=network_intervals("10.2.0.1"), transport=((6, 6),)))
    assert str(packet) == "tcp 10.1.0.9:49152 -> 10.2.0.1:22, new"
    ping = sample(
        box(source=network_intervals("fd00::9"), target=network_intervals("fd00::1"), transport=((58, 58),), state=((2, 2),))
    )
    assert str(ping).startswith("icmpv6 type 22 fd00::9 -> fd00::1, established, a reply")
