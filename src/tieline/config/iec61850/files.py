"""The SCL files of a site, each read once, and what its sections refer to in them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tieline.config.checks import Use
from tieline.config.findings import Finding
from tieline.config.iec61850.device import ReportSource
from tieline.config.iec61850.goose import GooseMonitoring, GooseSection
from tieline.config.iec61850.outline import GooseOutline, Iec61850Outline
from tieline.config.iec61850.section import MMS_PORT, SECURE_MMS_PORT, Iec61850Connection, Iec61850Reports, Iec61850Tls
from tieline.config.lines import KeyPath
from tieline.config.reading import Source
from tieline.model.single_line import SingleLine
from tieline.protocols.iec61850.scl import Multicast, Scl, SclFinding, Severity, multicasts_of, read_scl, single_lines_of
from tieline.protocols.iec61850.scl.communication import Address
from tieline.protocols.iec61850.scl.control_blocks import ReportControl
from tieline.protocols.iec61850.scl.ied import AccessPoint, Ied, LogicalDevice, LogicalNode

SUFFIXES = frozenset({".scd", ".cid", ".icd", ".iid", ".scl", ".xml"})


_NO_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - what capability descriptions have in place of one


@dataclass(frozen=True, slots=True, kw_only=True)
class SclFile:
    """A file that was read; `scl` is None where it could not be."""

    source: Source
    scl: Scl | None
    findings: tuple[SclFinding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a device is in its SCL file."""

    index: int
    name: str
    file: SclFile
    scl: Scl
    ied: Ied
    access_point: AccessPoint
    """The one with the server."""
    address: Address
    connection: Iec61850Connection | None
    """With host and port; None where the section's is wrong, or there is no address."""


class SclFiles:
    """Reads them when a section first refers to them."""

    def __init__(self, folder: Path, site: Path, source: Source, findings: list[Finding]) -> None:
        self._folder = folder
        self._site = site
        self._source = source
        self._findings = findings
        self._read: dict[Path, SclFile | None] = {}
        self._used: set[str] = set()

    def all(self) -> Iterator[Scl]:
        """What has been read so far."""
        return (file.scl for file in self._read.values() if file is not None and file.scl is not None)

    def find(self, index: int, name: str, outline: Iec61850Outline) -> Found | None:
        """What a device refers to; None and findings where something is not there."""
        key: KeyPath = ("devices", index)
        file = self._file((*key, "scl"), outline.scl)
        if file is None or file.scl is None:
            return None
        ied = self._ied((*key, "ied"), file.scl, outline.ied)
        if outline.client and file.scl.ied(outline.client) is None:
            self._report_absent((*key, "client"), "IED", outline.client, [each.name for each in file.scl.ieds])
        if ied is None:
            return None
        self._used.add(ied.name)
        named, point = self._access_point((*key, "access_point"), ied, outline.access_point)
        if point is None:
            return None
        self._check_control_blocks((*key, "reports", "control_blocks"), point, outline)
        address = _address(file.scl, ied.name, named)
        connection = None
        if outline.connection is not None:
            connection = self._complete((*key, "connection", "host"), outline.connection, address, ied.name, named)
        return Found(
            index=index,
            name=name,
            file=file,
            scl=file.scl,
            ied=ied,
            access_point=point,
            address=address,
            connection=connection,
        )

    def goose(self, outline: GooseOutline, section: GooseSection | None) -> tuple[GooseMonitoring | None, Collection[str]]:
        """What is listened to, and the data sets that come so; None where the section has mistakes."""
        file = self._file(("goose", "scl"), outline.scl)
        if file is None or file.scl is None:
            return None, ()
        known = {each.reference: each for each in multicasts_of(file.scl) if not each.is_sampled}
        streams: list[Multicast] = [each for each in known.values() if each.is_addressed]
        key: KeyPath = ("goose", "control_blocks")
        if outline.control_blocks is not None:
            streams = []
            for reference in dict.fromkeys(outline.control_blocks):
                stream = known.get(reference)
                if stream is None:
                    self._report_absent(key, "GOOSE control block", reference, list(known))
                elif not stream.is_addressed:
                    problem = "the SCL file has no multicast address for it"
                    self._source.report_key(key, problem, "add its GSE element, or leave it out", value=reference)
                else:
                    streams.append(stream)
        elif not streams:
            self._source.report_key(("goose",), "the SCL file has no GOOSE that is sent", "leave the section out")
        self._used |= {stream.ied for stream in streams}
        monitoring = None
        if section is not None:
            monitoring = GooseMonitoring(interface=section.interface, scl=file.scl, streams=tuple(streams))
        return monitoring, {stream.data_set for stream in streams}

    def single_line(self) -> SingleLine | None:
        """The substation to which most of the IEDs are linked that sections refer to; None where no file has any."""
        drawings = [drawing for scl in self.all() for drawing in single_lines_of(scl)]
        return max(drawings, key=lambda drawing: _links(drawing, self._used), default=None)

    def report(self) -> None:
        """Notes what is wrong with the files, but for IEDs that no section refers to: those may be other people's."""
        for file in self._read.values():
            if file is None:
                continue
            others = {f"SCL/IED[{each.name}]" for each in (file.scl.ieds if file.scl else ()) if each.name not in self._used}
            for each in file.findings:
                if each.severity is Severity.ERROR and "/".join(each.path.split("/")[:2]) not in others:
                    file.source.report(each.problem, each.remedy, line=each.line, where=each.path, value=each.value)

    def _file(self, key: KeyPath, given: str) -> SclFile | None:
        path = self._path(key, given)
        if path is None:
            return None
        if path not in self._read:
            source = Source(self._folder, path, self._findings)
            raw = source.read_bytes()
            if raw is None:
                self._read[path] = None
            else:
                reading = read_scl(raw, source.name)
                self._read[path] = SclFile(source=source, scl=reading.scl, findings=reading.findings)
        return self._read[path]

    def _path(self, key: KeyPath, given: str) -> Path | None:
        if given:
            path = (self._site / given).resolve()
            if not path.is_relative_to(self._folder):
                self._source.report_key(key, "lies outside the folder", "keep the file in the site's folder", value=given)
                return None
            return path
        there = sorted(path for path in (self._site / "scl").glob("*") if path.suffix.lower() in SUFFIXES)
        if len(there) == 1:
            return there[0].resolve()
        if there:
            names = ", ".join(f"scl/{path.name}" for path in there)
            self._source.report_key(key, "there are several SCL files in scl/", f"write one of {names}")
        else:
            self._source.report_key(key, "there is no SCL file in scl/", "put it there, or write where it is")
        return None

    def _ied(self, key: KeyPath, scl: Scl, name: str) -> Ied | None:
        if name:
            ied = scl.ied(name)
            if ied is None:
                self._report_absent(key, "IED", name, [each.name for each in scl.ieds])
            return ied
        servers = [ied for ied in scl.ieds if any(point.has_server for point in ied.access_points)]
        if len(servers) == 1:
            return servers[0]
        names = _some([ied.name for ied in servers])
        self._source.report_key(
            key, f"is missing, and the SCL file has {len(servers)} IEDs with a server", f"write one of {names}" if names else ""
        )
        return None

    def _access_point(self, key: KeyPath, ied: Ied, name: str) -> tuple[str, AccessPoint | None]:
        """The name of the access point, and the one whose server it leads to."""
        by_name = {point.name: point for point in ied.access_points}
        serving = [point for point in ied.access_points if point.has_server or point.server_at]
        if name and name not in by_name:
            self._report_absent(key, f"access point in {ied.name}", name, list(by_name))
            return name, None
        chosen = [by_name[name]] if name else [point for point in serving if point.has_server]
        if not name and len(chosen) > 1:
            names = _some([point.name for point in serving])
            self._source.report_key(
                key, f"is missing, and {ied.name} has {len(chosen)} with a server", f"write one of {names}", value=ied.name
            )
            return name, None
        point = chosen[0] if chosen else None
        server = by_name.get(point.server_at) if point is not None and point.server_at else point
        if server is None or not server.has_server:
            what = f"access point {name} of {ied.name}" if name else ied.name
            remedy = f"write one of {_some([each.name for each in serving])}" if serving else "name an IED with a server"
            self._source.report_key(key, f"{what} has no server", remedy, value=name or ied.name)
            return name, None
        return (point.name if point else name), server

    def _check_control_blocks(self, key: KeyPath, point: AccessPoint, outline: Iec61850Outline) -> None:
        known = {name: control for *_, control, names in _report_controls(point) for name in names}
        for name in outline.control_blocks or ():
            control = known.get(name)
            if control is None:
                self._report_absent(key, "report control block", name, sorted(known))
            elif not _instances(control, outline.client):
                owners = _some(list(dict.fromkeys(each.ied for each in control.clients)))
                remedy = "write as client which of them we are, or leave the block out"
                self._source.report_key(key, f"the SCL file reserves all of it for {owners}", remedy, value=name)

    def _complete(
        self, key: KeyPath, connection: Iec61850Connection, address: Address, ied: str, access_point: str
    ) -> Iec61850Connection | None:
        host = connection.host or ("" if address.ip in _NO_ADDRESS else address.ip)
        if not host:
            problem = f"is missing, and the SCL file has no IP address for {ied}, access point {access_point}"
            self._source.report_key(key, problem, "write the address of the device")
            return None
        default = SECURE_MMS_PORT if isinstance(connection, Iec61850Tls) else MMS_PORT
        return connection.model_copy(update={"host": host, "port": connection.port or address.port or default})

    def _report_absent(self, key: KeyPath, what: str, name: str, known: Sequence[str]) -> None:
        close = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"write one of {_some(known)}" if known else "leave it out"
        self._source.report_key(key, f"the SCL file has no such {what}", remedy, value=name)


def iec61850_uses(found: Iterable[Found]) -> Iterator[Use]:
    """The sockets of the IEDs."""
    for each in found:
        connection = each.connection
        if connection is not None:
            yield Use(
                key=("devices", each.index, "connection", "host"),
                name=each.name,
                medium=("dial", connection.host, connection.port),
                language=f"IEC 61850 ({connection.transport})",
            )


def check_addresses(source: Source, found: Iterable[Found]) -> None:
    """No two devices are the same server."""
    holders: dict[tuple[str, int], str] = {}
    for each in found:
        if each.connection is None:
            continue
        address = (each.connection.host, each.connection.port)
        holder = holders.setdefault(address, each.name)
        if holder != each.name:
            source.report_key(
                ("devices", each.index, "connection", "host"),
                f"{holder} has the same address and port",
                "give each IED its own, here or in the SCL file",
                value=" ".join(map(str, address)),
            )


def report_sources(found: Found, reports: Iec61850Reports, client: str) -> tuple[ReportSource, ...]:
    """The report control blocks that we may take: those that are named, otherwise all; of their instances what nobody else has."""
    sources = []
    for device, node, control, references in _report_controls(found.access_point):
        instances = _instances(control, client)
        if not instances or (reports.control_blocks is not None and not references & set(reports.control_blocks)):
            continue
        sources.append(
            ReportSource(
                logical_node=f"{device.name}/{node.name}",
                control=control,
                instances=instances,
                members=_members(found, node, control.data_set),
                integrity_s=control.integrity_ms / 1000 if reports.integrity_s is None else reports.integrity_s,
                buffer_time_s=control.buffer_time_ms / 1000 if reports.buffer_time_s is None else reports.buffer_time_s,
            )
        )
    return tuple(sources)


def _report_controls(point: AccessPoint) -> Iterator[tuple[LogicalDevice, LogicalNode, ReportControl, frozenset[str]]]:
    """Each with the ways to write its name."""
    for device in point.devices:
        for node in device.nodes:
            for control in node.reports:
                below = f"{node.name}.{control.name}"
                yield device, node, control, frozenset({control.name, f"{device.inst}/{below}", f"{device.name}/{below}"})


def _instances(control: ReportControl, client: str) -> tuple[str, ...]:
    """What follows the name of those that are ours, then of those that are nobody's."""
    suffixes = [name[len(control.name) :] for name in control.instance_names]
    owners = [each.ied for each in control.clients] + [""] * len(suffixes)
    ours = [suffix for suffix, owner in zip(suffixes, owners, strict=False) if client and owner == client]
    free = [suffix for suffix, owner in zip(suffixes, owners, strict=False) if not owner]
    return (*ours, *free)


def _members(found: Found, node: LogicalNode, name: str) -> tuple[tuple[str, str], ...]:
    data_set = node.data_set(name)
    if data_set is None or any(member.index is not None for member in data_set.members):
        return ()
    devices = found.scl.devices(found.ied)
    members = []
    for member in data_set.members:
        device = devices.get(member.ld_inst)
        path = ".".join(part for part in (member.ln_name, member.do_name, member.da_name) if part)
        members.append((f"{device.name if device else found.ied.name + member.ld_inst}/{path}", member.fc))
    return tuple(members)


def _address(scl: Scl, ied: str, access_point: str) -> Address:
    addresses = [each.address for _, each in scl.connections(ied) if each.access_point == access_point]
    return next((each for each in addresses if each.ip), addresses[0] if addresses else Address())


def _links(drawing: SingleLine, ieds: Collection[str]) -> int:
    """How many links lead from a drawing to logical nodes of these IEDs."""
    nodes = [node for piece in drawing.equipment() for node in piece.logical_nodes]
    nodes += [node for level in drawing.levels for bay in level.bays for node in bay.logical_nodes]
    return sum(node.startswith(tuple(ieds)) for node in nodes)


def _some(names: Sequence[str]) -> str:
    return f"{', '.join(names[:12])}{' ...' if len(names) > 12 else ''}"
