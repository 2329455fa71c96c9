"""Rings and other redundancy: members exist, can do the protocol, and are joined as it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tieline.config.network.description import Link, Node, Ring
from tieline.config.network.draft import Draft
from tieline.config.network.sections import RingSection


def resolve_rings(draft: Draft, nodes: Mapping[str, Node], links: Sequence[Link]) -> tuple[Ring, ...]:
    """Those of network.toml."""
    neighbors: dict[str, set[str]] = {}
    for link in links:
        one, other = link.nodes
        neighbors.setdefault(one, set()).add(other)
        neighbors.setdefault(other, set()).add(one)
    written = {row.name for _, row in draft.nodes}
    rings = []
    for number, section in enumerate(draft.file.rings):
        is_whole = True
        for column in ("members", "lan_a", "lan_b"):
            for name in getattr(section, column):
                if name not in nodes:
                    is_whole = False
                    if name not in written:
                        draft.is_known_key(draft.key("rings", number, column), name, nodes, "node", "nodes")
                elif section.protocol not in nodes[name].model.redundancy and (column == "members" or section.protocol != "prp"):
                    has = ", ".join(nodes[name].model.redundancy) or "none"
                    draft.top.report_key(
                        draft.key("rings", number, column),
                        f"model {nodes[name].model.name} has no {section.protocol}; it has {has}",
                        "leave it out of the ring, or choose another model",
                        value=name,
                    )
        if is_whole and "links" not in draft.partial:
            _check_joined(draft, number, section, neighbors)
        rings.append(_ring(section))
    return tuple(rings)


def _ring(section: RingSection) -> Ring:
    values = section.model_dump()
    for name in ("members", "lan_a", "lan_b"):
        values[name] = tuple(values[name])
    for name in ("root", "secondary_root"):
        values[name] = values[name] or ""
    return Ring(**values)


def _check_joined(draft: Draft, number: int, section: RingSection, neighbors: Mapping[str, set[str]]) -> None:
    def report(key: str, value: str, problem: str, remedy: str) -> None:
        draft.top.report_key(draft.key("rings", number, key), problem, remedy, value=value)

    every = {*section.members, *section.lan_a, *section.lan_b}
    for key in ("root", "secondary_root"):
        name = getattr(section, key)
        if name is not None and name not in every:
            report(key, name, "is no member", "name one of the members")
    for name in section.priorities:
        if name not in every:
            report("priorities", name, "is no member", "name one of the members")
    if section.protocol in {"hsr", "mrp"}:
        for one, other in zip(section.members, [*section.members[1:], section.members[0]], strict=True):
            if other not in neighbors.get(one, set()):
                problem = f"no link joins {one} and {other}, which stand beside each other in the ring"
                report("members", one, problem, "add the link, or write the members in the order of the ring")
    if section.protocol == "prp":
        for name in sorted({*section.lan_a} & {*section.lan_b}):
            report("lan_b", name, "is in both LANs", "give each LAN its own switches")
        for name in section.members:
            for lan, switches in (("A", section.lan_a), ("B", section.lan_b)):
                if not neighbors.get(name, set()) & {*switches}:
                    report("members", name, f"is not attached to LAN {lan}", f"link it to one of {', '.join(switches)}")
