"""Carries a NetBox export over into the description of a network."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_interface, ip_network

from tieline.config import Utility
from tieline.config.network import Subnet, format_vlans, is_within
from tieline.network.importing.described import Imported, Names
from tieline.network.importing.netbox_export import Cable, Device, Export, Interface

_Port = tuple[str, tuple[int, ...]]
_INTERFACES: Mapping[str, _Port] = {
    "100base-tx": ("copper", (10, 100)),
    "100base-t1": ("copper", (100,)),
    "1000base-t": ("copper", (10, 100, 1000)),
    "2.5gbase-t": ("copper", (100, 1000, 2500)),
    "10gbase-t": ("copper", (100, 1000, 10_000)),
    "100base-fx": ("sfp", (100,)),
    "100base-lfx": ("sfp", (100,)),
    "100base-x-sfp": ("sfp", (100,)),
    "1000base-sx": ("sfp", (1000,)),
    "1000base-lx": ("sfp", (1000,)),
    "1000base-x-gbic": ("sfp", (1000,)),
    "1000base-x-sfp": ("sfp", (100, 1000)),
    "10gbase-x-sfpp": ("sfp", (1000, 10_000)),
}
_CABLES = {
    "cat5e": "cat5e",
    "cat5": "cat5e",
    "cat6": "cat6",
    "cat6a": "cat6a",
    "cat7": "cat6a",
    "mmf-om1": "om1",
    "mmf-om2": "om2",
    "mmf-om3": "om3",
    "mmf-om4": "om4",
    "mmf": "om2",
    "smf": "os2",
    "smf-os1": "os2",
    "smf-os2": "os2",
}
_OPTICS: Mapping[tuple[bool, int], str] = {
    (True, 100): "100base-lx10",
    (True, 1000): "1000base-lx10",
    (True, 10_000): "10gbase-lr",
    (False, 100): "100base-fx",
    (False, 1000): "1000base-sx",
    (False, 10_000): "10gbase-sr",
}
"""By single-mode or not, and speed."""
_POE = {"type1-ieee802.3af": 3, "type2-ieee802.3at": 4, "type3-ieee802.3bt": 6, "type4-ieee802.3bt": 8}
_KINDS = (
    ("firewall", "firewall"),
    ("router", "router"),
    ("switch", "switch"),
    ("camera", "camera"),
    ("relay", "relay"),
    ("protection", "relay"),
    ("merging", "merging_unit"),
    ("rtu", "rtu"),
    ("gateway", "gateway"),
    ("clock", "clock"),
    ("meter", "meter"),
    ("pmu", "pmu"),
    ("reader", "access_reader"),
    ("access-control", "access_reader"),
    ("sensor", "sensor"),
    ("converter", "media_converter"),
    ("radio", "radio"),
    ("inverter", "controller"),
    ("controller", "controller"),
    ("plc", "controller"),
    ("workstation", "workstation"),
    ("server", "server"),
)
_BRIDGING = {"switch", "router", "firewall"}
_VIRTUAL = {"virtual", "lag", "bridge"}
_RANGE = re.compile(r"(\d)-(?=\d+$)")


def import_netbox(export: Export, utility: Utility) -> Imported:
    """The description that follows, with notes; `utility` is the folder that it is for."""
    return _Carried(export, utility).result()


class _Carried:
    def __init__(self, export: Export, utility: Utility) -> None:
        self._export = export
        self._utility = utility
        self._out = Imported()
        self._names = Names()
        self._models = Names()
        self._devices = {device.name: device for device in export.devices}
        self._of: dict[str, list[Interface]] = defaultdict(list)
        for interface in export.interfaces:
            self._of[interface.device].append(interface)
        self._kinds = {device.name: _kind(device) for device in export.devices}
        self._vlans: dict[int, Subnet | None] = {}
        self._routed: set[tuple[str, str]] = set()

    def result(self) -> Imported:
        """Everything."""
        out = self._out
        out.note("NetBox gave no such lists, so they are empty here", self._export.missing)
        self._places()
        self._add_vlans()
        links = list(self._links())
        self._add_models(links)
        self._add_nodes()
        self._add_ports()
        self._add_links(links)
        out.note("names were changed, for a folder takes lower-case letters, digits, - and _ only", self._names.changed)
        out.note(
            "their kind does not follow from their role; they are of kind other, and do not bridge",
            (name for name, kind in self._kinds.items() if kind == "other"),
        )
        out.note(
            "they are not active in NetBox, and here as if they were",
            (each.name for each in self._export.devices if each.status not in {"", "active"}),
        )
        out.notes.append(
            "NetBox knows nothing of services, classes of traffic, rings, access lists, supplies, ducts, splices and power budgets: "
            "add them, for the proofs and budgets are about these"
        )
        return out

    def _places(self) -> None:
        sites = {site.name for site in self._utility.sites}
        self._sites: dict[str, str] = {}
        names = Names()
        for device in self._export.devices:
            if device.site in self._sites:
                continue
            name = self._sites[device.site] = names.of(device.site or "unknown")
            if name not in sites:
                self._out.sections.append(("places", {"name": name, "title": device.site or "unknown"}))
        self._out.note(
            "they are no sites of the folder, and became places; rename them where a site was meant",
            (site or "(none)" for site, name in self._sites.items() if name not in sites),
        )

    def _add_vlans(self) -> None:
        """VLANs with the subnet of their prefix, in the zone that utility.toml has them in."""
        zones = {vlan: zone for zone in self._utility.zones for vlan in zone.vlans}
        prefixes: dict[int, list[Subnet]] = defaultdict(list)
        for each in self._export.prefixes:
            if each.vid is not None:
                prefixes[each.vid].append(ip_network(each.prefix, strict=False))
        names, held, again, several, outside = Names(), list[Subnet](), list[str](), list[str](), list[str]()
        for vlan in self._export.vlans:
            if vlan.vid in self._vlans:
                again.append(f"{vlan.vid} {vlan.name}")
                continue
            zone = zones.get(vlan.vid)
            wide = [ip_network(text) for text in zone.subnets] if zone is not None else []
            subnet: Subnet | None = None
            for candidate in prefixes[vlan.vid]:
                if any(candidate.version == other.version and candidate.overlaps(other) for other in held):
                    several.append(str(candidate))
                elif wide and not any(is_within(candidate, other) for other in wide):
                    outside.append(f"{candidate} of VLAN {vlan.vid}")
                elif subnet is not None:
                    several.append(str(candidate))
                else:
                    subnet = candidate
            self._vlans[vlan.vid] = subnet
            if subnet is not None:
                held.append(subnet)
            self._add_vlan(vlan.vid, names.of(vlan.name), zone.name if zone is not None else "", subnet, vlan.description)
        absent = sorted(zones.keys() - self._vlans.keys())
        for vid in absent:
            self._vlans[vid] = None
            self._add_vlan(vid, names.of(f"vlan{vid}"), zones[vid].name, None, "in utility.toml, not in NetBox")
        out = self._out
        out.note("VLANs are there more than once, with one number; the first was taken", again)
        out.note("prefixes overlap, or are further ones of a VLAN; they were left out", several)
        out.note("prefixes do not lie within the subnets of their zone; they were left out", outside)
        out.note("VLANs of zones that NetBox does not have were added without a subnet", map(str, absent))
        in_no_zone = (str(vid) for vid in self._vlans if vid not in zones)
        out.note("VLANs belong to no zone of utility.toml; add them to the vlans of their zones", in_no_zone)

    def _add_vlan(self, vid: int, name: str, zone: str, subnet: Subnet | None, description: str) -> None:
        entry: dict[str, object] = {"id": vid, "name": name}
        if zone:
            entry["zone"] = zone
        if subnet is not None:
            entry["subnet"] = str(subnet)
        if description:
            entry["description"] = description
        self._out.sections.append(("vlans", entry))

    def _links(self) -> Iterator[tuple[Cable, Interface, Interface, bool]]:
        """Cable, both ends, and whether patch panels are between."""
        known = {(each.device, each.name): each for each in self._export.interfaces if each.type in _INTERFACES}
        done: set[tuple[str, str]] = set()
        lost: list[str] = []
        first_of: dict[tuple[str, str], Cable] = {}
        for cable in self._export.cables:
            if cable.a is not None and cable.b is not None and cable.a in known and cable.b in known:
                if cable.a[0] == cable.b[0] or cable.a in done or cable.b in done:
                    lost.append(cable.label or "without a label")
                    continue
                done |= {cable.a, cable.b}
                yield cable, known[cable.a], known[cable.b], False
            else:
                for end in (cable.a, cable.b):
                    if end is not None:
                        first_of[end] = cable
        patched: list[str] = []
        for place, interface in known.items():
            far = interface.endpoint
            if far is None or place in done or far not in known or far in done or far[0] == place[0]:
                continue
            none = Cable(label="", type="", a=place, b=far, length_m=None)
            there = first_of.pop(far, none)
            cable = first_of.pop(place, there)
            done |= {place, far}
            patched.append(f"{place[0]} {place[1]}")
            yield cable, interface, known[far], True
        lost += [cable.label or "without a label" for cable in first_of.values()]
        self._out.note(
            "links through patch panels have the length of their first cable only; correct length_m and connectors", patched
        )
        elsewhere = (each.label or "without a label" for each in self._export.cables if each.a is None and each.b is None)
        self._out.note("cables that end at no interface, such as those of power, were left out", elsewhere)
        self._out.note("cables that do not join two interfaces of known types were left out", lost)

    def _add_models(self, links: Sequence[tuple[Cable, Interface, Interface, bool]]) -> None:
        """A model for each type of device, with all ports that any device of the type has."""
        feeders = {
            (one.device, one.name): _POE.get(other.poe_type, 4)
            for _, a, b, _ in links
            for one, other in ((a, b), (b, a))
            if other.poe_mode == "pse"
        }
        of_type: dict[tuple[str, str, str], list[Device]] = defaultdict(list)
        for device in self._export.devices:
            of_type[(device.manufacturer, device.model, self._kinds[device.name])].append(device)
        self._model_of: dict[str, str] = {}
        unknown: list[str] = []
        several: set[tuple[str, str]] = set()
        for (manufacturer, model, kind), devices in of_type.items():
            text = f"{manufacturer} {model or 'unknown'}"
            is_first = (manufacturer, model) not in several
            several.add((manufacturer, model))
            name = self._models.of(text if is_first else f"{text} {kind}")
            ports: dict[str, dict[str, object]] = {}
            wanted: list[int | None] = []
            for device in devices:
                self._model_of[device.name] = name
                drawn = None
                for interface in self._of[device.name]:
                    if interface.type in _VIRTUAL:
                        continue
                    if interface.type not in _INTERFACES:
                        unknown.append(f"{device.name} {interface.name} ({interface.type or 'no type'})")
                        continue
                    medium, speeds = _INTERFACES[interface.type]
                    group: dict[str, object] = {
                        "names": _port_name(interface.name),
                        "medium": medium,
                        "speeds_mbps": list(speeds),
                    }
                    if interface.poe_mode == "pse" and medium == "copper":
                        group["poe_class"] = _POE.get(interface.poe_type, 4)
                    if interface.poe_mode == "pd" and (device.name, interface.name) in feeders:
                        drawn = min(_POE.get(interface.poe_type, 3), feeders[(device.name, interface.name)])
                    ports.setdefault(_port_name(interface.name), group)
                wanted.append(drawn)
            if not ports:
                ports["none"] = {"names": "none", "medium": "copper", "speeds_mbps": [100]}
            layer = 3 if kind in {"router", "firewall"} else 1 if kind in {"media_converter", "radio"} else 2
            routes = kind == "switch" and any(len(self._subnets(device.name)) > 1 for device in devices)
            entry: dict[str, object] = {
                "name": name,
                "kind": kind,
                "vendor": manufacturer,
                "description": model,
                "source": "ports from NetBox; everything else is not known",
                "layer": 3 if routes else layer,
                "supply_inputs": 2,
            }
            if kind in _BRIDGING:
                entry["redundancy"] = ["rstp", "lacp"]
            if kind == "firewall":
                entry["stateful"] = True
            poe = [each for each in wanted if each is not None]
            if poe and len(poe) == len(devices):
                entry["poe_class"] = min(poe)
            entry["ports"] = list(ports.values())
            self._out.models.append(entry)
        self._out.note("interfaces of these types are no ports here, and were left out", unknown)
        self._out.notes.append(
            f"{len(of_type)} types of device became models in network/catalogue/imported.toml, with ports alone: add buffers, latency, "
            "power and temperatures from their data sheets"
        )

    def _subnets(self, device: str) -> set[Subnet]:
        return {ip_interface(each.address).network for each in self._export.addresses if each.device == device}

    def _add_nodes(self) -> None:
        addresses: dict[str, list[str]] = defaultdict(list)
        subnets = [subnet for subnet in self._vlans.values() if subnet is not None]
        seen: set[str] = set()
        homeless: list[str] = []
        twice: list[str] = []
        types = {(each.device, each.name): each.type for each in self._export.interfaces}
        for each in self._export.addresses:
            if each.device not in self._devices:
                continue
            own = ip_interface(each.address)
            if str(own.ip) in seen:
                twice.append(f"{own.ip} of {each.device}")
                continue
            within = [subnet for subnet in subnets if own.ip in subnet]
            is_router = self._kinds[each.device] in {"router", "firewall"}
            if within and own.ip not in {within[0].network_address, within[0].broadcast_address}:
                addresses[each.device].append(str(own.ip))
                seen.add(str(own.ip))
            elif not within and is_router and types.get((each.device, each.interface)) in _INTERFACES:
                addresses[each.device].append(f"{own.ip}/{own.network.prefixlen}@{_port_name(each.interface)}")
                self._routed.add((each.device, each.interface))
                seen.add(str(own.ip))
            else:
                homeless.append(f"{each.address} of {each.device}")
        self._out.note("addresses lie in no VLAN's prefix, and were left out", homeless)
        self._out.note("addresses are there twice; the first was taken", twice)
        hosts = {address: host.name for host in self._utility.hosts for address in host.addresses}
        taken: set[str] = set()
        for device in self._export.devices:
            is_host = dict.fromkeys(hosts[each] for each in addresses[device.name] if each in hosts)
            own_hosts = [
                name
                for name in is_host
                if name not in taken
                and {*next(h.addresses for h in self._utility.hosts if h.name == name)} <= {*addresses[device.name]}
            ]
            taken.update(own_hosts)
            self._out.nodes.append(
                {
                    "name": self._names.of(device.name),
                    "site": self._sites[device.site],
                    "rack": device.rack,
                    "model": self._model_of[device.name],
                    "addresses": " ".join(addresses[device.name]),
                    "devices": " ".join(own_hosts),
                    "description": " ".join(device.description.split()),
                }
            )

    def _add_ports(self) -> None:
        every = frozenset(self._vlans)
        strange: list[str] = []
        for device in self._export.devices:
            bridges = self._kinds[device.name] in _BRIDGING
            lags = self._lags(device.name)
            for interface in self._of[device.name]:
                if interface.type not in _INTERFACES:
                    continue
                source = lags.get(interface.lag, interface)
                row = {
                    "node": self._names.of(device.name),
                    "port": _port_name(interface.name),
                    "description": interface.description,
                }
                named = {vid for vid in (*source.tagged, source.untagged) if vid is not None}
                if named - every:
                    strange.append(f"{device.name} {interface.name}: {format_vlans(named - every)}")
                tagged = frozenset(source.tagged) & every
                untagged = source.untagged if source.untagged in every else None
                if (device.name, interface.name) in self._routed:
                    row["mode"] = "routed"
                elif not interface.enabled:
                    row["mode"] = "disabled"
                elif bridges and source.mode == "access" and untagged is not None:
                    row |= {"mode": "access", "vlan": str(untagged)}
                elif bridges and source.mode.startswith("tagged"):
                    allowed = every if source.mode == "tagged-all" else tagged | ({untagged} if untagged is not None else set())
                    row |= {"mode": "trunk", "vlan": str(untagged or ""), "allowed": format_vlans(frozenset(allowed))}
                elif not bridges and tagged:
                    row["allowed"] = format_vlans(tagged)
                if bridges and interface.lag and row.get("mode") != "disabled":
                    row["lag"] = _port_name(interface.lag)
                if row.keys() & {"mode", "allowed", "lag"}:
                    self._out.ports.append(row)
        self._out.note("ports name VLANs that NetBox does not have; these were left out", strange)

    def _lags(self, device: str) -> dict[str, Interface]:
        """Of link aggregations, the interface that has their VLANs."""
        return {each.name: each for each in self._of[device] if each.type == "lag"}

    def _add_links(self, links: Iterable[tuple[Cable, Interface, Interface, bool]]) -> None:
        names = Names()
        unmeasured: list[str] = []
        guessed: list[str] = []
        optics: list[str] = []
        for cable, a, b, is_patched in links:
            name = names.of(cable.label if cable.label and not cable.label.isdigit() else f"{a.device}-{a.name}")
            ports = [_INTERFACES[each.type] for each in (a, b)]
            kind = _CABLES.get(cable.type)
            if kind is None:
                kind = "om3" if all(medium == "sfp" for medium, _ in ports) else "cat6"
                guessed.append(f"{name} ({cable.type or 'no type'}): {kind}")
            is_fiber = kind in {"om1", "om2", "om3", "om4", "os2"}
            row = {
                "name": name,
                "a": f"{self._names.of(a.device)}/{_port_name(a.name)}",
                "b": f"{self._names.of(b.device)}/{_port_name(b.name)}",
                "medium": "fiber" if is_fiber else "copper",
                "cable": kind,
                "length_m": f"{cable.length_m or 0:g}",
                "connectors": "4" if is_patched and is_fiber else "",
            }
            if cable.length_m is None:
                unmeasured.append(name)
            common = set(ports[0][1]) & set(ports[1][1])
            speed = max(common, default=0)
            for column, (medium, _) in zip(("sfp_a", "sfp_b"), ports, strict=True):
                if medium == "sfp" and speed:
                    row[column] = (
                        _OPTICS.get((kind == "os2", speed), "") if is_fiber else "1000base-t" if speed == 1000 else "100base-tx"
                    )
                    optics.append(f"{name}: {row[column]}")
            self._out.links.append(row)
        self._out.note("lengths are not in NetBox, and 0 here; budgets need them", unmeasured)
        self._out.note("types of cable were assumed", guessed)
        self._out.note("transceivers are not among what NetBox exports; these were assumed", optics)


def _kind(device: Device) -> str:
    role = device.role.lower()
    return next((kind for word, kind in _KINDS if word in role), "other")


def _port_name(name: str) -> str:
    """Without spaces, and not to be taken for a range."""
    return _RANGE.sub(r"\1_", "-".join(name.split()).replace(";", "-").replace(",", "-").replace("@", "-"))
