"""What a file says as far as it can be understood, so that one mistake does not hide the others.

Cross-checks work on these outlines, made from the TOML document itself: a zone with a wrong security level still has a name that
conduits refer to, and a device with a wrong port still has a point list to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from tieline.config.dnp3 import LAST_ADDRESS, Dnp3Connection
from tieline.config.iec61850.outline import Iec61850Outline, iec61850_outline
from tieline.config.modbus import Connection
from tieline.config.services import BUS
from tieline.config.zones import Direction, ZoneKind

C = TypeVar("C")
Document = Mapping[str, Any]

_MODBUS: TypeAdapter[Connection] = TypeAdapter(Connection)
_DNP3: TypeAdapter[Dnp3Connection] = TypeAdapter(Dnp3Connection)
_ZONE_KINDS = get_args(ZoneKind)
_DIRECTIONS = get_args(Direction)


@dataclass(frozen=True, slots=True)
class ZoneOutline:
    """A zone; `kind` is empty where it is not one of those that there are."""

    index: int
    name: str
    kind: str
    sites: tuple[str, ...]
    security_level: int
    subnets: tuple[str, ...]
    vlans: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HostOutline:
    """A host; `zone` is empty where it is missing."""

    index: int
    name: str
    zone: str
    addresses: tuple[str, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConduitOutline:
    """A conduit; an end is empty where it is missing, the direction where it is none that there is."""

    index: int
    id: str
    source: str
    target: str
    protocol: str
    has_ports: bool
    direction: str
    owner: str
    source_members: tuple[str, ...]
    target_members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModbusOutline:
    """What is particular of a Modbus device; `polls` is None where the groups cannot be told, `connection` where it is wrong."""

    polls: tuple[str, ...] | None
    connection: Connection | None


@dataclass(frozen=True, slots=True)
class Dnp3Outline:
    """What is particular of a DNP3 station; what is wrong is None."""

    outstation: int | None
    masters: tuple[int, ...]
    connection: Dnp3Connection | None


@dataclass(frozen=True, slots=True)
class DeviceOutline:
    """A device; `settings` is None where its protocol is not known."""

    index: int
    name: str
    points: str
    settings: ModbusOutline | Dnp3Outline | Iec61850Outline | None
    table: Document
    """Its section."""


@dataclass(frozen=True, slots=True)
class OutstationOutline:
    """An outstation that Tieline is."""

    index: int
    name: str
    points: str
    settings: Dnp3Outline


def zones_of(document: Document) -> list[ZoneOutline]:
    """The zones of a `utility.toml`."""
    outlines = []
    for index, table in _tables(document, "zones"):
        kind, level = _text(table, "kind"), table.get("security_level", 1)
        outlines.append(
            ZoneOutline(
                index=index,
                name=_text(table, "name"),
                kind=kind if kind in _ZONE_KINDS else "",
                sites=_texts(table, "sites"),
                security_level=level if isinstance(level, int) else 1,
                subnets=_texts(table, "subnets"),
                vlans=tuple(vlan for vlan in _items(table, "vlans") if isinstance(vlan, int)),
            )
        )
    return outlines


def hosts_of(document: Document) -> list[HostOutline]:
    """The hosts of a `utility.toml`."""
    return [
        HostOutline(index, _text(table, "name"), _text(table, "zone"), _texts(table, "addresses"), _texts(table, "roles"))
        for index, table in _tables(document, "hosts")
    ]


def conduits_of(document: Document) -> list[ConduitOutline]:
    """The conduits of a `utility.toml`."""
    outlines = []
    for index, table in _tables(document, "conduits"):
        source, target = _text(table, "source"), _text(table, "target")
        protocol = _text(table, "protocol") or BUS
        direction = table.get("direction", "both")
        outlines.append(
            ConduitOutline(
                index=index,
                id=_text(table, "id") or (f"{source}-{target}-{protocol}" if source and target else ""),
                source=source,
                target=target,
                protocol=protocol,
                has_ports=bool(table.get("ports")),
                direction=direction if direction in _DIRECTIONS else "",
                owner=_text(table, "owner"),
                source_members=_texts(table, "source_members"),
                target_members=_texts(table, "target_members"),
            )
        )
    return outlines


def names_of(document: Document, section: str) -> list[str]:
    """The names of a list of sections; empty where one is missing."""
    return [_text(table, "name") for _, table in _tables(document, section)]


def devices_of(document: Document) -> list[DeviceOutline]:
    """The devices of a `site.toml`."""
    outlines = []
    for index, table in _tables(document, "devices"):
        settings: ModbusOutline | Dnp3Outline | Iec61850Outline | None = None
        match table.get("protocol"):
            case "modbus":
                polls = table.get("polls")
                groups = tuple(polls) if isinstance(polls, Mapping) and polls else None
                settings = ModbusOutline(groups, _connection(_MODBUS, table))
            case "dnp3":
                settings = _dnp3(table, [table.get("master")])
            case "iec61850":
                settings = iec61850_outline(table)
        outlines.append(DeviceOutline(index, _text(table, "name"), _points(table, "points"), settings, table))
    return outlines


def outstations_of(document: Document) -> list[OutstationOutline]:
    """The outstations of a `site.toml`."""
    return [
        OutstationOutline(index, _text(table, "name"), _points(table, "outstations"), _dnp3(table, _items(table, "masters")))
        for index, table in _tables(document, "outstations")
    ]


def _dnp3(table: Document, masters: Sequence[object]) -> Dnp3Outline:
    outstation = table.get("outstation")
    return Dnp3Outline(
        outstation if _is_address(outstation) else None,
        tuple(master for master in masters if _is_address(master)),
        _connection(_DNP3, table),
    )


def _is_address(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LAST_ADDRESS


def _connection(adapter: TypeAdapter[C], table: Document) -> C | None:
    try:
        return adapter.validate_python(table.get("connection"))
    except ValidationError:
        return None


def _points(table: Document, folder: str) -> str:
    name = _text(table, "name")
    return _text(table, "points") or (f"{folder}/{name}.csv" if name else "")


def _tables(document: Document, section: str) -> list[tuple[int, Document]]:
    return [(index, table) for index, table in enumerate(_items(document, section)) if isinstance(table, Mapping)]


def _items(table: Document, key: str) -> Sequence[Any]:
    items = table.get(key)
    return items if isinstance(items, list) else []


def _texts(table: Document, key: str) -> tuple[str, ...]:
    return tuple(item for item in _items(table, key) if isinstance(item, str))


def _text(table: Document, key: str) -> str:
    text = table.get(key)
    return text if isinstance(text, str) else ""
