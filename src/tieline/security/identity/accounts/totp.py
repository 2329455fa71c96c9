"""Time-based one-time codes (RFC 6238, with HOTP of RFC 4226): SHA-1, six digits, steps of 30 s, what every authenticator app speaks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from urllib.parse import quote

DIGITS = 6
STEP_S = 30
WINDOW = 1
"""So many steps before and after now are taken too, for clocks that differ (RFC 6238, 5.2)."""


def new_secret() -> bytes:
    """A secret of 160 bits (RFC 4226, 4, R6)."""
    return secrets.token_bytes(20)


def code_at(secret: bytes, step: int) -> str:
    """The code of one step of time (RFC 4226, 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def step_at(utc_us: int) -> int:
    """The step of time that it is, counted since 1970."""
    return utc_us // (STEP_S * 1_000_000)


def find_step(secret: bytes, code: str, utc_us: int, *, after: int) -> int | None:
    """The step whose code this is, or None; only steps that come after the one of the code accepted last (RFC 6238, 5.2)."""
    given, now = code.encode("utf-8", "replace"), step_at(utc_us)
    steps = range(now - WINDOW, now + WINDOW + 1)
    fitting = [step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), given)]
    return next((step for step in fitting if step > after), None)


def base32(secret: bytes) -> str:
    """The secret as people type it."""
    return base64.b32encode(secret).decode().rstrip("=")


def address(secret: bytes, *, issuer: str, name: str) -> str:
    """The `otpauth` address that authenticator apps read."""
    label = f"{quote(issuer, safe='')}:{quote(name, safe='')}"
    return f"otpauth://totp/{label}?secret={base32(secret)}&issuer={quote(issuer, safe='')}&digits={DIGITS}&period={STEP_S}"
