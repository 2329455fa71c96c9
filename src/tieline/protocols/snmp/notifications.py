"""What notifications (traps and informs) mean, as tables: a vendor's notification is a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tieline.model import Severity
from tieline.protocols.snmp.pdu import Pdu
from tieline.protocols.snmp.values import Oid, Value, dotted, oid

SYS_UPTIME = oid("1.3.6.1.2.1.1.3.0")
TRAP_OID = oid("1.3.6.1.6.3.1.1.4.1.0")
MOST_FIELDS = 8
"""That are told of a notification."""
MOST_TEXT = 80
"""Characters of one value."""
MOST_TOLD = 600
"""Characters of all."""

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

KNOWN: dict[Oid, tuple[str, str, Severity]] = {
    # SNMPv2-MIB, IF-MIB (RFC 3418, RFC 2863)
    oid("1.3.6.1.6.3.1.1.5.1"): ("coldStart", "started, perhaps with another configuration", WARNING),
    oid("1.3.6.1.6.3.1.1.5.2"): ("warmStart", "started anew", WARNING),
    oid("1.3.6.1.6.3.1.1.5.3"): ("linkDown", "link down", WARNING),
    oid("1.3.6.1.6.3.1.1.5.4"): ("linkUp", "link up", INFO),
    oid("1.3.6.1.6.3.1.1.5.5"): ("authenticationFailure", "somebody asked its agent with wrong keys", WARNING),
    # BRIDGE-MIB (RFC 4188)
    oid("1.3.6.1.2.1.17.0.1"): ("newRoot", "has become the root of the spanning tree", WARNING),
    oid("1.3.6.1.2.1.17.0.2"): ("topologyChange", "the spanning tree changes", INFO),
    # RMON-MIB (RFC 2819)
    oid("1.3.6.1.2.1.16.0.1"): ("risingAlarm", "a figure rose over its threshold", WARNING),
    oid("1.3.6.1.2.1.16.0.2"): ("fallingAlarm", "a figure fell below its threshold", INFO),
    # ENTITY-MIB, ENTITY-STATE-MIB (RFC 6933, RFC 4268)
    oid("1.3.6.1.2.1.47.2.0.1"): ("entConfigChange", "modules were put in or taken out", WARNING),
    oid("1.3.6.1.2.1.131.0.1"): ("entStateOperEnabled", "a part works again", INFO),
    oid("1.3.6.1.2.1.131.0.2"): ("entStateOperDisabled", "a part does not work", ERROR),
    # POWER-ETHERNET-MIB (RFC 3621)
    oid("1.3.6.1.2.1.105.0.1"): ("pethPsePortOnOffNotification", "PoE of a port changed", INFO),
    oid("1.3.6.1.2.1.105.0.2"): ("pethMainPowerUsageOnNotification", "PoE uses more than its threshold", WARNING),
    oid("1.3.6.1.2.1.105.0.3"): ("pethMainPowerUsageOffNotification", "PoE uses less than its threshold again", INFO),
    # LLDP-MIB (IEEE 802.1AB)
    oid("1.0.8802.1.1.2.0.0.1"): ("lldpRemTablesChange", "neighbors changed", INFO),
    # Cisco: ENVMON, PORT-SECURITY, CONFIG-MAN, ERR-DISABLE
    oid("1.3.6.1.4.1.9.9.13.3.0.1"): ("ciscoEnvMonShutdownNotification", "is about to switch itself off", ERROR),
    oid("1.3.6.1.4.1.9.9.13.3.0.5"): ("ciscoEnvMonRedundantSupplyNotification", "the redundant supply failed", ERROR),
    oid("1.3.6.1.4.1.9.9.13.3.0.7"): ("ciscoEnvMonTempStatusChangeNotif", "the state of a temperature changed", WARNING),
    oid("1.3.6.1.4.1.9.9.13.3.0.8"): ("ciscoEnvMonFanStatusChangeNotif", "the state of a fan changed", WARNING),
    oid("1.3.6.1.4.1.9.9.13.3.0.9"): ("ciscoEnvMonSuppStatusChangeNotif", "the state of a supply changed", WARNING),
    oid("1.3.6.1.4.1.9.9.43.2.0.1"): ("ciscoConfigManEvent", "its configuration was changed", WARNING),
    oid("1.3.6.1.4.1.9.9.315.0.0.1"): ("cpsSecureMacAddrViolation", "port security: a station that may not be there", ERROR),
    oid("1.3.6.1.4.1.9.9.548.0.1.1"): ("cErrDisableInterfaceEvent", "a port was switched off after an error", ERROR),
    # net-snmp
    oid("1.3.6.1.4.1.8072.4.0.2"): ("nsNotifyShutdown", "its agent ends", WARNING),
    oid("1.3.6.1.4.1.8072.4.0.3"): ("nsNotifyRestart", "its agent starts anew", INFO),
}
"""Name, what it means, and how much that matters."""

_STATES = {1: "up", 2: "down", 3: "testing", 4: "unknown", 5: "dormant", 6: "not present", 7: "lower layer down"}
_POE = {1: "disabled", 2: "searching", 3: "delivering power", 4: "fault", 5: "test", 6: "other fault"}
_ENVIRONMENT = {1: "normal", 2: "warning", 3: "critical", 4: "shut down", 5: "not present", 6: "not functioning"}

Words = Callable[[Value], str]


def _plain(value: Value) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return dotted(value)
    text = value.decode(errors="replace").rstrip("\0")
    if not all(each.isprintable() or each in "\r\n\t" for each in text):
        return value[:MOST_TEXT].hex(":")[:MOST_TEXT]
    text = " ".join(text.split())
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"


def _one_of(words: dict[int, str]) -> Words:
    return lambda value: words.get(value, str(value)) if isinstance(value, int) else _plain(value)


def _octets(value: Value) -> str:
    return value[:MOST_TEXT].hex(":")[:MOST_TEXT] if isinstance(value, bytes) else _plain(value)


IF_INDEX, IF_DESCR, IF_NAME = oid("1.3.6.1.2.1.2.2.1.1"), oid("1.3.6.1.2.1.2.2.1.2"), oid("1.3.6.1.2.1.31.1.1.1.1")
FIELDS: dict[Oid, tuple[str, Words]] = {
    IF_INDEX: ("interface", _plain),
    IF_DESCR: ("name", _plain),
    IF_NAME: ("name", _plain),
    oid("1.3.6.1.2.1.31.1.1.1.18"): ("alias", _plain),
    oid("1.3.6.1.2.1.2.2.1.7"): ("set", _one_of(_STATES)),
    oid("1.3.6.1.2.1.2.2.1.8"): ("is", _one_of(_STATES)),
    oid("1.3.6.1.4.1.9.2.2.1.1.20"): ("reason", _plain),
    oid("1.3.6.1.2.1.105.1.1.1.6"): ("PoE", _one_of(_POE)),
    oid("1.3.6.1.2.1.105.1.3.1.1.4"): ("watts", _plain),
    oid("1.3.6.1.4.1.9.9.13.1.3.1.2"): ("temperature", _plain),
    oid("1.3.6.1.4.1.9.9.13.1.4.1.2"): ("fan", _plain),
    oid("1.3.6.1.4.1.9.9.13.1.4.1.3"): ("is", _one_of(_ENVIRONMENT)),
    oid("1.3.6.1.4.1.9.9.13.1.5.1.2"): ("supply", _plain),
    oid("1.3.6.1.4.1.9.9.13.1.5.1.3"): ("is", _one_of(_ENVIRONMENT)),
    oid("1.3.6.1.4.1.9.9.315.1.2.1.1.10"): ("station", _octets),
    oid("1.3.6.1.4.1.9.9.43.1.1.6.1.3"): ("by", _one_of({1: "command line", 2: "SNMP"})),
}
"""Of what notifications bear: what it is called, and how its value is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What an agent has to tell."""

    name: str
    """As its MIB has it; the object identifier where it is not known."""
    oid: Oid
    severity: Severity
    text: str
    """For people, with what it bears."""
    uptime_ticks: int | None
    interface: int | None
    """ifIndex, where it is about one."""


def read_notification(pdu: Pdu) -> Notification:
    """What a trap or inform means; total: without its name it is an unknown one."""
    uptime: int | None = None
    name: Oid = ()
    rest: list[tuple[Oid, Value]] = []
    for key, value in pdu.bindings:
        if key == SYS_UPTIME and isinstance(value, int):
            uptime = value
        elif key == TRAP_OID and isinstance(value, tuple):
            name = value
        elif value is not None:
            rest.append((key, value))
    word, meaning, severity = KNOWN.get(name, (dotted(name) or "unknown", "says something that is not known here", Severity.INFO))
    told, interface = [], None
    for key, value in rest:
        column, row = _column_of(key)
        if column is None:
            told.append(f"{dotted(key)} = {_plain(value)}")
            continue
        if column[: len(IF_INDEX) - 1] == IF_INDEX[:-1] and interface is None and len(row) == 1:
            interface = row[0]
        label, words = FIELDS[column]
        told.append(f"{label} {words(value)}" + (f" (port {dotted(row)})" if label == "PoE" else ""))
    more = [f"and {len(told) - MOST_FIELDS} more"] if len(told) > MOST_FIELDS else []
    said = ", ".join([*dict.fromkeys(told[:MOST_FIELDS]), *more])
    text = f"{meaning} ({word})" + (f": {said}" if said else "")
    text = text if len(text) <= MOST_TOLD else text[: MOST_TOLD - 1] + "…"
    return Notification(name=word, oid=name, severity=severity, text=text, uptime_ticks=uptime, interface=interface)


def _column_of(name: Oid) -> tuple[Oid | None, Oid]:
    for size in range(len(name), 6, -1):
        if name[:size] in FIELDS:
            return name[:size], name[size:]
    return None, ()
