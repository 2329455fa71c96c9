"""Which interface of an agent is which port of the design.

An interface is known by its ifName, then its ifDescr, then its ifAlias, each as written, then without regard to case and to how much of
`GigabitEthernet` is written (`Gi1/3`, `gigabitethernet1/3`).

RFC 3621 numbers PoE ports by group and port, and leaves open how these belong to interfaces. Here the number is that with which the
port's name ends (of `Gi1/3` 3, and 1 is its group where there are several), preferring ports that feed something; where that does not
explain every row, the number is an ifIndex.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from tieline.config.snmp import SnmpDevice, WatchedPort
from tieline.protocols.snmp.view import AgentView, Interface, PoePort

_NUMBERED = re.compile(r"([a-z-]*)\s*([0-9][0-9/.:]*)")
_NUMBERS = re.compile(r"[0-9]+")


def plain(name: str) -> str:
    """The name as it is compared: `GigabitEthernet1/3`, `Gi1/3` and `gi 1/3` are one."""
    text = name.strip().casefold()
    match = _NUMBERED.fullmatch(text)
    return text if match is None else f"{match[1][:2]}{match[2]}"


def match_interfaces(ports: Iterable[WatchedPort], interfaces: Mapping[int, Interface]) -> dict[str, Interface]:
    """The interface of each port, by the port's name; ports that the agent does not have are missing."""
    looks: tuple[Callable[[Interface], str], ...] = (
        lambda interface: interface.name,
        lambda interface: interface.description,
        lambda interface: interface.alias,
        lambda interface: plain(interface.name),
        lambda interface: plain(interface.description),
    )
    indexes: list[dict[str, Interface]] = [{} for _ in looks]
    # Some agents keep a row of an interface that is gone (net-snmp for five minutes): what has a link goes first, then what is newer.
    for interface in sorted(interfaces.values(), key=lambda each: (each.is_up, each.is_enabled, each.index), reverse=True):
        for index, look in zip(indexes, looks, strict=True):
            if text := look(interface):
                index.setdefault(text, interface)
    found: dict[str, Interface] = {}
    taken: set[int] = set()
    for port in ports:
        wanted = (port.interface, port.interface, port.interface, plain(port.interface), plain(port.interface))
        candidates = (index.get(text) for index, text in zip(indexes, wanted, strict=True))
        mine = next((each for each in candidates if each is not None and each.index not in taken), None)
        if mine is not None:
            found[port.name] = mine
            taken.add(mine.index)
    return found


def match_poe(device: SnmpDevice, view: AgentView, interfaces: Mapping[str, Interface]) -> dict[str, PoePort]:
    """The PoE row of each port that the agent can feed, by the port's name; `interfaces` as `match_interfaces` gives them."""
    by_index = {interface.index: name for name, interface in interfaces.items()}
    by_number: dict[tuple[int, int], str] = {}
    has_groups = len({row.group for row in view.poe_ports}) > 1
    for port in sorted(device.ports, key=lambda port: port.poe_class is None):
        numbers = [int(each) for each in _NUMBERS.findall(port.interface)]
        if numbers:
            by_number.setdefault((numbers[0] if has_groups else 0, numbers[-1]), port.name)
    keys = [(row.group if has_groups else 0, row.number) for row in view.poe_ports]
    if all(key in by_number for key in keys):
        return {by_number[key]: row for key, row in zip(keys, view.poe_ports, strict=True)}
    return {by_index[row.number]: row for row in view.poe_ports if row.number in by_index}
