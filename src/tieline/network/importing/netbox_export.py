"""Reads what NetBox exports: JSON of its REST API, or CSV of its tables, into records that no longer differ in form.

A folder holds one file for each list: `devices`, `interfaces`, `cables`, `vlans`, `prefixes`, `ip-addresses`, with the ending `.json` or
`.csv`. A single JSON file holds all of them as an object with these keys. Columns are known by the names of the API and by the headings
of the tables; a cell such as `VLAN 11 (control)` or `control (11)` gives 11.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any

from tieline.model import ConfigError

Record = Mapping[str, Any]
LISTS = ("devices", "interfaces", "cables", "vlans", "prefixes", "ip_addresses")
_NUMBER = re.compile(r"\d+")
_METERS = {"km": 1000.0, "m": 1.0, "cm": 0.01, "mi": 1609.344, "ft": 0.3048, "in": 0.0254}


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device."""

    name: str
    manufacturer: str
    model: str
    role: str
    site: str
    rack: str
    status: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An interface of a device."""

    device: str
    name: str
    type: str
    enabled: bool
    mode: str
    """`access`, `tagged`, `tagged-all`, or empty."""
    untagged: int | None
    tagged: tuple[int, ...]
    lag: str
    poe_mode: str
    poe_type: str
    description: str
    endpoint: tuple[str, str] | None
    """Device and interface at the far end, through patch panels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cable:
    """A cable; an end is None where it is not at an interface."""

    label: str
    type: str
    a: tuple[str, str] | None
    b: tuple[str, str] | None
    length_m: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vlan:
    """A VLAN."""

    vid: int
    name: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """A prefix, and the VLAN that it belongs to."""

    prefix: str
    vid: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IpAddress:
    """An address of an interface."""

    address: str
    device: str
    interface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """All of it."""

    devices: tuple[Device, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    cables: tuple[Cable, ...] = ()
    vlans: tuple[Vlan, ...] = ()
    prefixes: tuple[Prefix, ...] = ()
    addresses: tuple[IpAddress, ...] = ()
    missing: tuple[str, ...] = field(default=())
    """Lists that were not there."""


def read_export(path: Path) -> Export:
    """Reads a folder or a file. Raises `ConfigError` where it is none of these."""
    try:
        lists = dict(_lists(path))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, csv.Error) as error:
        raise ConfigError(f"{path} is no export of NetBox: {error}") from error
    if "devices" not in lists:
        raise ConfigError(f"{path} has no devices; export devices, interfaces, cables, vlans, prefixes and ip-addresses")

    def of(name: str) -> Sequence[Record]:
        return lists.get(name, ())

    try:
        return _export(of, tuple(name for name in LISTS if name not in lists))
    except ValueError as error:
        raise ConfigError(f"{path} is no export of NetBox: {error}") from error


def _export(of: Callable[[str], Sequence[Record]], missing: tuple[str, ...]) -> Export:
    """Raises `ValueError` for a prefix or an address that is none."""
    return Export(
        devices=tuple(_device(record) for record in of("devices") if _text(record, "name")),
        interfaces=tuple(_interface(record) for record in of("interfaces")),
        cables=tuple(_cable(record) for record in of("cables")),
        vlans=tuple(vlan for record in of("vlans") for vlan in _vlan(record)),
        prefixes=tuple(_prefix(record) for record in of("prefixes")),
        addresses=tuple(_address(record) for record in of("ip_addresses")),
        missing=missing,
    )


def _lists(path: Path) -> Iterator[tuple[str, Sequence[Record]]]:
    if path.is_dir():
        for file in sorted(path.iterdir()):
            name = _list_name(file.stem)
            if name and file.suffix == ".json":
                yield name, _records(json.loads(file.read_text("utf-8-sig")))
            elif name and file.suffix == ".csv":
                yield name, list(_rows(file.read_text("utf-8-sig")))
        return
    document = json.loads(path.read_text("utf-8-sig"))
    if not isinstance(document, dict):
        raise ValueError("a single file holds an object with devices, interfaces, cables, ...")  # noqa: TRY004 - of what was written
    for key, value in document.items():
        if name := _list_name(key):
            yield name, _records(value)


def _list_name(text: str) -> str:
    """`dcim_devices`, `netbox_ip-addresses` and `IP Addresses` are known, too."""
    plain = re.sub(r"[^a-z]+", "_", text.lower()).strip("_")
    for name in LISTS:
        if plain == name or plain.endswith(f"_{name}"):
            return name
    return ""


def _records(document: object) -> list[Record]:
    if isinstance(document, dict) and isinstance(document.get("results"), list):
        document = document["results"]
    if not isinstance(document, list) or not all(isinstance(record, dict) for record in document):
        raise ValueError("a list is a JSON array of objects, or an answer of the API with results")
    return document


_HEADINGS = {
    "device_type": "device_type",
    "type": "type",
    "vlan_id": "vid",
    "id_vlan": "vid",
    "ip_address": "address",
    "assigned_object": "interface",
    "parent": "device",
    "parent_device": "device",
    "termination_a": "side_a_name",
    "termination_b": "side_b_name",
    "device_a": "side_a_device",
    "device_b": "side_b_device",
    "802_1q_mode": "mode",
    "ieee_802_1q_mode": "mode",
    "tagged_vlans": "tagged_vlans",
    "untagged_vlan": "untagged_vlan",
}


def _rows(text: str) -> Iterator[Record]:
    for row in csv.DictReader(io.StringIO(text, newline="")):
        plain: dict[str, Any] = {}
        for heading, cell in row.items():
            key = re.sub(r"[^a-z0-9]+", "_", (heading or "").lower()).strip("_")
            plain[_HEADINGS.get(key, key)] = (cell or "").strip() if isinstance(cell, str) else ""
        yield plain


def _text(record: Record, *keys: str) -> str:
    """The first of the keys that has something; of an object its machine-readable name."""
    for key in keys:
        value = record.get(key)
        if isinstance(value, Mapping):
            value = next((value[name] for name in ("value", "slug", "name", "model", "display") if value.get(name)), "")
        if isinstance(value, str | int | float) and value != "":
            return str(value)
    return ""


def _vid(value: object) -> int | None:
    if isinstance(value, Mapping):
        value = value.get("vid")
    if isinstance(value, int):
        return value
    found = _NUMBER.findall(str(value or ""))
    fitting = [int(text) for text in found if 1 <= int(text) <= 4094]
    return fitting[-1] if fitting else None


def _device(record: Record) -> Device:
    kind = record.get("device_type")
    if isinstance(kind, Mapping):
        manufacturer, model = _text(kind, "manufacturer"), str(kind.get("model") or kind.get("slug") or "")
    else:
        manufacturer, model = _text(record, "manufacturer"), _text(record, "device_type", "type")
    return Device(
        name=_text(record, "name"),
        manufacturer=manufacturer,
        model=model,
        role=_text(record, "role", "device_role"),
        site=_text(record, "site"),
        rack=_name(record.get("rack")),
        status=_text(record, "status").lower(),
        description=_text(record, "description"),
    )


def _name(value: object) -> str:
    return str(value.get("name") or "") if isinstance(value, Mapping) else str(value or "")


def _interface(record: Record) -> Interface:
    tagged = record.get("tagged_vlans") or []
    numbers = tagged if isinstance(tagged, list) else str(tagged).split(",")
    ends = record.get("connected_endpoints")
    endpoint = None
    if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], Mapping) and ends[0].get("device"):
        endpoint = (_name(ends[0]["device"]), _name(ends[0]))
    return Interface(
        device=_name(record.get("device")),
        name=_text(record, "name"),
        type=_interface_type(_text(record, "type")),
        enabled=_text(record, "enabled").lower() not in {"false", "0", "no"},
        mode=_text(record, "mode").lower().replace(" ", "-").replace("(", "").replace(")", ""),
        untagged=_vid(record.get("untagged_vlan")),
        tagged=tuple(vid for vid in map(_vid, numbers) if vid is not None),
        lag=_name(record.get("lag")),
        poe_mode=_text(record, "poe_mode").lower(),
        poe_type=_text(record, "poe_type").lower(),
        description=_text(record, "description"),
        endpoint=endpoint,
    )


def _interface_type(text: str) -> str:
    """`1000BASE-T (1GE)` of a table is `1000base-t` of the API; `SFP (1GE)` is `1000base-x-sfp`."""
    plain = text.lower().partition(" (")[0]
    speed = text.lower().partition(" (")[2]
    if plain == "sfp":
        return "100base-x-sfp" if "100me" in speed else "1000base-x-sfp"
    return {"sfp+": "10gbase-x-sfpp", "link aggregation group": "lag"}.get(plain, plain.replace(" ", "-"))


def _cable(record: Record) -> Cable:
    length = _text(record, "length")
    unit = _text(record, "length_unit").lower()
    parts = length.split()
    if len(parts) == 2:
        length, unit = parts[0], parts[1].lower()
    unit = {"meters": "m", "meter": "m", "kilometers": "km", "feet": "ft", "centimeters": "cm"}.get(unit, unit) or "m"
    try:
        meters = float(length) * _METERS[unit]
    except (ValueError, KeyError):
        meters = None
    kind = _text(record, "type").lower().replace("multimode-fiber-", "mmf-").replace("singlemode-fiber-", "smf-")
    return Cable(
        label=_text(record, "label", "id"),
        type=kind,
        a=_end(record, "a"),
        b=_end(record, "b"),
        length_m=meters,
    )


def _end(record: Record, side: str) -> tuple[str, str] | None:
    terminations = record.get(f"{side}_terminations")
    if isinstance(terminations, list):
        first = terminations[0] if len(terminations) == 1 else None
        if not isinstance(first, Mapping) or not str(first.get("object_type", "")).endswith(".interface"):
            return None
        end = first.get("object")
        return (_name(end.get("device")), _name(end)) if isinstance(end, Mapping) and end.get("device") else None
    if "interface" not in (_text(record, f"side_{side}_type").lower() or "interface"):
        return None
    device, name = _text(record, f"side_{side}_device"), _text(record, f"side_{side}_name")
    return (device, name) if device and name else None


def _vlan(record: Record) -> Iterator[Vlan]:
    vid = _vid(record.get("vid"))
    if vid is not None:
        yield Vlan(vid=vid, name=_text(record, "name") or f"vlan{vid}", description=_text(record, "description"))


def _prefix(record: Record) -> Prefix:
    return Prefix(prefix=str(ip_network(_text(record, "prefix"), strict=False)), vid=_vid(record.get("vlan")))


def _address(record: Record) -> IpAddress:
    address = str(ip_interface(_text(record, "address")))
    end = record.get("assigned_object")
    if isinstance(end, Mapping):
        return IpAddress(address=address, device=_name(end.get("device")), interface=_name(end))
    return IpAddress(address=address, device=_text(record, "device"), interface=_text(record, "interface"))
