"""A utility folder as a whole: read, cross-checked, and turned into what the rest of Tieline works with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from tieline.config.alarms import AlarmPlan, read_alarms
from tieline.config.alarms_utility import UtilityAlarms, own_alarms
from tieline.config.audit import AuditSection
from tieline.config.automation import Automation, read_automation
from tieline.config.calculations import Calculation, CalculationSection, read_calculations
from tieline.config.checks import check_uses, find_duplicates
from tieline.config.control import Control, read_control
from tieline.config.detection import DetectionSection, PointDetection, read_detection
from tieline.config.device import Device
from tieline.config.diagram import DiagramFile, read_diagram
from tieline.config.dnp3 import Dnp3Section
from tieline.config.dnp3_checks import (
    check_dnp3_channels,
    check_dnp3_points,
    check_dnp3_use_of_points,
    check_outstation_points,
    dnp3_uses,
)
from tieline.config.dnp3_points import Dnp3Row
from tieline.config.findings import Finding, FolderError
from tieline.config.gate import Gate, read_gate
from tieline.config.grid import Grid, GridFolder
from tieline.config.iec61850.device import Iec61850Device
from tieline.config.iec61850.equipment import EquipmentLinks, plant_paths
from tieline.config.iec61850.files import Found, SclFiles, check_addresses, iec61850_uses, report_sources
from tieline.config.iec61850.goose import GooseMonitoring
from tieline.config.iec61850.outline import Iec61850Outline, goose_outline
from tieline.config.iec61850.points import IedPoints
from tieline.config.iec61850.rows import Iec61850Listed
from tieline.config.iec61850.section import Iec61850Section
from tieline.config.lines import KeyPath
from tieline.config.local import LocalSection
from tieline.config.login import LoginSection
from tieline.config.modbus import ModbusRow, ModbusSection
from tieline.config.modbus_checks import check_modbus_lines, check_modbus_points, modbus_uses
from tieline.config.network import Network, Surroundings, Watch, Watching, feedbacks_of, read_network
from tieline.config.outline import (
    DeviceOutline,
    Dnp3Outline,
    ModbusOutline,
    OutstationOutline,
    devices_of,
    hosts_of,
    outstations_of,
    zones_of,
)
from tieline.config.outstation import Outstation, OutstationRow, OutstationSection
from tieline.config.own_points import OWN_DEVICE, ROLES, edge_points, is_own, role_points
from tieline.config.people import PersonSection, check_people
from tieline.config.processing import PointProcessing, ProcessingSection, implied_calculations, read_processing
from tieline.config.programs import Program, read_programs
from tieline.config.reading import Source
from tieline.config.remote import RemoteSection, SiteRemote, site_remote
from tieline.config.rows import PointRow
from tieline.config.secrets import find_secrets
from tieline.config.single_line import single_line_of
from tieline.config.site import DeviceSection, ReportingSection, SiteFile
from tieline.config.site_points import CALCULATED, SitePoints, references, sections_of
from tieline.config.spool import SpoolSection
from tieline.config.transports import TlsFiles
from tieline.config.utility import (
    CenterSection,
    DmzSection,
    RetentionSection,
    UtilityFile,
)
from tieline.config.utility_points import UtilityPoints
from tieline.config.watch_alarms import watch_alarms
from tieline.config.zone_checks import check_zones
from tieline.config.zones import ConduitSection, HostSection, ZoneSection
from tieline.model import ConfigError, EquipmentType, Point, PointId, Reporting
from tieline.model.single_line import SingleLine

_GROUPS = {CALCULATED: "Calculated at the site", "automation": "Local automation", OWN_DEVICE: "Tieline itself"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A substation or plant."""

    name: str
    title: str
    kind: str
    latitude: float | None
    longitude: float | None
    reporting: ReportingSection
    devices: tuple[Device, ...]
    outstations: tuple[Outstation, ...] = ()
    """What the site's gateway presents to masters of others."""
    goose: GooseMonitoring | None = None
    """What GOOSE is listened to; None where none is."""
    single_line: SingleLine | None = None
    """From the substation section of its SCL file, otherwise from `grid/`; None where the folder has neither."""
    diagram: DiagramFile = field(default_factory=DiagramFile)
    """How the single-line is drawn, where not as by itself."""
    processing: tuple[PointProcessing, ...] = ()
    calculations: tuple[Calculation, ...] = ()
    detection: tuple[PointDetection, ...] = ()
    automation: Automation | None = None
    alarms: tuple[AlarmPlan, ...] = ()
    gate: Gate = field(default_factory=Gate)
    """What a command has to pass."""
    own_points: tuple[Point, ...] = ()
    """Those in which the site's gateway says how it is."""
    local: LocalSection = field(default_factory=LocalSection)
    """What the site keeps and shows by itself."""
    spool: SpoolSection = field(default_factory=SpoolSection)
    """What the site keeps for the center, and how it hands it over."""
    watch: Watch | None = None
    """How nodes of its network are watched, which are among the devices; None where none is."""
    remote: SiteRemote = field(default_factory=SiteRemote)
    """What of it can be reached by remote access; addresses as in the folder, also where the field is simulated."""

    @property
    def measured_points(self) -> Iterator[Point]:
        """The points of the site's devices, device by device."""
        return (point for device in self.devices for point in device.points)

    @property
    def plant_points(self) -> Iterator[Point]:
        """The points that say something about the plant: of its devices, calculated from those, shown by its automation."""
        yield from self.measured_points
        yield from (calculation.point for calculation in self.calculations)
        yield from self.automation.points if self.automation else ()

    @property
    def points(self) -> Iterator[Point]:
        """All points of the site: of the plant, and of its gateway itself."""
        yield from self.plant_points
        yield from self.own_points

    @property
    def groups(self) -> tuple[Device, ...]:
        """The devices of the site; after them, as if they were devices, what is not of any: calculated, automation, Tieline itself."""
        made: dict[str, list[Point]] = {}
        for point in (*self.plant_points, *self.own_points):
            made.setdefault(point.device, []).append(point)
        devices = {device.name for device in self.devices}
        others = [
            Device(
                site=self.name,
                name=name,
                protocol="tieline",
                description=_GROUPS.get(name, ""),
                rows=(),
                points=tuple(points),
            )
            for name, points in made.items()
            if name not in devices
        ]
        return (*self.devices, *others)


@dataclass(frozen=True, kw_only=True)
class Utility:
    """Everything a utility folder says, without a mistake."""

    folder: Path
    name: str
    time_zone: str = "UTC"
    """An IANA name: what people there read on their clocks."""
    dmz: DmzSection
    center: CenterSection
    retention: RetentionSection
    zones: tuple[ZoneSection, ...]
    conduits: tuple[ConduitSection, ...]
    people: tuple[PersonSection, ...]
    hosts: tuple[HostSection, ...] = ()
    login: LoginSection = field(default_factory=LoginSection)
    audit: AuditSection = field(default_factory=AuditSection)
    sites: tuple[Site, ...] = field(default=())
    grid: Grid | None = None
    """The electrical model; None where the folder has none."""
    network: Network | None = None
    """The communications network; None where the folder has none."""
    control: Control = field(default_factory=Control)
    """What a command from the center has to pass."""
    alarms: UtilityAlarms = field(default_factory=UtilityAlarms)
    programs: tuple[Program, ...] = ()
    """Switching programs."""
    remote: RemoteSection = field(default_factory=RemoteSection)
    roles: tuple[Site, ...] = ()
    """The center and the DMZ, which have points of their own and nothing else, as if they were sites."""

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """All points, site by site and device by device."""
        return tuple(point for site in (*self.sites, *self.roles) for point in site.points)

    def narrowed(self, name: str) -> Utility:
        """The same utility as one of its sites sees it: with nothing but that site. Raises `ConfigError` where there is none."""
        return replace(self, sites=(self.site(name),), roles=())

    @property
    def plant_points(self) -> Iterator[Point]:
        """The points of all sites that say something about the plant."""
        return (point for site in self.sites for point in site.plant_points)

    def site(self, name: str) -> Site:
        """The site of that name. Raises `ConfigError` where there is none."""
        for site in self.sites:
            if site.name == name:
                return site
        raise ConfigError(f"there is no site {name!r} in {self.folder}; it has {', '.join(site.name for site in self.sites)}")


def read_folder(folder: Path) -> Utility:
    """The utility that the folder describes. Raises `FolderError` with every mistake, `ConfigError` where it is no folder."""
    utility, findings = inspect_folder(folder)
    if utility is None:
        raise FolderError(folder, findings)
    return utility


def inspect_folder(folder: Path) -> tuple[Utility | None, list[Finding]]:
    """The utility, or None and every mistake in the folder, in the order of files and lines."""
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder; give the utility's folder, the one that holds utility.toml")
    findings: list[Finding] = []
    source = Source(folder, folder / "utility.toml", findings)
    top = source.read_toml(UtilityFile)
    electrical = GridFolder(folder, [path.name for path in _site_folders(folder)], findings)
    readers = list(_site_readers(folder, electrical, findings))
    named = [reader.name for reader in readers]
    around = Surroundings(
        sites=named,
        zones=zones_of(source.document),
        hosts=hosts_of(source.document),
        devices={reader.name: reader.devices for reader in readers if reader.described is not None},
        titles={reader.name: reader.described.title or reader.name for reader in readers if reader.described is not None},
        reporting={reader.name: reader.default for reader in readers},
        taken={reader.name: reader.taken for reader in readers},
    )
    described = read_network(folder, around, findings)
    sites = tuple(site for reader in readers if (site := reader.read(described.watching)) is not None)
    electrical.check_scl({path for reader in readers for scl in reader.scl_files.all() for path in plant_paths(scl)})
    check_zones(source, named, {site.name: site.devices for site in sites}, described.watching)
    check_people(source, named)
    if top is not None:
        _check_files(source, folder, ("audit",), top.audit)
    findings.extend(find_secrets(folder))
    roles = _roles(UtilityAlarms() if top is None else top.alarms)
    _check_ids(folder, (*sites, *roles), described.watching, findings)
    known = UtilityPoints(_by_path(sites), set(named) - {site.name for site in sites})
    needs_factor = top is None or top.login.second_factor != "never"
    control = read_control(source, known, named, _equipment_classes(sites), second_factor=needs_factor)
    programs = read_programs(folder, known, findings)
    if findings or top is None:
        return None, sorted(set(findings))
    utility = Utility(
        folder=folder,
        name=top.name,
        time_zone=top.time_zone,
        dmz=top.dmz,
        center=top.center,
        retention=top.retention,
        zones=tuple(top.zones),
        hosts=tuple(top.hosts),
        conduits=tuple(top.conduits),
        people=tuple(top.people),
        login=top.login,
        audit=top.audit,
        sites=sites,
        grid=electrical.grid,
        network=described.network,
        control=control,
        programs=programs,
        roles=roles,
        alarms=top.alarms,
        remote=top.remote,
    )
    return utility, []


def _by_path(sites: Iterable[Site]) -> dict[str, Point]:
    return {point.path: point for site in sites for point in site.plant_points}


def _equipment_classes(sites: Iterable[Site]) -> dict[tuple[str, str], EquipmentType]:
    """What each piece of equipment is, by its site and by the names under which points may know it."""
    return {
        (site.name, name): piece.type
        for site in sites
        if site.single_line is not None
        for piece in site.single_line.equipment()
        for name in (piece.path, piece.name)
    }


def _roles(alarms: UtilityAlarms) -> tuple[Site, ...]:
    return tuple(
        Site(
            name=name,
            title=title,
            kind="role",
            latitude=None,
            longitude=None,
            reporting=ReportingSection(),
            devices=(),
            own_points=role_points(name),
            alarms=tuple(own_alarms(name, role_points(name), alarms)),
        )
        for name, title in ROLES.items()
    )


def _site_folders(folder: Path) -> list[Path]:
    sites = folder / "sites"
    return sorted(path for path in sites.iterdir() if path.is_dir()) if sites.is_dir() else []


def _site_readers(folder: Path, electrical: GridFolder, findings: list[Finding]) -> Iterator[_SiteReader]:
    """All sites, their own devices read."""
    folders = _site_folders(folder)
    if not folders:
        Source(folder, folder / "sites", findings).report("there is no site", "create sites/<name>/site.toml")
    for path in folders:
        source = Source(folder, path / "site.toml", findings)
        if not _is_name(path.name):
            source.report("the folder's name is not a site name", "use lower-case letters, digits, - and _ only", value=path.name)
        if path.name in ROLES:
            source.report(f"no site can be named like the {ROLES[path.name].lower()}", "rename the folder", value=path.name)
        yield _SiteReader(folder, path, source, electrical, findings)


class _SiteReader:
    """Reads what belongs to one site; each list is read once.

    Its own devices are read at once, the rest when it is known which nodes of the network are watched: alarms, gate and automation may
    name their points.
    """

    def __init__(self, folder: Path, site: Path, source: Source, electrical: GridFolder, findings: list[Finding]) -> None:
        self._folder = folder.resolve()
        self.name = site.name
        self._site = site.resolve()
        self._source = source
        self.described = source.read_toml(SiteFile)
        """What site.toml says; None where it has mistakes."""
        self._electrical = electrical
        self._findings = findings
        self._read: dict[Path, str] = {}
        self._rows: dict[str, PointRow] = {}
        """`device/name`: the row."""
        self._points: dict[str, Point] = {}
        """`device/name`: the point."""
        self._uncertain: set[str] = set()
        """Devices whose rows are not all known."""
        self.scl_files = SclFiles(self._folder, self._site, source, findings)
        self._ieds: dict[int, Found] = {}
        """What devices are in their SCL files, by their number."""
        self._goose: Collection[str] = ()
        """The data sets that are listened to."""
        reporting = ReportingSection() if self.described is None else self.described.reporting
        self.default = Reporting(deadband=reporting.deadband, max_silence_s=reporting.max_silence_s)
        self._outlines, self._outstations = devices_of(source.document), outstations_of(source.document)
        self._monitoring: GooseMonitoring | None = None
        self.devices = self._read_devices()
        """Those of site.toml."""

    @property
    def taken(self) -> set[str]:
        """Names that no further device can have."""
        return {each.name for each in self._outlines} | {each.name for each in self._outstations} | _GROUPS.keys()

    def _read_devices(self) -> tuple[Device, ...]:
        self._find_ieds(self._outlines)
        self._monitoring = self._read_goose(self.described)
        self._check_sections(self._outlines, self._outstations)
        sections = self.described.devices if self.described else [None] * len(self._outlines)
        pairs = zip(self._outlines, sections, strict=True)
        read = [self._read_device(outline, section, self.default) for outline, section in pairs]
        return tuple(device for device in read if device is not None)

    def read(self, watching: Watching) -> Site | None:
        """The site, where it is described without a mistake; what is wrong becomes findings in any case."""
        described, default, own = self.described, self.default, self.taken
        watched = tuple(watching.devices.get(self.name, ()))
        devices = (*self.devices, *watched)
        if described is not None and not described.devices and not watched and not watching.has_uncertain(self.name):
            problem, remedy = "the site has no device", "add [[devices]], or have nodes of its network watched"
            self._source.report_key(("devices",), problem, remedy)
        for device in watched:
            self._points |= references(device.points)
        known = SitePoints(
            self._source,
            self.name,
            self._points,
            lambda name: name in self._uncertain or (name not in own and watching.is_uncertain(self.name, name)),
        )
        processed = sections_of(self._source, "processing", ProcessingSection)
        declared = sections_of(self._source, "calculations", CalculationSection)
        implied = [(key, CalculationSection.model_validate(table)) for key, table in implied_calculations(known, processed)]
        calculations = read_calculations(known, [*declared, *implied], default)
        automation = read_automation(known, self._source.document)
        gate = read_gate(known, self._source.document, self._points.values(), feedbacks_of(watched))
        processing = read_processing(known, processed)
        detection = read_detection(known, sections_of(self._source, "detection", DetectionSection))
        own_points = edge_points(self.name, devices)
        points = self._points | references(calculation.point for calculation in calculations)
        alarms = read_alarms(
            known,
            self._folder,
            self._site,
            self._findings,
            own_points=own_points,
            devices=[outline.name for outline in self._outlines if outline.name],
            watched=watched,
            of_watched=chain.from_iterable(map(watch_alarms, watched)) if watching.watch and watching.watch.alarms else (),
            detection=detection,
            plant_points=points.values(),
            equipment=self._equipment(),
        )
        upward = described.outstations if described else [None] * len(self._outstations)
        presented = [
            self._read_outstation(outline, section, points) for outline, section in zip(self._outstations, upward, strict=True)
        ]
        self.scl_files.report()
        single_line = self._single_line()
        is_known = self._equipment() is not None
        diagram = read_diagram(self._folder, self._site, single_line, self._findings, is_station_known=is_known)
        if described is None:
            return None
        self._report_unread()
        return Site(
            name=self.name,
            title=described.title or self.name,
            kind=described.kind,
            latitude=described.latitude,
            longitude=described.longitude,
            reporting=described.reporting,
            devices=devices,
            outstations=tuple(outstation for outstation in presented if outstation is not None),
            goose=self._monitoring,
            single_line=single_line,
            diagram=diagram,
            processing=processing,
            calculations=calculations,
            detection=detection,
            automation=automation,
            alarms=alarms,
            gate=gate,
            own_points=own_points,
            local=described.local,
            spool=described.spool,
            watch=watching.watch if watched else None,
            remote=site_remote(described.remote, devices),
        )

    def _equipment(self) -> frozenset[str] | None:
        """What the electrical model and the site's SCL files name; None where that is not known because of mistakes."""
        in_grid = self._electrical.names
        return None if in_grid is None else in_grid | {path for scl in self.scl_files.all() for path in plant_paths(scl)}

    def _find_ieds(self, devices: Iterable[DeviceOutline]) -> None:
        for device in devices:
            if isinstance(device.settings, Iec61850Outline):
                found = self.scl_files.find(device.index, device.name, device.settings)
                if found is not None:
                    self._ieds[device.index] = found

    def _read_goose(self, described: SiteFile | None) -> GooseMonitoring | None:
        outline = goose_outline(self._source.document)
        if outline is None:
            return None
        goose, self._goose = self.scl_files.goose(outline, described.goose if described else None)
        return goose

    def _single_line(self) -> SingleLine | None:
        """From SCL where there is one, otherwise of the site in `grid/`."""
        drawing = self.scl_files.single_line()
        grid = self._electrical.grid
        if drawing is not None or grid is None or not any(node.site == self.name for node in grid.nodes):
            return drawing
        return single_line_of(grid, self.name)

    def _check_sections(self, devices: Sequence[DeviceOutline], outstations: Sequence[OutstationOutline]) -> None:
        source = self._source
        find_duplicates(source, "devices", [device.name for device in devices])
        for device in devices:
            if device.name in _GROUPS:
                key = ("devices", device.index, "name")
                source.report_key(key, "Tieline itself uses the name", "choose another", value=device.name)
        find_duplicates(source, "outstations", [outstation.name for outstation in outstations])
        for outstation in outstations:
            if outstation.name and outstation.name in [device.name for device in devices]:
                key = ("outstations", outstation.index, "name")
                source.report_key(key, "a device has the name already", "choose another", value=outstation.name)
            if outstation.settings.outstation in outstation.settings.masters:
                key = ("outstations", outstation.index, "masters")
                problem = "the outstation has the link address of one of its masters"
                source.report_key(key, problem, "give each its own", value=outstation.settings.outstation)
        check_modbus_lines(source, devices)
        check_dnp3_channels(source, devices, outstations)
        check_addresses(source, self._ieds.values())
        check_uses(source, [*modbus_uses(devices), *dnp3_uses(devices, outstations), *iec61850_uses(self._ieds.values())])
        for section, outlines in (("devices", devices), ("outstations", outstations)):
            for outline in outlines:
                connection = None if outline.settings is None else outline.settings.connection
                if isinstance(connection, TlsFiles):
                    _check_files(source, self._folder, (section, outline.index, "connection"), connection)

    def _read_device(self, outline: DeviceOutline, section: DeviceSection | None, default: Reporting) -> Device | None:
        """A device with its points; None where its section has mistakes."""
        settings = outline.settings
        if isinstance(settings, Iec61850Outline):
            return self._read_ied(outline, section, default)
        source = self._open("devices", outline)
        if source is None or settings is None:
            self._uncertain.add(outline.name)
            return None
        site, before = self.name, len(self._findings)
        device: Device | None = None
        rows: Sequence[tuple[int, PointRow]]
        match settings:
            case ModbusOutline():
                rows = modbus_rows = source.read_table(ModbusRow)
                check_modbus_points(source, settings, modbus_rows)
                if isinstance(section, ModbusSection):
                    device = section.to_device(site, [row for _, row in modbus_rows], default)
            case Dnp3Outline():
                rows = dnp3_rows = source.read_table(Dnp3Row)
                check_dnp3_points(source, dnp3_rows)
                check_dnp3_use_of_points(self._source, outline, dnp3_rows)
                if isinstance(section, Dnp3Section):
                    device = section.to_device(site, [row for _, row in dnp3_rows], default)
        if len(self._findings) > before:
            self._uncertain.add(outline.name)
        self._electrical.check_points(source, rows)
        self._note(outline, [row for _, row in rows], default)
        return device

    def _note(self, outline: DeviceOutline, rows: Iterable[PointRow], default: Reporting) -> None:
        """Rows and points are known from here on, whether the device's section has mistakes or not."""
        for row in rows:
            reference = f"{outline.name}/{row.name}"
            self._rows[reference] = row
            self._points[reference] = row.to_point(self.name, outline.name, default)

    def _read_ied(self, outline: DeviceOutline, section: DeviceSection | None, default: Reporting) -> Device | None:
        """An IED with its points; a list of them is there only where somebody wanted one."""
        before = len(self._findings)
        is_listed = "points" in outline.table or bool(outline.points and (self._site / outline.points).is_file())
        source = self._open("devices", outline) if is_listed else None
        listed = source.read_table(Iec61850Listed) if source is not None else []
        found = self._ieds.get(outline.index)
        if found is None or (is_listed and source is None):
            self._uncertain.add(outline.name)
            return None
        links = EquipmentLinks(found.scl, self._electrical.grid)
        points = IedPoints(found.scl, found.ied, found.access_point, links, found.file.source)
        described = points.derive() if source is None else points.choose(source, listed, self._goose)
        if source is not None:
            self._electrical.check_points(source, [(each.line, each.row) for each in described])
        if len(self._findings) > before:
            self._uncertain.add(outline.name)
        self._note(outline, [each.row for each in described], default)
        if not isinstance(section, Iec61850Section) or found.connection is None:
            return None
        return Iec61850Device(
            site=self.name,
            name=section.name,
            description=section.description or found.ied.description,
            scl_file=found.file.source.name,
            scl=found.scl,
            ied=found.ied,
            access_point=found.access_point.name,
            address=found.address,
            connection=found.connection,
            report_sources=report_sources(found, section.reports, section.client),
            reports=section.reports,
            polls=section.polls,
            commands=section.commands,
            rows=tuple(each.row for each in described),
            points=tuple(each.row.to_point(self.name, section.name, default) for each in described),
            described=tuple(each.point for each in described),
            maintenance=section.maintenance,
        )

    def _read_outstation(
        self, outline: OutstationOutline, section: OutstationSection | None, points: Mapping[str, Point]
    ) -> Outstation | None:
        """An outstation with its points; None where its section has mistakes or a point is not known."""
        source = self._open("outstations", outline)
        if source is None:
            return None
        rows = source.read_table(OutstationRow)
        check_outstation_points(source, rows, self._rows, self._uncertain)
        if section is None or any(row.point not in points for _, row in rows):
            return None
        return section.to_outstation(self.name, [row for _, row in rows], [points[row.point] for _, row in rows])

    def _open(self, section: str, outline: DeviceOutline | OutstationOutline) -> Source | None:
        """The list that a section names, or None and findings."""
        if not outline.points:
            return None
        key = (section, outline.index, "points")
        path = (self._site / outline.points).resolve()
        if not path.is_relative_to(self._folder):
            self._source.report_key(key, "lies outside the folder", "keep the list in the site's folder", value=outline.points)
            return None
        if path in self._read:
            if self._read[path] != outline.name:  # a name that is there twice is a finding already
                self._source.report_key(key, "another section reads the same list", "give each its own", value=outline.points)
            return None
        self._read[path] = outline.name
        return Source(self._folder, path, self._findings)

    def _report_unread(self) -> None:
        """Lists that no section reads were forgotten, or their section was."""
        for folder, noun in (("points", "device"), ("outstations", "outstation")):
            for path in sorted((self._site / folder).glob("*.csv")):
                if path not in self._read:
                    Source(self._folder, path, self._findings).report(
                        f"no {noun} reads this list", f"add the {noun} to site.toml or remove the file"
                    )


def _check_files(source: Source, folder: Path, key: KeyPath, files: TlsFiles) -> None:
    """Files that a connection names have to exist."""
    for name in TlsFiles.model_fields:
        given = getattr(files, name)
        if given is not None and not (folder / given).is_file():
            source.report_key((*key, name), "there is no such file", "the path is relative to the folder", value=given)


def _check_ids(folder: Path, sites: Iterable[Site], watching: Watching, findings: list[Finding]) -> None:
    taken: dict[PointId, Point] = {}
    watched = {device.path for devices in watching.devices.values() for device in devices}
    for site in sites:
        for point in site.points:
            other = taken.setdefault(point.id, point)
            if other is not point and other.path != point.path:
                # Of Tieline's own points none has a row that could be changed; those of watched nodes have a place for it.
                order = {point: (is_own(point), f"{point.site}/{point.device}" in watched) for point in (other, point)}
                other, point = sorted(order, key=order.__getitem__, reverse=True)  # noqa: PLW2901
                is_watched = order[point] == (False, True)
                file = "network/network.toml" if is_watched else f"sites/{point.site}/site.toml"
                free = next(number for number in range(point.id + 1, point.id + 1_000_000) if number not in taken) & 0xFFFFFFFF
                remedy = f"write another one into the id column of {point.path}, for example {free}"
                Source(folder, folder / file, findings).report(
                    f"the id is also that of {other.path}",
                    f'write "{point.path}" = {free} into ids of [watch]' if is_watched else remedy,
                    where=f"id of {point.path}",
                    value=point.id,
                )


def _is_name(text: str) -> bool:
    return text == text.lower() and text.replace("-", "").replace("_", "").isalnum() and text.isascii()
