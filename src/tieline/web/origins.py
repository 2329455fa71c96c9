"""Where values come from, in words that an engineer finds again in the device: its address, and the value's place in it."""

from __future__ import annotations

from collections.abc import Iterator

from tieline.config import Device, Dnp3Device, Iec61850Device, ModbusDevice
from tieline.config.dnp3_points import GROUPS, Dnp3Row
from tieline.config.iec61850.rows import Iec61850Row
from tieline.config.modbus import ModbusRow
from tieline.config.rows import PointRow


def device_address(device: Device) -> str:
    """How the device is reached; nothing for what stands beside the devices: calculated, automation, Tieline itself."""
    match device:
        case ModbusDevice():
            return f"{_transport(device.connection)}, unit {device.connection.unit}"
        case Dnp3Device():
            return f"{_transport(device.connection)}, outstation {device.outstation}, master {device.master}"
        case Iec61850Device():
            return f"{_transport(device.connection)}, IED {device.ied.name}, access point {device.access_point}"
        case _:
            return ""


def value_address(row: PointRow) -> str:
    """Where the value stands in its device, as the protocol says it."""
    match row:
        case ModbusRow():
            return ", ".join(_in_registers(row))
        case Dnp3Row():
            return f"group {row.group} ({GROUPS[row.group].name}), index {row.index}"
        case Iec61850Row():
            return f"{row.reference} [{row.fc}]{', by GOOSE' if row.source == 'goose' else ''}"
        case _:
            return ""


def _transport(connection: object) -> str:
    transport = str(getattr(connection, "transport", "tcp")).replace("_", " ")
    line = getattr(connection, "serial_port", "")
    if line:
        return f"{transport} {line}"
    return f"{transport} {getattr(connection, 'host', '')}:{getattr(connection, 'port', '')}"


def _in_registers(row: ModbusRow) -> Iterator[str]:
    yield f"{row.table.replace('_', ' ')} {row.address}"
    if row.type == "bits" and not row.is_bit_table:
        yield f"bit {row.bit}" if row.bits == 1 else f"bits {row.bit} to {row.bit + row.bits - 1}"
    elif not row.is_bit_table:
        yield row.type
    if row.scale != 1 or row.offset:
        yield f"times {row.scale:g}{f' plus {row.offset:g}' if row.offset else ''}"
    yield f"poll group {row.poll}"
