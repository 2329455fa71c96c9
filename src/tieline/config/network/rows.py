"""The rows of `network/*.csv`. A cell that holds several names separates them by spaces."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tieline.config.fields import Name, Strict
from tieline.config.network.catalog import NodeKind, PoeClass
from tieline.config.network.description import LinkMedium, SupplyKind

_ADDRESS = re.compile(r"^(?P<address>[0-9A-Fa-f.:]+)(/(?P<prefix>\d{1,3}))?(@(?P<port>\S+))?$")
_LOAD = re.compile(r"^(?P<current>\d+(\.\d+)?)A:(?P<minutes>\d+(\.\d+)?)min$")


def _split(value: object) -> object:
    return value.replace(";", " ").replace(",", " ").split() if isinstance(value, str) else value


def split_address(text: str) -> tuple[str, int | None, str]:
    """Address, prefix length and port of `10.1.0.2/24@eth0`; raises `ValueError` in words."""
    match = _ADDRESS.match(text)
    if match is None:
        raise ValueError(f"{text} is no address; write for example 10.1.0.2 or 10.9.0.1/30@wan1")
    try:
        address = ip_address(match["address"])
    except ValueError:
        raise ValueError(f"{match['address']} is no IP address; write for example 10.1.0.2") from None
    prefix = int(match["prefix"]) if match["prefix"] else None
    if prefix is not None and prefix > address.max_prefixlen:
        raise ValueError(f"/{prefix} is no prefix of an address; write for example /24")
    return str(address), prefix, match["port"] or ""


def _check_node_address(text: str) -> str:
    split_address(text)
    return text


def split_load(text: str) -> tuple[float, float]:
    """Amperes and minutes of `100A:5min`; raises `ValueError` in words."""
    match = _LOAD.match(text)
    if match is None:
        raise ValueError(f"{text} is no part of a duty; write for example 100A:5min")
    return float(match["current"]), float(match["minutes"])


def _check_load(text: str) -> str:
    split_load(text)
    return text


def _check_end(text: str) -> str:
    node, slash, port = text.partition("/")
    if not slash or not node or not port:
        raise ValueError("is no port; write node/port, for example sw-1/3")
    return text


def _check_ports(text: str) -> str:
    first, dash, last = text.partition("-")
    if not first.isdigit() or (dash and not last.isdigit()) or not 1 <= int(first) <= int(last or first) <= 65_535:
        raise ValueError(f"{text} is no port or range of ports; write for example 7422 or 20000-20010")
    return text


Names = Annotated[list[Name], BeforeValidator(_split)]
Devices = Annotated[list[str], BeforeValidator(_split)]
Addresses = Annotated[list[Annotated[str, AfterValidator(_check_node_address)]], BeforeValidator(_split)]
Duty = Annotated[list[Annotated[str, AfterValidator(_check_load)]], BeforeValidator(_split)]
PortRanges = Annotated[list[Annotated[str, AfterValidator(_check_ports)]], BeforeValidator(_split)]
End = Annotated[str, AfterValidator(_check_end)]


class NodeRow(Strict):
    """A row of nodes.csv."""

    name: Name
    site: Name
    rack: str = ""
    kind: NodeKind | None = Field(default=None, description="the model's where it is empty")
    model: str
    addresses: Addresses = Field(default_factory=list)
    vlans: str = Field(default="all", description="those that a switch knows: all that there are, or a list like 11 40-42")
    supplies: Names = Field(default_factory=list)
    devices: Devices = Field(default_factory=list, description="hosts of utility.toml, devices of its site")
    outdoor: bool = False
    watch: str = Field(default="", description="no; yes; or the address of its agent, where it has several")
    firmware: str = Field(default="", max_length=255, description="what it should run; compared where it is written")
    description: str = ""


class PortRow(Strict):
    """A row of ports.csv: what differs from the model's default."""

    node: Name
    port: str = Field(description="one port or several, like 1-8")
    mode: Literal["access", "trunk", "hybrid", "routed", "disabled", "host"] | None = None
    vlan: Annotated[int, Field(ge=1, le=4094)] | None = Field(default=None, description="access or native")
    allowed: str = Field(default="", description="VLANs with a tag")
    speed_mbps: Annotated[int, Field(ge=1, le=400_000)] | None = None
    lag: str = ""
    poe: Literal["off", "on"] | PoeClass | None = Field(default=None, description="off, on, or the highest class")
    poe_priority: Literal["critical", "high", "low"] = "low"
    description: str = ""


class LinkRow(Strict):
    """A row of links.csv."""

    name: Name
    a: End
    b: End
    medium: LinkMedium
    cable: str = ""
    length_m: float | None = Field(default=None, ge=0, le=500_000)
    splices: int = Field(default=0, ge=0, le=1_000)
    connectors: int = Field(default=2, ge=0, le=100)
    db_per_km: float | None = Field(default=None, ge=0, le=20)
    extra_db: float = Field(default=0.0, ge=0, le=60)
    sfp_a: str = ""
    sfp_b: str = ""
    ducts: Names = Field(default_factory=list)
    speed_mbps: Annotated[float, Field(gt=0, le=400_000)] | None = Field(default=None, description="of radio and leased links")
    delay_us: float | None = Field(default=None, ge=0)
    description: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.medium in {"copper", "fiber"}:
            if not self.cable:
                raise ValueError(f"a link of {self.medium} has a cable; write one of the catalogue into the column cable")
            if self.length_m is None:
                raise ValueError("the length of the cable is missing; write length_m")
        elif self.cable:
            raise ValueError(f"a link of medium {self.medium} has no cable; leave the column empty")
        if self.medium != "fiber" and (self.splices or self.db_per_km is not None or self.extra_db):
            raise ValueError("only fiber has splices and attenuation; leave splices, db_per_km and extra_db empty")
        return self


class AclRow(Strict):
    """A row of acls.csv."""

    node: Name
    interface: str = Field(default="", description="vlan11, or a routed port; everything it routes where empty")
    direction: Literal["in", "out"] = "in"
    source: str = Field(default="any", validation_alias="from")
    target: str = Field(default="any", validation_alias="to")
    protocol: Literal["any", "tcp", "udp", "icmp"] = "any"
    ports: PortRanges = Field(default_factory=list)
    reply: bool = Field(default=False, description="fits what comes back: ports are the source's, and TCP is established")
    action: Literal["permit", "deny"]
    description: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.ports and self.protocol not in {"tcp", "udp"}:
            raise ValueError(f"{self.protocol} has no ports; write tcp or udp, or leave ports empty")
        return self


class SupplyRow(Strict):
    """A row of supplies.csv."""

    name: Name
    site: Name
    kind: SupplyKind
    voltage_v: Annotated[float, Field(gt=0, le=1_000)]
    capacity_w: Annotated[float, Field(gt=0)] | None = None
    fed_by: Names = Field(default_factory=list)
    efficiency: Annotated[float, Field(gt=0, le=1)] = 1.0
    cell: str = ""
    cells: Annotated[int, Field(ge=0, le=500)] = 0
    capacity_ah: Annotated[float, Field(gt=0)] | None = None
    autonomy_h: Annotated[float, Field(gt=0, le=240)] | None = None
    duty: Duty = Field(default_factory=list, description="besides the network: 100A:5min 50A:45min")
    temperature_c: Annotated[float, Field(ge=-40, le=60)] = 25.0
    design_margin: Annotated[float, Field(ge=1, le=3)] = 1.1
    aging_factor: Annotated[float, Field(ge=1, le=3)] = 1.25
    description: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.kind == "battery" and (not self.cell or not self.cells or self.capacity_ah is None):
            raise ValueError("a battery has cells; write cell, cells and capacity_ah")
        if self.kind != "battery" and (self.cell or self.cells or self.capacity_ah is not None or self.duty):
            raise ValueError("only a battery has cells and a duty; leave cell, cells, capacity_ah and duty empty")
        if self.kind == "converter" and not self.fed_by:
            raise ValueError("a converter is fed by something; write fed_by")
        return self
