"""The communication section of an SCL file (IEC 61850-6, clause 9.4): who is connected to which network, with which addresses."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The parameters (`P`) of an address, and those that Tieline understands, checked."""

    ip: str = ""
    mask: str = ""
    gateway: str = ""
    port: int | None = None
    """MMS-Port; None where the file does not say (102, or 3782 with TLS)."""
    psel: bytes = b""
    ssel: bytes = b""
    tsel: bytes = b""
    ap_title: str = ""
    """Dotted or with commas, as written."""
    ae_qualifier: int | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    """All of them as written, type and value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MulticastAddress:
    """The address of a GOOSE (`GSE`) or sampled value (`SMV`) control block."""

    ld_inst: str
    control_block: str
    mac: str
    """`01-0c-cd-01-00-01`; empty where the file has none, or no valid one."""
    app_id: int | None
    vlan_id: int | None
    """None where the file has none; 0 is priority-tagged only."""
    vlan_priority: int | None
    ip: str = ""
    """Of a routable GOOSE or SV."""
    min_time_ms: float | None = None
    max_time_ms: float | None = None
    is_sampled: bool = False
    """`SMV`; otherwise `GSE`."""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedAP:
    """An access point of an IED on a subnetwork."""

    ied: str
    access_point: str
    address: Address
    multicasts: tuple[MulticastAddress, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubNetwork:
    """A subnetwork: `8-MMS` is the station bus' protocol stack; in practice GOOSE and SV run on the same one."""

    name: str
    type: str
    description: str
    bit_rate_mbps: float | None
    access_points: tuple[ConnectedAP, ...]
    line: int = field(default=0, compare=False)
