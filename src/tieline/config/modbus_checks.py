"""Mistakes between the sections and rows of Modbus devices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from tieline.config.checks import Use, check_names, check_span, has_right_scale
from tieline.config.modbus import Connection, ModbusRow, RtuConnection
from tieline.config.outline import DeviceOutline, ModbusOutline
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


def modbus_uses(devices: Iterable[DeviceOutline]) -> Iterator[Use]:
    """The lines and sockets of the Modbus devices."""
    for device, connection in _connections(devices):
        is_serial = isinstance(connection, RtuConnection)
        yield Use(
            key=("devices", device.index, "connection", "serial_port" if is_serial else "host"),
            name=device.name,
            medium=("serial", connection.serial_port)
            if isinstance(connection, RtuConnection)
            else ("dial", connection.host, connection.port),
            language=f"Modbus ({connection.transport})",
        )


def _connections(devices: Iterable[DeviceOutline]) -> Iterator[tuple[DeviceOutline, Connection]]:
    for device in devices:
        if isinstance(device.settings, ModbusOutline) and device.settings.connection is not None:
            yield device, device.settings.connection


def check_modbus_lines(source: Source, devices: Iterable[DeviceOutline]) -> None:
    """Devices on one serial line agree about it, and no two devices answer at one address."""
    lines: dict[str, tuple[str, RtuConnection]] = {}
    addresses: dict[tuple[object, ...], DeviceOutline] = {}
    for device, connection in _connections(devices):
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


def check_modbus_points(source: Source, device: ModbusOutline, rows: Sequence[tuple[int, ModbusRow]]) -> None:
    """The point list of one Modbus device: names, poll groups (where they are known), types, scaling, overlapping registers."""
    polls = device.polls
    check_names(source, rows)
    for line, row in rows:
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
    if not has_right_scale(source, line, row.scale, row.offset, kind=row.kind, is_discrete=row.kind.is_discrete):
        return
    if row.type in INTEGER_SPAN:
        lowest, highest = sorted(raw * row.scale + row.offset for raw in INTEGER_SPAN[row.type])
    elif row.type == "bits":
        lowest, highest = sorted(raw * row.scale + row.offset for raw in (0, 2**row.bits - 1))
    else:
        lowest, highest = -math.inf, math.inf
    check_span(source, line, row, (lowest, highest), row.type)


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
