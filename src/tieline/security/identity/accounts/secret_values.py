"""Values that prove something by being known: 256 random bits, of which only the hash is kept."""

from __future__ import annotations

import hashlib
import secrets

_ONE_TIME_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without letters and digits that look alike."""


def new_value() -> str:
    """256 random bits, in characters that fit into a cookie, a header and an address."""
    return secrets.token_urlsafe(32)


def new_name() -> str:
    """A short name that nobody can guess, for what is no secret but has to be told apart."""
    return secrets.token_hex(8)


def hash_of(value: str) -> str:
    """What is stored of a value; a plain hash is enough for so many random bits."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def one_time_secret() -> str:
    """A password of 99 random bits that a person can type from a console, to be changed at once."""
    text = "".join(secrets.choice(_ONE_TIME_ALPHABET) for _ in range(20))
    return "-".join(text[start : start + 5] for start in range(0, 20, 5))
