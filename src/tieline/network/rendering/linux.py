"""A Linux computer as switch or router: a script of iproute2 with a bridge that filters VLANs, and nftables for access lists.

The bridge has no default VLAN (`vlan_default_pvid 0`), so that a port is in those VLANs alone which the script names, and drops at the
ingress what it is not in. Its own interface is in the VLANs where the node has an address.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from tieline.config.network.interfaces import interface_of, linux_name
from tieline.network.rendering.device import Device, DevicePort, NotRendered
from tieline.network.rendering.words import one_line

BRIDGE = "br0"
NOTES = (
    "ports are called as in the description; a name that is a number becomes port9: rename the interfaces of the computer (systemd.link)",
    "it takes the network away before it puts it back: start it from the console or as a service, not over a connection through it",
    "LLDP and SNMP are services of their own (lldpd, snmpd), which the script does not set up",
    "the kernel's own spanning tree is the slow one of IEEE 802.1D-1998; for RSTP run mstpd, which takes over where stp_state is 1",
    "frames that leave without a tag wait in the lowest class: their priority code point is gone with the tag",
)


def render(device: Device) -> str:
    """The script; it begins anew each time it runs."""
    lines = [
        "#!/bin/sh",
        f"# {device.node.name} in {one_line(device.utility)}, made by `tieline network render`; do not edit.",
        *(f"# {note}." for note in NOTES),
        "set -eu",
        "",
        *_rules(device),
        *_bridge(device),
        *_lags(device),
        *(line for each in _bridge_ports(device) for line in each),
        *_interfaces(device),
        *_queues(device),
        *_parked(device),
        f"ip link set dev {BRIDGE} up",
        *_routes(device),
    ]
    # A switch with addresses in several VLANs would route between them without an access list.
    forwarding = int(device.node.is_router)
    lines.append(f"sysctl -q -w net.ipv4.ip_forward={forwarding} net.ipv6.conf.all.forwarding={forwarding}")
    return "\n".join(lines) + "\n"


def named(device: Device, port: str) -> str:
    """The interface of `vlan11`, or of a port."""
    return (
        port
        if any(each.name == port and each.vlan is not None for each in device.interfaces)
        else interface_of(device.node.model, port, "linux")
    )


def has_rules(device: Device) -> bool:
    """Whether an nftables script belongs to it."""
    return bool(device.lists) or device.is_denied_by_default


def _rules(device: Device) -> Iterator[str]:
    """First of all, so that there is no moment without access lists."""
    if has_rules(device):
        yield f'nft -f "$(dirname "$0")/{device.node.name}.nft"'


def _bridge(device: Device) -> Iterator[str]:
    yield f"ip link delete dev {BRIDGE} 2>/dev/null || true"
    settings = "vlan_filtering 1 vlan_default_pvid 0 vlan_protocol 802.1Q"
    yield f"ip link add name {BRIDGE} type bridge {settings}"
    if device.tree is not None:
        ring = device.tree
        timers = (("hello_time", ring.hello_s), ("max_age", ring.max_age_s), ("forward_delay", ring.forward_delay_s))
        said = " ".join(f"{name} {seconds * 100:.0f}" for name, seconds in timers)
        # The kernel counts the priority in full, the timers in hundredths of a second.
        yield f"ip link set dev {BRIDGE} type bridge priority {device.priority} {said} stp_state 1"


def _lags(device: Device) -> Iterator[str]:
    for name, members in device.lags.items():
        bond = linux_name(name, "bond")
        yield f"ip link delete dev {bond} 2>/dev/null || true"
        yield f"ip link add name {bond} type bond mode 802.3ad lacp_rate fast miimon 100 xmit_hash_policy layer2+3"
        for each in members:
            own = interface_of(device.node.model, each.port.name, "linux")
            yield f"ip link set dev {own} down"
            yield f"ip link set dev {own} master {bond}"


def _bridge_ports(device: Device) -> Iterator[Iterator[str]]:
    seen: set[str] = set()
    for each in device.bridged:
        name = linux_name(each.port.lag, "bond") if each.port.lag else interface_of(device.node.model, each.port.name, "linux")
        if name not in seen:
            seen.add(name)
            yield _bridge_port(device, each, name)


def _bridge_port(device: Device, each: DevicePort, name: str) -> Iterator[str]:
    port = each.port
    yield ""
    yield f"# {one_line(each.words)}"
    yield f"ip link set dev {name} master {BRIDGE}"
    yield f"ip link set dev {name} alias {shlex.quote(one_line(each.words)[:250])}"
    if device.tree is not None and each.is_edge:
        yield f"bridge link set dev {name} guard on"
    for vlan in sorted(port.allowed):
        flags = ""
        if vlan == port.native:
            is_tagged = port.mode != "access" and device.node.model.tagging.native_egress == "tagged"
            flags = " pvid" if is_tagged else " pvid untagged"
        yield f"bridge vlan add dev {name} vid {vlan}{flags}"
    yield f"ip link set dev {name} up"


def _interfaces(device: Device) -> Iterator[str]:
    for each in device.interfaces:
        name = named(device, each.name)
        if each.vlan is not None:
            yield f"bridge vlan add dev {BRIDGE} vid {each.vlan} self"
            yield f"ip link add link {BRIDGE} name {name} type vlan id {each.vlan}"
        for address in each.addresses:
            yield f"ip address replace {address.address}/{address.prefix} dev {name}"
        yield f"ip link set dev {name} up"


def _queues(device: Device) -> Iterator[str]:
    """Strict classes before the weighted ones (`ets` of IEEE 802.1Qaz), by the priority in the tag."""
    if not device.classes:
        return
    ordered = sorted(device.classes, key=lambda each: (each.weight is not None, -each.queue))
    strict = sum(each.weight is None for each in ordered)
    weights = [each.weight for each in ordered if each.weight is not None]
    quanta = " ".join(str(round(1_514 * weight / min(weights))) for weight in weights)
    lowest = min(range(len(ordered)), key=lambda index: ordered[index].queue)
    bands = f"ets bands {len(ordered)} strict {strict}" + (f" quanta {quanta}" if quanta else "")
    yield ""
    yield f"for port in {' '.join(interface_of(device.node.model, each.port.name, 'linux') for each in device.used)}; do"
    yield "  tc qdisc delete dev $port root 2>/dev/null || true"
    yield f"  tc qdisc add dev $port root handle 1: {bands} priomap {' '.join([str(lowest)] * 16)}"
    for band, one in enumerate(ordered, 1):
        for pcp in one.pcp:
            yield f"  tc filter add dev $port parent 1: protocol 802.1Q flower vlan_prio {pcp} classid 1:{band:x}"
    yield "done"


def _parked(device: Device) -> Iterator[str]:
    parked = [interface_of(device.node.model, each.port.name, "linux") for each in device.ports if not each.is_used]
    if parked:
        yield ""
        yield "# Nobody uses these."
        yield from (f"ip link set dev {name} nomaster down" for name in parked)
        yield ""


def _routes(device: Device) -> Iterator[str]:
    if device.gateway is not None:
        yield f"ip {_family(device.gateway.version)}route replace default via {device.gateway}"
    for route in device.routes:
        yield f"ip {_family(route.target.version)}route replace {route.target} via {route.via}"


def _family(version: int) -> str:
    return "-6 " if version == 6 else ""


def not_rendered(device: Device) -> Iterator[NotRendered]:
    """What this target cannot express, or this script does not."""
    node = device.node.name
    if device.tree is not None:
        yield NotRendered(node=node, subject=f"ring {device.tree.name}", problem="the kernel has no RSTP; run mstpd")
    for each in device.used:
        if each.feeds:
            yield NotRendered(node=node, subject=f"port {each.port.name}, PoE", problem="no power is switched by iproute2")
        if each.speed_mbps is not None:
            yield NotRendered(
                node=node,
                subject=f"port {each.port.name}, speed",
                problem=f"set {each.speed_mbps} Mbit/s with ethtool or systemd.link",
            )
