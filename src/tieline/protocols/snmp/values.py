"""Names and values as SNMP has them, and the keys of a user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Oid = tuple[int, ...]
Value = int | bytes | Oid
"""Every kind of number is an int, also times in hundredths of a second; an address is its four octets. What is not there has no value."""
Table = dict[Oid, dict[Oid, Value]]
"""Cells by column, then by row: the object identifier of a cell is both after each other."""

Auth = Literal["sha", "sha224", "sha256", "sha384", "sha512"]
Priv = Literal["aes128", "aes192", "aes256"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpKeys:
    """A user of the user-based security model (RFC 3414): name, protocols, and the passwords that keys are made from."""

    user: str
    auth: Auth = "sha256"
    priv: Priv = "aes128"
    auth_secret: str = field(repr=False)
    priv_secret: str = field(repr=False)


def oid(text: str) -> Oid:
    """The object identifier of `1.3.6.1...`."""
    return tuple(map(int, text.split(".")))


def dotted(name: Oid) -> str:
    """How people write an object identifier."""
    return ".".join(map(str, name))
