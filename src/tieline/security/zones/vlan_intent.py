"""What switches and routers have to enforce between VLANs, as a neutral document, and the proof that one agrees with the plan.

The document says for each zone its VLANs and subnets, which VLAN is native on trunks (one that no zone uses, so that a frame without a tag
is nobody's), and who may open what to whom. Everything else is denied. A stateless access list has to let replies through as well:
`replies` says so, and they go from the port where the target listens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field as Key
from pydantic import ValidationError

from tieline.config.fields import Strict
from tieline.model import ConfigError
from tieline.security.zones.findings import Finding
from tieline.security.zones.nftables import address_range
from tieline.security.zones.packet_flows import ECHO, Flow, flows_of
from tieline.security.zones.packet_proof import AddressClasses
from tieline.security.zones.packets import (
    ICMP,
    ICMPV6,
    IPV4,
    IPV6,
    TRANSPORTS,
    Box,
    Field,
    Intervals,
    State,
    box,
    common,
    is_within,
    merged,
    network_intervals,
    normalized,
    overlap,
    sample,
    subtract,
)
from tieline.security.zones.plan import Plan

DEFAULT_VLAN = 1
"""The one that switches have every port in before anybody configures them."""
_NATIVE = 999
_LAST_VLAN = 4094

Vlan = Annotated[int, Key(ge=1, le=_LAST_VLAN)]


class ZoneVlans(Strict):
    """A zone as switches see it."""

    zone: str
    vlans: tuple[Vlan, ...] = ()
    subnets: tuple[str, ...] = ()


class Permit(Strict):
    """What one side may open to the other."""

    id: str
    source_zone: str
    source_vlans: tuple[Vlan, ...] = ()
    source: tuple[str, ...]
    """Addresses: `10.1.0.2`, `10.1.0.0/24`, `10.1.0.2-10.1.0.9`."""
    target_zone: str
    target_vlans: tuple[Vlan, ...] = ()
    target: tuple[str, ...]
    transport: Literal["tcp", "udp", "icmp"]
    ports: tuple[str, ...] = ()
    """Where the target listens, `7422` or `20000-20010`; none for ICMP echo."""
    replies: bool = True
    reason: str = ""


class VlanIntent(Strict):
    """The whole document."""

    utility: str
    native_vlan: Vlan
    zones: tuple[ZoneVlans, ...]
    permits: tuple[Permit, ...]
    otherwise: Literal["deny", "permit"] = "deny"


def vlan_intent(plan: Plan) -> VlanIntent:
    """The document that follows from the plan."""
    vlans = {zone.name: zone.vlans for zone in plan.zones}
    used = {vlan for zone in plan.zones for vlan in zone.vlans}
    native = next(vlan for vlan in (_NATIVE, *range(_LAST_VLAN, 1, -1)) if vlan not in used)
    return VlanIntent(
        utility=plan.utility,
        native_vlan=native,
        zones=tuple(ZoneVlans(zone=zone.name, vlans=zone.vlans, subnets=tuple(map(str, zone.subnets))) for zone in plan.zones),
        permits=tuple(permit for flow in flows_of(plan) if flow.is_conduit for permit in _permits(flow, vlans)),
    )


def _permits(flow: Flow, vlans: dict[str, tuple[int, ...]]) -> Iterator[Permit]:
    for family in (IPV4, IPV6):
        source, target = common(flow.source, family), common(flow.target, family)
        if not source or not target:
            continue
        for transport in dict.fromkeys(ports.transport for ports in flow.ports):
            numbers = normalized((ports.first, ports.last) for ports in flow.ports if ports.transport == transport)
            yield Permit(
                id=flow.id,
                source_zone=flow.source_zone,
                source_vlans=vlans[flow.source_zone],
                source=tuple(address_range(first, last) for first, last in source),
                target_zone=flow.target_zone,
                target_vlans=vlans[flow.target_zone],
                target=tuple(address_range(first, last) for first, last in target),
                transport=transport,
                ports=()
                if transport == "icmp"
                else tuple(str(first) if first == last else f"{first}-{last}" for first, last in numbers),
                replies=flow.has_replies,
                reason=flow.reason,
            )


def read_intent(text: str) -> VlanIntent:
    """The document that somebody or something made from JSON. Raises `ConfigError`."""
    try:
        return VlanIntent.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"this is no VLAN intent: {key or 'the document'}: {first['msg']}") from error


def as_json(intent: VlanIntent) -> str:
    """The document, the same bytes each time."""
    return intent.model_dump_json(indent=2) + "\n"


def rows(intent: VlanIntent) -> list[tuple[str, ...]]:
    """The permits as a table: from, to, service, conduit, reason; and what becomes of the rest."""
    return [
        (
            _side(permit.source_zone, permit.source_vlans, permit.source),
            _side(permit.target_zone, permit.target_vlans, permit.target),
            f"{permit.transport} {', '.join(permit.ports)}".strip(),
            permit.id,
            permit.reason,
        )
        for permit in intent.permits
    ]


def _side(zone: str, vlans: Iterable[int], addresses: Iterable[str]) -> str:
    tagged = ", ".join(f"VLAN {vlan}" for vlan in vlans)
    return f"{zone} ({tagged}) {', '.join(addresses)}" if tagged else f"{zone} {', '.join(addresses)}"


def prove_vlans(plan: Plan, intent: VlanIntent) -> list[Finding]:
    """Every difference between the plan and a document, which may have been changed on its way to the switches."""
    return [*_membership(plan, intent), *_Permits(plan, intent).findings()]


def _membership(plan: Plan, intent: VlanIntent) -> Iterator[Finding]:
    where = "VLAN intent"
    homes: dict[int, list[str]] = {}
    for said in intent.zones:
        for vlan in said.vlans:
            homes.setdefault(vlan, []).append(said.zone)
    for vlan, zones in homes.items():
        if vlan == intent.native_vlan:
            problem = f"VLAN {vlan} is native and belongs to zone {zones[0]}: a frame without a tag lands there"
            yield Finding(
                fault="native-vlan", where=where, problem=problem, witness=f"an untagged frame on a trunk enters {zones[0]}"
            )
        if len(zones) > 1:
            problem = f"VLAN {vlan} is in {' and '.join(zones)}: nothing stands between them"
            witness = f"a frame of {zones[0]} tagged {vlan} reaches {zones[1]}"
            yield Finding(fault="leaked-vlan", where=where, problem=problem, witness=witness)
        if vlan == DEFAULT_VLAN:
            problem = f"zone {zones[0]} uses VLAN {DEFAULT_VLAN}, in which every port is until it is configured"
            yield Finding(
                fault="default-vlan", where=where, problem=problem, witness=f"a new port of any switch is in {zones[0]}"
            )
    said_of = {said.zone: said for said in intent.zones}
    for zone in plan.zones:
        said_vlans = said_of[zone.name].vlans if zone.name in said_of else ()
        for vlan in sorted({*said_vlans} - {*zone.vlans}):
            problem = f"VLAN {vlan} is not one of zone {zone.name}"
            yield Finding(fault="leaked-vlan", where=where, problem=problem, witness=f"a frame tagged {vlan} enters {zone.name}")
        for vlan in sorted({*zone.vlans} - {*said_vlans}):
            problem = f"VLAN {vlan} of zone {zone.name} is missing"
            yield Finding(fault="missing-vlan", where=where, problem=problem, witness=f"a frame of {zone.name} tagged {vlan}")
        subnets = tuple(map(str, zone.subnets))
        if zone.name in said_of and said_of[zone.name].subnets != subnets:
            problem = f"the subnets of zone {zone.name} are {', '.join(subnets) or 'none'}"
            yield Finding(fault="subnet", where=where, problem=problem, witness=", ".join(said_of[zone.name].subnets) or "none")
    for unknown in sorted(said_of.keys() - {zone.name for zone in plan.zones}):
        yield Finding(fault="unknown-zone", where=where, problem="there is no such zone", witness=unknown)
    if intent.otherwise != "deny":
        yield Finding(
            fault="leak",
            where=where,
            problem="what no entry permits is permitted",
            witness="any packet from any VLAN to any other",
        )


@dataclass(frozen=True, slots=True)
class _Opening:
    id: str
    boxes: tuple[Box, ...]


class _Permits:
    """What may be opened, as packets that open it."""

    def __init__(self, plan: Plan, intent: VlanIntent) -> None:
        self._classes = AddressClasses(plan)
        self._intent = intent
        self._vlans = {zone.name: set(zone.vlans) for zone in plan.zones}
        self._flows = {flow.id: flow for flow in flows_of(plan) if flow.is_conduit}
        self._permitted = [_Opening(flow.id, tuple(_of_flow(flow))) for flow in self._flows.values()]
        self._together = merged(one for opening in self._permitted for one in opening.boxes)
        self._own = {opening.id: opening.boxes for opening in self._permitted}

    def findings(self) -> Iterator[Finding]:
        """Leaks and cuts, and entries that bear the wrong name."""
        said: list[_Opening] = []
        for index, permit in enumerate(self._intent.permits):
            where = f"VLAN intent, permits[{index}]"
            try:
                opening = _Opening(permit.id, tuple(_of_permit(permit)))
            except ValueError as error:
                yield Finding(fault="not-understood", where=where, problem=str(error), witness=permit.id)
                continue
            said.append(opening)
            yield from self._entry(where, permit, opening)
        every = [one for opening in said for one in opening.boxes]
        exactly, together = set(every), merged(every)
        for opening in self._permitted:
            missing = subtract([one for one in opening.boxes if one not in exactly], together)
            if missing:
                yield Finding(
                    fault="cut",
                    where="VLAN intent",
                    problem=f"conduit {opening.id} permits it, and no entry does",
                    witness=self._classes.words(sample(missing[0])),
                    conduit=opening.id,
                )

    def _entry(self, where: str, permit: Permit, opening: _Opening) -> Iterator[Finding]:
        own = self._own.get(permit.id, ())
        if all(one in own for one in opening.boxes):
            beyond: Sequence[Box] = ()
        else:
            beyond = subtract(opening.boxes, self._together)
            if not beyond and not all(is_within(one, own) for one in opening.boxes):
                packet = sample(subtract(opening.boxes, own)[0])
                real = next(one.id for one in self._permitted if any(packet.is_in(part) for part in one.boxes))
                problem = f"the entry says {permit.id}, and the packet belongs to conduit {real}"
                yield Finding(fault="label", where=where, problem=problem, witness=self._classes.words(packet), conduit=permit.id)
        if beyond:
            packet = self._classes.likely(beyond[0])
            turned = [overlap(_turned(one), other) for one in beyond for other in own]
            swapped = "; it is the conduit's other direction" if any(turned) else ""
            yield Finding(
                fault="leak",
                where=where,
                problem=f"it may be opened, and no conduit permits it{swapped}",
                witness=self._classes.words(packet),
                path=(f"{where}: {permit.id}",),
                conduit=permit.id,
            )
        for zone, vlans in ((permit.source_zone, permit.source_vlans), (permit.target_zone, permit.target_vlans)):
            for vlan in sorted({*vlans} - self._vlans.get(zone, set())):
                problem = f"VLAN {vlan} is not one of zone {zone}"
                yield Finding(
                    fault="leaked-vlan", where=where, problem=problem, witness=f"a frame tagged {vlan}", conduit=permit.id
                )
        flow = self._flows.get(permit.id)
        if flow is not None and permit.replies and not flow.has_replies:
            problem = "replies are let through, and data may flow to the target only"
            yield Finding(fault="leak", where=where, problem=problem, witness=f"any reply of {permit.id}", conduit=permit.id)
        elif flow is not None and flow.has_replies and not permit.replies:
            problem = "replies are not let through"
            yield Finding(fault="cut", where=where, problem=problem, witness=f"the first reply of {permit.id}", conduit=permit.id)


def _turned(one: Box) -> Box:
    turned = list(one)
    turned[Field.SOURCE], turned[Field.TARGET] = one[Field.TARGET], one[Field.SOURCE]
    return tuple(turned)


_NEW: Intervals = ((State.NEW, State.NEW),)


def _of_flow(flow: Flow) -> Iterator[Box]:
    for transport in dict.fromkeys(ports.transport for ports in flow.ports):
        numbers = normalized((ports.first, ports.last) for ports in flow.ports if ports.transport == transport)
        yield from _boxes(flow.source, flow.target, transport, numbers)


def _of_permit(permit: Permit) -> Iterator[Box]:
    try:
        source = normalized(interval for text in permit.source for interval in network_intervals(text))
        target = normalized(interval for text in permit.target for interval in network_intervals(text))
        numbers = normalized(
            (int(first), int(last or first)) for first, _, last in (text.partition("-") for text in permit.ports)
        )
    except ValueError as error:
        raise ValueError(f"its addresses or ports cannot be read: {error}") from error
    yield from _boxes(source, target, permit.transport, numbers)


def _boxes(source: Intervals, target: Intervals, transport: str, numbers: Intervals) -> Iterator[Box]:
    for family in (IPV4, IPV6):
        from_, to = common(source, family), common(target, family)
        if not from_ or not to:
            continue
        if transport == "icmp":
            number = ICMP if family is IPV4 else ICMPV6
            numbers = ((ECHO[number][0], ECHO[number][0]),)
        else:
            number = TRANSPORTS[transport]
        if numbers:
            yield box(source=from_, target=to, transport=((number, number),), target_port=numbers, state=_NEW)
