"""Which sites the lines of the electrical model join."""

from __future__ import annotations

from tieline.config.grid import Grid, Line, Node
from tieline.web.ties import ties


def node(name: str, site: str | None, voltage_kv: float = 20.0) -> Node:
    return Node(name=name, site=site, voltage_kv=voltage_kv)


def line(start: str, end: str) -> Line:
    return Line(
        name=f"{start}-{end}",
        from_node=start,
        to_node=end,
        length_km=1,
        r_ohm_per_km=0.1,
        x_ohm_per_km=0.1,
        rated_current_a=300,
    )


def test_lines_within_a_site_and_to_nowhere_join_nothing() -> None:
    grid = Grid(nodes=(node("a1", "a"), node("a2", "a"), node("mast", None)), lines=(line("a1", "a2"), line("a2", "mast")))
    assert ties(grid) == []
    assert ties(None) == []


def test_sites_are_joined_straight_and_over_places_that_belong_to_none() -> None:
    nodes = (node("a1", "a"), node("b1", "b", 110.0), node("m1", None), node("m2", None), node("c1", "c"))
    lines = (line("b1", "a1"), line("a1", "b1"), line("a1", "m1"), line("m1", "m2"), line("c1", "m2"))
    assert ties(Grid(nodes=nodes, lines=lines)) == [("a", "b", 110.0, 2), ("a", "c", 20.0, 1)]
