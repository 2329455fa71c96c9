"""Who tells by LLDP that he is there: which node of the design, known by its system name, its chassis, or an address.

A node's chassis id is learned from its own agent; the drivers of a site share one `Identities`, so that each learns for all.
"""

from __future__ import annotations

from collections.abc import Iterable

from tieline.config.snmp import SnmpDevice
from tieline.protocols.snmp.view import LldpNeighbor


class Identities:
    """The nodes that a site's design names: those that are watched, and what is linked to them."""

    def __init__(self, devices: Iterable[SnmpDevice] = ()) -> None:
        self._names: dict[str, str] = {}
        self._by_address: dict[str, str] = {}
        self._by_chassis: dict[str, str] = {}
        self._interfaces: dict[str, set[str]] = {}
        for device in devices:
            self._add(
                device.name, (device.connection.host,), (name for port in device.ports for name in (port.name, port.interface))
            )
            for port in device.ports:
                if port.neighbor is not None:
                    self._add(port.neighbor.node, port.neighbor.addresses, (port.neighbor.port, port.neighbor.interface))

    def _add(self, node: str, addresses: Iterable[str], interfaces: Iterable[str]) -> None:
        self._names[node.casefold()] = node
        for address in addresses:
            # An address that several have, as simulated nodes do, is nobody's.
            self._by_address[address] = node if self._by_address.get(address, node) == node else ""
        self._interfaces.setdefault(node, set()).update(each.casefold() for each in interfaces)

    def learn_chassis(self, node: str, chassis: str) -> None:
        """The chassis id that the node's own agent tells."""
        if chassis:
            self._by_chassis[chassis] = node

    def named(self, system_name: str) -> str:
        """The node with this system name, be it followed by a domain; empty where the design names none."""
        name = system_name.strip().casefold()
        return self._names.get(name) or self._names.get(name.partition(".")[0], "")

    def node_of(self, neighbor: LldpNeighbor) -> str:
        """The node that this is; empty where the design names none."""
        known = self._by_chassis.get(neighbor.chassis) or self.named(neighbor.system_name)
        return known or next((node for each in neighbor.addresses if (node := self._by_address.get(each))), "")

    def has_interface(self, node: str, name: str) -> bool:
        """Whether the design has a port of the node that is called so."""
        return name.casefold() in self._interfaces.get(node, ())
