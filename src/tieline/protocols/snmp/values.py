"""Names and values as SNMP has them, and the keys of a user."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tieline.model import ConfigError

Oid = tuple[int, ...]
Value = int | bytes | Oid
"""Every kind of number is an int, also times in hundredths of a second; an address is its four octets. What is not there has no value."""
Table = dict[Oid, dict[Oid, Value]]
"""Cells by column, then by row: the object identifier of a cell is both after each other."""

Auth = Literal["sha", "sha224", "sha256", "sha384", "sha512"]
Priv = Literal["aes128", "aes192", "aes256"]
DIGEST_OCTETS: dict[str, int] = {"sha": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
KEY_OCTETS: dict[str, int] = {"aes128": 16, "aes192": 24, "aes256": 32}


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpKeys:
    """A user of the user-based security model (RFC 3414): name, protocols, and the passwords that keys are made from."""

    user: str
    auth: Auth = "sha256"
    priv: Priv = "aes128"
    auth_secret: str = field(repr=False)
    priv_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raises `ConfigError` for what is not safe, or not defined."""
        if self.auth not in DIGEST_OCTETS or self.priv not in KEY_OCTETS:
            raise ConfigError(f"{self.auth} and {self.priv} are not used: take sha256 and aes128, or what is stronger")
        if DIGEST_OCTETS[self.auth] < KEY_OCTETS[self.priv]:
            raise ConfigError(f"{self.priv} needs a longer digest than that of {self.auth}: no RFC says how to make its key")
        if not 1 <= len(self.user.encode()) <= 32:
            raise ConfigError("the name of a user has 1 to 32 octets (RFC 3414)")
        for what, secret in (("authentication", self.auth_secret), ("privacy", self.priv_secret)):
            if len(secret.encode()) < 8:
                raise ConfigError(f"the secret of {what} has less than 8 characters (RFC 3414)")


def oid(text: str) -> Oid:
    """The object identifier of `1.3.6.1...`."""
    return tuple(map(int, text.split(".")))


def dotted(name: Oid) -> str:
    """How people write an object identifier."""
    return ".".join(map(str, name))
