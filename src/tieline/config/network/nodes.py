"""Nodes with their models, and their ports as the model has them and `ports.csv` changes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address

from tieline.config.field_ways import field_way
from tieline.config.network.addressing import SubnetIndex
from tieline.config.network.catalog import Model, PortGroup, expand_names
from tieline.config.network.description import Node, NodeAddress, PoePort, Port, PortMode, Supply, Vlan
from tieline.config.network.draft import Draft, one_of
from tieline.config.network.rows import NodeRow, PortRow, split_address
from tieline.config.network.vlan_sets import format_vlans, parse_vlans

_ALONE = frozenset[int]()


def resolve_nodes(draft: Draft, places: set[str], vlans: Sequence[Vlan], supplies: Mapping[str, Supply]) -> dict[str, Node]:
    """The nodes whose model is known, by name."""
    every = frozenset(vlan.id for vlan in vlans)
    subnets = SubnetIndex(vlans)
    rows = _port_rows(draft)
    devices = _Devices(draft)
    nodes: dict[str, Node] = {}
    for line, row in draft.nodes:
        draft.is_known("nodes", line, "site", row.site, places, "site or place", "places")
        if not draft.is_known("nodes", line, "model", row.model, draft.catalog.models, "model in the catalogue", "catalogue"):
            continue
        model = draft.catalog.models[row.model]
        known = _known_vlans(draft, line, row, every)
        ports = tuple(_Ports(draft, row.name, model, known, rows.get(row.name, {})).all())
        node = Node(
            name=row.name,
            site=row.site,
            rack=row.rack,
            kind=row.kind or model.kind,
            model=model,
            ports=ports,
            vlans=known if model.is_bridge else _ALONE,
            supplies=tuple(row.supplies),
            outdoor=row.outdoor,
            watch=row.watch,
            firmware=row.firmware,
            description=row.description,
            addresses=tuple(_addresses(draft, line, row, {port.name: port for port in ports}, subnets)),
            devices=tuple(devices.of(line, row)),
        )
        _check_supplies(draft, line, row, model, supplies)
        nodes.setdefault(row.name, node)
    described = {row.name for _, row in draft.nodes}
    for name, of_node in rows.items():
        if name not in described and "nodes" not in draft.partial:
            line = next(iter(of_node.values()))[0]
            draft.report("ports", line, "node", name, "there is no such node", one_of(name, described))
    return nodes


def _port_rows(draft: Draft) -> dict[str, dict[str, tuple[int, PortRow]]]:
    """By node and port."""
    found: dict[str, dict[str, tuple[int, PortRow]]] = {}
    for line, row in draft.ports:
        of_node = found.setdefault(row.node, {})
        try:
            names = _names(row.port)
        except ValueError as error:
            problem, _, remedy = str(error).partition("; ")
            draft.report("ports", line, "port", row.port, problem, remedy)
            continue
        for name in names:
            if name in of_node:
                draft.report("ports", line, "port", name, f"line {of_node[name][0]} has the port", "write one line for it")
            of_node.setdefault(name, (line, row))
    return found


@lru_cache(maxsize=1_024)
def _names(text: str) -> tuple[str, ...]:
    return expand_names(text)


@lru_cache(maxsize=1_024)
def _speeds(group: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(group))


def _known_vlans(draft: Draft, line: int, row: NodeRow, every: frozenset[int]) -> frozenset[int]:
    try:
        known = parse_vlans(row.vlans, every)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        draft.report("nodes", line, "vlans", row.vlans, problem, remedy)
        return every
    if "vlans" not in draft.partial and not known <= every:
        unknown = format_vlans(known - every)
        draft.report(
            "nodes", line, "vlans", row.vlans, f"network.toml has no VLAN {unknown}", "add [[vlans]], or correct the list"
        )
    return known & every if "vlans" not in draft.partial else known


class _Ports:
    """The ports of one node."""

    def __init__(
        self, draft: Draft, node: str, model: Model, vlans: frozenset[int], rows: Mapping[str, tuple[int, PortRow]]
    ) -> None:
        self._draft = draft
        self._node = node
        self._model = model
        self._vlans = vlans
        self._rows = rows

    def all(self) -> Iterator[Port]:
        """In the order of the model; findings for rows of ports that it does not have."""
        names: set[str] = set()
        for group in self._model.ports:
            for name in _names(group.names):
                names.add(name)
                yield self._port(name, group, *self._rows.get(name, (0, None)))
        for name, (line, _) in self._rows.items():
            if name not in names:
                remedy = f"its ports are {', '.join(group.names for group in self._model.ports)}"
                self._draft.report("ports", line, "port", name, f"model {self._model.name} has no such port", remedy)

    def _port(self, name: str, group: PortGroup, line: int, row: PortRow | None) -> Port:
        mode, native, allowed = self._membership(line, row)
        speeds = _speeds(tuple(group.speeds_mbps))
        if row is not None and row.speed_mbps is not None:
            if row.speed_mbps not in speeds:
                remedy = f"write one of {', '.join(map(str, speeds))}"
                self._report(line, "speed_mbps", row.speed_mbps, "the port does not have this speed", remedy)
            speeds = (row.speed_mbps,)
        return Port(
            node=self._node,
            name=name,
            medium=group.medium,
            connector=group.connector,
            speeds_mbps=speeds,
            optics=group.optics,
            mode=mode,
            native=native,
            allowed=allowed,
            lag=row.lag if row else "",
            poe=self._poe(line, group, row),
            description=row.description if row else "",
            is_listed=row is not None,
        )

    def _report(self, line: int, where: str, value: object, problem: str, remedy: str) -> None:
        self._draft.report("ports", line, where, value, problem, remedy)

    def _membership(self, line: int, row: PortRow | None) -> tuple[PortMode, int | None, frozenset[int]]:
        """Mode, VLAN of frames without a tag, VLANs that pass."""
        default = self._draft.file.defaults.native_vlan
        mode = self._mode(line, row)
        vlan, text = (row.vlan, row.allowed) if row else (None, "")
        if mode in {"disabled", "routed"} or (self._model.layer == 1 and row is not None):
            if vlan is not None or text:
                reason = "passes everything on as it is" if self._model.layer == 1 else f"is {mode} and in no VLAN"
                self._report(
                    line, "vlan" if vlan else "allowed", vlan or text, f"the port {reason}", "leave vlan and allowed empty"
                )
            return mode, None, _ALONE
        if mode == "host":
            return mode, vlan, self._allowed(line, text or "none") if row else _ALONE
        if vlan is not None:
            self._check_known(line, "vlan", vlan, frozenset({vlan}))
        native = default if vlan is None else vlan
        if mode == "access":
            if text:
                self._report(line, "allowed", text, "an access port has one VLAN", "write it into vlan, or mode trunk")
            return mode, native, frozenset({native})
        allowed = self._allowed(line, text or "all")
        return mode, native, allowed

    def _mode(self, line: int, row: PortRow | None) -> PortMode:
        if not self._model.is_bridge:
            if row is not None and row.mode not in {None, "host", "disabled"}:
                problem = (
                    f"{self._model.name} does not bridge: its ports are {'transparent' if self._model.layer == 1 else 'hosts'}"
                )
                self._report(line, "mode", row.mode, problem, "leave it empty")
            return "disabled" if row is not None and row.mode == "disabled" else "host"
        if row is not None and row.mode is not None:
            if row.mode == "host" or (row.mode == "routed" and self._model.layer < 3):
                problem = "only a device has host ports" if row.mode == "host" else f"{self._model.name} does not route"
                self._report(line, "mode", row.mode, problem, "write access, trunk, hybrid or disabled")
            return row.mode
        if self._model.kind in {"router", "firewall"}:
            return "routed" if row is None or (row.vlan is None and not row.allowed) else "trunk" if row.allowed else "access"
        if row is not None and row.allowed:
            return "trunk"
        return "access" if row is not None and row.vlan is not None else self._model.tagging.new_port

    def _allowed(self, line: int, text: str) -> frozenset[int]:
        try:
            allowed = parse_vlans(text, self._vlans)
        except ValueError as error:
            problem, _, remedy = str(error).partition("; ")
            self._report(line, "allowed", text, problem, remedy)
            return self._vlans
        if text != "all":
            self._check_known(line, "allowed", text, allowed)
        return allowed

    def _check_known(self, line: int, where: str, value: object, vlans: frozenset[int]) -> None:
        native = self._draft.file.defaults.native_vlan
        unknown = vlans - self._vlans - {native}
        if unknown and "vlans" not in self._draft.partial:
            has = f"it has {format_vlans(self._vlans)}"
            problem = f"{self._node} does not have VLAN {format_vlans(unknown)}"
            self._report(line, where, value, problem, f"add it to vlans in nodes.csv, or correct it; {has}")

    def _poe(self, line: int, group: PortGroup, row: PortRow | None) -> PoePort | None:
        if row is None or row.poe is None or row.poe == "on":
            if group.poe_class is None:
                if row is not None and row.poe == "on":
                    self._report(line, "poe", "on", f"the port of model {self._model.name} feeds nothing", "leave it empty")
                return None
            return PoePort(highest_class=group.poe_class, priority=row.poe_priority if row else "low")
        if row.poe == "off":
            return None
        if group.poe_class is None or row.poe > group.poe_class:
            most = "feeds nothing" if group.poe_class is None else f"feeds class {group.poe_class} at the most"
            self._report(
                line, "poe", row.poe, f"the port of model {self._model.name} {most}", "correct it, or choose another port"
            )
            return None
        return PoePort(highest_class=row.poe, priority=row.poe_priority)


def _addresses(draft: Draft, line: int, row: NodeRow, ports: Mapping[str, Port], subnets: SubnetIndex) -> Iterator[NodeAddress]:
    for text in row.addresses:
        host, prefix, port = split_address(text)
        address = ip_address(host)
        if port:
            if port not in ports or ports[port].mode != "routed":
                problem = "the node has no such port" if port not in ports else "the port is not routed"
                draft.report("nodes", line, "addresses", text, problem, "write a routed port behind @, or leave it out")
            elif prefix is None:
                draft.report(
                    "nodes", line, "addresses", text, "an address of a routed port has a prefix", f"write {host}/30@{port}"
                )
            else:
                yield NodeAddress(address=address, prefix=prefix, vlan=None, port=port)
            continue
        vlan = subnets.find(address)
        if vlan is None or vlan.subnet is None:
            if "vlans" not in draft.partial:
                draft.report(
                    "nodes", line, "addresses", text, "no VLAN has a subnet with this address", "correct it, or the VLAN's subnet"
                )
            continue
        if prefix not in {None, vlan.subnet.prefixlen}:
            draft.report(
                "nodes", line, "addresses", text, f"VLAN {vlan.id} has the subnet {vlan.subnet}", f"write {host}, or correct it"
            )
        elif address in {vlan.subnet.network_address, vlan.subnet.broadcast_address} and vlan.subnet.prefixlen < 31:
            draft.report("nodes", line, "addresses", text, f"is no host's address in {vlan.subnet}", "write another")
        yield NodeAddress(address=address, prefix=vlan.subnet.prefixlen, vlan=vlan.id)


def _check_supplies(draft: Draft, line: int, row: NodeRow, model: Model, supplies: Mapping[str, Supply]) -> None:
    for name in row.supplies:
        if not draft.is_known("nodes", line, "supplies", name, supplies, "supply", "supplies"):
            continue
        voltage = supplies[name].voltage_v
        if model.supply_v is not None and not model.supply_v[0] <= voltage <= model.supply_v[1]:
            span = f"{model.supply_v[0]:g} to {model.supply_v[1]:g} V"
            draft.report(
                "nodes", line, "supplies", name, f"gives {voltage:g} V; {model.name} needs {span}", "put a converter between"
            )
    if len(row.supplies) > model.supply_inputs:
        problem = f"{model.name} has {model.supply_inputs} supply inputs"
        draft.report("nodes", line, "supplies", " ".join(row.supplies), problem, "name no more supplies than that")


class _Devices:
    """Which hosts of utility.toml and devices of sites the nodes are."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._hosts = {host.name: host.addresses for host in draft.around.hosts}
        self._devices = {device.path: device for devices in draft.around.devices.values() for device in devices}
        self._taken: dict[str, str] = {}

    def of(self, line: int, row: NodeRow) -> Iterator[str]:
        """Their paths."""
        own = {split_address(text)[0] for text in row.addresses}
        for name in row.devices:
            path = name if "/" in name or f"{row.site}/{name}" not in self._devices else f"{row.site}/{name}"
            if path in self._devices:
                way = field_way(self._devices[path])
                wanted = way.peer_hosts if way is not None else ()
            elif path in self._hosts:
                wanted = self._hosts[path]
            else:
                site = name.partition("/")[0] if "/" in name else row.site
                is_certain = site in self._draft.around.devices or site not in self._draft.around.sites
                if is_certain:
                    known = [
                        *self._hosts,
                        *(each.rpartition("/")[2] for each in self._devices if each.startswith(f"{row.site}/")),
                    ]
                    problem = "the folder has no such host or device of the site"
                    self._draft.report("nodes", line, "devices", name, problem, one_of(name, known))
                continue
            if self._taken.setdefault(path, row.name) != row.name:
                problem = f"{self._taken[path]} is that already"
                self._draft.report("nodes", line, "devices", name, problem, "one node is one device")
            for address in wanted:
                if _is_address(address) and address not in own and not ip_address(address).is_loopback:
                    problem = f"{path} has the address {address}, and the node does not"
                    self._draft.report("nodes", line, "devices", name, problem, "add it to addresses, or correct one of them")
            yield path


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
