"""A utility folder as a whole: read, cross-checked, and turned into what the rest of Tieline works with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tieline.config.checks import check_device, check_lines, check_zones, find_duplicates
from tieline.config.findings import Finding, FolderError
from tieline.config.grid import Grid, GridFolder
from tieline.config.modbus import Connection, ModbusRow
from tieline.config.outline import DeviceOutline, devices_of
from tieline.config.reading import Source
from tieline.config.site import ModbusSection, ReportingSection, SiteFile
from tieline.config.utility import (
    CenterSection,
    ConduitSection,
    DmzSection,
    PersonSection,
    RetentionSection,
    UtilityFile,
    ZoneSection,
)
from tieline.model import ConfigError, Point, PointId, Reporting


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device of a site; `rows[i]` says where `points[i]` stands in it."""

    site: str
    name: str
    protocol: str
    description: str
    connection: Connection
    polls: Mapping[str, float]
    rows: tuple[ModbusRow, ...]
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        """`site/device`."""
        return f"{self.site}/{self.name}"


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

    @property
    def points(self) -> Iterator[Point]:
        """All points of the site, device by device."""
        return (point for device in self.devices for point in device.points)


@dataclass(frozen=True, kw_only=True)
class Utility:
    """Everything a utility folder says, without a mistake."""

    folder: Path
    name: str
    dmz: DmzSection
    center: CenterSection
    retention: RetentionSection
    zones: tuple[ZoneSection, ...]
    conduits: tuple[ConduitSection, ...]
    people: tuple[PersonSection, ...]
    sites: tuple[Site, ...] = field(default=())
    grid: Grid | None = None
    """The electrical model; None where the folder has none."""

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """All points, site by site and device by device."""
        return tuple(point for site in self.sites for point in site.points)

    def site(self, name: str) -> Site:
        """The site of that name. Raises `ConfigError` where there is none."""
        for site in self.sites:
            if site.name == name:
                return site
        raise ConfigError(f"there is no site {name!r} in {self.folder}; it has {', '.join(site.name for site in self.sites)}")

    def zone_of(self, site: str) -> ZoneSection:
        """The zone that the site belongs to."""
        return next(zone for zone in self.zones if site in zone.sites)

    def may_send(self, source: str, target: str) -> bool:
        """Whether a conduit leads from one zone to another."""
        return any(conduit.source == source and conduit.target == target for conduit in self.conduits)


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
    sites = tuple(_read_sites(folder, electrical, findings))
    check_zones(source, [path.name for path in _site_folders(folder)])
    _check_ids(folder, sites, findings)
    if findings or top is None:
        return None, sorted(set(findings))
    utility = Utility(
        folder=folder,
        name=top.name,
        dmz=top.dmz,
        center=top.center,
        retention=top.retention,
        zones=tuple(top.zones),
        conduits=tuple(top.conduits),
        people=tuple(top.people),
        sites=sites,
        grid=electrical.grid,
    )
    return utility, []


def _site_folders(folder: Path) -> list[Path]:
    sites = folder / "sites"
    return sorted(path for path in sites.iterdir() if path.is_dir()) if sites.is_dir() else []


def _read_sites(folder: Path, electrical: GridFolder, findings: list[Finding]) -> Iterator[Site]:
    folders = _site_folders(folder)
    if not folders:
        Source(folder, folder / "sites", findings).report("there is no site", "create sites/<name>/site.toml")
    for path in folders:
        source = Source(folder, path / "site.toml", findings)
        if not _is_name(path.name):
            source.report("the folder's name is not a site name", "use lower-case letters, digits, - and _ only", value=path.name)
        described = source.read_toml(SiteFile)
        outlines = devices_of(source.document)
        find_duplicates(source, "devices", [outline.name for outline in outlines])
        check_lines(source, outlines)
        for outline in outlines:
            _check_files(source, folder, outline)
        lists = _PointLists(folder, path, source, electrical, findings)
        rows = {outline.index: lists.read(outline) for outline in outlines}
        if described is None:
            continue
        lists.report_unread()
        default = Reporting(deadband=described.reporting.deadband, max_silence_s=described.reporting.max_silence_s)
        yield Site(
            name=path.name,
            title=described.title or path.name,
            kind=described.kind,
            latitude=described.latitude,
            longitude=described.longitude,
            reporting=described.reporting,
            devices=tuple(
                _make_device(path.name, section, rows.get(index, []), default) for index, section in enumerate(described.devices)
            ),
        )


class _PointLists:
    """The point lists of one site; each is read once."""

    def __init__(self, folder: Path, site: Path, source: Source, electrical: GridFolder, findings: list[Finding]) -> None:
        self._folder = folder.resolve()
        self._site = site.resolve()
        self._source = source
        self._electrical = electrical
        self._findings = findings
        self._read: dict[Path, str] = {}

    def read(self, device: DeviceOutline) -> list[tuple[int, ModbusRow]]:
        """The rows of a device's list, each with its line; what is wrong with them becomes findings."""
        if not device.points:
            return []
        path = (self._site / device.points).resolve()
        if not path.is_relative_to(self._folder):
            key = ("devices", device.index, "points")
            self._source.report_key(key, "lies outside the folder", "keep the list in the site's folder", value=device.points)
            return []
        if path in self._read:
            if self._read[path] != device.name:  # a name that is there twice is a finding already
                key = ("devices", device.index, "points")
                self._source.report_key(key, "another device reads the same list", "give each its own", value=device.points)
            return []
        self._read[path] = device.name
        source = Source(self._folder, path, self._findings)
        rows = source.read_table(ModbusRow)
        check_device(source, device, rows)
        self._electrical.check_points(source, rows)
        return rows

    def report_unread(self) -> None:
        """Lists that no device reads were forgotten, or their device was."""
        for path in sorted((self._site / "points").glob("*.csv")):
            if path not in self._read:
                Source(self._folder, path, self._findings).report(
                    "no device reads this point list", "add the device to site.toml or remove the file"
                )


def _make_device(site: str, section: ModbusSection, rows: Sequence[tuple[int, ModbusRow]], default: Reporting) -> Device:
    return Device(
        site=site,
        name=section.name,
        protocol=section.protocol,
        description=section.description,
        connection=section.connection,
        polls=dict(section.polls),
        rows=tuple(row for _, row in rows),
        points=tuple(row.to_point(site, section.name, default) for _, row in rows),
    )


def _check_files(source: Source, folder: Path, device: DeviceOutline) -> None:
    """Files that a connection names have to exist."""
    for key in ("authority_file", "certificate_file", "key_file"):
        name = getattr(device.connection, key, None)
        if name is not None and not (folder / name).is_file():
            source.report_key(
                ("devices", device.index, "connection", key),
                "there is no such file",
                "the path is relative to the folder",
                value=name,
            )


def _check_ids(folder: Path, sites: Iterable[Site], findings: list[Finding]) -> None:
    taken: dict[PointId, Point] = {}
    for site in sites:
        for device in site.devices:
            for point in device.points:
                other = taken.setdefault(point.id, point)
                if other is not point and other.path != point.path:
                    source = Source(folder, folder / "sites" / site.name / "site.toml", findings)
                    free = next(number for number in range(point.id + 1, point.id + 1_000_000) if number not in taken)
                    source.report(
                        f"the id is also that of {other.path}",
                        f"write another one into the id column of {point.path}, for example {free & 0xFFFFFFFF}",
                        where=f"id of {point.path}",
                        value=point.id,
                    )


def _is_name(text: str) -> bool:
    return text == text.lower() and text.replace("-", "").replace("_", "").isalnum() and text.isascii()
