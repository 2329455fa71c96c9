"""`[audit]` of `utility.toml`: where the records of all audits go besides."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from tieline.config.transports import TlsClient

DEFAULT_PORT = 6514


def read_collector(address: str) -> tuple[str, int]:
    """Host and port of `tls://HOST[:PORT]`. Raises `ValueError` for anything else."""
    parts = urlsplit(address)
    if parts.scheme != "tls" or not parts.hostname or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("is not the address of a collector; write for example tls://siem.example:6514")
    return parts.hostname, DEFAULT_PORT if parts.port is None else parts.port


def _check_collector(address: str) -> str:
    if address:
        read_collector(address)
    return address


class AuditSection(TlsClient):
    """Continuous forwarding to a collector (SIEM), by the center."""

    syslog: Annotated[str, AfterValidator(_check_collector)] = Field(
        default="", description="the collector, as tls://HOST:PORT (RFC 5425); empty: nothing is forwarded"
    )
    format: Literal["json", "cef"] = Field(default="json", description="what the message of RFC 5424 holds")
