"""What rapid spanning tree makes of a group of switches: root, role of each port, and how long it takes after a failure.

Each bridge takes the way to the root of the least cost, then of the lowest bridge identifier it is offered by, then of the lowest port
(IEEE 802.1Q-2018 clauses 13.9 to 13.12). Costs are those of table 13-4. Bridge identifiers begin with the priority; of two that are equal
the lower MAC address decides, which the description does not know: then the order of the ring's members stands for it, and that is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from heapq import heappop, heappush

from tieline.config.network import Network, Ring
from tieline.network.redundancy.failures import Element
from tieline.network.redundancy.ways import Cable

DEFAULT_PRIORITY = 32_768
_COST_AT_1_MBPS = 20_000_000
"""Of table 13-4: 200,000 at 100 Mbit/s, 20,000 at 1 Gbit/s."""
_HANDSHAKE_MS = 5.0
"""Proposal, agreement and flushing in one bridge; IEC 62439-1:2010 clause 8 calculates with the product's own figure, 5 ms is usual."""
_LINK_LOSS_MS = {100: 10.0, 1_000: 50.0}
"""Until a lost link is noticed, of fiber at 100 Mbit/s and 1 Gbit/s; copper at 1 Gbit/s may take up to 750 ms (IEEE 802.3 clause 40)."""
_COPPER_GIGABIT_MS = 750.0


class Role(StrEnum):
    """Of a port (IEEE 802.1Q-2018 clause 13.12)."""

    ROOT = "root"
    DESIGNATED = "designated"
    ALTERNATE = "alternate"
    BACKUP = "backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A spanning tree that has come to rest."""

    root: str
    costs: Mapping[str, int]
    """Of the way to the root, by bridge; those that cannot reach it are missing."""
    roles: Mapping[str, Role]
    """By `node/port`."""
    is_certain: bool
    """False where equal priorities leave the root, or a choice between two ways, to MAC addresses."""

    @property
    def blocked(self) -> tuple[str, ...]:
        """The ports that do not forward."""
        return tuple(port for port, role in self.roles.items() if role in (Role.ALTERNATE, Role.BACKUP))


def cost_of(speed_mbps: float) -> int:
    """The path cost of a port (table 13-4)."""
    return max(1, round(_COST_AT_1_MBPS / speed_mbps))


def priority_of(ring: Ring, bridge: str) -> int:
    """The written one; of a root that is only named, what vendors set for it."""
    if bridge in ring.priorities:
        return ring.priorities[bridge]
    return {ring.root: 24_576, ring.secondary_root: 28_672}.get(bridge, DEFAULT_PRIORITY)


def tree_of(network: Network, ring: Ring, cables: Iterable[Cable], gone: Iterable[Element] = ()) -> Tree:
    """The tree of a ring's bridges without what is gone."""
    missing = frozenset(gone)
    members = [name for name in ring.members if network.by_name[name].is_bridge and ("node", name) not in missing]
    order = {name: (priority_of(ring, name), ring.members.index(name)) for name in members}
    between = [
        cable for cable in cables if cable.a.node in order and cable.b.node in order and missing.isdisjoint(cable.elements)
    ]
    number = {port.path: at for name in members for at, port in enumerate(network.by_name[name].ports)}
    if not members:
        return Tree(root="", costs={}, roles={}, is_certain=True)
    root = min(members, key=order.__getitem__)
    is_certain = sum(order[name][0] == order[root][0] for name in members) == 1
    beside: dict[str, list[Cable]] = {name: [] for name in members}
    for cable in between:
        beside[cable.a.node].append(cable)
        beside[cable.b.node].append(cable)
    # Root path cost, bridge that offers, its port, own port: the vector that clause 13.9 compares.
    best: dict[str, tuple[int, tuple[int, int], int, int, str]] = {}
    queue: list[tuple[tuple[int, tuple[int, int], int, int, str], str]] = [((0, (-1, -1), 0, 0, ""), root)]
    while queue:
        vector, name = heappop(queue)
        if name in best:
            known = best[name]
            same = vector[0] == known[0] and vector[1][0] == known[1][0] and vector[1] != known[1]
            is_certain = is_certain and not same
            continue
        best[name] = vector
        for cable in beside[name]:
            near, far = (cable.a, cable.b) if cable.a.node == name else (cable.b, cable.a)
            if near.node != far.node:
                cost = vector[0] + cost_of(min(link.speed_mbps for link in cable.links))
                heappush(queue, ((cost, order[name], number[near.path], number[far.path], far.path), far.node))
    roles: dict[str, Role] = {}
    for cable in between:
        for near, far in ((cable.a, cable.b), (cable.b, cable.a)):
            if near.node not in best or far.node not in best:
                continue
            mine = (best[near.node][0], order[near.node], number[near.path])
            theirs = (best[far.node][0], order[far.node], number[far.path])
            if best[near.node][4] == near.path:
                roles[near.path] = Role.ROOT
            elif mine < theirs:
                roles[near.path] = Role.DESIGNATED
            else:
                roles[near.path] = Role.BACKUP if near.node == far.node else Role.ALTERNATE
    return Tree(root=root, costs={name: vector[0] for name, vector in best.items()}, roles=roles, is_certain=is_certain)


def recovery_ms(network: Network, ring: Ring, cables: Iterable[Cable]) -> float:
    """How long traffic stops at the most after one link or bridge failed.

    What the description relies on where it says so. Otherwise noticing the loss, and a handshake in every bridge (IEC 62439-1:2010
    clause 8), which holds for links that are full duplex and lose their signal when they fail.
    """
    if ring.recovery_ms is not None:
        return ring.recovery_ms
    members = set(ring.members)
    noticed = max(
        (
            _COPPER_GIGABIT_MS
            if link.medium == "copper" and link.speed_mbps >= 1_000
            else _LINK_LOSS_MS[1_000 if link.speed_mbps >= 1_000 else 100]
            for cable in cables
            if cable.a.node in members and cable.b.node in members
            for link in cable.links
        ),
        default=0.0,
    )
    return noticed + _HANDSHAKE_MS * sum(network.by_name[name].is_bridge for name in ring.members)


def timer_bound_ms(ring: Ring) -> float:
    """How long it takes where no link goes down and nobody answers: three hellos missed, then both forward delays (clause 13.25)."""
    return 1_000.0 * (3 * ring.hello_s + 2 * ring.forward_delay_s)
