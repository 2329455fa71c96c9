"""Where frames can get to, exactly: of one frame, or of every frame that somebody at a port could make up.

How it works. A bridge holds a frame as (VLAN, tags beneath). The tags beneath matter only when they come to the top, so of somebody who
may choose his frame nothing is fixed until then: the stack is a known part, and a tail that is either the end of the tags or still free.
Where a free tail comes to the top at a port, each tag that the port takes is tried, and no tag at all. What was chosen on the way is the
frame. So frames of every depth are covered, and each path ends with one that a person can send.

A bridge does not send a frame back by the port that it came by. To be exact about that, each state remembers by which port it was
first reached: it is then left by all others, and, once it is reached by another port too, by the first as well.

All links are taken to forward, those included that a spanning tree blocks today: it may be another tomorrow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tieline.network.segmentation.fabric import OPAQUE, Fabric, FabricPort, PortKind, Stack

Tail = bool
"""Whether tags beneath the known ones may still be chosen."""
END, FREE = False, True
MOST_TAGS = 6
"""A frame that has more is not followed any further: around a circle of tunnel ports it would grow for ever."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame that came into a bridge, or out of a port where no bridge is."""

    port: str
    """By which it came in, or went out at the end."""
    vlan: int
    """The one that it was taken into; where it went out, that in which it did."""
    known: Stack
    """Tags beneath; where it went out, all that it has."""
    tail: Tail
    chosen: Stack
    """Tags that were chosen here, out of a free tail."""
    before: Arrival | None
    is_delivery: bool = False

    def steps(self) -> list[Arrival]:
        """From the first port to this one."""
        steps: list[Arrival] = []
        one: Arrival | None = self
        while one is not None:
            steps.append(one)
            one = one.before
        return steps[::-1]

    @property
    def start(self) -> str:
        """The port where the frame was sent in."""
        one = self
        while one.before is not None:
            one = one.before
        return one.port

    @property
    def frame(self) -> Stack:
        """The tags with which it was sent in, where all of them were chosen."""
        return tuple(tag for step in self.steps() for tag in step.chosen)


_State = tuple[str, int, Stack, Tail]
_EVERY = ""


def spread(
    fabric: Fabric, starts: Iterable[tuple[str, Stack, Tail]], lost: list[tuple[str, Stack]] | None = None
) -> Iterator[Arrival]:
    """What leaves at ports without a bridge behind them, the nearest first; each port and stack once.

    In `lost` it notes the ports that drop a frame that comes to them, with its tags.
    """
    seen: dict[_State, str] = {}
    delivered: set[tuple[str, Stack, Tail]] = set()
    queue: deque[Arrival] = deque()
    for name, known, tail in starts:
        _enter(fabric, name, known, tail, None, queue, lost)
    while queue:
        arrival = queue.popleft()
        port = fabric.by_name[arrival.port]
        bridge, came = port.bridge, arrival.port
        state = (bridge, arrival.vlan, arrival.known, arrival.tail)
        first = seen.get(state)
        if first in (came, _EVERY) or _is_covered(seen, state, came):
            continue
        seen[state] = came if first is None else _EVERY
        for out in fabric.members.get((bridge, arrival.vlan), ()):
            if out.name != came if first is None else out.name == first:
                left = sent(out, arrival)
                if left is None:
                    continue
                stack, tail = left
                peer = fabric.peer(out.name)
                if peer is not None:
                    _enter(fabric, peer, stack, tail, arrival, queue, lost)
                elif (out.name, stack, tail) not in delivered:
                    delivered.add((out.name, stack, tail))
                    yield Arrival(out.name, arrival.vlan, stack, tail, (), arrival, is_delivery=True)


def _enter(
    fabric: Fabric,
    name: str,
    known: Stack,
    tail: Tail,
    before: Arrival | None,
    queue: deque[Arrival],
    lost: list[tuple[str, Stack]] | None,
) -> None:
    length = len(queue)
    queue.extend(taken(fabric, fabric.by_name[name], known, tail, before))
    if lost is not None and len(queue) == length:
        lost.append((name, known))


def sent(port: FabricPort, arrival: Arrival) -> tuple[Stack, Tail] | None:
    """The tags that a frame has where it leaves; None where it does not."""
    if arrival.vlan == OPAQUE:
        return arrival.known, arrival.tail
    if port.kind is PortKind.ACCESS and port.behavior.access_inner == "drop":
        return None if arrival.known else ((), END)
    return arrival.known if port.leaves_untagged(arrival.vlan) else (arrival.vlan, *arrival.known), arrival.tail


def _is_covered(seen: dict[_State, str], state: _State, came: str) -> bool:
    """Whether the same was reached with a free tail, which may also be none."""
    bridge, vlan, known, tail = state
    return tail is END and seen.get((bridge, vlan, known, FREE)) in (came, _EVERY)


def taken(fabric: Fabric, port: FabricPort, known: Stack, tail: Tail, before: Arrival | None = None) -> Iterator[Arrival]:
    """What a port makes of a frame; of one with a free tail at the top, of each that it may be."""
    if len(known) > MOST_TAGS:
        return
    if port.kind is PortKind.OPAQUE:
        yield Arrival(port.name, OPAQUE, known, tail, (), before)
        return
    if known:
        yield from _tagged(port, known[0], known[1:], tail, (), before)
        return
    vlan = port.vlan_of_untagged()
    if vlan is not None:  # first, so that of two frames the one of fewer tags is found
        yield Arrival(port.name, vlan, (), END, (), before)
    if tail is FREE:
        for tag in (*_tried(fabric, port), 0):
            yield from _tagged(port, tag, (), FREE, (tag,), before)


def _tried(fabric: Fabric, port: FabricPort) -> Iterable[int]:
    if port.kind is PortKind.TRUNK and port.behavior.ingress_filtering:
        return sorted(port.allowed)
    if port.kind is PortKind.ACCESS and port.behavior.access_tagged != "any":
        return () if port.vlan is None or port.behavior.access_tagged == "drop" else (port.vlan,)
    return sorted(fabric.vlans)


def _tagged(port: FabricPort, tag: int, rest: Stack, tail: Tail, chosen: Stack, before: Arrival | None) -> Iterator[Arrival]:
    behavior = port.behavior
    vlan: int | None
    if port.kind is PortKind.TUNNEL and tag != 0:
        vlan, rest = port.vlan, (tag, *rest)
        if behavior.most_tags is not None and len(rest) >= behavior.most_tags - 1:
            rest, tail = rest[: behavior.most_tags - 1], END
    else:
        vlan = port.vlan_of_untagged() if port.kind is PortKind.TUNNEL else port.vlan_of_tagged(tag)
        if behavior.second_tag == "drop":
            if rest:
                return
            tail = END
        if tag == 0 and port.kind is not PortKind.TRUNK and behavior.access_inner == "drop":
            rest, tail = (), END
    if vlan is not None:
        yield Arrival(port.name, vlan, rest, tail, chosen, before)


def deliveries(fabric: Fabric, port: str, frame: Stack) -> set[tuple[str, Stack]]:
    """The ports at which this very frame leaves, with the tags that it has there."""
    return {(arrival.port, arrival.known) for arrival in spread(fabric, [(port, frame, END)])}
