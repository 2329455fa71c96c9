"""What the tables of an agent say of a switch: its ports, who is at their other ends, what they feed, how it is itself.

| from                                           | what                                            |
|------------------------------------------------|-------------------------------------------------|
| SNMPv2-MIB (RFC 3418), SNMP-FRAMEWORK-MIB (RFC 3411) | name, time since its start, how often it started |
| IF-MIB (RFC 2863), EtherLike-MIB (RFC 3635)    | ports: state, speed, duplex, counters           |
| LLDP-MIB (IEEE 802.1AB-2005)                   | neighbors                                       |
| POWER-ETHERNET-MIB (RFC 3621)                  | PoE: ports, groups                              |
| MIBs of vendors (`POE_WATTS`)                  | watts of a PoE port, which the standard lacks   |
| ENTITY-MIB (RFC 6933), ENTITY-SENSOR-MIB (RFC 3433), ENTITY-STATE-MIB (RFC 4268), CISCO-ENVMON-MIB | firmware, temperature, supplies |
| CISCO-PORT-SECURITY-MIB                        | violations                                      |

`read_view` never raises: a cell of the wrong kind is one that is not there, and every figure may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import ip_address
from typing import Literal

from tieline.protocols.snmp.values import Oid, Table, Value, oid

SYS_DESCR = oid("1.3.6.1.2.1.1.1.0")
SYS_OBJECT_ID = oid("1.3.6.1.2.1.1.2.0")
SYS_UPTIME = oid("1.3.6.1.2.1.1.3.0")
SYS_NAME = oid("1.3.6.1.2.1.1.5.0")
ENGINE_BOOTS = oid("1.3.6.1.6.3.10.2.1.2.0")
LLDP_CHASSIS_KIND = oid("1.0.8802.1.1.2.1.3.1.0")
LLDP_CHASSIS = oid("1.0.8802.1.1.2.1.3.2.0")
SCALARS: tuple[Oid, ...] = (SYS_DESCR, SYS_OBJECT_ID, SYS_UPTIME, SYS_NAME, ENGINE_BOOTS, LLDP_CHASSIS_KIND, LLDP_CHASSIS)

_IF = oid("1.3.6.1.2.1.2.2.1")
IF_DESCR, IF_TYPE, IF_SPEED, IF_MAC = ((*_IF, column) for column in (2, 3, 5, 6))
IF_ADMIN, IF_OPER, IF_LAST_CHANGE = ((*_IF, column) for column in (7, 8, 9))
IF_IN_OCTETS, IF_IN_DISCARDS, IF_IN_ERRORS = ((*_IF, column) for column in (10, 13, 14))
IF_OUT_OCTETS, IF_OUT_DISCARDS, IF_OUT_ERRORS = ((*_IF, column) for column in (16, 19, 20))
_IF_X = oid("1.3.6.1.2.1.31.1.1.1")
IF_NAME, IF_HC_IN_OCTETS, IF_HC_OUT_OCTETS, IF_HIGH_SPEED = ((*_IF_X, column) for column in (1, 6, 10, 15))
IF_CONNECTOR, IF_ALIAS, IF_DISCONTINUITY = ((*_IF_X, column) for column in (17, 18, 19))
DUPLEX = oid("1.3.6.1.2.1.10.7.2.1.19")

_LLDP_LOCAL = oid("1.0.8802.1.1.2.1.3.7.1")
LLDP_PORT_KIND, LLDP_PORT_ID, LLDP_PORT_DESCR = ((*_LLDP_LOCAL, column) for column in (2, 3, 4))
_LLDP_REMOTE = oid("1.0.8802.1.1.2.1.4.1.1")
(
    LLDP_REM_CHASSIS_KIND,
    LLDP_REM_CHASSIS,
    LLDP_REM_PORT_KIND,
    LLDP_REM_PORT,
    LLDP_REM_PORT_DESCR,
    LLDP_REM_NAME,
    LLDP_REM_DESCR,
) = ((*_LLDP_REMOTE, column) for column in (4, 5, 6, 7, 8, 9, 10))
LLDP_REM_ADDRESS = oid("1.0.8802.1.1.2.1.4.2.1.3")

_POE = oid("1.3.6.1.2.1.105.1.1.1")
POE_ADMIN, POE_DETECTION, POE_CLASS = ((*_POE, column) for column in (3, 6, 10))
_POE_MAIN = oid("1.3.6.1.2.1.105.1.3.1.1")
POE_BUDGET_W, POE_USED_W = ((*_POE_MAIN, column) for column in (2, 4))
POE_MILLIWATTS = oid("1.3.6.1.4.1.9.9.402.1.2.1.9")
POE_WATTS: dict[Oid, float] = {
    POE_MILLIWATTS: 1e-3,  # CISCO-POWER-ETHERNET-EXT-MIB cpeExtPsePortPwrConsumption
    oid("1.3.6.1.4.1.9.6.1.101.108.1.1.5"): 1e-3,  # CISCOSB-POE-MIB rlPethPsePortOutputPower
    oid("1.3.6.1.4.1.11.2.14.11.1.9.1.1.1.8"): 1e-3,  # HP-ICF-POE-MIB hpicfPoePethPsePortActualPower
}
"""Where vendors tell the power of each port, which the standard lacks; by group and port as there, and their unit in watts."""

_ENTITY = oid("1.3.6.1.2.1.47.1.1.1.1")
(ENTITY_DESCR, ENTITY_CLASS, ENTITY_NAME, ENTITY_FIRMWARE, ENTITY_SOFTWARE, ENTITY_SERIAL, ENTITY_MODEL) = (
    (*_ENTITY, column) for column in (2, 5, 7, 9, 10, 11, 13)
)
_SENSOR = oid("1.3.6.1.2.1.99.1.1.1")
SENSOR_TYPE, SENSOR_SCALE, SENSOR_PRECISION, SENSOR_VALUE, SENSOR_STATUS = ((*_SENSOR, column) for column in (1, 2, 3, 4, 5))
CELSIUS: dict[Oid, float] = {
    oid("1.3.6.1.4.1.9.9.13.1.3.1.3"): 1.0,  # CISCO-ENVMON-MIB ciscoEnvMonTemperatureStatusValue
}
"""Where vendors tell a temperature that have no sensor in the standard's table, and their unit in degrees Celsius."""
ENTITY_OPER = oid("1.3.6.1.2.1.131.1.1.1.3")
ENVMON_SUPPLY_NAME, ENVMON_SUPPLY_STATE = oid("1.3.6.1.4.1.9.9.13.1.5.1.2"), oid("1.3.6.1.4.1.9.9.13.1.5.1.3")
VIOLATIONS = oid("1.3.6.1.4.1.9.9.315.1.2.1.1.9")

STATE_COLUMNS: tuple[Oid, ...] = (
    IF_SPEED,
    IF_ADMIN,
    IF_OPER,
    IF_LAST_CHANGE,
    IF_IN_OCTETS,
    IF_IN_DISCARDS,
    IF_IN_ERRORS,
    IF_OUT_OCTETS,
    IF_OUT_DISCARDS,
    IF_OUT_ERRORS,
    IF_HC_IN_OCTETS,
    IF_HC_OUT_OCTETS,
    IF_HIGH_SPEED,
    IF_DISCONTINUITY,
    DUPLEX,
    POE_ADMIN,
    POE_DETECTION,
    POE_CLASS,
    POE_BUDGET_W,
    POE_USED_W,
    *POE_WATTS,
    SENSOR_VALUE,
    SENSOR_STATUS,
    *CELSIUS,
    ENTITY_OPER,
    ENVMON_SUPPLY_STATE,
    VIOLATIONS,
)
"""What changes: of each look."""

TOPOLOGY_COLUMNS: tuple[Oid, ...] = (
    LLDP_REM_CHASSIS_KIND,
    LLDP_REM_CHASSIS,
    LLDP_REM_PORT_KIND,
    LLDP_REM_PORT,
    LLDP_REM_PORT_DESCR,
    LLDP_REM_NAME,
    LLDP_REM_DESCR,
    LLDP_REM_ADDRESS,
)
"""Who is at the other ends."""

INVENTORY_COLUMNS: tuple[Oid, ...] = (
    IF_DESCR,
    IF_TYPE,
    IF_MAC,
    IF_NAME,
    IF_CONNECTOR,
    IF_ALIAS,
    LLDP_PORT_KIND,
    LLDP_PORT_ID,
    LLDP_PORT_DESCR,
    ENTITY_DESCR,
    ENTITY_CLASS,
    ENTITY_NAME,
    ENTITY_FIRMWARE,
    ENTITY_SOFTWARE,
    ENTITY_SERIAL,
    ENTITY_MODEL,
    SENSOR_TYPE,
    SENSOR_SCALE,
    SENSOR_PRECISION,
    ENVMON_SUPPLY_NAME,
)
"""What the node consists of: it changes when somebody works at it, or when it has started again."""

TICKS_PER_S = 100
_UP = _YES = 1
_NO = 2
_HALF, _FULL = 2, 3
_ETHERNET = {6, 117}
"""ethernetCsmacd, gigabitEthernet (IANAifType)."""
_MOST_32 = 2**32 - 1
_CHASSIS_CLASS, _SUPPLY_CLASS = 3, 6
_CELSIUS, _UNITS = 8, 9
_ENABLED = 3
_MAC_KINDS = {"chassis": 4, "port": 3}
_PORT_NAME_KIND = 5
_NETWORK_ADDRESS_KIND = {"chassis": 5, "port": 4}
"""Subtypes of LldpChassisIdSubtype and LldpPortIdSubtype."""


class Detection(IntEnum):
    """pethPsePortDetectionStatus."""

    DISABLED = 1
    SEARCHING = 2
    DELIVERING_POWER = 3
    FAULT = 4
    TEST = 5
    OTHER_FAULT = 6

    @property
    def in_words(self) -> str:
        """For people."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The agent itself."""

    name: str = ""
    description: str = ""
    object_id: Oid = ()
    uptime_ticks: int | None = None
    """Hundredths of a second since it started; begins anew after 497 days."""
    boots: int | None = None
    """How often its engine has started."""

    @property
    def uptime_s(self) -> float | None:
        """Since it started."""
        return None if self.uptime_ticks is None else self.uptime_ticks / TICKS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An interface; a counter that the agent does not have is None."""

    index: int
    name: str = ""
    description: str = ""
    alias: str = ""
    is_physical: bool = True
    """Ethernet with a connector, or an agent that does not say."""
    is_enabled: bool = True
    is_up: bool = False
    speed_mbps: float | None = None
    """None where the agent says nothing or zero, as of a port that is down."""
    duplex: Literal["half", "full"] | None = None
    in_octets: int | None = None
    out_octets: int | None = None
    is_hc: bool = False
    """Octets are counted in 64 bits; all other counters have 32."""
    in_errors: int | None = None
    out_errors: int | None = None
    in_discards: int | None = None
    out_discards: int | None = None
    discontinuity: int = 0
    """sysUpTime in ticks at which its counters were interrupted the last time."""
    last_change: int = 0
    """sysUpTime in ticks at which its state changed the last time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LldpNeighbor:
    """Who tells at a port that he is there."""

    local_port_number: int
    local_interface: int | None
    """ifIndex; None where the agent's LLDP ports cannot be told apart."""
    chassis: str = ""
    """A MAC address as `00:11:22:33:44:55`, or a text."""
    port: str = ""
    """His port id, in the same form."""
    is_port_named: bool = False
    """Whether that is the name of an interface."""
    port_description: str = ""
    system_name: str = ""
    system_description: str = ""
    addresses: tuple[str, ...] = ()
    """Where he is managed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoePort:
    """A port that can feed what is at its other end."""

    group: int
    number: int
    is_enabled: bool = False
    detection: Detection | None = None
    power_class: int | None = None
    """0 to 4: the standard's table knows no higher ones."""
    power_w: float | None = None

    @property
    def is_delivering(self) -> bool:
        """Whether power comes out."""
        return self.detection is Detection.DELIVERING_POWER

    @property
    def status(self) -> str:
        """In words; empty where the agent does not say."""
        return "" if self.detection is None else self.detection.in_words

    @property
    def admin_oid(self) -> Oid:
        """What switches it."""
        return (*POE_ADMIN, self.group, self.number)

    @property
    def detection_oid(self) -> Oid:
        """What says how it is."""
        return (*POE_DETECTION, self.group, self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoeGroup:
    """Ports that share a supply."""

    number: int
    budget_w: float | None = None
    used_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """A supply input of the node."""

    name: str
    is_good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """All that an agent says."""

    system: System = System()
    chassis: str = ""
    """Its own LLDP chassis id; empty where it does not speak LLDP, or does not say."""
    interfaces: Mapping[int, Interface] = field(default_factory=dict)
    """By ifIndex."""
    neighbors: tuple[LldpNeighbor, ...] = ()
    poe_ports: tuple[PoePort, ...] = ()
    poe_groups: tuple[PoeGroup, ...] = ()
    firmware: str | None = None
    serial_number: str | None = None
    model: str | None = None
    supplies: tuple[Supply, ...] = ()
    """In the order of the agent."""
    temperature_c: float | None = None
    """Of the first sensor that is in order."""
    violations: Mapping[int, int] = field(default_factory=dict)
    """Of port security, by ifIndex."""


def poe_set(port: PoePort, is_on: bool) -> dict[Oid, int]:
    """What to write to switch the port's power."""
    return {port.admin_oid: _YES if is_on else _NO}


def read_view(scalars: Mapping[Oid, Value], table: Table) -> AgentView:
    """The view that cells make: scalars by their name, columns by theirs."""
    interfaces = _interfaces(table)
    entities = _Entities(table)
    kind = scalars.get(LLDP_CHASSIS_KIND)
    return AgentView(
        system=System(
            name=_text(scalars.get(SYS_NAME)),
            description=_text(scalars.get(SYS_DESCR)),
            object_id=value if isinstance(value := scalars.get(SYS_OBJECT_ID), tuple) else (),
            uptime_ticks=_number(scalars.get(SYS_UPTIME)),
            boots=_number(scalars.get(ENGINE_BOOTS)),
        ),
        chassis=_identifier("chassis", kind, scalars.get(LLDP_CHASSIS)),
        interfaces=interfaces,
        neighbors=_neighbors(table, interfaces),
        poe_ports=_poe_ports(table),
        poe_groups=_poe_groups(table),
        firmware=entities.of_chassis(ENTITY_SOFTWARE) or entities.of_chassis(ENTITY_FIRMWARE),
        serial_number=entities.of_chassis(ENTITY_SERIAL),
        model=entities.of_chassis(ENTITY_MODEL),
        supplies=entities.supplies(),
        temperature_c=entities.temperature_c(),
        violations={
            row[0]: count for row, value in table.get(VIOLATIONS, {}).items() if row and (count := _number(value)) is not None
        },
    )


def _interfaces(table: Table) -> dict[int, Interface]:
    rows = {row for column in (IF_DESCR, IF_NAME, IF_OPER) for row in table.get(column, {}) if len(row) == 1}
    found = {}
    for row in sorted(rows):

        def number(column: Oid, row: Oid = row) -> int | None:
            return _number(table.get(column, {}).get(row))

        def text(column: Oid, row: Oid = row) -> str:
            return _text(table.get(column, {}).get(row))

        high_in, high_out = number(IF_HC_IN_OCTETS), number(IF_HC_OUT_OCTETS)
        is_hc = high_in is not None and high_out is not None
        kind = number(IF_TYPE)
        found[row[0]] = Interface(
            index=row[0],
            name=text(IF_NAME),
            description=text(IF_DESCR),
            alias=text(IF_ALIAS),
            is_physical=(kind is None or kind in _ETHERNET) and number(IF_CONNECTOR) != _NO,
            is_enabled=number(IF_ADMIN) != _NO,
            is_up=number(IF_OPER) == _UP,
            speed_mbps=_speed_mbps(number(IF_HIGH_SPEED), number(IF_SPEED)),
            duplex={_HALF: "half", _FULL: "full"}.get(number(DUPLEX) or 0),  # type: ignore[arg-type]  # both are literals
            in_octets=high_in if is_hc else number(IF_IN_OCTETS),
            out_octets=high_out if is_hc else number(IF_OUT_OCTETS),
            is_hc=is_hc,
            in_errors=number(IF_IN_ERRORS),
            out_errors=number(IF_OUT_ERRORS),
            in_discards=number(IF_IN_DISCARDS),
            out_discards=number(IF_OUT_DISCARDS),
            discontinuity=number(IF_DISCONTINUITY) or 0,
            last_change=number(IF_LAST_CHANGE) or 0,
        )
    return found


def _speed_mbps(high: int | None, bits_per_s: int | None) -> float | None:
    """ifHighSpeed is rounded to whole Mbit/s; ifSpeed ends at 4.29 Gbit/s."""
    if bits_per_s and bits_per_s < _MOST_32 and (not high or high <= bits_per_s / 1e6 + 1):
        return bits_per_s / 1e6
    return float(high) if high else None


def _neighbors(table: Table, interfaces: Mapping[int, Interface]) -> tuple[LldpNeighbor, ...]:
    places = _local_ports(table, interfaces)
    addresses: dict[Oid, list[str]] = {}
    for row in table.get(LLDP_REM_ADDRESS, {}):
        if len(row) > 5 and len(row) == 5 + row[4] and (address := _address(row[3], row[5:])):
            addresses.setdefault(row[:3], []).append(address)
    newest: dict[Oid, Oid] = {}
    for row in table.get(LLDP_REM_CHASSIS, {}):
        if len(row) == 3:
            newest[row[1:]] = max(newest.get(row[1:], row), row)
    found = []
    for row in sorted(newest.values(), key=lambda row: row[1:]):

        def value(column: Oid, row: Oid = row) -> Value | None:
            return table.get(column, {}).get(row)

        port_kind = value(LLDP_REM_PORT_KIND)
        found.append(
            LldpNeighbor(
                local_port_number=row[1],
                local_interface=places.get(row[1]),
                chassis=_identifier("chassis", value(LLDP_REM_CHASSIS_KIND), value(LLDP_REM_CHASSIS)),
                port=_identifier("port", port_kind, value(LLDP_REM_PORT)),
                is_port_named=port_kind == _PORT_NAME_KIND,
                port_description=_text(value(LLDP_REM_PORT_DESCR)),
                system_name=_text(value(LLDP_REM_NAME)),
                system_description=_text(value(LLDP_REM_DESCR)),
                addresses=tuple(addresses.get(row, ())),
            )
        )
    return tuple(found)


def _local_ports(table: Table, interfaces: Mapping[int, Interface]) -> dict[int, int]:
    by_name = {name: each.index for each in interfaces.values() for name in (each.alias, each.description, each.name) if name}
    by_mac = {
        value: row[0] for row, value in table.get(IF_MAC, {}).items() if len(row) == 1 and isinstance(value, bytes) and value
    }
    numbers = {row[0] for column in (LLDP_PORT_ID, LLDP_PORT_DESCR) for row in table.get(column, {}) if len(row) == 1}
    numbers |= {row[1] for row in table.get(LLDP_REM_CHASSIS, {}) if len(row) == 3}
    found = {}
    for number in numbers:
        told = table.get(LLDP_PORT_ID, {}).get((number,))
        is_mac = table.get(LLDP_PORT_KIND, {}).get((number,)) == _MAC_KINDS["port"]
        by_id = by_mac.get(told) if is_mac and isinstance(told, bytes) else by_name.get(_text(told))
        index = (
            by_id
            or by_name.get(_text(table.get(LLDP_PORT_DESCR, {}).get((number,))))
            or (number if number in interfaces else None)
        )
        if index is not None:
            found[number] = index
    return found


def _poe_ports(table: Table) -> tuple[PoePort, ...]:
    rows = {row for column in (POE_ADMIN, POE_DETECTION) for row in table.get(column, {}) if len(row) == 2}
    found = []
    for row in sorted(rows):
        detection = _number(table.get(POE_DETECTION, {}).get(row))
        power_class = _number(table.get(POE_CLASS, {}).get(row))
        powers = ((_number(table.get(column, {}).get(row)), unit_w) for column, unit_w in POE_WATTS.items())
        found.append(
            PoePort(
                group=row[0],
                number=row[1],
                is_enabled=table.get(POE_ADMIN, {}).get(row) == _YES,
                detection=Detection(detection) if detection in set(Detection) else None,
                power_class=None if power_class is None else power_class - 1,
                power_w=next((power * unit_w for power, unit_w in powers if power is not None), None),
            )
        )
    return tuple(found)


def _poe_groups(table: Table) -> tuple[PoeGroup, ...]:
    rows = {row for column in (POE_BUDGET_W, POE_USED_W) for row in table.get(column, {}) if len(row) == 1}
    return tuple(
        PoeGroup(
            number=row[0],
            budget_w=_number(table.get(POE_BUDGET_W, {}).get(row)),
            used_w=_number(table.get(POE_USED_W, {}).get(row)),
        )
        for row in sorted(rows)
    )


class _Entities:
    """What the node consists of."""

    def __init__(self, table: Table) -> None:
        self._table = table
        classes = {row: _number(value) for row, value in table.get(ENTITY_CLASS, {}).items()}
        self._chassis = sorted(row for row, kind in classes.items() if kind == _CHASSIS_CLASS)
        self._supplies = sorted(row for row, kind in classes.items() if kind == _SUPPLY_CLASS)
        self._rows = sorted(row for row in classes if row not in self._chassis)

    def of_chassis(self, column: Oid) -> str | None:
        """Of the first chassis that says it; of anything else where no chassis does."""
        cells = self._table.get(column, {})
        return next((text for row in (*self._chassis, *self._rows) if (text := _text(cells.get(row)))), None)

    def supplies(self) -> tuple[Supply, ...]:
        """By their operational state; of those that have none, that of the environment monitor."""
        states = self._table.get(ENTITY_OPER, {})
        of_entities = [
            Supply(name=self._name(row), is_good=states.get(row) == _ENABLED) for row in self._supplies if row in states
        ]
        names = self._table.get(ENVMON_SUPPLY_NAME, {})
        of_monitor = [
            Supply(name=_text(names.get(row)) or f"supply {number}", is_good=state == 1)
            for number, (row, state) in enumerate(sorted(self._table.get(ENVMON_SUPPLY_STATE, {}).items()), 1)
        ]
        return tuple(of_entities or of_monitor)

    def _name(self, row: Oid) -> str:
        return _text(self._table.get(ENTITY_NAME, {}).get(row)) or _text(self._table.get(ENTITY_DESCR, {}).get(row))

    def temperature_c(self) -> float | None:
        """Of the first sensor of degrees Celsius whose state is ok; without one, what the vendor's own table says first."""
        cells = self._table
        for row in sorted(cells.get(SENSOR_TYPE, {})):
            value = _number(cells.get(SENSOR_VALUE, {}).get(row))
            is_ok = cells.get(SENSOR_STATUS, {}).get(row, 1) == 1
            if cells[SENSOR_TYPE][row] == _CELSIUS and value is not None and is_ok:
                scale = _number(cells.get(SENSOR_SCALE, {}).get(row)) or _UNITS
                precision = _number(cells.get(SENSOR_PRECISION, {}).get(row)) or 0
                if abs(precision) <= 9 and 1 <= scale <= 17:
                    return value * 10.0 ** (3 * (scale - _UNITS) - precision)
        own = (
            (_number(value), unit_c) for column, unit_c in CELSIUS.items() for _, value in sorted(cells.get(column, {}).items())
        )
        return next((value * unit_c for value, unit_c in own if value is not None), None)


def _number(value: Value | None) -> int | None:
    return value if isinstance(value, int) else None


def _text(value: Value | None) -> str:
    if not isinstance(value, bytes):
        return ""
    return "".join(each if each.isprintable() else " " for each in value.decode(errors="replace").rstrip("\0")).strip()


def _identifier(of: Literal["chassis", "port"], kind: Value | None, value: Value | None) -> str:
    """A chassis or port id as a text."""
    if not isinstance(value, bytes):
        return ""
    if kind == _NETWORK_ADDRESS_KIND[of]:
        return _address(value[0], tuple(value[1:])) if value else ""
    is_text = value.decode("ascii", errors="replace").isprintable()
    if kind == _MAC_KINDS[of] or not is_text:
        return value.hex(":")
    return _text(value)


def _address(family: int, octets: Oid) -> str:
    """An address of AddressFamilyNumbers 1 (IPv4) or 2 (IPv6); empty for others."""
    if {1: 4, 2: 16}.get(family) != len(octets) or not all(0 <= each <= 255 for each in octets):
        return ""
    return str(ip_address(bytes(octets)))
