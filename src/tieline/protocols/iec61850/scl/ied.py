"""IEDs of an SCL file: access points, servers, logical devices and logical nodes (IEC 61850-6, clause 9.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tieline.protocols.iec61850.scl.control_blocks import (
    DataSet,
    ExtRef,
    GSEControl,
    LogControl,
    ReportControl,
    SampledValueControl,
    SettingControl,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceValue:
    """A value that an instance has in place of that of its type (DOI, SDI, DAI)."""

    path: str
    """Below the logical node, `A.phsA.units.multiplier`."""
    value: str
    setting_group: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalNode:
    """A logical node."""

    prefix: str
    ln_class: str
    inst: str
    type: str
    """The id of its LNodeType."""
    description: str = ""
    data_sets: tuple[DataSet, ...] = ()
    reports: tuple[ReportControl, ...] = ()
    gooses: tuple[GSEControl, ...] = ()
    sampled_values: tuple[SampledValueControl, ...] = ()
    logs: tuple[LogControl, ...] = ()
    setting_control: SettingControl | None = None
    inputs: tuple[ExtRef, ...] = ()
    input_lines: tuple[int, ...] = field(default=(), compare=False, repr=False)
    values: tuple[InstanceValue, ...] = ()
    value_lines: tuple[int, ...] = field(default=(), compare=False, repr=False)
    descriptions: tuple[tuple[str, str], ...] = ()
    """Of data objects, as the engineer wrote them: path and words."""
    line: int = field(default=0, compare=False)

    @property
    def name(self) -> str:
        """`Q0CSWI1`, `LLN0`."""
        return f"{self.prefix}{self.ln_class}{self.inst}"

    def data_set(self, name: str) -> DataSet | None:
        """Its data set of that name."""
        return next((each for each in self.data_sets if each.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogicalDevice:
    """A logical device."""

    inst: str
    name: str
    """What the server calls it: `ldName`, or the IED's name followed by `inst`."""
    description: str
    nodes: tuple[LogicalNode, ...]
    """`LLN0` is the first where the file has it."""
    line: int = field(default=0, compare=False)

    def node(self, name: str) -> LogicalNode | None:
        """Its logical node of that name, `Q0CSWI1`."""
        return next((node for node in self.nodes if node.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPoint:
    """An access point: with a server, or for a client only."""

    name: str
    description: str
    has_server: bool
    server_at: str
    """The access point whose server this one leads to as well; empty otherwise."""
    devices: tuple[LogicalDevice, ...]
    client_nodes: tuple[LogicalNode, ...]
    """Logical nodes without a server: what a client has."""
    authentication: frozenset[str]
    """Of `none`, `password`, `weak`, `strong`, `certificate`."""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that an IED has, `ConfDataSet` or `ReportSettings`, with its limits and attributes."""

    name: str
    attributes: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str | None:
        """The attribute of that name."""
        return next((value for key, value in self.attributes if key == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ied:
    """An intelligent electronic device."""

    name: str
    description: str
    type: str
    manufacturer: str
    config_version: str
    edition: str
    """Of its own SCL before it was imported, `2007B4`; empty where the file does not say."""
    access_points: tuple[AccessPoint, ...]
    services: tuple[Service, ...]
    line: int = field(default=0, compare=False)

    def devices(self) -> Iterator[LogicalDevice]:
        """The logical devices of all its servers."""
        return (device for point in self.access_points for device in point.devices)

    def device(self, inst: str) -> LogicalDevice | None:
        """The logical device with that `inst`."""
        return next((device for device in self.devices() if device.inst == inst), None)

    def service(self, name: str) -> Service | None:
        """The service of that name; None where the IED does not have it."""
        return next((service for service in self.services if service.name == name), None)
