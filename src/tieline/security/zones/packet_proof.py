"""Proof that firewalls let through what the plan permits, all of it and nothing else.

What each host's rule set lets through, in and out, is computed as a set of packets and compared with the set that the plan permits at the
host: a packet more is a leak, a packet less is a cut. Each difference is shown by one packet, with the rules that decide about it on this
host and on the other end. The comparison is per host and not per pair of hosts: where every host passes exactly what is permitted at it,
every pair does, because a packet from one to another passes both.

What is not understood counts as open where leaks are looked for, as closed where cuts are, and is a finding of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tieline.security.zones.findings import Finding
from tieline.security.zones.nftables import FAMILY, TABLE, counter_name, id_in, label
from tieline.security.zones.packet_flows import Flow, Permitted, addresses_of, flows_by_zone, flows_of, permitted_at
from tieline.security.zones.packets import (
    ANY_INTERFACE,
    Box,
    Field,
    Intervals,
    Packet,
    State,
    address_number,
    common,
    is_within,
    merged,
    narrowed,
    network_intervals,
    normalized,
    overlap,
    sample,
    subtract,
    without,
)
from tieline.security.zones.plan import Host, Plan
from tieline.security.zones.ruleset import (
    NO_INTERFACE,
    Bound,
    Chain,
    Direction,
    Passing,
    Place,
    Rule,
    Ruleset,
    Table,
    decide,
    passing,
    possible,
)

_ENDS: tuple[Direction, Direction] = ("input", "output")
_EXAMPLES: Intervals = tuple((address_number(text),) * 2 for text in ("203.0.113.9", "2001:db8::9"))
"""Addresses for documentation (RFC 5737, RFC 3849), for anybody elsewhere."""


class AddressClasses:
    """Who has an address: a host, a device, the rest of a zone, or somebody elsewhere."""

    def __init__(self, plan: Plan) -> None:
        named: dict[int, str] = {}
        for zone in plan.zones:
            for device in zone.devices:
                named |= {address_number(str(address)): f"device {device.path}" for address in device.addresses}
        for host in plan.hosts:
            named |= {address_number(str(address)): f"host {host.name}" for address in host.addresses}
        subnets = [
            (*interval, f"zone {zone.name}")
            for zone in plan.zones
            for subnet in zone.subnets
            for interval in network_intervals(str(subnet))
        ]
        self._named = named
        self._known = normalized((number, number) for number in named)
        self._subnets = sorted(subnets)
        self._starts = [first for first, _, _ in self._subnets]

    def name_of(self, address: int) -> str:
        """Whose it is, in words."""
        if address in self._named:
            return self._named[address]
        position = bisect_right(self._starts, address) - 1
        if position >= 0 and self._subnets[position][1] >= address:
            return self._subnets[position][2]
        return "elsewhere"

    def summary(self, addresses: Intervals, zone: str) -> str:
        """Whose they are: the zone's, where whole subnets of it are among them, otherwise hosts and devices by name."""
        if not addresses:
            return f"zone {zone}, no address known"
        if any(first != last and self.name_of(first) == f"zone {zone}" for first, last in addresses):
            return f"zone {zone}"
        single = [self.name_of(number) for first, last in addresses for number in range(first, min(last, first + 99) + 1)]
        return ", ".join(dict.fromkeys(single))

    def likely(self, one: Box, near: Field | None = None, own: Intervals = ()) -> Packet:
        """A packet of the box as somebody would send it: with an own address at the near end, where there is one, and at the other
        somebody elsewhere, or else a host or device."""
        chosen = one
        for field in (Field.SOURCE, Field.TARGET):
            for wanted in (own,) if field is near else (_EXAMPLES, self._known):
                some = common(chosen[field], wanted)
                if some:
                    chosen = narrowed(chosen, field, (some[0],)) or chosen
                    break
        return sample(chosen)

    def words(self, packet: Packet) -> str:
        """The packet, and who its ends are."""
        return f"{packet} ({self.name_of(packet.source)} to {self.name_of(packet.target)})"


def prove_packets(plan: Plan, rulesets: Mapping[str, Ruleset]) -> list[Finding]:
    """Every difference between the plan and the rule sets of these hosts, by name; empty where they agree."""
    flows = flows_by_zone(flows_of(plan))
    network = _Network(plan, rulesets)
    return [
        finding
        for host in plan.hosts
        if host.name in rulesets
        for finding in _HostProof(network, host, flows.get(host.zone, [])).findings()
    ]


class _Network:
    """All hosts whose firewalls are known, to tell whether the other end stops what one end lets through."""

    def __init__(self, plan: Plan, rulesets: Mapping[str, Ruleset]) -> None:
        self.classes = AddressClasses(plan)
        self.rulesets = rulesets
        self.owners = {
            address_number(str(address)): host.name for host in plan.hosts if host.name in rulesets for address in host.addresses
        }
        self.guarded: Intervals = normalized((number, number) for number in self.owners)

    def witness(self, direction: Direction, pieces: Sequence[Box], own: Intervals) -> tuple[Packet, tuple[str, ...], bool]:
        """A packet of the pieces, what its other end does with it, and whether it gets all the way.

        One whose other end has no known firewall is preferred; then one that the other end lets through.
        """
        if direction == "forward":
            return self.classes.likely(pieces[0]), (), True
        near, field = (Field.TARGET, Field.SOURCE) if direction == "input" else (Field.SOURCE, Field.TARGET)
        for piece in sorted(pieces, key=lambda piece: not common(piece[near], own)):
            open_end = narrowed(piece, field, without(piece[field], self.guarded))
            if open_end is not None:
                return self.classes.likely(open_end, near, own), (), True
        stopped: tuple[Packet, tuple[str, ...], bool] | None = None
        for packet in self._to_guarded(pieces, field):
            owner = self.owners[packet.values[field]]
            decision = decide(self.rulesets[owner], _OTHER[direction], _seen_there(packet), Bound.MOST)
            path = tuple(f"{owner}, {_OTHER[direction]}: {place}" for place in decision.places[-1:])
            if decision.passes:
                return packet, path, True
            stopped = stopped or (packet, path, False)
        assert stopped is not None
        return stopped

    @staticmethod
    def _to_guarded(pieces: Sequence[Box], field: Field) -> Iterator[Packet]:
        for piece in pieces:
            for first, last in piece[field]:
                for number in range(first, last + 1):
                    narrow = narrowed(piece, field, ((number, number),))
                    assert narrow is not None
                    yield sample(narrow)


_NEAR = {"input": Field.TARGET, "output": Field.SOURCE, "forward": None}
_OTHER: dict[Direction, Direction] = {"input": "output", "output": "input"}


def _seen_there(packet: Packet) -> Packet:
    """The packet as the other end sees it: it leaves there where it arrives here."""
    return replace(packet, input=packet.output, output=packet.input)


class _HostProof:
    """The comparison at one host."""

    def __init__(self, network: _Network, host: Host, flows: Sequence[Flow]) -> None:
        self._network = network
        self._classes = network.classes
        self._host = host
        self._own = addresses_of(host.addresses)
        self._flows = flows
        self._ruleset = network.rulesets[host.name]
        self._permitted = permitted_at(host, flows)
        self._ids = {label(flow.id) for flow in flows} | {permitted.id for permitted in self._permitted}

    def findings(self) -> Iterator[Finding]:
        """Everything that is wrong."""
        yield from self._not_understood()
        for direction in _ENDS:
            permitted = [one for one in self._permitted if one.direction == direction]
            most = passing(self._ruleset, direction, Bound.MOST)
            yield from self._leaks(direction, most, [one.box for one in permitted])
            yield from self._cuts(direction, permitted)
            yield from self._labels(direction, most, permitted)
        yield from self._leaks("forward", passing(self._ruleset, "forward", Bound.MOST), [])

    def _leaks(self, direction: Direction, passes: Sequence[Passing], permitted: Sequence[Box]) -> Iterator[Finding]:
        exactly = {_comparable(one, direction) for one in permitted}
        together = merged(permitted)
        seen: set[tuple[int, ...]] = set()
        for passed in passes:
            if _comparable(passed.box, direction) in exactly:
                continue
            pieces = subtract([passed.box], together)
            key = tuple(id(place.rule or place.chain) for place in passed.places)
            if not pieces or key in seen:
                continue
            seen.add(key)
            yield self._leak(direction, pieces, passes)

    def _leak(self, direction: Direction, pieces: Sequence[Box], passes: Sequence[Passing]) -> Finding:
        packet, beyond, gets_through = self._network.witness(direction, pieces, self._own)
        places = next(passed.places for passed in passes if packet.is_in(passed.box))
        own = tuple(f"{self._host.name}, {direction}: {place}" for place in places) or (
            f"{self._host.name}, {direction}: no chain of any table decides about it",
        )
        path = (*own, *beyond) if direction == "output" else (*beyond, *own)
        problem = _LEAKS[direction]
        if direction != "forward" and packet.state in _GOING_ON and not self._may_begin(direction, packet):
            problem = "a connection that no conduit permits goes on, if it was open before or is taken up"
        if not gets_through:
            problem += "; only the firewall at the other end stops it"
        return Finding(
            fault="leak", where=self._where(direction), problem=problem, witness=self._classes.words(packet), path=path
        )

    def _may_begin(self, direction: Direction, packet: Packet) -> bool:
        """Whether the rules let somebody open the packet's connection."""
        if packet.state is State.ESTABLISHED:
            return decide(self._ruleset, direction, replace(packet, state=State.NEW), Bound.MOST).passes
        first = replace(
            packet,
            input=packet.output,
            output=packet.input,
            source=packet.target,
            target=packet.source,
            source_port=packet.target_port,
            target_port=packet.source_port,
            state=State.NEW,
        )
        return decide(self._ruleset, _OTHER[direction], first, Bound.MOST).passes

    def _cuts(self, direction: Direction, permitted: Sequence[Permitted]) -> Iterator[Finding]:
        least = [passed.box for passed in passing(self._ruleset, direction, Bound.LEAST)]
        exactly = {_comparable(one, direction) for one in least}
        together = merged(least)
        seen: set[str] = set()
        for one in permitted:
            if one.id in seen or _comparable(one.box, direction) in exactly:
                continue
            goes = [both for possibly in possible(direction) if (both := overlap(one.box, possibly)) is not None]
            pieces = subtract(goes, together)
            if not pieces:
                continue
            seen.add(one.id)
            packet = self._classes.likely(pieces[0], _NEAR[direction], self._own)
            place = decide(self._ruleset, direction, packet, Bound.LEAST).places[-1:]
            yield Finding(
                fault="cut",
                where=self._where(direction),
                problem=f"{_words(one.id)} permits it, and it does not pass",
                witness=self._classes.words(packet),
                path=tuple(f"{self._host.name}, {direction}: {one}" for one in place),
                conduit=one.id,
            )

    def _labels(self, direction: Direction, passes: Sequence[Passing], permitted: Sequence[Permitted]) -> Iterator[Finding]:
        """Rules of our own table that count or name a conduit other than the one that they let through."""
        by_label: dict[str, list[Box]] = {}
        for one in permitted:
            by_label.setdefault(label(one.id), []).append(one.box)
        every = merged(one.box for one in permitted)
        seen: set[int] = set()
        for passed in passes:
            place = next((one for one in passed.places if (one.table.family, one.table.name) == (FAMILY, TABLE)), None)
            if place is None or place.rule is None or id(place.rule) in seen:
                continue
            seen.add(id(place.rule))
            yield from self._labels_of(direction, place, place.rule, passed.box, by_label, every)

    def _labels_of(
        self,
        direction: Direction,
        place: Place,
        rule: Rule,
        passed: Box,
        by_label: Mapping[str, Sequence[Box]],
        every: Sequence[Box],
    ) -> Iterator[Finding]:
        named = id_in(rule.comment)
        where = self._where(direction)
        path = (f"{self._host.name}, {direction}: {place}",)

        def shown() -> str:
            return self._classes.words(self._classes.likely(passed, _NEAR[direction], self._own))

        if named not in self._ids:
            said = f"the comment names {named!r}, which is no conduit here" if named else "the rule names no conduit"
            yield Finding(fault="label", where=where, problem=said, witness=shown(), path=path, conduit=named)
        elif (others := subtract([passed], by_label.get(named, ()))) and is_within(passed, every):
            packet = sample(others[0])
            really = next(
                (one.id for one in self._permitted if one.direction == direction and packet.is_in(_any_way(one.box))), ""
            )
            yield Finding(
                fault="label",
                where=where,
                problem=f"the comment says {named}, and the packet belongs to {_words(really)}",
                witness=self._classes.words(packet),
                path=path,
                conduit=named,
            )
        wanted = counter_name(direction, named)
        if rule.counter is None:
            yield Finding(
                fault="counter", where=where, problem="it passes without being counted", witness=shown(), path=path, conduit=named
            )
        elif rule.counter != wanted and named in self._ids:
            said = f"it is counted by {rule.counter or 'a counter without a name'}, not by {wanted}"
            yield Finding(fault="counter", where=where, problem=said, witness=shown(), path=path, conduit=named)

    def _not_understood(self) -> Iterator[Finding]:
        """Rules that may decide about packets in a way that is not modeled."""
        for table in self._ruleset.tables:
            for chain in table.chains.values():
                if table.family in {"arp", "bridge"}:
                    yield from self._other_family(table, chain)
                for rule in chain.rules:
                    is_limited_log = rule.verdict == "continue" and not rule.changes
                    why = "; ".join(filter(None, (rule.unsure, rule.changes)))
                    if why and not is_limited_log:
                        place = Place(table=table, chain=chain, rule=rule)
                        yield Finding(
                            fault="not-understood",
                            where=f"host {self._host.name}",
                            problem=f"what the rule does to packets is not proven: {why}",
                            witness=rule.text,
                            path=(f"{self._host.name}: {place}",),
                        )

    def _other_family(self, table: Table, chain: Chain) -> Iterator[Finding]:
        if chain.policy == "drop" or any(rule.verdict == "drop" for rule in chain.rules):
            yield Finding(
                fault="not-understood",
                where=f"host {self._host.name}",
                problem=f"a table of family {table.family} may drop frames before the firewall sees a packet",
                witness=f"table {table.title}, chain {chain.name}",
            )

    def _where(self, direction: Direction) -> str:
        return f"host {self._host.name}, {direction}"


_LEAKS: dict[Direction, str] = {
    "input": "it is let in, and no conduit permits it",
    "output": "it is let out, and no conduit permits it",
    "forward": "it is forwarded, and no conduit leads through a host",
}
_GOING_ON = {State.ESTABLISHED, State.ESTABLISHED_REPLY}


def _words(name: str) -> str:
    if name.startswith("host."):
        return f"what a host needs to live ({name})"
    return f"the way to a device of the zone ({name})" if "/" in name else f"conduit {name}"


def _any_way(one: Box) -> Box:
    return (ANY_INTERFACE, ANY_INTERFACE, *one[Field.SOURCE :])


def _comparable(one: Box, direction: Direction) -> Box:
    """The box without the interface that its direction does not have."""
    none = Field.OUTPUT if direction == "input" else Field.INPUT
    return (*one[:none], NO_INTERFACE, *one[none + 1 :])


def unenforced(plan: Plan, flows: Iterable[Flow]) -> list[str]:
    """What no firewall of a host enforces, and why, in words."""
    words = [
        f"zone {host.zone} has no [[hosts]]: nothing there has a firewall of its own"
        if host.is_implied
        else f"host {host.name} has no addresses: no firewall is made for it"
        for host in plan.hosts
        if not host.addresses
    ]
    bare = {zone.name for zone in plan.zones if not any(host.addresses for host in zone.hosts)}
    for flow in flows:
        if not flow.can_be_enforced and (flow.is_conduit or flow.source_zone not in bare):
            if flow.source and flow.target:
                why = "its ends have no family of addresses in common"
            else:
                side, zone = ("opens it", flow.source_zone) if not flow.source else ("is asked", flow.target_zone)
                why = f"the folder gives no address of who {side} in zone {zone}"
            words.append(f"{_words(flow.id)} is not opened: {why}")
    return words
