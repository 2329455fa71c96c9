"""`[[zones]]`, `[[hosts]]` and `[[conduits]]`: what trusts each other, where it is, and the ways between (IEC 62443-3-2)."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tieline.config.fields import Name, Port, Strict
from tieline.config.services import BUS, SERVICES

ZoneKind = Literal["substation", "plant", "dmz", "control_center", "enterprise"]
Direction = Literal["both", "to_target", "to_source"]


def _check_subnet(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise ValueError(f"is no subnet: {error}; write for example 10.1.0.0/24") from error


def _check_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("is no IP address; write for example 10.1.0.2") from None


def _check_protocol(name: str) -> str:
    if name not in SERVICES:
        raise ValueError(f"no conduit knows this protocol; write one of {', '.join(SERVICES)}; tcp and udp take any ports")
    return name


Subnet = Annotated[str, AfterValidator(_check_subnet)]
Address = Annotated[str, AfterValidator(_check_address)]
Protocol = Annotated[str, AfterValidator(_check_protocol)]
Vlan = Annotated[int, Field(ge=1, le=4094)]
Member = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?(/[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?)?$")]
"""A host, or a device as `name`, or as `site/name` where the zone has several sites."""


class ZoneSection(Strict):
    """A zone of IEC 62443-3-2: what trusts each other."""

    name: Name
    kind: ZoneKind
    sites: list[Name] = Field(default_factory=list)
    security_level: int = Field(default=1, ge=0, le=4)
    description: str = ""
    subnets: list[Subnet] = Field(default_factory=list)
    vlans: list[Vlan] = Field(default_factory=list)


class HostSection(Strict):
    """A machine on which roles run."""

    name: Name
    zone: Name
    addresses: list[Address] = Field(default_factory=list)
    roles: list[Name] = Field(default_factory=list, description="names of certificates; all of the zone's where it has one host")


class ConduitSection(Strict):
    """A permitted way between two zones, opened by its source, with the reason for it."""

    id: Name | None = Field(default=None, description="SOURCE-TARGET-PROTOCOL where it is left out")
    source: Name
    target: Name
    protocol: Protocol = BUS
    ports: list[Port] = Field(default_factory=list, description="instead of the protocol's own")
    direction: Direction = Field(default="both", description="where data may flow")
    reason: str = Field(min_length=1)
    owner: str = Field(default="", description="who answers for it")
    source_members: list[Member] = Field(default_factory=list, description="hosts and devices; all of the zone where left out")
    target_members: list[Member] = Field(default_factory=list, description="hosts and devices; all of the zone where left out")

    @property
    def name(self) -> str:
        """Its id, whether it was written or follows."""
        return self.id or f"{self.source}-{self.target}-{self.protocol}"
