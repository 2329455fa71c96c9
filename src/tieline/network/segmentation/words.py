"""The way of a frame, as a person can follow it from port to port."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tieline.network.segmentation.fabric import OPAQUE, Fabric, FabricPort, PortKind, Stack
from tieline.network.segmentation.spread import END, Arrival, sent, spread, taken

_MOST = 4


def tags_text(tags: Stack) -> str:
    """`without a tag`, `with tag 20`, `with tags 1, 20`."""
    if not tags:
        return "without a tag"
    return f"with {'tag' if len(tags) == 1 else 'tags'} {', '.join(map(str, tags))}"


def way(fabric: Fabric, arrival: Arrival, *, sender: str, target: str) -> Iterator[str]:
    """Step by step: from the sender to where the frame leaves."""
    steps = arrival.steps()
    stack = arrival.frame
    yield f"{sender} sends a frame {tags_text(stack)} into {arrival.start}"
    for step, following in pairwise(steps):
        port = fabric.by_name[step.port]
        held = next(iter(taken(fabric, port, stack, END)))
        if held.vlan != OPAQUE:
            yield f"{port.name} takes it into VLAN {held.vlan}: {_why_taken(port, stack)}"
        out = fabric.by_name[following.port if following.is_delivery else str(fabric.peer(following.port))]
        left = sent(out, held)
        assert left is not None, "a found way leads on"
        stack = left[0]
        yield f"{out.name} sends it {'' if following.is_delivery else 'on '}{tags_text(stack)}{_why_sent(out, held.vlan)}"
    yield f"{target} has it, {tags_text(stack)}, from VLAN {arrival.vlan}" if arrival.vlan != OPAQUE else f"{target} has it"


def stops(fabric: Fabric, sender: str, port: str, frame: Stack) -> Iterator[str]:
    """Where a frame is dropped that goes into a port."""
    lost: list[tuple[str, Stack]] = []
    heard = sorted({arrival.port for arrival in spread(fabric, [(port, frame, END)], lost)})
    yield f"{sender} sends a frame {tags_text(frame)} into {port}"
    for at, stack in lost:
        peer = fabric.peer(at)
        yield f"{at} drops what comes {tags_text(stack)}" + (f" from {peer}" if peer else "")
    yield (
        f"it leaves at {', '.join(heard[:_MOST])}{' and others' if len(heard) > _MOST else ''}" if heard else "it leaves nowhere"
    )


def _why_taken(port: FabricPort, stack: Stack) -> str:
    if port.kind is PortKind.TUNNEL and (not stack or stack[0]):
        return "a tunnel port, whatever tags the frame has"
    name = "an access port" if port.kind is PortKind.ACCESS else "a trunk"
    if not stack:
        return (
            f"{name}, its own VLAN for what has no tag"
            if port.kind is PortKind.ACCESS
            else "its native VLAN, for what has no tag"
        )
    if stack[0] == 0:
        return f"{name} that takes VLAN 0 for no VLAN"
    if port.kind is PortKind.ACCESS:
        own = "takes a tag of its own VLAN" if stack[0] == port.vlan else "believes any tag"
        return f"an access port that {own}"
    if stack[0] in port.allowed:
        return "the tag says so, and the trunk has that VLAN"
    return "the tag says so; the trunk has no such VLAN, but does not filter what comes in"


def _why_sent(port: FabricPort, vlan: int) -> str:
    if port.kind is PortKind.TRUNK and port.leaves_untagged(vlan):
        return f": VLAN {vlan} is its native one, whose tag it takes off"
    return ""
