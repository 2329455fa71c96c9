"""What redundancy protocols ask of the network around them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise, repeat

from tieline.config.network import Network, Ring
from tieline.network.redundancy.failures import Failure
from tieline.network.redundancy.ways import Cable, Ways
from tieline.network.segmentation.described import ROUTED, fabric_port

_SHARED = 6


def ring_problems(network: Network, ways: Ways) -> Iterator[tuple[str, str]]:
    """The name of a ring, and what is wrong with it; an empty name where there should be a ring."""
    for ring in network.rings:
        among = ways.cables_among(ring.members)
        if ring.protocol == "prp":
            yield from ((ring.name, problem) for problem in _prp(network, ring, ways.cables, ways.failures))
        elif ring.protocol in ("hsr", "mrp"):
            yield from ((ring.name, problem) for problem in _closed(ring, among))
        elif ring.protocol == "rstp":
            yield from ((ring.name, problem) for problem in _rstp(network, ring, among))
    yield from (("", problem) for problem in _loops(network, ways.cables))


def _prp(network: Network, ring: Ring, cables: Sequence[Cable], failures: Sequence[Failure]) -> Iterator[str]:
    """Two networks that share nothing (IEC 62439-3:2016 clause 4)."""
    lans = {"A": set(ring.lan_a), "B": set(ring.lan_b)}
    members = set(ring.members)
    for name in sorted(lans["A"] & lans["B"]):
        yield f"switch {name} is in both LANs: without it both are gone"
    beside: dict[str, list[tuple[str, Cable]]] = {}
    for cable in cables:
        if _common(network, cable):
            beside.setdefault(cable.a.node, []).append((cable.b.node, cable))
            beside.setdefault(cable.b.node, []).append((cable.a.node, cable))
    before: dict[str, str] = dict.fromkeys(sorted(lans["A"]), "")
    queue = list(before)
    for name in queue:
        for other, _ in beside.get(name, ()):
            if other in before or other in members:
                continue
            before[other] = name
            queue.append(other)
            if other in lans["B"]:
                way = [other]
                while before[way[-1]]:
                    way.append(before[way[-1]])
                yield f"LAN A and LAN B are joined: {' - '.join(reversed(way))}; frames of one get into the other"
                break
        else:
            continue
        break
    elements = {
        lan: {("node", name) for name in switches}
        | {
            element
            for cable in cables
            if {cable.a.node, cable.b.node} & switches and not {cable.a.node, cable.b.node} & lans["B" if lan == "A" else "A"]
            for element in cable.elements
        }
        for lan, switches in lans.items()
    }
    for failure in failures:
        if failure.kind in ("duct", "supply"):
            gone = {lan: sorted(name for kind, name in failure.gone & of_lan) for lan, of_lan in elements.items()}
            if all(gone.values()):
                words = " and ".join(f"{_some(names)} of LAN {lan}" for lan, names in gone.items())
                yield f"{failure} takes {words} at once"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHARED]) + (f" and {len(names) - _SHARED} more" if len(names) > _SHARED else "")


def _closed(ring: Ring, cables: Sequence[Cable]) -> Iterator[str]:
    """Each member has the ring's two links and no other to a member, all of one speed (IEC 62439-3 clause 5, IEC 62439-2)."""
    members = list(ring.members)
    wanted = {frozenset(pair) for pair in pairwise([*members, members[0]])} if len(members) > 1 else set()
    speeds: dict[float, str] = {}
    for cable in cables:
        ends = frozenset({cable.a.node, cable.b.node})
        if ends not in wanted:
            yield f"{' and '.join(sorted(ends))} are joined across the ring by {cable.links[0].name}: frames circulate"
        speeds.setdefault(min(link.speed_mbps for link in cable.links), cable.links[0].name)
    if len(speeds) > 1:
        words = ", ".join(f"{name} {speed:g} Mbit/s" for speed, name in sorted(speeds.items()))
        yield f"its links differ in speed: {words}"


def _rstp(network: Network, ring: Ring, cables: Sequence[Cable]) -> Iterator[str]:
    """Timers and size (IEEE 802.1Q-2018 clause 13.26: a message is discarded when its age, one for each bridge, reaches the maximum)."""
    bridges = [name for name in ring.members if network.by_name[name].is_bridge]
    if len(bridges) > ring.max_age_s:
        yield (
            f"with {len(bridges)} bridges in a row, once the ring is open, the last hears nothing of the root: max age {ring.max_age_s:g} "
            f"is less; raise it to 40 at the most, or make two rings"
        )
    if not 2 * (ring.forward_delay_s - 1) >= ring.max_age_s >= 2 * (ring.hello_s + 1):
        yield (
            f"hello {ring.hello_s:g} s, max age {ring.max_age_s:g} s and forward delay {ring.forward_delay_s:g} s do not go together: "
            f"2 x (forward delay - 1) >= max age >= 2 x (hello + 1)"
        )
    joined = {frozenset({cable.a.node, cable.b.node}) for cable in cables}
    for name in bridges:
        if len(bridges) > 1 and not any(frozenset({name, other}) in joined for other in bridges):
            yield f"{name} is joined to no other member"


def _loops(network: Network, cables: Sequence[Cable]) -> Iterator[str]:
    """Circles of links in one VLAN that no protocol opens: one broadcast frame goes around for ever."""
    guarded = [set(ring.members) for ring in network.rings if ring.protocol in ("mrp", "hsr")]
    # Bridges that run RSTP have one tree, whichever rings name them.
    guarded.append({member for ring in network.rings if ring.protocol == "rstp" for member in ring.members})
    redboxes = {
        (member, switch)
        for ring in network.rings
        if ring.protocol == "prp"
        for member in ring.members
        for switch in (*ring.lan_a, *ring.lan_b)
    }
    passing = {member for ring in network.rings if ring.protocol == "hsr" for member in ring.members}
    groups: set[tuple[str, str, str, str]] = set()
    open_: dict[int, list[Cable]] = {}
    opened: dict[int, list[Cable]] = {}
    """Those in which a protocol keeps circles open; with others they may still close one."""
    for cable in cables:
        a, b = cable.a, cable.b
        if (a.node, b.node) in redboxes or (b.node, a.node) in redboxes:
            continue
        if any({a.node, b.node} <= members for members in guarded):
            for vlan in _common(network, cable, passing):
                opened.setdefault(vlan, []).append(cable)
            continue
        if a.lag and b.lag:
            key = a.node, a.lag, b.node, b.lag
            if key in groups:
                continue
            groups.add(key)
        for vlan in _common(network, cable):
            open_.setdefault(vlan, []).append(cable)
    told: set[frozenset[str]] = set()
    for vlan, joining in sorted(open_.items()):
        for circle in _circles(opened.get(vlan, ()), joining):
            names = frozenset(cable.links[0].name for cable in circle)
            if names not in told:
                told.add(names)
                yield (
                    f"{', '.join(cable.links[0].name for cable in circle)} are a circle in VLAN {vlan} that no protocol opens: "
                    "name the switches in a ring, or take a link out"
                )


def _common(network: Network, cable: Cable, passing: Collection[str] = ()) -> frozenset[int]:
    """The VLANs in which it joins what is at its ends; devices in `passing` pass every one on."""
    found = frozenset(network.vlan_by_id)
    for port in (cable.a, cable.b):
        node = network.by_name[port.node]
        made = fabric_port(node, port) if node.is_bridge else None
        if made is not None:
            found = made.members - {ROUTED} if port is cable.a else found & made.members
        elif node.is_bridge or node.name not in passing:
            return frozenset()
    return found


def _circles(opened: Iterable[Cable], cables: Iterable[Cable]) -> Iterator[list[Cable]]:
    """One circle for each of the cables that closes one, with others or with those in which circles are kept open."""
    tree: dict[str, list[tuple[str, Cable]]] = {}
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root.setdefault(name, name) != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    for cable, is_opened in chain(zip(opened, repeat(True)), zip(cables, repeat(False))):
        a, b = cable.a.node, cable.b.node
        if find(a) != find(b):
            root[find(a)] = find(b)
            tree.setdefault(a, []).append((b, cable))
            tree.setdefault(b, []).append((a, cable))
        elif not is_opened:
            yield [*_between(tree, a, b), cable]


def _between(tree: Mapping[str, list[tuple[str, Cable]]], start: str, end: str) -> list[Cable]:
    before: dict[str, tuple[str, Cable] | None] = {start: None}
    queue = [start]
    for name in queue:
        for other, cable in tree.get(name, ()):
            if other not in before:
                before[other] = name, cable
                queue.append(other)
    way = []
    step = before[end]
    while step is not None:
        way.append(step[1])
        step = before[step[0]]
    return way[::-1]
