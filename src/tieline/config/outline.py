"""What a file says as far as it can be understood, so that one mistake does not hide the others.

Cross-checks work on these outlines, made from the TOML document itself: a zone with a wrong security level still has a name that
conduits refer to, and a device with a wrong port still has a point list to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from tieline.config.modbus import Connection
from tieline.config.utility import ZoneKind

Document = Mapping[str, Any]

_CONNECTION: TypeAdapter[Connection] = TypeAdapter(Connection)
_ZONE_KINDS = get_args(ZoneKind)


@dataclass(frozen=True, slots=True)
class ZoneOutline:
    """A zone; `kind` is empty where it is not one of those that there are."""

    index: int
    name: str
    kind: str
    sites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConduitOutline:
    """A conduit; an end is empty where it is missing."""

    index: int
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class DeviceOutline:
    """A device; `polls` is None where the groups cannot be told, `connection` where it is wrong."""

    index: int
    name: str
    points: str
    polls: tuple[str, ...] | None
    connection: Connection | None


def zones_of(document: Document) -> list[ZoneOutline]:
    """The zones of a `utility.toml`."""
    return [
        ZoneOutline(
            index,
            _text(table, "name"),
            kind if (kind := _text(table, "kind")) in _ZONE_KINDS else "",
            tuple(site for site in _items(table, "sites") if isinstance(site, str)),
        )
        for index, table in _tables(document, "zones")
    ]


def conduits_of(document: Document) -> list[ConduitOutline]:
    """The conduits of a `utility.toml`."""
    return [
        ConduitOutline(index, _text(table, "source"), _text(table, "target")) for index, table in _tables(document, "conduits")
    ]


def names_of(document: Document, section: str) -> list[str]:
    """The names of a list of sections; empty where one is missing."""
    return [_text(table, "name") for _, table in _tables(document, section)]


def devices_of(document: Document) -> list[DeviceOutline]:
    """The devices of a `site.toml`."""
    outlines = []
    for index, table in _tables(document, "devices"):
        polls = table.get("polls")
        try:
            connection = _CONNECTION.validate_python(table.get("connection"))
        except ValidationError:
            connection = None
        name = _text(table, "name")
        outlines.append(
            DeviceOutline(
                index,
                name,
                _text(table, "points") or (f"points/{name}.csv" if name else ""),
                tuple(polls) if isinstance(polls, Mapping) and polls else None,
                connection,
            )
        )
    return outlines


def _tables(document: Document, section: str) -> list[tuple[int, Document]]:
    return [(index, table) for index, table in enumerate(_items(document, section)) if isinstance(table, Mapping)]


def _items(table: Document, key: str) -> Sequence[Any]:
    items = table.get(key)
    return items if isinstance(items, list) else []


def _text(table: Document, key: str) -> str:
    text = table.get(key)
    return text if isinstance(text, str) else ""
