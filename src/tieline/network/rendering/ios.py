"""A switch or router with a command line like Cisco IOS 15.2 on switches of the IE 2000, 3000 and 4000 kind.

Rapid spanning tree is that of Cisco, one tree for each VLAN, all with the bridge's priority. Queue 1 of four is served before the others
(`priority-queue out`); all strict classes wait in it, the weighted ones share the rest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from tieline.config.network import POE_W, AclEntry, Port, QosClass, Subnet, format_vlans
from tieline.config.network.interfaces import interface_of
from tieline.config.services import Ports
from tieline.config.snmp import Watch
from tieline.network.rendering.access_lists import AccessList, Line
from tieline.network.rendering.device import Device, DevicePort, NotRendered
from tieline.network.rendering.words import plain_ascii

NOTES = (
    "commands as of Cisco IOS 15.2 for IE 2000, 3000 and 4000 (`mls qos`); port 9 is taken to be GigabitEthernet1/9 or what its speed says",
    "check the names of ports against the device before the first use",
    "an access list has a sum of its lines in its name: a changed one takes the place of the old one at once; remove old ones by hand",
    "what was there before and is not named here stays: routes, VLANs, addresses; remove it by hand, or begin with an empty device",
    "rapid-pvst has a tree for each VLAN; in a ring with switches of other makers take `spanning-tree mode mst` and `mst 0 priority`",
)
_QUEUES = 4


def render(device: Device) -> str:
    """The configuration, to be pasted or copied into the running one."""
    blocks = [
        [
            f"! {device.node.name} in {plain_ascii(device.utility)}, made by `tieline network render`; do not edit.",
            *(f"! {note}." for note in NOTES),
        ],
        [
            f"hostname {plain_ascii(device.node.name)}",
            "vtp mode transparent",
            *(["lldp run"] if device.node.model.has_lldp else []),
        ],
        *_vlans(device),
        list(_tree(device)),
        list(_queues(device)),
        *_lists(device),
        *_groups(device),
        *(list(_interface(device, each)) for each in device.ports),
        *(list(_address(device, each.name)) for each in device.interfaces if each.vlan is not None),
        list(_routes(device)),
        list(_snmp(device)),
        ["end"],
    ]
    return "\n!\n".join("\n".join(block) for block in blocks if block) + "\n"


def vlan_list(vlans: frozenset[int] | set[int]) -> str:
    """As IOS writes it: `11,23-24`."""
    return format_vlans(vlans).replace(" ", ",")


def _vlans(device: Device) -> Iterator[list[str]]:
    used = {device.native_of(each.port) for each in device.bridged if each.port.mode != "access"} - set(device.vlans)
    own = dict(device.vlans) | {vlan: f"native-{vlan}-unused" for vlan in used} | {device.parking: "parking"}
    for vlan, name in sorted(own.items()):
        yield [f"vlan {vlan}", f" name {re.sub(r'[^A-Za-z0-9_.-]', '-', plain_ascii(name, 32))}"]
    if device.node.model.tagging.native_egress == "tagged":
        yield ["vlan dot1q tag native"]


def _tree(device: Device) -> Iterator[str]:
    yield "spanning-tree mode rapid-pvst"
    if device.tree is None or not device.vlans:
        return
    yield "spanning-tree pathcost method long"
    vlans, ring = vlan_list(set(device.vlans)), device.tree
    yield f"spanning-tree vlan {vlans} priority {device.priority}"
    for word, seconds, usual in (
        ("hello-time", ring.hello_s, 2),
        ("max-age", ring.max_age_s, 20),
        ("forward-time", ring.forward_delay_s, 15),
    ):
        if seconds != usual:
            yield f"spanning-tree vlan {vlans} {word} {seconds:.0f}"


def _placed(classes: Sequence[QosClass]) -> dict[int, list[QosClass]]:
    """The classes in each of the queues, which are counted from 1."""
    strict = [each for each in classes if each.weight is None]
    weighted = sorted((each for each in classes if each.weight is not None), key=lambda each: -each.queue)
    placed: dict[int, list[QosClass]] = {1: strict} if strict else {}
    first = len(placed) + 1
    for index, each in enumerate(weighted):
        placed.setdefault(min(first + index, _QUEUES), []).append(each)
    return placed


def _queues(device: Device) -> Iterator[str]:
    if not device.classes:
        return
    placed = _placed(device.classes)
    lowest = max(placed)
    unnamed = set(range(8)) - {pcp for each in device.classes for pcp in each.pcp}
    yield "mls qos"
    for queue, classes in placed.items():
        codes = {pcp for each in classes for pcp in each.pcp} | (unnamed if queue == lowest else set())
        yield f"mls qos srr-queue output cos-map queue {queue} threshold 3 {' '.join(map(str, sorted(codes)))}"


def _shares(classes: Sequence[QosClass]) -> list[int]:
    placed = _placed(classes)
    weights = {queue: sum(each.weight or 0.0 for each in those) for queue, those in placed.items()}
    largest = max(weights.values()) or 1.0
    return [max(1, round(weights.get(queue, 0.0) / largest * 100)) for queue in range(1, _QUEUES + 1)]


def _groups(device: Device) -> Iterator[list[str]]:
    for number, (name, members) in enumerate(device.lags.items(), 1):
        yield [
            f"interface Port-channel{number}",
            f" description {plain_ascii(f'{name}: {members[0].words}')}",
            *([" switchport"] if device.node.model.layer == 3 else []),
            *_switchport(device, members[0].port),
            " no shutdown",
        ]


def _interface(device: Device, each: DevicePort) -> Iterator[str]:
    port = each.port
    yield f"interface {interface_of(device.node.model, port.name, 'ios')}"
    yield f" description {plain_ascii(each.words)}"
    if port.mode != "routed" and device.node.model.layer == 3:
        yield " switchport"
    if not each.is_used:
        yield " switchport mode access"
        yield f" switchport access vlan {device.parking}"
        if each.can_feed:
            yield " power inline never"
        yield " shutdown"
        return
    if port.mode == "routed":
        yield " no switchport"
        yield from list(_address(device, port.name))[1:-1]
    else:
        yield from _switchport(device, port)
    if each.is_edge and port.mode != "routed":
        yield " spanning-tree portfast" + ("" if port.mode == "access" else " trunk")
        yield " spanning-tree bpduguard enable"
    if port.lag in device.lags:
        yield f" channel-group {list(device.lags).index(port.lag) + 1} mode active"
    if each.speed_mbps is not None and port.medium == "copper":
        yield f" speed {each.speed_mbps}"
    if device.classes:
        yield " mls qos trust cos"
        yield f" srr-queue bandwidth share {' '.join(map(str, _shares(device.classes)))}"
        if any(one.weight is None for one in device.classes):
            yield " priority-queue out"
    if port.poe is not None:
        yield f" power inline auto max {POE_W[port.poe.highest_class][0] * 1_000:.0f}"
    elif each.can_feed:
        yield " power inline never"
    yield " no shutdown"


def _switchport(device: Device, port: Port) -> Iterator[str]:
    if port.mode == "access":
        yield " switchport mode access"
        yield f" switchport access vlan {port.native}"
    else:
        yield " switchport mode trunk"
        yield f" switchport trunk native vlan {device.native_of(port)}"
        yield f" switchport trunk allowed vlan {vlan_list(port.allowed)}"
    yield " switchport nonegotiate"


def _address(device: Device, name: str) -> Iterator[str]:
    found = next((each for each in device.interfaces if each.name == name), None)
    if found is None:
        return
    yield f"interface Vlan{found.vlan}" if found.vlan is not None else f"interface {name}"
    seen: set[int] = set()
    for each in found.addresses:
        version = each.address.version
        if version == 4:
            yield f" ip address {each.address} {each.network.netmask}{' secondary' if version in seen else ''}"
        else:
            yield f" ipv6 address {each.address}/{each.prefix}"
        seen.add(version)
    for one in _lists_of(device):
        if name in one.interfaces:
            for family in sorted(seen):
                word = "ip access-group" if family == 4 else "ipv6 traffic-filter"
                yield f" {word} {_list_name(device, one, family)} {one.direction}"
    yield " no shutdown"


def _lists_of(device: Device) -> list[AccessList]:
    """The lists, and one that denies everything where packets come in and no list is, if that is what the description says."""
    lists = list(device.lists)
    open_ = tuple(
        each.name
        for each in device.interfaces
        if not any(each.name in one.interfaces and one.direction == "in" for one in device.lists)
    )
    if device.is_denied_by_default and open_ and not any(one.direction == "out" for one in device.lists):
        lists.append(AccessList(name="in-none", direction="in", interfaces=open_, lines=()))
    return lists


def _list_name(device: Device, one: AccessList, version: int) -> str:
    """With a sum of its lines: entered under the old name, new lines would stand behind the old list's last, which denies everything."""
    digest = hashlib.sha256("\n".join(_list_lines(device, one, version)).encode()).hexdigest()[:6]
    return f"tieline-{one.name}" + ("" if version == 4 else "-v6") + f"-{digest}"


def _lists(device: Device) -> Iterator[list[str]]:
    versions = sorted({address.address.version for each in device.interfaces for address in each.addresses})
    for one in _lists_of(device):
        for version in versions:
            word = "ip access-list extended" if version == 4 else "ipv6 access-list"
            yield [f"{word} {_list_name(device, one, version)}", *_list_lines(device, one, version)]


def _list_lines(device: Device, one: AccessList, version: int) -> list[str]:
    lines = []
    if version == 6:
        lines += [" permit icmp any any nd-ns", " permit icmp any any nd-na"]
    if device.node.model.stateful:
        lines += [" remark replies to what is permitted", *dict.fromkeys(_replies(device, version))]
    for line in one.lines:
        matches = list(_matches(line.entry, version))
        if matches:
            lines += [f" remark {plain_ascii(_remark(line), 100)}", *(f" {line.entry.action} {match}" for match in matches)]
    return [*lines, " remark nothing else", f" deny {'ip' if version == 4 else 'ipv6'} any any log"]


def _remark(line: Line) -> str:
    return f"conduit {line.conduit}: {line.reason}" if line.conduit else line.reason


def _replies(device: Device, version: int) -> Iterator[str]:
    for one in device.lists:
        for line in one.lines:
            entry = line.entry
            if entry.action != "permit" or entry.is_reply:
                continue
            for source in _of_version(entry.sources, version):
                for target in _of_version(entry.targets, version):
                    there, back = _end(source), _end(target)
                    if entry.protocol == "icmp":
                        yield f" permit icmp {back} {there} echo-reply"
                    elif entry.protocol == "any":
                        yield f" permit tcp {back} {there} established"
                    else:
                        suffix = " established" if entry.protocol == "tcp" else ""
                        for ports in entry.ports or (None,):
                            yield f" permit {entry.protocol} {back}{_ports(ports)} {there}{suffix}"


def _matches(entry: AclEntry, version: int) -> Iterator[str]:
    protocol = ("ip" if version == 4 else "ipv6") if entry.protocol == "any" else entry.protocol
    for source in _of_version(entry.sources, version):
        for target in _of_version(entry.targets, version):
            for ports in entry.ports or (None,):
                listening = _ports(ports)
                first, second = (listening, "") if entry.is_reply else ("", listening)
                yield f"{protocol} {_end(source)}{first} {_end(target)}{second}"


def _of_version(subnets: Sequence[Subnet], version: int) -> list[Subnet | None]:
    return [each for each in subnets if each.version == version] if subnets else [None]


def _end(subnet: Subnet | None) -> str:
    if subnet is None:
        return "any"
    if subnet.prefixlen == subnet.max_prefixlen:
        return f"host {subnet.network_address}"
    return str(subnet) if subnet.version == 6 else f"{subnet.network_address} {subnet.hostmask}"


def _ports(ports: Ports | None) -> str:
    if ports is None or ports.transport == "icmp":
        return ""
    return f" eq {ports.first}" if ports.first == ports.last else f" range {ports.first} {ports.last}"


def _routes(device: Device) -> Iterator[str]:
    if device.node.is_router:
        yield "ip routing"
        if any(address.address.version == 6 for each in device.interfaces for address in each.addresses):
            yield "ipv6 unicast-routing"
    if device.gateway is not None:
        yield f"ip default-gateway {device.gateway}" if device.gateway.version == 4 else f"ipv6 route ::/0 {device.gateway}"
    for route in device.routes:
        target = route.target
        if target.version == 4:
            yield f"ip route {target.network_address} {target.netmask} {route.via}"
        else:
            yield f"ipv6 route {target} {route.via}"


def _snmp(device: Device) -> Iterator[str]:
    if not device.node.model.has_snmp:
        return
    watch = device.watch or Watch(auth="sha")
    yield "snmp-server group tieline v3 priv"
    yield "! The keys are no part of the folder. Enter this by hand, with those that your store of secrets has for"
    yield f"! network/{plain_ascii(device.node.name)}/snmp-auth and network/{plain_ascii(device.node.name)}/snmp-priv:"
    bits = watch.priv.removeprefix("aes")
    yield f"! snmp-server user {watch.user} tieline v3 auth {watch.auth} AUTH-KEY priv aes {bits} PRIV-KEY"
    if device.told is not None and watch.trap_port is not None:
        yield "snmp-server enable traps snmp authentication linkdown linkup coldstart warmstart"
        yield f"snmp-server host {device.told} version 3 priv {watch.user} udp-port {watch.trap_port}"
    if device.told is not None and watch.syslog_port is not None:
        yield f"logging host {device.told} transport udp port {watch.syslog_port}"


def not_rendered(device: Device) -> Iterator[NotRendered]:
    """What this target cannot express, or this configuration does not."""
    node = device.node.name
    if device.watch is not None and device.watch.auth != "sha":
        problem = f"IOS 15.2 has auth sha alone: write that into [watch], or enter what its release calls {device.watch.auth}"
        yield NotRendered(node=node, subject="SNMPv3 user", problem=problem)
    for queue, classes in _placed(device.classes).items():
        if len(classes) > 1:
            those = " and ".join(each.name for each in classes)
            strict = queue == 1 and classes[0].weight is None
            problem = (
                "there is one strict queue; they share it, first come, first served"
                if strict
                else f"there are {_QUEUES} queues; they share one"
            )
            yield NotRendered(node=node, subject=f"classes {those}", problem=problem)
    for each in device.used:
        port = each.port
        if port.mode == "hybrid":
            yield NotRendered(
                node=node, subject=f"port {port.name}", problem="there is no hybrid port; it is a trunk with the same VLANs"
            )
        if port.poe is not None and port.poe.priority != "low":
            problem = f"priority {port.poe.priority}: the command differs between releases"
            yield NotRendered(node=node, subject=f"port {port.name}, PoE", problem=problem)
        if port.poe is not None and port.poe.highest_class > 4:
            problem = f"class {port.poe.highest_class}: feeding over four pairs has commands of the model's own"
            yield NotRendered(node=node, subject=f"port {port.name}, PoE", problem=problem)
    if device.node.model.stateful and device.lists:
        problem = (
            "access lists keep no connections: replies are let in by the service's port (UDP) and by their flags (TCP, `established`); "
            "what is not TCP needs lines of its own where all protocols are permitted"
        )
        yield NotRendered(node=node, subject="access lists", problem=problem)
    if any(one.direction == "in" for one in _lists_of(device)):
        problem = "they are asked for packets to the router itself as well: add lines for management and for its routing protocol"
        yield NotRendered(node=node, subject="access lists", problem=problem)
    if device.is_denied_by_default and any(one.direction == "out" for one in device.lists):
        into = {name for one in device.lists if one.direction == "in" for name in one.interfaces}
        out = {name for one in device.lists if one.direction == "out" for name in one.interfaces}
        names = [each.name for each in device.interfaces if each.name not in into]
        if names and len(out) < len(device.interfaces):
            problem = f"packets from {' '.join(names)} to an interface without a list are to be dropped, and are not"
            yield NotRendered(node=node, subject="access lists", problem=problem)
