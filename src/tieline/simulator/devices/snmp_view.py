"""What the agent of a node shows of it: SNMPv2-MIB, IF-MIB, EtherLike-MIB, LLDP-MIB, POWER-ETHERNET-MIB, ENTITY-MIB and its sensors."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from functools import partial

from tieline.config.network import Node, Port
from tieline.config.network.interfaces import interface_of
from tieline.config.snmp import SnmpDevice as Section
from tieline.protocols.snmp import view as mib
from tieline.simulator.communications import (
    DISCARDS,
    ERRORS,
    IN_FRAMES,
    IN_OCTETS,
    OUT_FRAMES,
    OUT_OCTETS,
    Communications,
)
from tieline.simulator.devices.snmp_security import Oid, Security, counter32, encode_oid
from tieline.simulator.devices.snmp_table import Table, Taker, Value, counter64, gauge, number, octets, ticks

_INDOORS_C, _OUTDOORS_C = 34.0, 41.0
"""Within the node."""
_SWING_C, _SWING_S = 1.5, 5_400.0
_FIRMWARE = "1.0"
"""Of nodes for which the design names none."""

_SYSTEM = mib.SYS_DESCR[:-2]
_ENGINE = mib.ENGINE_BOOTS[:-2]
_IF, _IF_X, _IF_NUMBER = mib.IF_DESCR[:-1], mib.IF_NAME[:-1], (*mib.IF_DESCR[:-3], 1)
_LLDP_ADDRESS = mib.LLDP_REM_ADDRESS[:-1]
_POE_PORT, _POE_MAIN = mib.POE_ADMIN[:-1], mib.POE_BUDGET_W[:-1]
_ENTITY = mib.ENTITY_DESCR[:-1]

_YES, _NO = 1, 2
_GROUP = 1
_CHASSIS_ENTITY, _FIRST_SUPPLY_ENTITY, _TEMPERATURE_ENTITY = 1, 11, 31
_CHASSIS_CLASS, _SUPPLY_CLASS, _SENSOR_CLASS = 3, 6, 8
_LARGEST_FRAME = 1_518
_ETHERNET = 6
_MAC_CHASSIS, _NAMED_PORT = 4, 5
_LAYER_2, _LAYER_3 = 2, 6
"""Bits of sysServices."""
_NOTHING: Oid = (0, 0)

_Row = tuple[Oid, Oid, Value]
"""Column, index in it, value."""


class View:
    """One node, as its agent tells it."""

    def __init__(self, device: Section, network: Communications, *, on_power: Callable[[str, bool], None]) -> None:
        """`on_power` is told which port is switched on or off by a manager."""
        self._device = device
        self._network = network
        self._node = network.network.by_name[device.name]
        self._ports = {port.name: port for port in device.ports}
        self._on_power = on_power

    # What it is

    @property
    def firmware(self) -> str:
        """What it runs."""
        return self._network.firmware(self._device.name) or self._device.firmware or _FIRMWARE

    def is_fed(self, supply: int) -> bool:
        """Whether a supply input, counted from 1, is fed; over Ethernet where it has none of its own."""
        supplies = self._node.supplies
        return self._network.is_fed(supplies[supply - 1]) if supply <= len(supplies) else self._network.is_alive(self._node.name)

    def temperature_c(self, now_s: float) -> float:
        """Within it."""
        base = _OUTDOORS_C if self._node.outdoor else _INDOORS_C
        return base + _SWING_C * math.sin(2 * math.pi * now_s / _SWING_S + len(self._node.name))

    def used_percent(self) -> float:
        """Of the power that its ports can give together."""
        budget = self._device.poe_budget_w
        return 100 * self._used_w() / budget if budget else 0.0

    def percent(self, port: str, octets_per_s: float) -> float:
        """Of the link's speed."""
        speed = self._ports[port].speed_mbps
        return 100 * octets_per_s * 8 / (speed * 1e6) if speed else 0.0

    def is_as_designed(self, port: str) -> bool:
        """Whether the neighbor at a port is the one that the design has there."""
        designed, found = self._ports[port].neighbor, self._neighbor(port)
        return designed is not None and found is not None and (designed.node, designed.port) == (found.node, found.name)

    def table(self, security: Security) -> Table:
        """All of it as it is now; counters, times and the temperature move on by themselves."""
        rows: dict[Oid, Value] = {}
        takers: dict[Oid, Taker] = {}
        objects: set[Oid] = set()
        for column, index, value in self._rows(security):
            rows[column + index] = value
            objects.add(column)
        for port, index in self._feeding():
            takers[mib.POE_ADMIN + index] = partial(self._switch, port.name)
        return Table(rows, takers, frozenset(objects))

    # How it is put

    def _rows(self, security: Security) -> Iterator[_Row]:
        yield from self._system(security)
        for index, port in enumerate(self._node.ports, 1):
            yield from self._interface(index, port)
        if self._device.has_lldp:
            yield from self._lldp()
        yield from self._power()
        yield from self._entities()

    def _system(self, security: Security) -> Iterator[_Row]:
        start = self._network.started_s[self._node.name]
        model = self._node.model
        for column, value in (
            (1, octets(f"{model.vendor or 'generic'} {model.name}, firmware {self.firmware} (simulated)")),
            (2, encode_oid(_NOTHING)),
            (3, lambda now_s: ticks(now_s - start)),
            (4, octets("")),
            (5, octets(self._node.name)),
            (6, octets(f"{self._node.site} {self._node.rack}".strip())),
            (7, number(_LAYER_3 if model.layer == 3 else _LAYER_2)),
        ):
            yield (*_SYSTEM, column), (0,), value
        yield (*_ENGINE, 1), (0,), octets(security.engine_id)
        yield (*_ENGINE, 2), (0,), number(security.boots)
        yield (*_ENGINE, 3), (0,), lambda now_s: number(int(now_s - start))
        yield (*_ENGINE, 4), (0,), number(1_472)
        yield _IF_NUMBER, (0,), number(len(self._node.ports))

    def _interface(self, index: int, port: Port) -> Iterator[_Row]:
        network, row = self._network, self._network.row(port.path)
        start = network.started_s[self._node.name]
        watched = self._ports[port.name]
        is_up, link = network.is_up(port.path), network.link(port.path)
        mbps = int(link.speed_mbps) if is_up and link is not None else 0

        def wide(column: int) -> Value:
            return lambda now_s: counter64(network.count(row, column, now_s))

        def narrow(column: int) -> Value:
            return lambda now_s: counter32(network.count(row, column, now_s))

        values: dict[Oid, Value] = {
            (*_IF, 1): number(index),
            mib.IF_DESCR: octets(watched.interface),
            mib.IF_TYPE: number(_ETHERNET),
            (*_IF, 4): number(_LARGEST_FRAME - 18),
            mib.IF_SPEED: gauge(mbps * 1_000_000),
            mib.IF_MAC: octets(self._mac(self._node, index)),
            mib.IF_ADMIN: number(_NO if port.mode == "disabled" else _YES),
            mib.IF_OPER: number(_YES if is_up else _NO),
            mib.IF_LAST_CHANGE: ticks(max(0.0, float(network.changed_s[row]) - start)),
            mib.IF_IN_OCTETS: narrow(IN_OCTETS),
            (*_IF, 11): narrow(IN_FRAMES),
            mib.IF_IN_DISCARDS: narrow(DISCARDS),
            mib.IF_IN_ERRORS: narrow(ERRORS),
            mib.IF_OUT_OCTETS: narrow(OUT_OCTETS),
            (*_IF, 17): narrow(OUT_FRAMES),
            mib.IF_OUT_DISCARDS: counter32(0),
            mib.IF_OUT_ERRORS: counter32(0),
            mib.IF_NAME: octets(watched.interface),
            mib.IF_HC_IN_OCTETS: wide(IN_OCTETS),
            (*_IF_X, 7): wide(IN_FRAMES),
            mib.IF_HC_OUT_OCTETS: wide(OUT_OCTETS),
            (*_IF_X, 11): wide(OUT_FRAMES),
            mib.IF_HIGH_SPEED: gauge(mbps),
            mib.IF_CONNECTOR: number(_YES),
            mib.IF_ALIAS: octets(port.description),
            mib.IF_DISCONTINUITY: ticks(0),
            mib.DUPLEX: number(3 if is_up else 1),
            mib.VIOLATIONS: counter32(0),
        }
        for column, value in values.items():
            yield column, (index,), value

    def _lldp(self) -> Iterator[_Row]:
        yield mib.LLDP_CHASSIS_KIND[:-1], (0,), number(_MAC_CHASSIS)
        yield mib.LLDP_CHASSIS[:-1], (0,), octets(self._mac(self._node, 0))
        yield (*mib.LLDP_CHASSIS[:-2], 3), (0,), octets(self._node.name)
        for index, port in enumerate(self._node.ports, 1):
            name = self._ports[port.name].interface
            yield mib.LLDP_PORT_KIND, (index,), number(_NAMED_PORT)
            yield mib.LLDP_PORT_ID, (index,), octets(name)
            yield mib.LLDP_PORT_DESCR, (index,), octets(port.description or name)
        for index, port in enumerate(self._node.ports, 1):
            there = self._neighbor(port.name)
            if there is not None:
                yield from self._remote(index, there)

    def _remote(self, index: int, there: Port) -> Iterator[_Row]:
        node = self._network.network.by_name[there.node]
        at = (0, index, 1)
        name = interface_of(node.model, there.name)
        yield mib.LLDP_REM_CHASSIS_KIND, at, number(_MAC_CHASSIS)
        yield mib.LLDP_REM_CHASSIS, at, octets(self._mac(node, 0))
        yield mib.LLDP_REM_PORT_KIND, at, number(_NAMED_PORT)
        yield mib.LLDP_REM_PORT, at, octets(name)
        yield mib.LLDP_REM_PORT_DESCR, at, octets(there.description or name)
        yield mib.LLDP_REM_NAME, at, octets(node.name)
        yield mib.LLDP_REM_DESCR, at, octets(f"{node.model.vendor or 'generic'} {node.model.name}")
        for each in node.addresses[:1]:
            packed = each.address.packed
            where = (*at, 1 if len(packed) == 4 else 2, len(packed), *packed)
            yield mib.LLDP_REM_ADDRESS, where, number(2)
            yield (*_LLDP_ADDRESS, 4), where, number(1)
            yield (*_LLDP_ADDRESS, 5), where, encode_oid(_NOTHING)

    def _power(self) -> Iterator[_Row]:
        for port, index in self._feeding():
            watts = self._network.delivered_w(port.path)
            is_on = self._network.has_power(port.path)
            there = self._network.opposite(port.path)
            power_class = self._network.network.by_name[there.node].model.poe_class or 0 if there is not None else 0
            detection = 1 if not is_on else 2 if watts is None else 3
            for column, value in (
                (3, number(_YES if is_on else _NO)),
                (6, number(detection)),
                (7, number({"critical": 1, "high": 2, "low": 3}[port.poe.priority if port.poe else "low"])),
                (9, octets("")),
                # pethPsePortPowerClassifications knows classes 0 to 4, as 1 to 5.
                (10, number(min(power_class, 4) + 1 if watts is not None else 1)),
            ):
                yield (*_POE_PORT, column), index, value
            yield mib.POE_MILLIWATTS, index, gauge(round(1_000 * (watts or 0.0)))
        if any(True for _ in self._feeding()):
            for column, value in (
                (2, gauge(round(self._device.poe_budget_w or 0))),
                (3, number(1)),
                (4, gauge(round(self._used_w()))),
            ):
                yield (*_POE_MAIN, column), (_GROUP,), value

    def _entities(self) -> Iterator[_Row]:
        model = self._node.model
        yield from self._entity(_CHASSIS_ENTITY, 0, _CHASSIS_CLASS, model.name, self._node.name)
        chassis = (_CHASSIS_ENTITY,)
        yield mib.ENTITY_SOFTWARE, chassis, octets(self.firmware)
        yield mib.ENTITY_SERIAL, chassis, octets(f"SIM-{self._mac(self._node, 0).hex()[-6:]}")
        yield mib.ENTITY_MODEL, chassis, octets(model.name)
        for supply in range(1, len(self._node.supplies) + 1):
            entity = _FIRST_SUPPLY_ENTITY + supply - 1
            yield from self._entity(entity, _CHASSIS_ENTITY, _SUPPLY_CLASS, "power supply", f"supply {supply}")
            yield mib.ENTITY_OPER, (entity,), number(3 if self.is_fed(supply) else 2)
        yield from self._entity(_TEMPERATURE_ENTITY, _CHASSIS_ENTITY, _SENSOR_CLASS, "temperature", "temperature")
        at = (_TEMPERATURE_ENTITY,)
        yield mib.SENSOR_TYPE, at, number(8)
        yield mib.SENSOR_SCALE, at, number(9)
        yield mib.SENSOR_PRECISION, at, number(1)
        yield mib.SENSOR_VALUE, at, lambda now_s: number(round(10 * self.temperature_c(now_s)))
        yield mib.SENSOR_STATUS, at, number(1)

    @staticmethod
    def _entity(entity: int, within: int, kind: int, description: str, name: str) -> Iterator[_Row]:
        for column, value in ((2, octets(description)), (4, number(within)), (5, number(kind)), (7, octets(name))):
            yield (*_ENTITY, column), (entity,), value

    # What is asked above

    def _feeding(self) -> Iterator[tuple[Port, Oid]]:
        """The ports that can feed a device, with their index."""
        for index, port in enumerate(self._node.ports, 1):
            if port.poe is not None:
                yield port, (_GROUP, index)

    def _used_w(self) -> float:
        return sum(self._network.delivered_w(port.path) or 0.0 for port, _ in self._feeding())

    def _neighbor(self, port: str) -> Port | None:
        """The port at the other end that tells who it is; media converters pass it on."""
        nodes = self._network.network.by_name
        there, seen = self._lit(f"{self._node.name}/{port}"), {self._node.name}
        while there is not None and nodes[there.node].model.layer == 1 and there.node not in seen:
            seen.add(there.node)
            beyond = [each for each in nodes[there.node].ports if each != there and self._network.is_up(each.path)]
            there = self._lit(beyond[0].path) if len(beyond) == 1 else None
        return there if there is not None and nodes[there.node].model.has_lldp else None

    def _lit(self, path: str) -> Port | None:
        return self._network.opposite(path) if self._network.is_up(path) else None

    def _switch(self, port: str, value: int) -> bool:
        if value not in {_YES, _NO}:
            return False
        self._on_power(port, value == _YES)
        return True

    @staticmethod
    def _mac(node: Node, index: int) -> bytes:
        """Locally administered: of the chassis, and of its ports from 1."""
        start = hashlib.sha256(f"{node.site}/{node.name}".encode()).digest()
        return bytes((0x02, *start[:3])) + (int.from_bytes(start[3:5], "big") & 0xFF00 | index).to_bytes(2, "big")
