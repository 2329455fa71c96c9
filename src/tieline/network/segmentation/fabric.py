"""Bridges as the proof sees them: ports, what they do with tags, and which port is joined to which.

A frame is its stack of VLAN tags, the outer one first; VLAN 0 is a tag that bears a priority only (IEEE 802.1Q clause 9.6). A port takes a
frame into a VLAN and keeps the tags beneath; it sends one out with the tag of the VLAN before them, or without. Tags of customers and of
providers (EtherTypes 8100 and 88A8) are taken alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Literal

Stack = tuple[int, ...]
"""VLANs of a frame's tags, the outer one first; empty for a frame without a tag."""

OPAQUE = -1
"""In place of a VLAN, in what passes frames on as they are: a media converter, a node in an HSR ring."""


class PortKind(Enum):
    """What a port does with frames."""

    ACCESS = "access"
    TRUNK = "trunk"
    TUNNEL = "tunnel"
    """Takes every frame with all of its tags into one VLAN (QinQ, dot1q-tunnel)."""
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior:
    """What a vendor's ports do with tags where the configuration says the same."""

    access_tagged: Literal["drop", "own_vlan", "any"] = "own_vlan"
    """A frame with a tag at an access port: dropped, taken where it is the port's VLAN, or taken into the VLAN that the tag says."""
    ingress_filtering: bool = True
    """Whether a trunk drops frames of VLANs that it is no member of (IEEE 802.1Q clause 8.6.2)."""
    native_tagged: Literal["accept", "drop"] = "accept"
    native_egress: Literal["untagged", "tagged"] = "untagged"
    priority_tagged: Literal["native", "drop"] = "native"
    trunk_untagged: Literal["native", "drop"] = "native"
    second_tag: Literal["keep", "drop"] = "keep"
    """A frame with a further tag beneath: carried as it is, or dropped."""
    access_inner: Literal["keep", "drop"] = "keep"
    """Of a frame with tags beneath that of its VLAN: leaves an access port with them, or not at all. Where a priority tag is on top of
    them at an access or tunnel port, all tags are kept beneath or removed."""
    most_tags: int | None = None
    """The innermost tag is lost where a tunnel port puts one more on top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FabricPort:
    """A port of a bridge; links that are aggregated are one."""

    name: str
    bridge: str
    kind: PortKind
    vlan: int | None = None
    """Of access and tunnel ports theirs, of trunks the native one; None for a trunk without."""
    allowed: frozenset[int] = frozenset()
    """Of trunks: the VLANs that pass, the native one among them where it does."""
    behavior: Behavior = Behavior()

    @property
    def members(self) -> frozenset[int]:
        """The VLANs whose frames leave by it."""
        if self.kind is PortKind.TRUNK:
            return self.allowed
        if self.kind is PortKind.OPAQUE:
            return frozenset({OPAQUE})
        return frozenset() if self.vlan is None else frozenset({self.vlan})

    def leaves_untagged(self, vlan: int) -> bool:
        """Whether frames of a member VLAN leave without its tag."""
        return self.kind is not PortKind.TRUNK or (vlan == self.vlan and self.behavior.native_egress == "untagged")

    def vlan_of_untagged(self) -> int | None:
        """The VLAN that a frame without a tag is taken into; None where it is dropped."""
        if self.kind is PortKind.TRUNK and (self.behavior.trunk_untagged == "drop" or self.vlan not in self.allowed):
            return None
        return self.vlan

    def vlan_of_tagged(self, tag: int) -> int | None:
        """The VLAN that a frame with this outer tag is taken into; None where it is dropped. Not of tunnel ports."""
        if tag == 0:
            return self.vlan_of_untagged() if self.behavior.priority_tagged == "native" else None
        if self.kind is PortKind.ACCESS:
            rule = self.behavior.access_tagged
            return tag if rule == "any" or (rule == "own_vlan" and tag == self.vlan) else None
        if tag == self.vlan and self.behavior.native_tagged == "drop":
            return None
        return tag if tag in self.allowed or not self.behavior.ingress_filtering else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What is attached to a port that leads to no other bridge."""

    port: str
    device: str
    zone: str
    """Empty where it belongs to none."""
    tag: int | None = None
    """Where a device is in several zones through one port: that of the frames that are meant."""
    is_own: bool = False
    """Whether it is the address of a switch or router itself."""


@dataclass(frozen=True, kw_only=True)
class Fabric:
    """Everything that passes frames on, and what hangs on it."""

    ports: tuple[FabricPort, ...]
    links: tuple[tuple[str, str], ...]
    """Pairs of ports of bridges."""
    endpoints: tuple[Endpoint, ...] = ()
    _peers: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for a, b in self.links:
            self._peers[a] = b
            self._peers[b] = a

    def peer(self, port: str) -> str | None:
        """The port at the other end of the link; None where there is no bridge."""
        return self._peers.get(port)

    @cached_property
    def by_name(self) -> dict[str, FabricPort]:
        """The ports."""
        return {port.name: port for port in self.ports}

    @cached_property
    def vlans(self) -> frozenset[int]:
        """Every VLAN in which a frame can leave any port."""
        return frozenset().union(*{port.members for port in self.ports}) - {OPAQUE}

    @cached_property
    def members(self) -> dict[tuple[str, int], tuple[FabricPort, ...]]:
        """The ports by which frames leave, by bridge and VLAN."""
        found: dict[tuple[str, int], list[FabricPort]] = {}
        for port in self.ports:
            for vlan in port.members:
                found.setdefault((port.bridge, vlan), []).append(port)
        return {key: tuple(ports) for key, ports in found.items()}

    @cached_property
    def endpoints_of(self) -> dict[str, tuple[Endpoint, ...]]:
        """What hangs on a port, by its name."""
        found: dict[str, list[Endpoint]] = {}
        for endpoint in self.endpoints:
            found.setdefault(endpoint.port, []).append(endpoint)
        return {port: tuple(endpoints) for port, endpoints in found.items()}


def fabric(ports: Iterable[FabricPort], links: Iterable[tuple[str, str]], endpoints: Iterable[Endpoint] = ()) -> Fabric:
    """The fabric of these."""
    return Fabric(ports=tuple(ports), links=tuple(links), endpoints=tuple(endpoints))
