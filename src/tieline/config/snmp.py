"""What is watched of a node of the communications network: an SNMP agent as a device, with what the design says of its ports.

Nobody writes point lists for it. `[watch]` of `network/network.toml` and the design itself say what there is to see
(`tieline.config.network.watching`); from here on the node is a device of its site like any other, and is named like the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from tieline.config.device import Device
from tieline.config.fields import Host, Port, PositiveSeconds, Strict
from tieline.config.rows import PointRow

SNMP_PORT = 161
TRAP_PORT = 162
SYSLOG_PORT = 514

Auth = Literal["sha", "sha224", "sha256", "sha384", "sha512"]
"""HMAC of the digest (RFC 3414 for SHA-1, RFC 7860 for the others)."""
Priv = Literal["aes128", "aes192", "aes256"]
"""AES in CFB mode (RFC 3826 for 128 bits)."""
_DIGEST_OCTETS: dict[Auth, int] = {"sha": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
_KEY_OCTETS: dict[Priv, int] = {"aes128": 16, "aes192": 24, "aes256": 32}


class Measure(StrEnum):
    """What a point says of a port or of the node; the value is also the end of the point's name."""

    LINK = "link"
    """Of a port: 1 where the link is up."""
    IN_PERCENT = "in_percent"
    """Of the link's speed, received."""
    OUT_PERCENT = "out_percent"
    ERRORS_PER_S = "errors_per_s"
    """Frames in and out that were given up because of errors."""
    DISCARDS_PER_S = "discards_per_s"
    """Frames in and out that were given up though nothing was wrong with them, as for want of buffers."""
    NEIGHBOR = "neighbor"
    """1 where LLDP finds the node and port there that the design has."""
    VIOLATIONS = "violations"
    """Of the port's security, counted."""
    POE = "poe"
    """1 where the port delivers power."""
    POE_W = "poe_w"
    POE_SWITCH = "poe_switch"
    """Control: 1 switches the port's power on, 0 off."""
    POE_RESTART = "poe_restart"
    """Control that takes 1 only: off, a while, and on again."""
    SUPPLY = "supply"
    """Of the node: 1 where the supply input is fed; `WatchRow.number` says which."""
    TEMPERATURE_C = "temperature_c"
    UPTIME_S = "uptime_s"
    FIRMWARE = "firmware"
    """1 where it is the one that the design has."""
    POE_USED_PERCENT = "poe_used_percent"
    """Of what the node's ports can give together."""
    DRIFT = "drift"
    """How many differences there are between what was found and the design."""


class SnmpConnection(Strict):
    """How an agent is reached: SNMPv3 with authentication and privacy (RFC 3414); its keys are no part of the folder."""

    host: Host
    port: Port = SNMP_PORT
    user: str = Field(default="tieline", pattern=r"^[A-Za-z0-9_.@-]{1,32}$", description="msgUserName (RFC 3414)")
    auth: Auth = "sha256"
    priv: Priv = "aes128"
    timeout_s: PositiveSeconds = Field(default=2.0, description="how long an answer may take")
    retries: int = Field(default=2, ge=0, le=10, description="how often a request is repeated after silence")
    period_s: PositiveSeconds = Field(default=30.0, description="from one look to the next")

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        check_algorithms(self.auth, self.priv)
        return self


def check_algorithms(auth: Auth, priv: Priv) -> None:
    """Raises `ValueError` where the digest is shorter than the cipher's key: no RFC says how to make one, and agents differ."""
    if _DIGEST_OCTETS[auth] < _KEY_OCTETS[priv]:
        enough = next(name for name, octets in _DIGEST_OCTETS.items() if octets >= _KEY_OCTETS[priv])
        raise ValueError(f"priv {priv} needs a longer digest than that of {auth}; write auth = {enough}, or priv = aes128")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How the network is watched: SNMPv3 with authentication and privacy (RFC 3414)."""

    period_s: float = 30.0
    """From one look at a node to the next."""
    timeout_s: float = 2.0
    retries: int = 2
    user: str = "tieline"
    auth: Auth = "sha256"
    priv: Priv = "aes128"
    trap_port: int | None = None
    """Where each site's gateway listens for notifications (UDP); None for nowhere."""
    syslog_port: int | None = None
    """The same for syslog (UDP)."""
    alarms: bool = True
    """Whether differences from the design are alarms, besides what sites describe."""
    ids: Mapping[str, int] = field(default_factory=dict)
    """Of points, by their paths, where they are not derived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbor:
    """The other end of a link."""

    node: str
    """Its name in the design, which is what it should tell as its system name."""
    port: str
    interface: str
    """What the node itself calls the port."""
    addresses: tuple[str, ...] = ()
    """Of the node: what tells a name of its own, as cameras do, is known by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPort:
    """What the design says of a port."""

    name: str
    slug: str
    """Its name within names of points: of `Gi1/3` it is `gi1-3`."""
    interface: str
    """What the agent calls it (ifName, or ifDescr)."""
    is_linked: bool
    """Whether a link ends here that carries frames."""
    is_disabled: bool
    speed_mbps: float | None = None
    """Of the link; None where there is none."""
    neighbor: Neighbor | None = None
    """None where there is no link, or where one of its ends does not speak LLDP."""
    poe_class: int | None = None
    """The highest class that it feeds; None where it feeds none, or is not to."""
    feeds: str = ""
    """The node that lives from its power; empty where none does."""


class WatchRow(PointRow):
    """A point of a watched node."""

    measure: Measure
    port: str = Field(default="", description="the design's name of the port; empty where it is about the node")
    number: int = Field(default=0, ge=0, le=16, description="of the supply input, counted from 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpDevice(Device):
    """A node of the network that is watched; `name` is the node's."""

    protocol: Literal["snmp"] = "snmp"
    connection: SnmpConnection
    ports: tuple[WatchedPort, ...]
    """All ports of the node, in the order of its model."""
    rows: tuple[WatchRow, ...]
    firmware: str = ""
    """What it should run; empty where nobody says."""
    has_lldp: bool = False
    poe_budget_w: float | None = None
    """What its ports can give together; None where they give nothing, or nobody says."""
