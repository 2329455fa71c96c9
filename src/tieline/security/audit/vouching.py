"""Whose key a log's key is: the file `key` of an audit.

    NAME+HASH+BASE64              the public key (C2SP signed-note)
    certificate BASE64            the certificate of the role that keeps the log, in DER
    vouched BASE64                the role's signature over the first line, see `tieline.security.identity.signing`
    signed BASE64                 the log's own signature over the lines before

The role's certificate is one of the utility's authority. Whoever has the authority's certificate needs to be told no key.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tieline.model import RefusedError
from tieline.security.audit.notes import PublicKey, SigningKey, write_surely

PURPOSE = "audit key"
_PREFIX = "tieline/audit/"


class Signs(Protocol):
    """A role's signer, see `tieline.security.identity.signing.Signer`."""

    certificate: bytes

    def sign(self, purpose: str, content: bytes) -> bytes:
        """The signature."""
        ...


class Verifies(Protocol):
    """Verifies what a role signed, see `tieline.security.identity.signing.Verifier`."""

    def verify(self, purpose: str, content: bytes, signature: bytes, certificate: bytes, at: datetime) -> None:
        """Raises `RefusedError`."""
        ...


def origin_of(site: str) -> str:
    """The name of the log whose records have this site."""
    return f"{_PREFIX}{site}"


def site_of(origin: str) -> str:
    """The other way round. Raises `ValueError` for a name that is none of an audit."""
    if not origin.startswith(_PREFIX):
        raise ValueError(f"{origin} is no audit")
    return origin.removeprefix(_PREFIX)


@dataclass(frozen=True, slots=True)
class Key:
    """A log's public key, and who vouches for it."""

    public: PublicKey
    certificate: bytes = b""
    vouched: bytes = b""
    signed: bytes = b""

    @property
    def _lines(self) -> str:
        lines = f"{self.public}\n"
        if self.certificate:
            lines += f"certificate {_encode(self.certificate)}\nvouched {_encode(self.vouched)}\n"
        return lines

    def __bytes__(self) -> bytes:
        return f"{self._lines}signed {_encode(self.signed)}\n".encode()

    @property
    def is_own(self) -> bool:
        """Whether the log has signed all of it."""
        return self.public.has_signed(self.signed, self._lines.encode())

    def signed_by(self, key: SigningKey) -> Key:
        """The same with the log's signature."""
        return Key(self.public, self.certificate, self.vouched, key.sign(self._lines.encode()))

    def check(self, verifier: Verifies, at: datetime) -> None:
        """Raises `RefusedError` unless the role vouches for the key with a certificate that was valid then."""
        if not self.certificate:
            raise RefusedError("no role vouches for the key of the log")
        verifier.verify(PURPOSE, str(self.public).encode(), self.vouched, self.certificate, at)


def parse_key(raw: bytes) -> Key:
    """The key in these bytes, of which the log has signed each. Raises `ValueError`."""
    lines = raw.decode("utf-8").split("\n")
    values = {}
    for line in lines[1:-1]:
        word, _, value = line.partition(" ")
        values[word] = base64.b64decode(value, validate=True)
    key = Key(PublicKey.parse(lines[0]), *(values.get(word, b"") for word in ("certificate", "vouched", "signed")))
    if bytes(key) != raw or not key.is_own:
        raise ValueError("it is not what the log has signed")
    return key


def read_key(raw: bytes | None) -> Key | None:
    """The key in these bytes; None where they are none."""
    try:
        return None if raw is None else parse_key(raw)
    except ValueError:
        return None


def write_key(folder: Path, key: SigningKey, temporary: Path, signer: Signs | None = None) -> Key:
    """Writes the log's key, vouched for by the signer or by whom it was before; gives it. Raises `OSError`."""
    path = folder / "key"
    held = read_key(path.read_bytes() if path.exists() else None)
    if held is not None and str(held.public) != str(key.public):
        held = None
    if signer is not None and (held is None or held.certificate != signer.certificate):
        held = Key(key.public, signer.certificate, signer.sign(PURPOSE, str(key.public).encode())).signed_by(key)
    elif held is None:
        held = Key(key.public).signed_by(key)
    else:
        return held
    write_surely(path, bytes(held), temporary=temporary)
    return held


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
