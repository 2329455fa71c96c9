"""What is revoked: a signed list, an X.509 CRL (RFC 5280), which every machine keeps and none exchanges for an older one.

The list says which serial numbers are revoked. In an extension of ours it says of which generation a role's certificates have to be:
bus servers know users by the names in certificates and nothing else, so they are told the names of the generation that counts.

A list that has come to the end of its time still counts: what it revokes stays revoked, and what it does not name is let in. A center that
cannot be reached must not take every site down; that the list is old is logged and shown instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tieline.model import RefusedError, UnavailableError
from tieline.security.identity import files
from tieline.security.identity.certificates import UNREADABLE, IssuingKey, check_strength, hash_for, read_role_name, vouched

LIST_LIFE = timedelta(days=7)
"""A list is made anew long before."""

GENERATIONS = x509.ObjectIdentifier("2.25.147934035175313907740658710688196706526")
"""The extension that says which generation of a role counts: JSON, `{"role": generation}`. An OID out of a UUID (ITU-T X.667)."""

FILE = "revoked.crl"

REASONS = {reason.value: reason for reason in x509.ReasonFlags if reason != x509.ReasonFlags.remove_from_crl}
"""Why a certificate is revoked, by the names of RFC 5280, clause 5.3.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """One certificate that must not be used any more."""

    serial: int
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationList:
    """A list whose signature was verified."""

    number: int
    issued: datetime
    next_update: datetime
    generations: Mapping[str, int]
    """Of every role of which a certificate was ever revoked, the generation that counts; 0 for all others."""
    revoked: Mapping[int, Revoked]
    """By serial number."""
    pem: bytes = field(repr=False)
    """As it travels: the list, and the certificate of who has signed it."""

    def is_overdue(self, at: datetime) -> bool:
        """Whether a newer one should have come by now."""
        return at > self.next_update

    def generation(self, role: str) -> int:
        """The generation of a role that counts."""
        return self.generations.get(role, 0)

    def refusal(self, certificate: x509.Certificate) -> str:
        """Why this certificate is not to be used; nothing where it is."""
        found = self.revoked.get(certificate.serial_number)
        if found is not None:
            return f"it was revoked on {found.at:%Y-%m-%d %H:%M} UTC ({found.reason})"
        try:
            role, generation = read_role_name(certificate.subject)
        except ValueError:
            return ""
        counts = self.generation(role)
        return (
            "" if generation >= counts else f"it is of generation {generation} of {role}, and {counts} counts since a revocation"
        )


def make_list(
    number: int,
    revoked: Sequence[Revoked],
    generations: Mapping[str, int],
    issuer: Sequence[x509.Certificate],
    key: IssuingKey,
    now: datetime,
    life: timedelta = LIST_LIFE,
) -> bytes:
    """A signed list as it travels; the issuer's certificate comes first in its chain."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer[0].subject)
        .last_update(now)
        .next_update(now + life)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(check_strength(issuer[0].public_key())), critical=False)
        .add_extension(
            x509.UnrecognizedExtension(GENERATIONS, json.dumps(dict(generations), sort_keys=True).encode()), critical=False
        )
    )
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial).revocation_date(one.at)
        if REASONS[one.reason] is not x509.ReasonFlags.unspecified:  # RFC 5280: should be left out then
            entry = entry.add_extension(x509.CRLReason(REASONS[one.reason]), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    signed = builder.sign(key, hash_for(key))
    return signed.public_bytes(serialization.Encoding.PEM) + files.as_pem(issuer)


def read_list(pem: bytes, roots: Sequence[x509.Certificate]) -> RevocationList:
    """The list, if a root vouches for who has signed it. Raises `RefusedError`."""
    try:
        signed = x509.load_pem_x509_crl(pem)
        issuer, *others = x509.load_pem_x509_certificates(pem)
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        is_signed = usage.crl_sign and signed.is_signature_valid(check_strength(issuer.public_key()))
        at = signed.last_update_utc
    except UNREADABLE as error:
        raise RefusedError(f"the list of what is revoked cannot be read: {error}") from error
    if not is_signed:
        raise RefusedError("the list of what is revoked is not signed by the certificate that came with it")
    try:
        vouched(issuer, others, roots, at)
    except RefusedError as error:
        raise RefusedError("the list of what is revoked is not signed by the utility's authority") from error
    try:
        return _read(signed, pem)
    except UNREADABLE as error:
        raise RefusedError(f"the list of what is revoked is not one of Tieline's: {error}") from error


def _read(signed: x509.CertificateRevocationList, pem: bytes) -> RevocationList:
    extension = signed.extensions.get_extension_for_oid(GENERATIONS).value
    generations = json.loads(extension.value) if isinstance(extension, x509.UnrecognizedExtension) else None
    next_update = signed.next_update_utc
    if not isinstance(generations, dict) or not all(type(one) is int for one in generations.values()) or next_update is None:
        raise ValueError("it does not say which generations count, or when the next one is due")
    return RevocationList(
        number=signed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number,
        issued=signed.last_update_utc,
        next_update=next_update,
        generations=generations,
        revoked={one.serial_number: _revoked(one) for one in signed},
        pem=pem,
    )


def _revoked(entry: x509.RevokedCertificate) -> Revoked:
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        reason = x509.ReasonFlags.unspecified.value
    return Revoked(serial=entry.serial_number, at=entry.revocation_date_utc, reason=reason)


class Revocations:
    """The list that a machine keeps, read again when its file changes."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the authority's: the list lies beside the certificate of the root, with which it is verified."""
        self._folder = folder
        self._read_at: tuple[int, int] | None = None
        self._list: RevocationList | None = None

    @property
    def file(self) -> Path:
        """Where the list lies."""
        return self._folder / FILE

    def current(self) -> RevocationList | None:
        """The newest list that came; None while none has.

        Raises `RefusedError` where the file holds something else, `ConfigError` where the root's certificate cannot be read.
        """
        try:
            found = self.file.stat()
            seen = found.st_mtime_ns, found.st_ino
            if seen != self._read_at:
                self._list = read_list(self.file.read_bytes(), self._roots())
                self._read_at = seen
        except FileNotFoundError:
            self._list, self._read_at = None, None
        except OSError as error:
            raise UnavailableError(f"{self.file} cannot be read: {(error.strerror or str(error)).lower()}") from error
        return self._list

    def take(self, pem: bytes) -> bool:
        """Keeps a list that came, if it is newer than the one kept; whether it was.

        Raises `RefusedError` for an older one (somebody wants what was revoked to be used again) and for what is none,
        `UnavailableError` where the disk does not take it.
        """
        try:
            held = self.current()
        except RefusedError:
            held = None  # damaged: any genuine list is better
        if held is not None and pem == held.pem:
            return False
        new = read_list(pem, self._roots())
        if held is not None and new.number <= held.number:
            if new.number == held.number and (new.generations, set(new.revoked)) == (held.generations, set(held.revoked)):
                return False
            raise RefusedError(
                f"a list of what is revoked with number {new.number} came, and number {held.number} was here already"
            )
        try:
            files.write(self.file, pem)
        except OSError as error:
            raise files.cannot_write(self._folder, error) from error
        return True

    def refusal(self, certificate: x509.Certificate) -> str:
        """Why this certificate is not to be used; nothing where it is. Raises as `current` does."""
        current = self.current()
        return "" if current is None else current.refusal(certificate)

    def _roots(self) -> list[x509.Certificate]:
        return files.read_chain(self._folder / "authority.crt")
