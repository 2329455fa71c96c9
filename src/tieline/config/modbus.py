"""What a utility folder says of a Modbus device: its section and one row for each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from tieline.config.device import Device
from tieline.config.fields import Host, Name, Port, PositiveSeconds, Strict
from tieline.config.maintenance import Maintained
from tieline.config.rows import PointRow
from tieline.config.transports import SerialLine, TlsClient
from tieline.model import Reporting

Table = Literal["coil", "discrete_input", "input_register", "holding_register"]
DataType = Literal["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bits"]
WordOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]

REGISTERS: dict[DataType, int] = {
    "bits": 1,
    "int16": 1,
    "uint16": 1,
    "int32": 2,
    "uint32": 2,
    "float32": 2,
    "int64": 4,
    "uint64": 4,
    "float64": 4,
}
"""How many 16-bit registers a value of each type takes."""


class _Limits(Strict):
    """What a device bears; the defaults are those of the Modbus Application Protocol V1.1b3."""

    unit: int = Field(default=1, ge=0, le=255, description="unit identifier (server address on a serial line)")
    timeout_s: PositiveSeconds = Field(default=1.0, description="how long an answer may take")
    max_registers: int = Field(default=125, ge=1, le=125, description="the most registers that one request may read")
    max_bits: int = Field(default=2000, ge=1, le=2000, description="the most coils or inputs that one request may read")
    max_gap: int = Field(default=16, ge=0, le=124, description="registers nobody asked for that a request may span")


class TcpConnection(_Limits):
    """Modbus/TCP in the clear: for a device in the same security zone."""

    transport: Literal["tcp"] = "tcp"
    host: Host
    port: Port = 502


class TlsConnection(_Limits, TlsClient):
    """Modbus/TCP Security: mutual TLS."""

    transport: Literal["tls"]
    host: Host
    port: Port = 802


class RtuConnection(_Limits, SerialLine):
    """Modbus RTU on a serial line; devices that name the same line share it."""

    transport: Literal["rtu"]
    parity: Literal["none", "even", "odd"] = "even"


Connection = Annotated[TcpConnection | TlsConnection | RtuConnection, Field(discriminator="transport")]


class ModbusRow(PointRow):
    """One row of a Modbus device's point list: the columns of every point list and where the value stands in the device."""

    table: Table
    address: int = Field(ge=0, le=65535, description="zero-based, as on the wire: 40001 in a manual is 0 here")
    type: DataType = "uint16"
    word_order: WordOrder = Field(default="ABCD", description="A is the most significant byte of a 32-bit value")
    bit: int = Field(default=0, ge=0, le=15, description="lowest bit of a bit field, 0 is the least significant")
    bits: int = Field(default=1, ge=1, le=16, description="width of a bit field")
    scale: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)
    poll: Name

    @property
    def is_bit_table(self) -> bool:
        """Whether the table holds single bits (coils, discrete inputs)."""
        return self.table in {"coil", "discrete_input"}

    @property
    def length(self) -> int:
        """Registers (or bits, in a bit table) that the value takes."""
        if self.is_bit_table:
            return self.bits
        return REGISTERS[self.type]

    @property
    def step(self) -> float:
        """The difference between two neighboring values; 0 for floating point."""
        return 0.0 if self.type.startswith("float") else abs(self.scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusDevice(Device):
    """A Modbus device."""

    protocol: Literal["modbus"] = "modbus"
    connection: Connection
    polls: Mapping[str, float]
    """Poll groups: name and period in seconds."""
    rows: tuple[ModbusRow, ...]


class ModbusSection(Maintained):
    """One Modbus device."""

    name: Name
    protocol: Literal["modbus"]
    description: str = ""
    points: str | None = Field(default=None, description="the point list, relative to the site; points/<name>.csv by default")
    connection: Connection
    polls: Annotated[dict[Name, PositiveSeconds], Field(min_length=1, description="poll groups: name = period in seconds")]

    def to_device(self, site: str, rows: Sequence[ModbusRow], default: Reporting) -> ModbusDevice:
        """The device that the section and its point list describe."""
        return ModbusDevice(
            site=site,
            name=self.name,
            description=self.description,
            connection=self.connection,
            polls=dict(self.polls),
            rows=tuple(rows),
            points=tuple(row.to_point(site, self.name, default) for row in rows),
            maintenance=self.maintenance,
        )
