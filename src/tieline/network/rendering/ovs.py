"""A computer with Open vSwitch as switch: a script of ovs-vsctl, one transaction, so that there is no moment with half of it.

A port that is not in the bridge passes nothing: those that nobody uses are left out. A trunk names its VLANs always, since `trunks` without
any is a trunk of all; one whose native VLAN does not pass is a trunk without (`vlan_mode=trunk`).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from tieline.config.network.interfaces import interface_of, linux_name
from tieline.network.rendering.device import Device, DevicePort, NotRendered
from tieline.network.rendering.words import one_line

NOTES = (
    "ports are called as in the description; a name that is a number becomes port9: rename the interfaces of the computer (systemd.link)",
    "it takes the network away before it puts it back: start it from the console or as a service, not over a connection through it",
    "two tags are looked at (vlan-limit 2), as the catalogue has it",
    "SNMP is a service of its own (snmpd), which the script does not set up",
)
_NOTHING = 4095
"""Reserved in IEEE 802.1Q: a trunk that no VLAN may pass."""


def bridge_name(device: Device) -> str:
    """The bridge is called like the node."""
    return linux_name(device.node.name)


def render(device: Device) -> str:
    """The script; it begins anew each time it runs."""
    bridge = bridge_name(device)
    commands = [*_bridge(device, bridge), *(one for each in _ports(device, bridge) for one in each), *_interfaces(device, bridge)]
    lines = [
        "#!/bin/sh",
        f"# {device.node.name} in {one_line(device.utility)}, made by `tieline network render`; do not edit.",
        *(f"# {note}." for note in NOTES),
        "set -eu",
        "",
        "ovs-vsctl set Open_vSwitch . other_config:vlan-limit=2",
        "ovs-vsctl \\",
        *(f"  -- {shlex.join(command)} \\" for command in commands[:-1]),
        f"  -- {shlex.join(commands[-1])}",
    ]
    for each in device.interfaces:
        if each.vlan is not None:
            lines += [f"ip address replace {one.address}/{one.prefix} dev {each.name}" for one in each.addresses]
            lines.append(f"ip link set dev {each.name} up")
    # With addresses in several VLANs it would route between them without an access list.
    lines.append("sysctl -q -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0")
    if device.gateway is not None:
        lines.append(f"ip {'-6 ' if device.gateway.version == 6 else ''}route replace default via {device.gateway}")
    return "\n".join(lines) + "\n"


def _bridge(device: Device, bridge: str) -> Iterator[list[str]]:
    yield ["--if-exists", "del-br", bridge]
    yield ["add-br", bridge]
    yield ["set", "bridge", bridge, "fail_mode=standalone"]
    # The computer's own end of the bridge would be a trunk of everything; it has interfaces in single VLANs.
    yield ["set", "port", bridge, "vlan_mode=trunk", f"trunks={_NOTHING}"]
    if device.tree is not None:
        ring = device.tree
        yield [
            "set",
            "bridge",
            bridge,
            "rstp_enable=true",
            f"other_config:rstp-priority={device.priority}",
            f"other_config:rstp-max-age={ring.max_age_s:.0f}",
            f"other_config:rstp-forward-delay={ring.forward_delay_s:.0f}",
        ]


def _ports(device: Device, bridge: str) -> Iterator[Iterator[list[str]]]:
    seen: set[str] = set()
    for each in device.bridged:
        name = f"lag {each.port.lag}" if each.port.lag else each.port.name
        if name not in seen:
            seen.add(name)
            yield _port(device, each, bridge, [one.port.name for one in device.lags.get(each.port.lag, ())])


def _port(device: Device, each: DevicePort, bridge: str, members: Sequence[str]) -> Iterator[list[str]]:
    name = linux_name(each.port.lag, "bond") if each.port.lag else interface_of(device.node.model, each.port.name, "ovs")
    if len(members) > 1:
        yield ["add-bond", bridge, name, *(interface_of(device.node.model, member, "ovs") for member in members)]
        yield ["set", "port", name, "lacp=active", "bond_mode=balance-tcp", "other_config:lacp-time=fast"]
    elif members:
        name = interface_of(device.node.model, members[0], "ovs")
        yield ["add-port", bridge, name]
        yield ["set", "port", name, "lacp=active"]
    else:
        yield ["add-port", bridge, name]
    yield ["set", "port", name, *_vlans(device, each), f"external_ids:description={_value(each.words)}"]
    if device.tree is not None and each.is_edge:
        yield ["set", "port", name, "other_config:rstp-port-admin-edge=true", "other_config:rstp-port-auto-edge=false"]
    if device.node.model.has_lldp:
        for member in members or [each.port.name]:
            yield ["set", "interface", interface_of(device.node.model, member, "ovs"), "lldp:enable=true"]


def _vlans(device: Device, each: DevicePort) -> list[str]:
    port = each.port
    if port.mode == "access":
        return ["vlan_mode=access", f"tag={port.native}"]
    trunks = f"trunks={','.join(map(str, sorted(port.allowed))) or _NOTHING}"
    if port.native is None or port.native not in port.allowed:
        return ["vlan_mode=trunk", trunks]
    return [f"vlan_mode=native-{device.node.model.tagging.native_egress}", f"tag={port.native}", trunks]


def _value(text: str) -> str:
    plain = one_line(text)
    return '"' + plain.replace("\\", "/").replace('"', "'") + '"'


def _interfaces(device: Device, bridge: str) -> Iterator[list[str]]:
    for each in device.interfaces:
        if each.vlan is not None:
            yield ["add-port", bridge, each.name, f"tag={each.vlan}", "--", "set", "interface", each.name, "type=internal"]


def not_rendered(device: Device) -> Iterator[NotRendered]:
    """What this target cannot express, or this script does not."""
    node = device.node.name
    if device.classes:
        problem = "queues by priority code point need flows of OpenFlow; every frame waits in one queue"
        yield NotRendered(node=node, subject="classes of traffic", problem=problem)
    if device.tree is not None and device.tree.hello_s != 2:
        yield NotRendered(node=node, subject=f"ring {device.tree.name}", problem="its hello time is 2 s and cannot be set")
    for each in device.used:
        if each.feeds:
            yield NotRendered(node=node, subject=f"port {each.port.name}, PoE", problem="Open vSwitch switches no power")
        if each.speed_mbps is not None:
            problem = f"set {each.speed_mbps} Mbit/s with ethtool or systemd.link"
            yield NotRendered(node=node, subject=f"port {each.port.name}, speed", problem=problem)
