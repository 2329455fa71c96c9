"""A switch with the command line of ComNet's newer managed switches, which is like IOS with differences.

Kept to what is common to these: VLANs, switchports with hybrid ones, RSTP, PoE, LLDP, an address. Everything else is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tieline.config.network.interfaces import interface_of
from tieline.network.rendering import ios
from tieline.network.rendering.device import Device, DevicePort, NotRendered
from tieline.network.rendering.words import plain_ascii

NOTES = (
    "assumed, and to be checked against the manual of the model: a command line like IOS with `interface GigabitEthernet 1/9`",
    "also assumed: `spanning-tree mode rstp` with `mst 0` for the one tree, `poe mode`, `lldp transmit` and `lldp receive` on each port",
    "all ports are taken to be GigabitEthernet 1/N, counted from 1",
)


def render(device: Device) -> str:
    """The configuration, to be entered within `configure terminal`."""
    blocks = [
        [
            f"! {device.node.name} in {plain_ascii(device.utility)}, made by `tieline network render`; do not edit.",
            *(f"! {note}." for note in NOTES),
        ],
        [f"hostname {plain_ascii(device.node.name)}"],
        *_vlans(device),
        list(_tree(device)),
        *(list(_interface(device, each)) for each in device.ports),
        *_addresses(device),
        ["end"],
    ]
    return "\n!\n".join("\n".join(block) for block in blocks if block) + "\n"


def _vlans(device: Device) -> Iterator[list[str]]:
    for vlan, name in sorted({**device.vlans, device.parking: "parking"}.items()):
        yield [f"vlan {vlan}", f" name {re.sub(r'[^A-Za-z0-9_.-]', '-', plain_ascii(name, 32))}"]


def _tree(device: Device) -> Iterator[str]:
    if device.tree is not None:
        yield "spanning-tree mode rstp"
        yield f"spanning-tree mst 0 priority {device.priority}"


def _interface(device: Device, each: DevicePort) -> Iterator[str]:
    port = each.port
    yield f"interface {interface_of(device.node.model, port.name, 'comnet')}"
    yield f" description {plain_ascii(each.words)}"
    if not each.is_used:
        yield " switchport mode access"
        yield f" switchport access vlan {device.parking}"
        yield " shutdown"
        return
    if port.mode == "access":
        yield " switchport mode access"
        yield f" switchport access vlan {port.native}"
    else:
        yield f" switchport mode {port.mode}"
        yield f" switchport {port.mode} native vlan {device.native_of(port)}"
        yield f" switchport {port.mode} allowed vlan {ios.vlan_list(port.allowed)}"
    if device.tree is not None and each.is_edge:
        yield " spanning-tree edge"
        yield " spanning-tree bpdu-guard"
    if port.poe is not None:
        yield f" poe mode {'plus' if port.poe.highest_class >= 4 else 'standard'}"
        yield f" poe priority {port.poe.priority}"
    if device.node.model.has_lldp:
        yield " lldp transmit"
        yield " lldp receive"
    yield " no shutdown"


def _addresses(device: Device) -> Iterator[list[str]]:
    for each in device.interfaces:
        lines = [f" ip address {one.address} {one.network.netmask}" for one in each.addresses if one.address.version == 4]
        if each.vlan is not None and lines:
            yield [f"interface vlan {each.vlan}", *lines[:1]]
    if device.gateway is not None and device.gateway.version == 4:
        yield [f"ip route 0.0.0.0 0.0.0.0 {device.gateway}"]


def not_rendered(device: Device) -> Iterator[NotRendered]:
    """What this target cannot express, or this configuration does not."""
    node = device.node.name
    for subject, is_there in (
        ("classes of traffic", bool(device.classes)),
        ("link aggregation " + " ".join(device.lags), bool(device.lags)),
        ("SNMPv3", device.node.model.has_snmp),
        ("spanning tree timers", device.tree is not None and _has_timers(device)),
    ):
        if is_there:
            yield NotRendered(
                node=node, subject=subject, problem="its commands differ between models; set it by the model's manual"
            )
    for each in device.interfaces:
        if any(one.address.version == 6 for one in each.addresses) or len(each.addresses) > 1:
            yield NotRendered(node=node, subject=each.name, problem="only the first IPv4 address is set")
    for one in device.used:
        if one.port.poe is not None and one.port.poe.highest_class > 4:
            yield NotRendered(node=node, subject=f"port {one.port.name}, PoE", problem="classes above 4 depend on the model")
        if one.speed_mbps is not None:
            yield NotRendered(node=node, subject=f"port {one.port.name}, speed", problem=f"set {one.speed_mbps} Mbit/s by hand")
        if device.node.model.tagging.native_egress == "tagged" and one.port.mode != "access":
            yield NotRendered(
                node=node, subject=f"port {one.port.name}", problem="that the native VLAN leaves with its tag is not set"
            )


def _has_timers(device: Device) -> bool:
    tree = device.tree
    return tree is not None and (tree.hello_s, tree.max_age_s, tree.forward_delay_s) != (2.0, 20.0, 15.0)
