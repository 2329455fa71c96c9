"""What must agree within an SCL file: types that exist and end, names that are taken once, references that lead somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol

from tieline.protocols.iec61850.scl.communication import ConnectedAP, MulticastAddress
from tieline.protocols.iec61850.scl.control_blocks import ControlBlock, ExtRef, Fcda
from tieline.protocols.iec61850.scl.document import Scl
from tieline.protocols.iec61850.scl.findings import Findings
from tieline.protocols.iec61850.scl.ied import Ied, LogicalDevice, LogicalNode
from tieline.protocols.iec61850.scl.substation import Bay, Substation, Terminal
from tieline.protocols.iec61850.scl.templates import AttributeType
from tieline.protocols.iec61850.scl.type_checks import check_types


def check(scl: Scl, findings: Findings) -> None:
    """Notes every contradiction; takes time in proportion to the file."""
    check_types(scl.templates, findings)
    _check_names(scl.ieds, "IED", "SCL", findings)
    blocks = frozenset(
        (ied.name, device.inst, name)
        for ied in scl.ieds
        for device in ied.devices()
        for node in device.nodes
        for each in (node.gooses, node.sampled_values, node.reports, node.logs)
        for name in _names(each)
    )
    for ied in scl.ieds:
        _IedCheck(scl, ied, blocks, findings).run()
    _CommunicationCheck(scl, blocks, findings).run()
    for substation in scl.substations:
        _check_substation(scl, substation, findings)


class _Named(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def line(self) -> int: ...


def _check_names(named: Iterable[_Named], kind: str, path: str, findings: Findings) -> None:
    seen: dict[str, int] = {}
    for each in named:
        first = seen.get(each.name)
        seen.setdefault(each.name, each.line)
        if first is not None:
            findings.add(
                f"the name is taken by line {first}",
                "choose another",
                line=each.line,
                path=f"{path}/{kind}[{each.name}]",
                value=each.name,
            )


def _names(named: Iterable[_Named]) -> Iterator[str]:
    return (each.name for each in named)


class _IedCheck:
    """The checks of one IED."""

    def __init__(self, scl: Scl, ied: Ied, blocks: frozenset[tuple[str, str, str]], findings: Findings) -> None:
        self._scl = scl
        self._blocks = blocks
        self._ied = ied
        self._findings = findings
        self._path = f"SCL/IED[{ied.name}]"
        self._nodes = scl.nodes(ied)

    def run(self) -> None:
        points = {point.name: point for point in self._ied.access_points}
        _check_names(self._ied.access_points, "AccessPoint", self._path, self._findings)
        for point in self._ied.access_points:
            if point.server_at and (point.server_at not in points or not points[point.server_at].has_server):
                self._findings.add(
                    "refers to an access point without a server",
                    "name one that has a Server",
                    line=point.line,
                    path=f"{self._path}/AccessPoint[{point.name}]/ServerAt",
                    value=point.server_at,
                )
            for node in point.client_nodes:
                self._check_type(node, f"{self._path}/AccessPoint[{point.name}]/LN[{node.name}]")
        self._check_insts()
        for point in self._ied.access_points:
            for device in point.devices:
                self._check_device(device, f"{self._path}/AccessPoint[{point.name}]/Server/LDevice[{device.inst}]")

    def _check_insts(self) -> None:
        insts: dict[str, int] = {}
        names: dict[str, int] = {}
        for device in self._ied.devices():
            for seen, value, what in ((insts, device.inst, "inst"), (names, device.name, "name")):
                first = seen.get(value)
                seen.setdefault(value, device.line)
                if first is not None:
                    self._findings.add(
                        f"the {what} is taken by line {first}",
                        "choose another",
                        line=device.line,
                        path=f"{self._path}/LDevice[{device.inst}]",
                        value=value,
                    )
                    break

    def _check_device(self, device: LogicalDevice, path: str) -> None:
        _check_names(device.nodes, "LN", path, self._findings)
        if not device.nodes or device.nodes[0].ln_class != "LLN0":
            self._findings.add("has no LN0", "every logical device has one", line=device.line, path=path)
        for node in device.nodes:
            tag = "LN0" if node.ln_class == "LLN0" else "LN"
            self._check_node(node, f"{path}/{tag}[{node.name}]")

    def _check_node(self, node: LogicalNode, path: str) -> None:
        self._check_type(node, path)
        self._check_values(node, path)
        _check_names(node.data_sets, "DataSet", path, self._findings)
        _check_names(node.reports, "ReportControl", path, self._findings)
        _check_names(node.gooses, "GSEControl", path, self._findings)
        _check_names(node.sampled_values, "SampledValueControl", path, self._findings)
        _check_names(node.logs, "LogControl", path, self._findings)
        blocks: list[ControlBlock] = [*node.reports, *node.gooses, *node.sampled_values, *node.logs]
        sets = dict.fromkeys(each.name for each in node.data_sets)
        for block in blocks:
            if block.data_set and block.data_set not in sets:
                self._findings.add(
                    "its data set is not there",
                    _one_of(sets),
                    line=block.line,
                    path=f"{path}/{type(block).__name__}[{block.name}]",
                    value=block.data_set,
                )
        for data_set in node.data_sets:
            for member, line in zip(data_set.members, data_set.lines, strict=True):
                self._check_member(member, line, f"{path}/DataSet[{data_set.name}]/FCDA")
        for reference, line in zip(node.inputs, node.input_lines, strict=True):
            self._check_input(reference, line, f"{path}/Inputs/ExtRef")

    def _check_type(self, node: LogicalNode, path: str) -> None:
        if not node.type:
            return
        known = self._scl.templates.ln_types.get(node.type)
        if known is None:
            self._findings.add(
                "there is no such LNodeType",
                "add it to DataTypeTemplates, or correct lnType",
                line=node.line,
                path=path,
                value=node.type,
            )
        elif known.ln_class and known.ln_class != node.ln_class:
            self._findings.warn(
                f"its type is one of {known.ln_class}", "correct lnType or lnClass", line=node.line, path=path, value=node.type
            )

    def _check_values(self, node: LogicalNode, path: str) -> None:
        """Instance values have a place in the type; a word is one of its enumeration."""
        if node.type not in self._scl.templates.ln_types:
            return
        for value, line in zip(node.values, node.value_lines, strict=True):
            found = self._scl.templates.resolve(node.type, value.path)
            if found is None and self._scl.templates.is_cut_off(node.type, value.path):
                continue
            if not isinstance(found, AttributeType):
                self._findings.warn(
                    f"its type {node.type} has no such attribute",
                    "delete the value, or correct the type",
                    line=line,
                    path=path,
                    value=value.path,
                )
            elif found.b_type == "Enum" and value.value and not _is_ordinal(value.value):
                known = self._scl.templates.enum_types.get(found.type)
                if known and self._scl.templates.ordinal(found.type, value.value) is None:
                    remedy = _one_of(word for _, word in known.values)
                    self._findings.warn(
                        f"{value.path} has no such word in {known.id}", remedy, line=line, path=path, value=value.value
                    )

    def _check_member(self, member: Fcda, line: int, path: str) -> None:
        problem = resolve_problem(self._scl, self._nodes.get((member.ld_inst, member.ln_name)), member)
        if problem:
            self._findings.add(problem, "correct the FCDA, or delete it", line=line, path=path, value=str(member))

    def _check_input(self, reference: ExtRef, line: int, path: str) -> None:
        if reference.ied in {"", "@"}:
            return
        source = self._scl.ied(reference.ied)
        if source is None:
            # An ICD or CID has its own IED only, and names those that it hears.
            if len(self._scl.ieds) > 1:
                self._findings.add("there is no such IED", "correct iedName", line=line, path=path, value=reference.ied)
            return
        if reference.ld_inst and reference.ld_inst not in self._scl.devices(source):
            self._findings.add(
                f"{reference.ied} has no such logical device", "correct ldInst", line=line, path=path, value=reference.ld_inst
            )
            return
        name = f"{reference.prefix}{reference.ln_class}{reference.ln_inst}"
        if reference.ld_inst and reference.ln_class and (reference.ld_inst, name) not in self._scl.nodes(source):
            self._findings.add(
                f"{reference.ied} has no such logical node",
                "correct prefix, lnClass or lnInst",
                line=line,
                path=path,
                value=f"{reference.ld_inst}/{name}",
            )
        block = (reference.ied, reference.source_ld_inst, reference.source_control_block)
        if reference.source_control_block and block not in self._blocks:
            self._findings.add(
                f"{reference.ied} has no such control block",
                "correct srcCBName or srcLDInst",
                line=line,
                path=path,
                value=f"{reference.source_ld_inst}/{reference.source_control_block}",
            )


def resolve_problem(scl: Scl, node: LogicalNode | None, member: Fcda) -> str:
    """Why a member of a data set leads to nothing, "" where it leads to something."""
    if node is None:
        return "there is no such logical node"
    if not member.do_name or node.type not in scl.templates.ln_types:
        return ""
    do_type = scl.templates.data_object(node.type, member.do_name)
    if do_type is None:
        is_known = scl.templates.is_cut_off(node.type, member.do_name)
        return "" if is_known else "the logical node has no such data object"
    if not member.da_name:
        return "" if scl.templates.has_fc(do_type.id, member.fc) else f"the data object has nothing with {member.fc}"
    found = scl.templates.attribute(do_type, member.da_name)
    if found is None:
        is_known = scl.templates.is_cut_off(node.type, f"{member.do_name}.{member.da_name}")
        return "" if is_known else "the data object has no such attribute"
    return "" if found[1] == member.fc else f"the attribute has the functional constraint {found[1]}"


class _CommunicationCheck:
    """The checks of the communication section."""

    def __init__(self, scl: Scl, blocks: frozenset[tuple[str, str, str]], findings: Findings) -> None:
        self._scl = scl
        self._findings = findings
        self._addresses: dict[str, tuple[str, int]] = {}
        self._macs: dict[tuple[str, int | None], int] = {}
        self._connected: dict[tuple[str, str, str], int] = {}
        self._own = {(ied.name, point.name) for ied in scl.ieds for point in ied.access_points}
        self._blocks = blocks

    def run(self) -> None:
        _check_names(self._scl.sub_networks, "SubNetwork", "SCL/Communication", self._findings)
        for net in self._scl.sub_networks:
            for point in net.access_points:
                path = f"SCL/Communication/SubNetwork[{net.name}]/ConnectedAP[{point.ied} {point.access_point}]"
                key = (net.name, point.ied, point.access_point)
                first = self._connected.get(key)
                self._connected.setdefault(key, point.line)
                if first is not None:
                    self._findings.add(
                        f"the access point is connected in line {first} already", "delete one", line=point.line, path=path
                    )
                self._check_owner(point, path)
                self._check_address(point, path)
                for multicast in point.multicasts:
                    self._check_multicast(point, multicast, f"{path}/{multicast.control_block}")

    def _check_owner(self, point: ConnectedAP, path: str) -> None:
        if self._scl.ied(point.ied) is None:
            # A file of one IED tells of the others it talks to; a specification has none at all.
            if len(self._scl.ieds) > 1:
                self._findings.add("there is no such IED", "correct iedName", line=point.line, path=path, value=point.ied)
        elif (point.ied, point.access_point) not in self._own:
            self._findings.add(
                "the IED has no such access point", "correct apName", line=point.line, path=path, value=point.access_point
            )

    def _check_address(self, point: ConnectedAP, path: str) -> None:
        ip = point.address.ip
        if not ip or ip == "0.0.0.0":  # noqa: S104  (what templates have in place of an address)
            return
        owner, line = self._addresses.setdefault(ip, (point.ied, point.line))
        if owner != point.ied:
            self._findings.add(
                f"{owner} has the address too, in line {line}", "choose another", line=point.line, path=path, value=ip
            )

    def _check_multicast(self, point: ConnectedAP, multicast: MulticastAddress, path: str) -> None:
        if self._scl.ied(point.ied) and (point.ied, multicast.ld_inst, multicast.control_block) not in self._blocks:
            self._findings.add(
                "there is no such control block",
                "correct ldInst or cbName",
                line=multicast.line,
                path=path,
                value=f"{multicast.ld_inst}/{multicast.control_block}",
            )
        if multicast.mac:
            key = (multicast.mac, multicast.vlan_id)
            first = self._macs.get(key)
            self._macs.setdefault(key, multicast.line)
            if first is not None:
                self._findings.warn(
                    f"the MAC address is that of line {first} too",
                    "give every control block an address of its own, so that switches can filter",
                    line=multicast.line,
                    path=path,
                    value=multicast.mac,
                )


def _check_substation(scl: Scl, substation: Substation, findings: Findings) -> None:
    path = f"SCL/Substation[{substation.name}]"
    _check_names(substation.voltage_levels, "VoltageLevel", path, findings)
    nodes: dict[str, int] = {}
    terminals: list[tuple[str, Terminal]] = [
        (path, end) for t in substation.transformers for w in t.windings for end in w.terminals
    ]
    for level in substation.voltage_levels:
        level_path = f"{path}/VoltageLevel[{level.name}]"
        _check_names(level.bays, "Bay", level_path, findings)
        terminals += [(level_path, end) for t in level.transformers for w in t.windings for end in w.terminals]
        for bay in level.bays:
            bay_path = f"{level_path}/Bay[{bay.name}]"
            _check_names([*_named(bay.equipment), *_named(bay.transformers)], "Equipment", bay_path, findings)
            for node in bay.nodes:
                first = nodes.get(node.path)
                nodes.setdefault(node.path, node.line)
                if first is not None:
                    findings.add(
                        f"the path is taken by line {first}",
                        "choose another name",
                        line=node.line,
                        path=bay_path,
                        value=node.path,
                    )
            terminals += [(bay_path, end) for end in _ends(bay)]
    for where, end in terminals:
        if end.node and not end.is_grounded and end.node not in nodes and end.node.startswith(f"{substation.name}/"):
            findings.add(
                "there is no such connectivity node", "correct the path", line=end.line, path=f"{where}/Terminal", value=end.node
            )
    if not scl.ieds:
        return
    for place, _, link in substation.links():
        if link.ied and not _leads_somewhere(scl, link.ied, link.ld_inst, f"{link.prefix}{link.ln_class}{link.ln_inst}"):
            findings.add(
                "there is no such logical node",
                "correct the LNode, or delete it",
                line=link.line,
                path=f"SCL/{place}/LNode",
                value=f"{link.ied} {link.ld_inst}/{link.prefix}{link.ln_class}{link.ln_inst}",
            )


def _named(pieces: Iterable[_Named]) -> Iterable[_Named]:
    return pieces


def _ends(bay: Bay) -> Iterator[Terminal]:
    yield from (end for piece in bay.equipment for end in piece.terminals)
    yield from (end for transformer in bay.transformers for winding in transformer.windings for end in winding.terminals)


def _leads_somewhere(scl: Scl, ied_name: str, ld_inst: str, ln_name: str) -> bool:
    ied = scl.ied(ied_name)
    if ied is None:
        return False
    if not ld_inst:
        return any(node.name == ln_name for point in ied.access_points for node in point.client_nodes)
    return (ld_inst, ln_name) in scl.nodes(ied)


def _is_ordinal(text: str) -> bool:
    return text.lstrip("-").isdigit()


def _one_of(known: Iterable[str]) -> str:
    names = sorted(islice(known, 8))
    return f"write one of {', '.join(names)}" if names else "there is none"
