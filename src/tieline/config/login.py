"""`[login]` of `utility.toml`: how people log in at the center."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from tieline.config.fields import Strict


def _check_issuer(issuer: str) -> str:
    parts = urlsplit(issuer)
    host = parts.hostname or ""
    if parts.scheme not in {"https", "http"} or not host or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("is not the address of a provider; write for example https://login.example/realms/grid")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise ValueError("has to begin with https://; http:// is for a provider on this machine only")
    return issuer


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class OidcSection(Strict):
    """A provider of OpenID Connect who says who somebody is; what that person may do is in this folder."""

    issuer: Annotated[str, AfterValidator(_check_issuer)]
    client_id: str = Field(min_length=1, max_length=200)
    client_secret_file: str = Field(
        default="", description="where the client's secret is; a relative path begins at the center's data; none: a public client"
    )
    claim: str = Field(
        default="preferred_username", min_length=1, max_length=80, description="the claim that holds the person's name"
    )
    title: str = Field(default="single sign-on", min_length=1, max_length=60, description="what the login page calls it")


class LoginSection(Strict):
    """How people log in at the center."""

    second_factor: Literal["control", "always", "never"] = Field(
        default="control", description="for what a code or security key is asked besides the password"
    )
    idle_minutes: int = Field(default=30, ge=1, le=1_440, description="a session without activity ends after this")
    session_hours: int = Field(default=12, ge=1, le=168, description="a session ends after this in any case")
    control_minutes: int = Field(default=60, ge=1, le=720, description="for how long a second factor permits control")
    lock_after: int = Field(default=5, ge=2, le=100, description="failures in a row before an account is made to wait")
    longest_lock_minutes: int = Field(default=15, ge=1, le=1_440, description="the most that it is made to wait")
    password_history: int = Field(default=5, ge=0, le=24, description="so many passwords are not used again")
    token_days: int = Field(default=90, ge=1, le=730, description="the most that an API token lives")
    oidc: OidcSection | None = None
