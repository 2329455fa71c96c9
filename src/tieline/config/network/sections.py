"""`network/network.toml`: defaults, places, VLANs, classes of traffic, services, ducts, rings and routes, as people write them."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tieline.config.fields import Name, Port, PositiveSeconds, Strict
from tieline.config.network.description import RingProtocol, ServiceKind, TransferClass
from tieline.config.snmp import Auth, Priv, check_algorithms
from tieline.config.zones import Address, Subnet, Vlan


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _check_route(text: str) -> str:
    return text if text == "default" else str(ip_network(text))


Names = Annotated[list[Name], BeforeValidator(_as_list)]
"""One name, or a list of them."""
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class DefaultsSection(Strict):
    """What holds where nothing else is said."""

    fiber_margin_db: float = Field(default=3.0, ge=0, le=20)
    ambient_c: tuple[float, float] = (0.0, 40.0)
    outdoor_c: tuple[float, float] = (-25.0, 55.0)
    frequency_hz: Literal[50, 60] = 50
    native_vlan: Vlan = 1
    poe_margin: float = Field(default=0.1, ge=0, lt=1)


class PlaceSection(Strict):
    """Where nodes stand that is no site."""

    name: Name
    title: str = ""


class VlanSection(Strict):
    """A VLAN."""

    id: Vlan
    name: Name
    zone: Name | None = None
    subnet: Subnet | None = None
    gateway: Address | None = None
    description: str = ""


class ClassSection(Strict):
    """A class of traffic."""

    name: Name
    pcp: list[Annotated[int, Field(ge=0, le=7)]] = Field(min_length=1)
    queue: int = Field(ge=0, le=15)
    weight: Positive | None = None


class DuctSection(Strict):
    """What several links run through, and are lost with."""

    name: Name
    description: str = ""


class RouteSection(Strict):
    """A static route."""

    node: Name
    to: Annotated[str, AfterValidator(_check_route)] = Field(description="a subnet, or default")
    via: Address


class RingSection(Strict):
    """Redundancy: which nodes belong together, and by which protocol."""

    name: Name
    protocol: RingProtocol
    members: Names = Field(default_factory=list)
    lan_a: Names = Field(default_factory=list)
    lan_b: Names = Field(default_factory=list)
    root: Name | None = None
    secondary_root: Name | None = None
    priorities: dict[str, Annotated[int, Field(ge=0, le=61_440, multiple_of=4_096)]] = Field(default_factory=dict)
    recovery_ms: float | None = Field(default=None, ge=0)
    hello_s: float = Field(default=2.0, ge=1, le=10)
    max_age_s: float = Field(default=20.0, ge=6, le=40)
    forward_delay_s: float = Field(default=15.0, ge=4, le=30)
    description: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.protocol == "prp":
            if not self.lan_a or not self.lan_b:
                raise ValueError("PRP has two LANs; write the switches of each into lan_a and lan_b")
        elif self.lan_a or self.lan_b:
            raise ValueError(f"only PRP has lan_a and lan_b; write the nodes of {self.protocol} into members")
        elif len(self.members) < 2:
            raise ValueError("has less than two members; name the nodes that belong together")
        if self.protocol == "rstp" and not 2 * (self.forward_delay_s - 1) >= self.max_age_s >= 2 * (self.hello_s + 1):
            raise ValueError(
                "the timers break IEEE 802.1D clause 17.14: 2 x (forward_delay_s - 1) >= max_age_s >= 2 x (hello_s + 1); correct them"
            )
        return self


class ServiceSection(Strict):
    """Something that the network has to carry."""

    name: Name
    kind: ServiceKind
    sources: Names = Field(validation_alias="from", min_length=1)
    targets: Names = Field(validation_alias="to", min_length=1)
    vlan: Vlan | None = None
    qos: Name | None = Field(default=None, description="a class of traffic; the lowest queue's where it is left out")
    transfer_class: TransferClass | None = None
    max_delay_ms: Positive | None = None
    redundancy: Literal["none", "any_link", "any_node", "any_duct", "any"] = "none"
    max_outage_ms: float | None = Field(default=None, ge=0)
    frame_octets: int | None = Field(default=None, ge=64, le=9_216)
    frames_per_s: Positive | None = None
    burst_frames: Positive | None = None
    rate_kbps: Positive | None = None
    svid_octets: int | None = Field(default=None, ge=1, le=129)
    description: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.transfer_class is not None and self.max_delay_ms is not None:
            raise ValueError("transfer_class and max_delay_ms both say how long it may take; write one of them")
        if self.max_outage_ms is not None and self.redundancy == "none":
            raise ValueError("max_outage_ms without redundancy; write what it has to survive")
        return self


class WatchSection(Strict):
    """How the network is watched: SNMPv3 with authentication and privacy. Its keys are no part of the folder."""

    period_s: PositiveSeconds = Field(default=30.0, description="from one look at a node to the next")
    timeout_s: PositiveSeconds = Field(default=2.0, description="how long an answer may take")
    retries: int = Field(default=2, ge=0, le=10, description="how often a request is repeated after silence")
    user: str = Field(default="tieline", pattern=r"^[A-Za-z0-9_.@-]{1,32}$")
    auth: Auth = "sha256"
    priv: Priv = "aes128"
    trap_port: Port | None = Field(default=None, description="where each site's gateway listens for notifications; nowhere")
    syslog_port: Port | None = Field(default=None, description="where each site's gateway listens for syslog; nowhere")
    alarms: bool = Field(default=True, description="whether differences are alarms, besides those that sites describe")
    ids: dict[str, Annotated[int, Field(ge=0, le=0xFFFFFFFF)]] = Field(
        default_factory=dict, description="of points, by site/node/name: only to resolve a collision"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_algorithms(self.auth, self.priv)
        if self.trap_port is not None and self.trap_port == self.syslog_port:
            raise ValueError("trap_port and syslog_port are one port; give each its own, such as 162 and 514")
        return self


class NetworkFile(Strict):
    """The whole of `network.toml`."""

    defaults: DefaultsSection = DefaultsSection()
    watch: WatchSection | None = None
    places: list[PlaceSection] = Field(default_factory=list)
    vlans: list[VlanSection] = Field(default_factory=list)
    classes: list[ClassSection] = Field(default_factory=list)
    services: list[ServiceSection] = Field(default_factory=list)
    ducts: list[DuctSection] = Field(default_factory=list)
    rings: list[RingSection] = Field(default_factory=list)
    routes: list[RouteSection] = Field(default_factory=list)


SECTIONS = tuple(name for name in NetworkFile.model_fields if name not in {"defaults", "watch"})
"""Its lists."""
