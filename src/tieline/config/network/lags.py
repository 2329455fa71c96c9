"""Link aggregation: the members of a group are alike, and lead to one group of one other node (IEEE 802.1AX)."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.config.network.description import Network, Port
from tieline.config.network.draft import Draft
from tieline.config.network.vlan_sets import format_vlans


def check_lags(draft: Draft, network: Network) -> None:
    """Findings for members that differ."""
    lines = {(row.node, row.port): line for line, row in draft.ports}
    for node in network.nodes:
        groups: dict[str, list[Port]] = {}
        for port in node.ports:
            if port.lag:
                groups.setdefault(port.lag, []).append(port)
        for name, ports in groups.items():
            if "lacp" not in node.model.redundancy:
                problem = f"{node.model.name} has no link aggregation"
                draft.report("ports", _line(lines, ports[0]), "lag", name, problem, "leave it empty, or choose another model")
            _check_group(draft, network, lines, ports)


def _line(lines: dict[tuple[str, str], int], port: Port) -> int:
    return lines.get((port.node, port.name), 0)


def _check_group(draft: Draft, network: Network, lines: dict[tuple[str, str], int], ports: Sequence[Port]) -> None:
    first = ports[0]
    far = _far(network, first)
    for port in ports[1:]:
        for word, one, other in (
            ("mode", first.mode, port.mode),
            ("VLAN of frames without a tag", first.native, port.native),
            ("VLANs", format_vlans(first.allowed), format_vlans(port.allowed)),
            ("speed", _speed(network, first), _speed(network, port)),
        ):
            if one != other:
                draft.report(
                    "ports",
                    _line(lines, port),
                    "lag",
                    port.lag,
                    f"{port.path} and {first.path} differ: {word} {other} and {one}",
                    "make the members of a group alike",
                )
        there = _far(network, port)
        if far is not None and there is not None and there != far:
            problem = f"{first.path} leads to {' '.join(far)}, and {port.path} to {' '.join(there)}"
            remedy = "lead all members to one group of one node"
            draft.report("ports", _line(lines, port), "lag", port.lag, problem, remedy)


def _far(network: Network, port: Port) -> tuple[str, str] | None:
    link = network.link_of.get(port.path)
    if link is None:
        return None
    other = link.b if link.a.path == port.path else link.a
    return other.node, other.lag or "no group"


def _speed(network: Network, port: Port) -> float:
    link = network.link_of.get(port.path)
    return max(port.speeds_mbps) if link is None else link.speed_mbps
