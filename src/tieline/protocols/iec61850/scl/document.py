"""An SCL file as a whole, and the outcome of reading one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tieline.protocols.iec61850.scl.communication import ConnectedAP, SubNetwork
from tieline.protocols.iec61850.scl.findings import SclFinding, Severity
from tieline.protocols.iec61850.scl.ied import Ied, LogicalDevice, LogicalNode
from tieline.protocols.iec61850.scl.members import Members
from tieline.protocols.iec61850.scl.substation import Substation
from tieline.protocols.iec61850.scl.templates import Templates

_NEARNESS = {
    "SubEquipment": 0,
    "TapChanger": 0,
    "ConductingEquipment": 1,
    "TransformerWinding": 1,
    "PowerTransformer": 2,
    "GeneralEquipment": 2,
    "Function": 4,
    "Bay": 5,
    "VoltageLevel": 6,
    "Substation": 7,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Who made the file, and which version of it this is."""

    id: str = ""
    version: str = ""
    revision: str = ""
    tool: str = ""


@dataclass(frozen=True, kw_only=True)
class Scl:
    """The contents of an SCL file."""

    file: str
    edition: str
    """`1`, `2007A`, `2007B` (edition 2) or `2007B4` (edition 2.1): version, revision and release as they were written."""
    header: Header
    substations: tuple[Substation, ...]
    sub_networks: tuple[SubNetwork, ...]
    ieds: tuple[Ied, ...]
    templates: Templates = field(repr=False)

    @cached_property
    def members(self) -> Members:
        """What data set members consist of, worked out once for all IEDs."""
        return Members(self.templates)

    @cached_property
    def _ieds(self) -> dict[str, Ied]:
        return {ied.name: ied for ied in self.ieds}

    def ied(self, name: str) -> Ied | None:
        """The IED of that name."""
        return self._ieds.get(name)

    @cached_property
    def _nodes(self) -> dict[int, dict[tuple[str, str], LogicalNode]]:
        return {}

    def nodes(self, ied: Ied) -> Mapping[tuple[str, str], LogicalNode]:
        """The logical nodes of an IED by the `inst` of their logical device and their name."""
        found = self._nodes.get(id(ied))
        if found is None:
            found = self._nodes[id(ied)] = {(device.inst, node.name): node for device in ied.devices() for node in device.nodes}
        return found

    @cached_property
    def _devices(self) -> dict[int, dict[str, LogicalDevice]]:
        return {}

    def devices(self, ied: Ied) -> Mapping[str, LogicalDevice]:
        """The logical devices of an IED by their `inst`."""
        found = self._devices.get(id(ied))
        if found is None:
            found = self._devices[id(ied)] = {device.inst: device for device in ied.devices()}
        return found

    @cached_property
    def _equipment(self) -> dict[tuple[str, str, str], tuple[str, ...]]:
        found: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
        for substation in self.substations:
            for path, kind, link in substation.links():
                if link.ied:
                    key = (link.ied, link.ld_inst, f"{link.prefix}{link.ln_class}{link.ln_inst}")
                    found.setdefault(key, []).append((_NEARNESS.get(kind, 3), path))
        return {key: tuple(path for _, path in sorted(links)) for key, links in found.items()}

    def equipment(self, ied: str, ld_inst: str, ln_name: str) -> tuple[str, ...]:
        """What of the substation a logical node is linked to, the most particular first: `AA1/E1/Q01/QA1`, then `AA1/E1/Q01`."""
        return self._equipment.get((ied, ld_inst, ln_name), ())

    @cached_property
    def _connections(self) -> dict[str, list[tuple[SubNetwork, ConnectedAP]]]:
        found: dict[str, list[tuple[SubNetwork, ConnectedAP]]] = {}
        for net in self.sub_networks:
            for point in net.access_points:
                found.setdefault(point.ied, []).append((net, point))
        return found

    def connections(self, ied: str) -> Iterator[tuple[SubNetwork, ConnectedAP]]:
        """Where an IED is connected, and with which addresses."""
        return iter(self._connections.get(ied, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What became of a file."""

    scl: Scl | None
    """None where it is no readable SCL at all."""
    findings: tuple[SclFinding, ...]

    @property
    def errors(self) -> tuple[SclFinding, ...]:
        """The findings that cost something."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)
