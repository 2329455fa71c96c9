"""What feeds what: supplies, converters, batteries, and power over Ethernet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tieline.config.network.description import Link, Load, Node, Supply
from tieline.config.network.draft import Draft
from tieline.config.network.rows import split_load


def resolve_supplies(draft: Draft, places: set[str]) -> tuple[Supply, ...]:
    """The supplies; none feeds itself, however many there are between."""
    known = {row.name for _, row in draft.supplies}
    fed_by = {row.name: row.fed_by for _, row in draft.supplies}
    supplies: list[Supply] = []
    for line, row in draft.supplies:
        draft.is_known("supplies", line, "site", row.site, places, "site or place", "places")
        for name in row.fed_by:
            draft.is_known("supplies", line, "fed_by", name, known, "supply", "supplies")
        cell = draft.catalog.cells.get(row.cell)
        if row.cell:
            draft.is_known("supplies", line, "cell", row.cell, draft.catalog.cells, "cell in the catalogue", "catalogue")
        if cell is not None and cell.capacity_ah and row.capacity_ah is not None and row.capacity_ah not in cell.capacity_ah:
            sizes = ", ".join(f"{size:g}" for size in cell.capacity_ah)
            draft.report(
                "supplies", line, "capacity_ah", f"{row.capacity_ah:g}", f"there is no such {cell.name}", f"sizes are {sizes}"
            )
        if _is_circular(row.name, fed_by):
            draft.report("supplies", line, "fed_by", " ".join(row.fed_by), "the supply feeds itself", "name what feeds it first")
        supplies.append(
            Supply(
                name=row.name,
                site=row.site,
                kind=row.kind,
                voltage_v=row.voltage_v,
                capacity_w=row.capacity_w,
                fed_by=tuple(row.fed_by),
                efficiency=row.efficiency,
                cell=cell,
                cells=row.cells,
                capacity_ah=row.capacity_ah,
                autonomy_h=row.autonomy_h,
                duty=tuple(Load(current_a=current, minutes=minutes) for current, minutes in map(split_load, row.duty)),
                temperature_c=row.temperature_c,
                design_margin=row.design_margin,
                aging_factor=row.aging_factor,
                description=row.description,
            )
        )
    return tuple(supplies)


def _is_circular(name: str, fed_by: Mapping[str, Sequence[str]]) -> bool:
    seen: set[str] = set()
    ahead = list(fed_by[name])
    while ahead:
        other = ahead.pop()
        if other == name:
            return True
        if other not in seen:
            seen.add(other)
            ahead += fed_by.get(other, ())
    return False


def check_power(draft: Draft, nodes: Mapping[str, Node], links: Sequence[Link]) -> dict[str, Node]:
    """The nodes, with the port that feeds each one over Ethernet; findings for those that nothing feeds so."""
    lines = {row.name: line for line, row in reversed(draft.nodes)}
    wanting = {name for name, node in nodes.items() if node.model.poe_class is not None and not node.supplies}
    feeding: dict[str, str] = {}
    linked: set[str] = set()
    too_weak: dict[str, str] = {}
    for link in links:
        for here, there in ((link.a, link.b), (link.b, link.a)):
            if here.node not in wanting:
                continue
            linked.add(here.node)
            if there.poe is None or link.medium != "copper":
                continue
            wanted = nodes[here.node].model.poe_class or 3
            if (there.poe.highest_class in {0, 3} and wanted in {0, 3}) or wanted <= there.poe.highest_class:
                feeding.setdefault(here.node, there.path)
            else:
                too_weak[here.node] = f"{there.path} feeds class {there.poe.highest_class}, and it needs class {wanted}"
    for name in sorted(linked - feeding.keys(), key=lambda name: lines[name]):
        if "links" in draft.partial or "ports" in draft.partial:
            continue
        problem = too_weak.get(name, "draws its power over Ethernet, and none of the ports that it is linked to feeds it")
        wanted = nodes[name].model.poe_class or 3
        remedy = f"link it to a port that feeds class {wanted}, or name a supply; `tieline network catalogue` lists models"
        draft.report("nodes", lines[name], "supplies", "", problem, remedy)
    return {
        name: replace(node, powered_by=feeding[name], _by_name={}) if name in feeding else node for name, node in nodes.items()
    }
