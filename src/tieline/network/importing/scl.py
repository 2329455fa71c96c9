"""Carries the communication section of an SCL file (IEC 61850-6 clause 9.4) over into the description of a site's network.

SCL knows IEDs, their addresses, and what they send to whom. It knows no switches and no cables: each subnetwork becomes one switch, and
each access point one link of unknown length, until somebody writes the real ones.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from ipaddress import ip_address, ip_network

from tieline.config import Utility
from tieline.config.network import Subnet, format_vlans, is_within
from tieline.network.importing.described import Imported, Names
from tieline.protocols.iec61850.scl import Multicast, Scl, multicasts_of
from tieline.protocols.iec61850.scl.communication import ConnectedAP, SubNetwork

_PORTS = 8
"""At the least, of the switch that stands for a subnetwork; there are always two more than devices."""
_QUEUES = 8


def import_scl(scl: Scl, utility: Utility, site: str) -> Imported:
    """The description that follows, with notes. Raises `ConfigError` where the folder has no such site."""
    utility.site(site)
    return _Carried(scl, utility, site).result()


class _Carried:
    def __init__(self, scl: Scl, utility: Utility, site: str) -> None:
        self._scl = scl
        self._utility = utility
        self._site = site
        self._zone = next(zone for zone in utility.zones if site in zone.sites)
        self._out = Imported()
        self._names = Names()
        self._multicasts = [each for each in multicasts_of(scl) if each.is_addressed]
        self._tagged = {each.vlan_id for each in self._multicasts if each.vlan_id}
        self._vlan_of: dict[str, int] = {}
        """Of each subnetwork, the VLAN of its addresses."""
        self._subnet_of_vlan: dict[int, Subnet | None] = {}
        self._devices = self._known_devices()

    def result(self) -> Imported:
        """Everything."""
        out = self._out
        subnets = {net.name: self._subnet(net) for net in self._scl.sub_networks}
        self._add_vlans(subnets)
        self._add_classes()
        self._add_nodes()
        self._add_switches()
        self._add_services()
        out.note(
            "SCL names no switches: one stands for each subnetwork; replace it by the real ones",
            (net.name for net in self._scl.sub_networks),
        )
        if self._scl.sub_networks:
            out.notes.append("links are 0 m of copper, for SCL does not say what they are: write medium, cable and length_m")
        out.note("names were changed, for a folder takes lower-case letters, digits, - and _ only", self._names.changed)
        out.notes.append(
            "MAC addresses and APPIDs stand in the descriptions of services, for nothing else takes them; OSI selectors, AP titles, "
            "ports of MMS and physical connections (PhysConn) were left out"
        )
        return out

    def _known_devices(self) -> Mapping[str, str]:
        """Names of the folder's devices and hosts by their addresses."""
        found: dict[str, str] = {}
        for device in self._utility.site(self._site).devices:
            host = getattr(device, "connection", None)
            address = getattr(host, "host", "")
            if address:
                found[address] = device.name
        for each in self._utility.hosts:
            if len(each.addresses) == 1:
                found.setdefault(each.addresses[0], each.name)
        return found

    def _subnet(self, net: SubNetwork) -> Subnet | None:
        """From the first address with a mask."""
        for point in net.access_points:
            if point.address.ip and point.address.mask:
                try:
                    return ip_network(f"{point.address.ip}/{point.address.mask}", strict=False)
                except ValueError:
                    continue
        return None

    def _add_vlans(self, subnets: Mapping[str, Subnet | None]) -> None:
        zones = {vlan: zone for zone in self._utility.zones for vlan in zone.vlans}
        wide = [ip_network(text) for text in self._zone.subnets]
        free = [vlan for vlan in self._zone.vlans if vlan not in self._tagged]
        held: list[Subnet] = []
        added: set[int] = set()
        outside: list[str] = []
        assumed: list[str] = []
        for net in self._scl.sub_networks:
            subnet = subnets[net.name]
            if subnet is not None and any(subnet.version == other.version and subnet.overlaps(other) for other in held):
                self._vlan_of[net.name] = next(
                    vlan for vlan, other in self._subnet_of_vlan.items() if other is not None and subnet.overlaps(other)
                )
                continue
            taken = {*zones, *added, *self._tagged}
            vlan = free.pop(0) if free else next(number for number in range(100, 4095) if number not in taken)
            self._vlan_of[net.name] = vlan
            assumed.append(f"{net.name}: {vlan}")
            added.add(vlan)
            if subnet is not None and vlan in zones and wide and not any(is_within(subnet, other) for other in wide):
                outside.append(f"{subnet} of {net.name}")
                subnet = None
            if subnet is not None:
                held.append(subnet)
            self._add_vlan(vlan, self._names.of(net.name), subnet, net.description or f"subnetwork {net.name}")
        for vlan in sorted({*self._tagged, *zones} - added):
            carried = sorted(
                {"sampled values" if each.is_sampled else "GOOSE" for each in self._multicasts if each.vlan_id == vlan}
            )
            words = (
                f"{' and '.join(carried)}, as in the SCL file (VLAN-ID {vlan:03X})"
                if carried
                else "of utility.toml, not in the SCL file"
            )
            self._add_vlan(vlan, self._names.of(f"vlan{vlan}"), None, words)
        self._out.note("SCL has no VLAN for what is not tagged; the zone's own was taken", assumed)
        self._out.note(
            f"subnets do not lie within those of zone {self._zone.name}; they were left out, with their addresses", outside
        )
        strange = [vlan for vlan in sorted({*self._tagged, *added}) if vlan not in zones]
        self._out.note(
            f"VLANs belong to no zone of utility.toml; add them to the vlans of zone {self._zone.name}", map(str, strange)
        )

    def _add_vlan(self, vlan: int, name: str, subnet: Subnet | None, description: str) -> None:
        entry: dict[str, object] = {"id": vlan, "name": name}
        zone = next((zone.name for zone in self._utility.zones if vlan in zone.vlans), "")
        if zone:
            entry["zone"] = zone
        if subnet is not None:
            entry["subnet"] = str(subnet)
        self._subnet_of_vlan[vlan] = subnet
        self._out.sections.append(("vlans", {**entry, "description": description}))

    def _add_classes(self) -> None:
        """One for each priority that is used, and one for the rest; a higher priority is a higher queue."""
        used = {each.vlan_priority for each in self._multicasts if each.vlan_priority is not None}
        for queue, priority in enumerate(sorted(used | {0})):
            name = "best-effort" if priority == 0 else f"priority-{priority}"
            self._out.sections.append(("classes", {"name": name, "pcp": [priority], "queue": min(queue, _QUEUES - 1)}))

    def _sends(self, ied: str) -> set[int]:
        return {each.vlan_id for each in self._multicasts if each.ied == ied and each.vlan_id}

    def _add_nodes(self) -> None:
        points: dict[str, list[tuple[SubNetwork, ConnectedAP]]] = defaultdict(list)
        for net in self._scl.sub_networks:
            for point in net.access_points:
                points[point.ied].append((net, point))
        seen: set[str] = set()
        homeless: list[str] = []
        taken: set[str] = set()
        by_count: set[int] = set()
        for ied in self._scl.ieds:
            there = points.get(ied.name, [])
            own: list[str] = []
            for net, point in there:
                text = point.address.ip
                subnet = self._subnet_of_vlan.get(self._vlan_of[net.name])
                if not text:
                    continue
                try:
                    is_right = subnet is not None and ip_address(text) in subnet and text not in seen
                except ValueError:
                    is_right = False
                if is_right:
                    own.append(text)
                    seen.add(text)
                else:
                    homeless.append(f"{text} of {ied.name}")
            devices = [
                self._devices[address] for address in own if address in self._devices and self._devices[address] not in taken
            ]
            taken.update(devices)
            ports = max(1, len(there))
            by_count.add(ports)
            self._out.nodes.append(
                {
                    "name": self._names.of(ied.name),
                    "site": self._site,
                    "model": f"scl-ied-{ports}",
                    "addresses": " ".join(own),
                    "devices": " ".join(devices),
                    "description": " ".join((ied.description or ied.type or ied.name).split()),
                }
            )
        for ports in sorted(by_count):
            self._add_model(f"scl-ied-{ports}", "relay", f"IED with {ports} access point(s)", 2, ports, [100])
        self._out.note("addresses are in no subnet, or there twice, and were left out", homeless)
        self._out.note(
            "IEDs have no access point on any subnetwork", (ied.name for ied in self._scl.ieds if ied.name not in points)
        )

    def _add_model(self, name: str, kind: str, description: str, layer: int, ports: int, speeds: list[int]) -> None:
        entry: dict[str, object] = {
            "name": name,
            "kind": kind,
            "description": description,
            "source": "stands for what SCL does not say; replace it by the real model",
            "layer": layer,
        }
        if kind == "switch":
            entry["redundancy"] = ["rstp"]
        entry["ports"] = [{"names": f"1-{ports}" if ports > 1 else "1", "medium": "copper", "speeds_mbps": speeds}]
        self._out.models.append(entry)

    def _add_switches(self) -> None:
        port_of: dict[str, int] = defaultdict(int)
        unlinked: set[str] = set()
        speeds: dict[int, list[int]] = {}
        for net in self._scl.sub_networks:
            known = [point for point in net.access_points if self._scl.ied(point.ied) is not None]
            unlinked |= {point.ied for point in net.access_points} - {point.ied for point in known}
            count = max(_PORTS, len(known) + 2)
            switch = self._names.of(f"switch {net.name}")
            rates = [100, 1000] if (net.bit_rate_mbps or 100) > 100 else [100]
            speeds[count] = sorted({*speeds.get(count, []), *rates})
            self._out.nodes.append(
                {
                    "name": switch,
                    "site": self._site,
                    "model": f"scl-switch-{count}",
                    "description": f"stands for the switches of subnetwork {net.name}",
                }
            )
            vlan = self._vlan_of[net.name]
            for number, point in enumerate(known, 1):
                port_of[point.ied] += 1
                node, own = self._names.of(point.ied), port_of[point.ied]
                wanted = self._sends(point.ied) | {
                    each.vlan_id for each in self._multicasts if each.vlan_id and point.ied in each.subscribers
                }
                tagged = frozenset(wanted - {vlan})
                self._out.ports.append(
                    {
                        "node": switch,
                        "port": str(number),
                        "mode": "trunk",
                        "vlan": str(vlan),
                        "allowed": format_vlans(tagged | {vlan}),
                    }
                    if tagged
                    else {"node": switch, "port": str(number), "mode": "access", "vlan": str(vlan)}
                )
                if tagged:
                    self._out.ports.append({"node": node, "port": str(own), "allowed": format_vlans(tagged)})
                self._out.links.append(
                    {
                        "name": self._names.of(f"{point.ied} {point.access_point} {net.name}"),
                        "a": f"{node}/{own}",
                        "b": f"{switch}/{number}",
                        "medium": "copper",
                        "cable": "cat6",
                        "length_m": "0",
                    }
                )
        for count, rates in sorted(speeds.items()):
            self._add_model(f"scl-switch-{count}", "switch", "stands for the switches of a subnetwork", 2, count, rates)
        self._out.note("access points are of IEDs that the file does not have, and were left out", sorted(unlinked))

    def _add_services(self) -> None:
        unheard: list[str] = []
        untagged: list[str] = []
        names = Names()
        for each in self._multicasts:
            targets = [ied for ied in each.subscribers if ied != each.ied and self._scl.ied(ied) is not None]
            if not targets:
                unheard.append(each.reference)
                continue
            if not each.vlan_id:
                untagged.append(each.reference)
            self._out.sections.append(("services", self._multicast(names.of(each.reference), each, targets)))
        reports: dict[str, list[str]] = defaultdict(list)
        for ied in self._scl.ieds:
            for device in ied.devices():
                for node in device.nodes:
                    for control in node.reports:
                        for client in control.clients:
                            if client.ied != ied.name and self._scl.ied(client.ied) is not None:
                                reports[client.ied].append(ied.name)
        nets = {ied.name: {net.name for net, _ in self._scl.connections(ied.name)} for ied in self._scl.ieds}
        for client_name, servers in reports.items():
            common = nets[client_name].intersection(*(nets[name] for name in servers))
            vlans = sorted({self._vlan_of[name] for name in common})
            self._out.sections.append(
                (
                    "services",
                    {
                        "name": names.of(f"{client_name} reports"),
                        "kind": "mms",
                        "from": self._names.of(client_name),
                        "to": [self._names.of(name) for name in dict.fromkeys(servers)],
                        **({"vlan": vlans[0]} if vlans else {}),
                        "qos": "best-effort",
                        "transfer_class": "TT2",
                        "description": f"reports for which {client_name} is named as client",
                    },
                )
            )
        self._out.note("nobody in the file takes them, so there is no service for them; add those who do", unheard)
        self._out.note("they have no VLAN of their own, and travel in that of the subnetwork", untagged)
        absent = sorted(each.reference for each in multicasts_of(self._scl) if not each.is_addressed)
        self._out.note("control blocks have no address in the communication section, and were left out", absent)

    def _multicast(self, name: str, each: Multicast, targets: list[str]) -> dict[str, object]:
        entry: dict[str, object] = {
            "name": name,
            "kind": "sv" if each.is_sampled else "goose",
            "from": self._names.of(each.ied),
            "to": [self._names.of(ied) for ied in targets],
            "vlan": each.vlan_id or self._vlan_of[each.sub_network],
            "qos": f"priority-{each.vlan_priority}" if each.vlan_priority else "best-effort",
            "transfer_class": "TT6",
            "frame_octets": max(64, each.frame_octets),
        }
        if each.frames_per_s:
            entry["frames_per_s"] = each.frames_per_s
        times = [
            f"{word} {value:g} ms" for word, value in (("MinTime", each.min_time_ms), ("MaxTime", each.max_time_ms)) if value
        ]
        app_id = [] if each.app_id is None else [f"APPID {each.app_id:04X}"]
        entry["description"] = ", ".join([each.reference, f"MAC {each.mac.upper()}", *app_id, *times])
        return entry
