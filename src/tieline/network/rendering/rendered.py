"""Every file of a network's configuration, and the report of what is not in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

from tieline.config.network import Network, Node, Tagging, standard_catalog
from tieline.config.network.catalog import Style
from tieline.network.rendering import comnet, ios, linux, nftables, ovs
from tieline.network.rendering.access_lists import Conduits
from tieline.network.rendering.device import Device, NotRendered, devices_of
from tieline.security.zones import Plan
from tieline.security.zones.vlan_intent import vlan_intent

STYLES: tuple[Style, ...] = get_args(Style)
_NOT_A_BRIDGE = "the ports of a redundancy box must not be bridged like others (IEC 62439-3); configure it by its maker's manual"
_OTHER_RINGS = {"mrp": "MRP", "hsr": "HSR", "prp": "PRP", "dual_homing": "dual homing"}
_TAGS: Mapping[str, str] = {
    "access_tagged": "a frame with a tag on an access port",
    "ingress_filtering": "filtering at the ingress of trunks",
    "native_tagged": "a frame tagged with the native VLAN",
    "priority_tagged": "a frame with a tag of VLAN 0",
    "trunk_untagged": "a frame without a tag on a trunk",
    "second_tag": "a frame with a second tag",
    "access_inner": "a tag beneath that of the VLAN, on an access port",
    "most_tags": "how many tags are told apart",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What was made."""

    files: Mapping[str, str]
    """By path: `northgate/ng-acc.cfg`."""
    not_rendered: tuple[NotRendered, ...]
    styles: Mapping[str, Style]
    """That of each node."""

    def report(self) -> str:
        """`not-rendered.md`."""
        lines = ["# Not rendered", "", "What the description says, and the configurations made from it do not."]
        lines += ["What does not bridge (relays, cameras, media converters) is configured with tools of its own.", ""]
        lines += ["| node | what | why, or what to do |", "|---|---|---|"]
        lines += [f"| {_cell(nodes)} | {_cell(subjects)} | {_cell(problem)} |" for nodes, subjects, problem in self._rows()]
        for style in STYLES:
            nodes = [node for node, own in self.styles.items() if own == style]
            if nodes:
                lines += ["", f"## {style}: {', '.join(nodes)}", "", *(f"- {note}" for note in _TARGETS[style].notes)]
        return "\n".join(lines) + "\n"

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        """Once what is alike: the subjects of a node with one problem, then the nodes for which that is the same."""
        subjects: dict[tuple[str, str], list[str]] = {}
        for each in self.not_rendered:
            subjects.setdefault((each.node, each.problem), []).append(each.subject)
        nodes: dict[tuple[str, str], list[str]] = {}
        for (node, problem), those in subjects.items():
            nodes.setdefault(("; ".join(those), problem), []).append(node)
        for (subject, problem), names in nodes.items():
            yield " ".join(names), subject, problem


@dataclass(frozen=True, slots=True)
class _Target:
    notes: Sequence[str]
    suffix: str
    render: Callable[[Device], str]
    not_rendered: Callable[[Device], Iterator[NotRendered]]
    can_route: bool
    model: str
    """Of the catalogue, whose ports do with tags what the target's do; empty where that is not known."""


_TARGETS: Mapping[Style, _Target] = {
    "linux": _Target(linux.NOTES, ".sh", linux.render, linux.not_rendered, True, "linux-bridge-8t"),
    "ovs": _Target(ovs.NOTES, ".sh", ovs.render, ovs.not_rendered, False, "open-vswitch-8t"),
    "ios": _Target(ios.NOTES, ".cfg", ios.render, ios.not_rendered, True, "generic-office-24p-4x"),
    "comnet": _Target(comnet.NOTES, ".cfg", comnet.render, comnet.not_rendered, False, ""),
}


def render_network(network: Network, plan: Plan, style: Style, node: str | None = None) -> Rendered:
    """The configurations of all switches, routers and firewalls, or of one; `style` for models that have none of their own."""
    intent = vlan_intent(plan)
    zone_vlans = frozenset(vlan for zone in plan.zones for vlan in zone.vlans)
    files: dict[str, str] = {}
    missing: list[NotRendered] = []
    styles: dict[str, Style] = {}
    for device in devices_of(network, plan, intent.native_vlan, zone_vlans, Conduits(plan)):
        own = device.node
        if node not in {None, own.name}:
            continue
        if own.kind == "redbox" or _is_in(network, own, "hsr", "prp"):
            missing.append(NotRendered(node=own.name, subject="everything", problem=_NOT_A_BRIDGE))
            continue
        target_style = own.model.style or style
        target = _TARGETS[target_style]
        if own.is_router and not target.can_route:
            problem = f"{target_style} has switches only; choose another style for it"
            missing.append(NotRendered(node=own.name, subject="everything", problem=problem))
            continue
        styles[own.name] = target_style
        files[f"{own.site}/{own.name}{target.suffix}"] = target.render(device)
        if target_style == "linux" and linux.has_rules(device):
            files[f"{own.site}/{own.name}.nft"] = nftables.render(device, partial(linux.named, device))
        missing += _general(network, device, target)
        missing += target.not_rendered(device)
    return Rendered(files=files, not_rendered=tuple(missing), styles=styles)


def _is_in(network: Network, node: Node, *protocols: str) -> bool:
    return any(ring.protocol in protocols and node.name in ring.members for ring in network.rings)


def _general(network: Network, device: Device, target: _Target) -> Iterator[NotRendered]:
    node = device.node
    for ring in network.rings:
        if ring.protocol in _OTHER_RINGS and node.name in ring.members:
            problem = f"{_OTHER_RINGS[ring.protocol]} has commands of the model's own"
            yield NotRendered(node=node.name, subject=f"ring {ring.name}", problem=problem)
    for each in device.used:
        if each.port.lag and each.port.mode == "routed":
            yield NotRendered(
                node=node.name, subject=f"port {each.port.name}", problem="link aggregation of routed ports: set it by hand"
            )
    if node.is_router and not device.routes:
        problem = "it has no static routes, and its routing protocol is not described: write that yourself"
        yield NotRendered(node=node.name, subject="routes", problem=problem)
    if target.model and node.model.style is None:
        yield from _tagging(device, standard_catalog().models[target.model].tagging)


def _tagging(device: Device, real: Tagging) -> Iterator[NotRendered]:
    modes = {each.port.mode for each in device.bridged}
    for key, words in _TAGS.items():
        said, does = getattr(device.node.model.tagging, key), getattr(real, key)
        is_access = key.startswith("access")
        if said == does or (is_access and "access" not in modes) or (not is_access and not modes & {"trunk", "hybrid"}):
            continue
        problem = f"{device.node.model.name} in the catalogue: {_said(said)}; this target: {_said(does)}"
        yield NotRendered(node=device.node.name, subject=words, problem=problem)


def _said(value: object) -> str:
    match value:
        case None:
            return "any number"
        case bool():
            return "on" if value else "off"
        case _:
            return str(value).replace("_", " ")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
