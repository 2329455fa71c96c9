"""A utility folder as a whole: read, cross-checked, and turned into what the rest of Tieline works with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tieline.config.checks import check_device, check_lines, check_zones, find_duplicates
from tieline.config.findings import Finding, FolderError
from tieline.config.grid import Grid, GridFolder
from tieline.config.modbus import Connection, ModbusRow
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
    if top is not None:
        check_zones(source, top, [path.name for path in _site_folders(folder)])
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
        if described is None:
            continue
        find_duplicates(source, "devices", [device.name for device in described.devices])
        check_lines(source, described.devices)
        default = Reporting(deadband=described.reporting.deadband, max_silence_s=described.reporting.max_silence_s)
        lists_read: set[Path] = set()
        devices = [
            _read_device(folder, path, index, device, default, source, lists_read, electrical, findings)
            for index, device in enumerate(described.devices)
        ]
        _check_unread_lists(folder, path, lists_read, findings)
        yield Site(
            name=path.name,
            title=described.title or path.name,
            kind=described.kind,
            latitude=described.latitude,
            longitude=described.longitude,
            reporting=described.reporting,
            devices=tuple(devices),
        )


def _read_device(
    folder: Path,
    site: Path,
    index: int,
    section: ModbusSection,
    default: Reporting,
    site_source: Source,
    lists_read: set[Path],
    electrical: GridFolder,
    findings: list[Finding],
) -> Device:
    path = (site / (section.points or f"points/{section.name}.csv")).resolve()
    rows: list[tuple[int, ModbusRow]] = []
    if not path.is_relative_to(folder.resolve()):
        site_source.report_key(
            ("devices", index, "points"),
            "lies outside the folder",
            "keep the point list in the site's folder",
            value=section.points,
        )
    elif path in lists_read:
        site_source.report_key(
            ("devices", index, "name"), "another device reads the same point list", "give each its own", value=section.name
        )
    else:
        lists_read.add(path)
        source = Source(folder.resolve(), path, findings)
        rows = source.read_table(ModbusRow)
        check_device(source, section, rows)
        electrical.check_points(source, rows)
    check_files(site_source, folder, index, section)
    return Device(
        site=site.name,
        name=section.name,
        protocol=section.protocol,
        description=section.description,
        connection=section.connection,
        polls=dict(section.polls),
        rows=tuple(row for _, row in rows),
        points=tuple(row.to_point(site.name, section.name, default) for _, row in rows),
    )


def check_files(source: Source, folder: Path, index: int, section: ModbusSection) -> None:
    """Files that a connection names have to exist."""
    for key in ("authority_file", "certificate_file", "key_file"):
        name = getattr(section.connection, key, None)
        if name is not None and not (folder / name).is_file():
            source.report_key(
                ("devices", index, "connection", key), "there is no such file", "the path is relative to the folder", value=name
            )


def _check_unread_lists(folder: Path, site: Path, lists_read: Iterable[Path], findings: list[Finding]) -> None:
    for path in sorted((site / "points").glob("*.csv")):
        if path.resolve() not in lists_read:
            Source(folder, path, findings).report(
                "no device reads this point list", "add the device to site.toml or remove the file"
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
