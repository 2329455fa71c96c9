"""What one model alone cannot see: references, overlaps, contradictions between sections and rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from tieline.config.modbus import Connection, ModbusRow, RtuConnection
from tieline.config.outline import ConduitOutline, DeviceOutline, ZoneOutline, conduits_of, names_of, zones_of
from tieline.config.reading import Source
from tieline.model import PointKind

INTEGER_SPAN = {
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}


def find_duplicates(source: Source, section: str, names: Sequence[str]) -> None:
    """Each name of a list of sections is there once."""
    for index, name in enumerate(names):
        if name and name in names[:index]:
            source.report_key((section, index, "name"), "the name is taken already", "choose another", value=name)


def check_zones(source: Source, sites: Sequence[str]) -> None:
    """Zones, conduits and sites fit together."""
    zones, conduits = zones_of(source.document), conduits_of(source.document)
    find_duplicates(source, "zones", [zone.name for zone in zones])
    find_duplicates(source, "people", names_of(source.document, "people"))
    names = [zone.name for zone in zones if zone.name]
    for conduit in conduits:
        for end, name in (("source", conduit.source), ("target", conduit.target)):
            if name and name not in names:
                source.report_key(
                    ("conduits", conduit.index, end), "there is no such zone", f"write one of {', '.join(names)}", value=name
                )
        if conduit.source and conduit.source == conduit.target:
            source.report_key(("conduits", conduit.index), "leads from a zone to itself", "name two zones", value=conduit.source)
    homes: dict[str, str] = {}
    for zone in zones:
        key = ("zones", zone.index, "sites")
        for name in zone.sites:
            if name not in sites:
                source.report_key(key, "there is no such site", f"write one of {', '.join(sites) or 'none: no site'}", value=name)
            elif name in homes:
                source.report_key(key, f"the site is in zone {homes[name]} already", "keep it in one zone", value=name)
            if zone.kind not in {"substation", "plant", ""}:
                source.report_key(key, f"a zone of kind {zone.kind} holds no sites", "move it to a substation zone", value=name)
            homes[name] = zone.name
    for site in sites:
        if zones and site not in homes:
            source.report_key(("zones",), "the site is in no zone", "name it in the sites of a zone", value=site)
    if zones and all(zone.kind and zone.name for zone in zones):
        _check_ways(source, zones, conduits, {homes[site] for site in sites if site in homes})


def _check_ways(
    source: Source, zones: Sequence[ZoneOutline], conduits: Sequence[ConduitOutline], homes: AbstractSet[str]
) -> None:
    """There is one DMZ and one center, and every site's zone and the center's reach the DMZ: without that nothing arrives."""
    only: dict[str, str] = {}
    for kind in ("dmz", "control_center"):
        of_kind = [zone.name for zone in zones if zone.kind == kind]
        if len(of_kind) != 1:
            source.report_key(("zones",), f"there are {len(of_kind)} zones of kind {kind}", "describe exactly one")
        else:
            only[kind] = of_kind[0]
    if len(only) < 2:
        return
    dmz = only["dmz"]
    ways = {(conduit.source, conduit.target) for conduit in conduits}
    for name in sorted(homes | {only["control_center"]}):
        if (name, dmz) not in ways:
            source.report_key(
                ("conduits",),
                f"no conduit leads from {name} to {dmz}; its data would not arrive",
                f'add [[conduits]] with source = "{name}", target = "{dmz}"',
            )


def check_lines(source: Source, devices: Sequence[DeviceOutline]) -> None:
    """Devices on one serial line agree about it, and no two devices answer at one address."""
    lines: dict[str, tuple[str, RtuConnection]] = {}
    addresses: dict[tuple[object, ...], DeviceOutline] = {}
    for device in devices:
        connection = device.connection
        if connection is None:
            continue
        address: tuple[object, ...]
        if isinstance(connection, RtuConnection):
            other, first = lines.setdefault(connection.serial_port, (device.name, connection))
            for key in ("baud_rate", "parity", "stop_bits"):
                if getattr(first, key) != getattr(connection, key):
                    source.report_key(
                        ("devices", device.index, "connection", key),
                        f"{other} uses {getattr(first, key)} on the same serial line",
                        "a line has one setting; make them equal",
                        value=getattr(connection, key),
                    )
            address = (connection.serial_port, connection.unit)
        else:
            address = (connection.host, connection.port, connection.unit)
        holder = addresses.setdefault(address, device)
        if holder is not device:
            source.report_key(
                ("devices", device.index, "connection"),
                f"{holder.name} has the same address and unit",
                "give each device its own",
                value=" ".join(str(part) for part in address),
            )


def check_device(source: Source, device: DeviceOutline, rows: Sequence[tuple[int, ModbusRow]]) -> None:
    """The point list of one Modbus device: names, poll groups (where they are known), types, scaling, overlapping registers."""
    polls = device.polls
    seen: dict[str, int] = {}
    for line, row in rows:
        first = seen.setdefault(row.name, line)
        if first != line:
            source.report(f"the name is taken by line {first}", "choose another", line=line, where="name", value=row.name)
        if polls is not None and row.poll not in polls:
            source.report(
                "the device has no such poll group",
                f"write one of {', '.join(polls)}",
                line=line,
                where="poll",
                value=row.poll,
            )
        _check_place(source, line, row)
        if device.connection is not None:
            _check_request(source, line, row, device.connection)
        _check_kind(source, line, row)
        _check_scaling(source, line, row)
    _check_overlaps(source, rows)


def _check_place(source: Source, line: int, row: ModbusRow) -> None:
    last = row.address + row.length - 1
    if last > 65535:
        source.report(
            f"the value would end at {last}", "the last address is 65535", line=line, where="address", value=row.address
        )
    if row.is_bit_table:
        if row.type not in {"bits", "uint16"} or row.bit:
            source.report(f"a {row.table} is a single bit", "leave type and bit empty", line=line, where="type", value=row.type)
    elif row.type == "bits":
        if row.bit + row.bits > 16:
            source.report(
                f"bits {row.bit} to {row.bit + row.bits - 1} do not fit a register",
                "bit + bits is 16 at the most",
                line=line,
                where="bits",
                value=row.bits,
            )
    elif row.bit or row.bits != 1:
        source.report(f"a bit field cannot be {row.type}", "write bits as the type", line=line, where="type", value=row.type)


def _check_request(source: Source, line: int, row: ModbusRow, connection: Connection) -> None:
    """A value is read by one request, so that it is never half old and half new."""
    limit, name = (connection.max_bits, "max_bits") if row.is_bit_table else (connection.max_registers, "max_registers")
    if row.length > limit:
        source.report(
            f"the value takes {row.length}, but {name} of the device allows {limit} in one request",
            f"raise {name}, or use a shorter type",
            line=line,
            where="type",
            value=row.type,
        )


def _check_kind(source: Source, line: int, row: ModbusRow) -> None:
    if row.kind.is_writable and row.table in {"discrete_input", "input_register"}:
        right = "coil or holding_register"
        source.report(
            f"a {row.kind} cannot be written to a {row.table}", f"write {right}", line=line, where="table", value=row.table
        )
    width = row.bits if row.is_bit_table or row.type == "bits" else None
    if row.kind is PointKind.DOUBLE and width != 2:
        source.report(
            "a double point takes two bits", "write bits as type and 2 as bits", line=line, where="kind", value=row.kind
        )
    if row.kind is PointKind.BINARY and width not in {None, 1}:
        source.report("a binary point takes one bit", "write 1 as bits", line=line, where="bits", value=row.bits)
    if row.kind in {PointKind.ANALOG, PointKind.COUNTER} and row.is_bit_table:
        source.report(f"a {row.table} holds no {row.kind}", "write a register table", line=line, where="table", value=row.table)


def _check_scaling(source: Source, line: int, row: ModbusRow) -> None:
    if row.scale == 0:
        source.report("every value would be the same", "write a scale other than 0", line=line, where="scale", value=row.scale)
        return
    if row.kind.is_discrete and (row.scale != 1 or row.offset != 0):
        source.report(
            f"a {row.kind} point is not scaled", "leave scale and offset empty", line=line, where="scale", value=row.scale
        )
        return
    if row.type in INTEGER_SPAN:
        lowest, highest = sorted(raw * row.scale + row.offset for raw in INTEGER_SPAN[row.type])
    elif row.type == "bits":
        lowest, highest = sorted(raw * row.scale + row.offset for raw in (0, 2**row.bits - 1))
    else:
        lowest, highest = -math.inf, math.inf
    for column, limit, is_beyond in (
        ("low", row.low, row.low is not None and row.low > highest),
        ("high", row.high, row.high is not None and row.high < lowest),
    ):
        if is_beyond:
            source.report(
                f"{row.type} with this scale and offset gives {lowest:g} to {highest:g} only",
                "correct scale, offset, type or the limit",
                line=line,
                where=column,
                value=f"{limit:g}",
            )


def _check_overlaps(source: Source, rows: Sequence[tuple[int, ModbusRow]]) -> None:
    """No two points read the same bits, but that a setpoint or control may share them exactly with its feedback."""
    spans = sorted(((row.table, *_bit_span(row), line, row) for line, row in rows), key=lambda span: span[:4])
    furthest: tuple[str, int, int, int, ModbusRow] | None = None
    for span in spans:
        table, start, end, line, row = span
        if furthest is not None and table == furthest[0] and start < furthest[2]:
            _, other_start, other_end, other_line, other = furthest
            is_feedback = (start, end) == (other_start, other_end) and row.kind.is_writable != other.kind.is_writable
            if not is_feedback:
                (first_line, first), (second_line, second) = sorted(((line, row.name), (other_line, other.name)))
                source.report(
                    f"{second} overlaps {first} of line {first_line} in the {table} table",
                    "correct address, type or bit",
                    line=second_line,
                    where="address",
                    value=row.address if second_line == line else other.address,
                )
        if furthest is None or table != furthest[0] or end > furthest[2]:
            furthest = span


def _bit_span(row: ModbusRow) -> tuple[int, int]:
    """First bit and the one after the last, counted through the table."""
    if row.is_bit_table:
        return row.address, row.address + row.length
    start = row.address * 16
    if row.type == "bits":
        return start + row.bit, start + row.bit + row.bits
    return start, start + 16 * row.length
