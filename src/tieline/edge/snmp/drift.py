"""Design against found: what of a node is not as its design has it, in words that somebody at the cabinet can act on.

Pure: one look at an agent (`AgentView`), the node's design (`SnmpDevice`) and who is who (`Identities`) give the differences. Where
another node of the design answers at the address, nothing else is compared: it would all be about the wrong node. Of a port without a link
that is all that is said; what LLDP remembers of it is old. What an agent does not tell (firmware, duplex, LLDP) is no difference, except
that nobody tells at a port, while others at the node do, where the design has a neighbor who should.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tieline.config.snmp import Neighbor, SnmpDevice, WatchedPort
from tieline.edge.snmp.identities import Identities
from tieline.edge.snmp.matching import match_interfaces, match_poe, plain
from tieline.protocols.snmp.view import TICKS_PER_S, AgentView, Interface, LldpNeighbor, PoePort

LLDP_S = 65.0
"""After so long with a link a neighbor has told that he is there: twice the usual 30 s (IEEE 802.1AB, msgTxInterval), and a little."""
SPEED_TOLERANCE = 0.01
MOST_NAMED = 5
VIRTUAL = re.compile(
    r"(br|bridge|bond|vlan|vl|lo|loopback|dummy|docker|virbr|tun|tap|wg|po|port-channel|lag|ovs|ifb|sit|veth)[-_0-9./]*.*|.*[.@:].*"
)
"""Interfaces that no cable goes into although their agents say Ethernet."""


class DifferenceKind(StrEnum):
    """What differs."""

    NODE = "node"
    """Another one answers."""
    LINK_DOWN = "link_down"
    LINK_UP = "link_up"
    """Where the design has none."""
    PORT_OPEN = "port_open"
    """Switched on though the design disables it."""
    SPEED = "speed"
    DUPLEX = "duplex"
    NEIGHBOR = "neighbor"
    """Somebody else is at the other end, or another port of his."""
    NEIGHBOR_SILENT = "neighbor_silent"
    """Nobody tells that he is there."""
    POE_OFF = "poe_off"
    POE_ON = "poe_on"
    POE_FAILED = "poe_failed"
    """Switched on, and nothing comes out."""
    PORT_MISSING = "port_missing"
    PORTS_MORE = "ports_more"
    FIRMWARE = "firmware"

    @property
    def may_pass(self) -> bool:
        """Whether it arises for a moment in good order too, as when a cable is put in: it has to be seen twice."""
        return self in _PASSING

    @property
    def has_variants(self) -> bool:
        """Whether another text is another difference, as another neighbor is; of the others only details change."""
        return self in {DifferenceKind.NODE, DifferenceKind.NEIGHBOR, DifferenceKind.FIRMWARE}


_PASSING = {
    DifferenceKind.LINK_DOWN,
    DifferenceKind.LINK_UP,
    DifferenceKind.SPEED,
    DifferenceKind.DUPLEX,
    DifferenceKind.NEIGHBOR,
    DifferenceKind.NEIGHBOR_SILENT,
    DifferenceKind.POE_FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is not as the design has it."""

    kind: DifferenceKind
    port: str = ""
    """The design's name of the port; empty where it is about the node."""
    designed: str
    found: str
    text: str
    """What, in a sentence without its end."""
    remedy: str
    """What to do."""

    @property
    def key(self) -> tuple[str, str]:
        """What it is about: another difference with the same key is the same one, seen again."""
        return self.kind, self.port


def differences(device: SnmpDevice, view: AgentView, identities: Identities) -> tuple[Difference, ...]:
    """Everything that differs: of the node first, then of its ports in the order of its model."""
    other = _other_node(device, view, identities)
    if other is not None:
        return (other,)
    return tuple(_Comparison(device, view, identities).all())


def _other_node(device: SnmpDevice, view: AgentView, identities: Identities) -> Difference | None:
    name = view.system.name.strip()
    answers = identities.named(name)
    if not name or answers == device.name or plain(name.partition(".")[0]) == plain(device.name):
        return None
    host = device.connection.host
    if answers:
        text = f"at {host}, the address of {device.name}, answers {answers}"
        remedy = f"give {answers} its own address, or mend the address of {device.name} in nodes.csv; nothing else is compared until then"
    else:
        text = f"what answers at {host} is called {name}, not {device.name}"
        remedy = (
            f"make sure that it is the right one, and set its system name to {device.name}; nothing else is compared until then"
        )
    return Difference(kind=DifferenceKind.NODE, designed=device.name, found=answers or name, text=text, remedy=remedy)


class _Comparison:
    """One look at one node."""

    def __init__(self, device: SnmpDevice, view: AgentView, identities: Identities) -> None:
        self._device = device
        self._view = view
        self._identities = identities
        self._interfaces = match_interfaces(device.ports, view.interfaces)
        self._poe = match_poe(device, view, self._interfaces)
        self._neighbors = neighbors_by_interface(view)
        self._designed_at = {port.neighbor.node: port for port in device.ports if port.neighbor is not None}

    def all(self) -> Iterator[Difference]:
        yield from self._firmware()
        yield from self._more_ports()
        for port in self._device.ports:
            interface = self._interfaces.get(port.name)
            if interface is None:
                yield from self._missing(port)
            else:
                yield from self._port(port, interface)
            if port.name in self._poe:
                yield from self._power(port, self._poe[port.name])

    # The node

    def _firmware(self) -> Iterator[Difference]:
        wanted, found = self._device.firmware, self._view.firmware
        if wanted and found and not is_firmware(wanted, self._view):
            yield Difference(
                kind=DifferenceKind.FIRMWARE,
                designed=wanted,
                found=found,
                text=f"runs {found}, and should run {wanted}",
                remedy=f"load {wanted}, or write the new one into the column firmware of nodes.csv",
            )

    def _more_ports(self) -> Iterator[Difference]:
        matched = {interface.index for interface in self._interfaces.values()}
        named = {_title(interface) for interface in self._interfaces.values()}
        others = (each for each in self._view.interfaces.values() if each.index not in matched and _title(each) not in named)
        more = [each for each in others if _takes_cable(each)]
        if more:
            names = [_title(each) for each in more]
            yield Difference(
                kind=DifferenceKind.PORTS_MORE,
                designed=f"{len(self._device.ports)} ports",
                found=_some(names),
                text=f"has {_count(len(more), 'port')} that the design does not: {_some(names)}",
                remedy="make sure that nothing is plugged in there; take another model in nodes.csv, or add them in network/catalogue",
            )

    def _missing(self, port: WatchedPort) -> Iterator[Difference]:
        yield Difference(
            kind=DifferenceKind.PORT_MISSING,
            port=port.name,
            designed=port.interface,
            found="no such interface",
            text=f"has no interface {port.interface}, which would be port {port.name}",
            remedy="see what its ports are called (ifName): mend interface of the model in network/catalogue, or take another model",
        )

    # A port

    def _port(self, port: WatchedPort, interface: Interface) -> Iterator[Difference]:
        if port.is_linked and not port.is_disabled:
            if interface.is_up:
                yield from self._link(port, interface)
            else:
                yield self._down(port, interface)
        elif interface.is_up:
            yield self._up(port, interface)
        elif port.is_disabled and interface.is_enabled:
            yield Difference(
                kind=DifferenceKind.PORT_OPEN,
                port=port.name,
                designed="disabled",
                found="switched on, without a link",
                text=f"port {port.name} is switched on, and the design has it disabled: whoever plugs in there is on the network",
                remedy=f"disable it (shutdown of {interface.name or port.interface}), or take it into ports.csv as it is to be",
            )

    def _down(self, port: WatchedPort, interface: Interface) -> Difference:
        there = _end_in_words(port)
        if interface.is_enabled:
            text = f"port {port.name} has no link{there and f' to {there}'}"
            remedy = "see whether the other end has power, then the plug and the light at both ends, then measure the cable"
        else:
            text = f"port {port.name} is switched off{there and f', and the design has {there} there'}"
            remedy = f"switch it on (no shutdown of {interface.name or port.interface}), or disable it in ports.csv"
        found = "no link" if interface.is_enabled else "switched off"
        return Difference(
            kind=DifferenceKind.LINK_DOWN,
            port=port.name,
            designed=f"link{there and f' to {there}'}",
            found=found,
            text=text,
            remedy=remedy,
        )

    def _up(self, port: WatchedPort, interface: Interface) -> Difference:
        heard = self._neighbors.get(interface.index, ())
        who = self._who(heard[0]) if heard else ""
        state = "disabled" if port.is_disabled else "unused"
        return Difference(
            kind=DifferenceKind.LINK_UP,
            port=port.name,
            designed=state,
            found=who or "a link",
            text=f"port {port.name} has a link{who and f' to {who}'}, and the design has it {state}",
            remedy="find out what is plugged in there; pull it out, or take it into links.csv",
        )

    def _link(self, port: WatchedPort, interface: Interface) -> Iterator[Difference]:
        wanted, found = port.speed_mbps, interface.speed_mbps
        if wanted is not None and found and abs(found - wanted) > SPEED_TOLERANCE * wanted:
            yield Difference(
                kind=DifferenceKind.SPEED,
                port=port.name,
                designed=_speed(wanted),
                found=_speed(found),
                text=f"port {port.name} runs at {_speed(found)}, and the design has {_speed(wanted)}",
                remedy="see what both ends are set to, and whether all four pairs of the cable are whole; or mend speed_mbps in ports.csv",
            )
        if interface.duplex == "half":
            yield Difference(
                kind=DifferenceKind.DUPLEX,
                port=port.name,
                designed="full duplex",
                found="half duplex",
                text=f"port {port.name} runs in half duplex, which loses frames under load",
                remedy="set both ends to negotiate, or both to full duplex",
            )
        if port.neighbor is not None and self._view.chassis:
            yield from self._neighbor(port, port.neighbor, interface)

    # Who is at the other end

    def _neighbor(self, port: WatchedPort, wanted: Neighbor, interface: Interface) -> Iterator[Difference]:
        heard = self._neighbors.get(interface.index, ())
        there = f"{wanted.node} port {wanted.port}"
        if not heard:
            if link_s(self._view, interface) >= LLDP_S:
                yield Difference(
                    kind=DifferenceKind.NEIGHBOR_SILENT,
                    port=port.name,
                    designed=there,
                    found="nobody",
                    text=f"at port {port.name} nobody tells by LLDP that he is there, and the design has {there} there",
                    remedy=f"make sure that LLDP is on at {there}, and that nothing stands between the two that the design does not have",
                )
            return
        if any(is_designed(each, wanted, self._identities) for each in heard):
            return
        first = heard[0]
        who, node = self._who(first), self._identities.node_of(first)
        text = f"port {port.name} leads to {who}, and the design has {there} there"
        remedy = f"follow the cable from port {port.name}; plug it in as designed, or mend links.csv"
        if node == wanted.node:
            remedy = f"plug the cable into port {wanted.port} of {wanted.node}, or mend links.csv"
        elif swapped := self._swapped_with(port, node):
            text += f"; {node} belongs to port {swapped.name}"
            at_swapped = self._neighbors.get(self._interface_index(swapped), ())
            if any(self._identities.node_of(each) == wanted.node for each in at_swapped):
                text += f", where {wanted.node} is: the two cables are exchanged"
                remedy = f"exchange the plugs of ports {port.name} and {swapped.name}"
        yield Difference(kind=DifferenceKind.NEIGHBOR, port=port.name, designed=there, found=who, text=text, remedy=remedy)

    def _swapped_with(self, port: WatchedPort, node: str) -> WatchedPort | None:
        designed = self._designed_at.get(node)
        return None if designed is None or designed.name == port.name else designed

    def _interface_index(self, port: WatchedPort) -> int:
        interface = self._interfaces.get(port.name)
        return 0 if interface is None else interface.index

    def _who(self, neighbor: LldpNeighbor) -> str:
        """The neighbor in words: the design's name of him, else his own, else his address or chassis; and his port."""
        node = self._identities.node_of(neighbor)
        name = node or neighbor.system_name or next(iter(neighbor.addresses), "") or neighbor.chassis or "somebody without a name"
        port = neighbor.port if neighbor.is_port_named else neighbor.port_description or neighbor.port
        return f"{name} port {port}" if port else name

    # Power

    def _power(self, port: WatchedPort, row: PoePort) -> Iterator[Difference]:
        if port.poe_class is None:
            if row.is_delivering:
                yield Difference(
                    kind=DifferenceKind.POE_ON,
                    port=port.name,
                    designed="no power",
                    found="delivers power" if row.power_w is None else f"delivers {row.power_w:.1f} W",
                    text=f"port {port.name} delivers power, and the design feeds nothing from it",
                    remedy="find out what lives from it; switch its power off, or take it into the design",
                )
        elif not row.is_enabled:
            yield Difference(
                kind=DifferenceKind.POE_OFF,
                port=port.name,
                designed="power on",
                found="switched off",
                text=f"port {port.name} has its power switched off{port.feeds and f', and {port.feeds} lives from it'}",
                remedy="switch it on (poe_switch), or write poe = off into ports.csv",
            )
        elif port.feeds and not row.is_delivering:
            yield Difference(
                kind=DifferenceKind.POE_FAILED,
                port=port.name,
                designed=f"feeds {port.feeds}",
                found=row.status or "no power",
                text=f"port {port.name} delivers no power to {port.feeds}{row.status and f': {row.status}'}",
                remedy=f"see whether {port.feeds} and its cable are whole, and whether the budget of the node is used up",
            )


def neighbors_by_interface(view: AgentView) -> dict[int, tuple[LldpNeighbor, ...]]:
    """Who tells at each interface, by ifIndex."""
    found: dict[int, list[LldpNeighbor]] = {}
    for neighbor in view.neighbors:
        if neighbor.local_interface is not None:
            found.setdefault(neighbor.local_interface, []).append(neighbor)
    return {index: tuple(heard) for index, heard in found.items()}


def is_designed(neighbor: LldpNeighbor, wanted: Neighbor, identities: Identities) -> bool:
    """Whether it is the node and the port that the design has.

    Where the neighbor does not give his port's name (many give a MAC address or a number of their own), his node is enough, unless what he
    says is the name of another of his ports.
    """
    if identities.node_of(neighbor) != wanted.node:
        return False
    names = {plain(wanted.port), plain(wanted.interface)}
    told = [each for each in (neighbor.port, neighbor.port_description) if each]
    if any(plain(each) in names for each in told):
        return True
    return not neighbor.is_port_named and not any(identities.has_interface(wanted.node, each) for each in told)


def is_firmware(wanted: str, view: AgentView) -> bool:
    """Whether what the agent says of its firmware, or of itself, names this version as a word of its own."""
    word = re.compile(rf"(?<!\w)(?<!\w\.)v?{re.escape(wanted)}(?!\w)(?!\.\w)", re.IGNORECASE)
    return any(word.search(text) is not None for text in (view.firmware or "", view.system.description))


def _takes_cable(interface: Interface) -> bool:
    return interface.is_physical and VIRTUAL.fullmatch(_title(interface).casefold()) is None


def link_s(view: AgentView, interface: Interface) -> float:
    """For how long the interface has been as it is."""
    return (view.system.uptime_s or 0.0) - interface.last_change / TICKS_PER_S


def _title(interface: Interface) -> str:
    return interface.name or interface.description or f"interface {interface.index}"


def _end_in_words(port: WatchedPort) -> str:
    if port.neighbor is not None:
        return f"{port.neighbor.node} port {port.neighbor.port}"
    return port.feeds


def _speed(mbps: float) -> str:
    return f"{mbps / 1000:g} Gbit/s" if mbps >= 1000 else f"{mbps:g} Mbit/s"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _some(names: Sequence[str]) -> str:
    named = ", ".join(names[:MOST_NAMED])
    return named if len(names) <= MOST_NAMED else f"{named} and {len(names) - MOST_NAMED} more"
