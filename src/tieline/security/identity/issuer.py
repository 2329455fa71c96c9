"""Issues certificates and the list of what is revoked, where the authority's key is; everything is in the audit before it is released.

One level of the chain below the root signs here, the intermediate: its key lies beside its certificate, or in a hardware
module. The root's key is not needed for any of this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tieline.model import ConfigError, RefusedError, UnavailableError
from tieline.security.identity import files
from tieline.security.identity.certificates import (
    ROLE_NAME,
    IssuingKey,
    PublicKey,
    check_strength,
    fingerprint,
    general_name,
    life_of,
    make_role,
    names_of,
    permits,
)
from tieline.security.identity.registry import Issued, Registry
from tieline.security.identity.revocation import FILE, LIST_LIFE, REASONS, Revocations, Revoked, make_list

LOCAL = "tieline"
"""Who acts where nobody does: a program by itself."""


@dataclass(frozen=True, slots=True)
class _Clock:
    now: Callable[[], datetime]

    def now_us(self) -> int:
        return _us(self.now())


class Issuer:
    """The issuing authority of a folder. Everything it does is recorded first, and is done by one process at a time."""

    def __init__(self, folder: Path, now: Callable[[], datetime], life: timedelta) -> None:
        self.registry = Registry(folder / "registry.db")
        self._folder = folder
        self._now = now
        self._life = life
        self._revocations = Revocations(folder)

    @property
    def file(self) -> Path:
        """The certificates of the issuing authority: its own, then those above it, without the root."""
        return self._folder / "intermediate.crt"

    @property
    def key_file(self) -> Path:
        """Its key, in PEM."""
        return self._folder / "intermediate.key"

    @property
    def module_file(self) -> Path:
        """Or where a hardware module has it: a PKCS #11 URI (RFC 7512)."""
        return self._folder / "intermediate.pkcs11"

    @property
    def is_here(self) -> bool:
        """Whether certificates can be issued here."""
        return self.key_file.exists() or self.module_file.exists()

    def chain(self) -> list[x509.Certificate]:
        """The issuing authority's certificate, then those above it, without the root. Raises `ConfigError`."""
        return files.read_chain(self.file)

    def issue(self, role: str, key: PublicKey, hosts: Sequence[str], *, actor: str = LOCAL, why: str) -> x509.Certificate:
        """A certificate of the generation that counts. Raises `RefusedError`, `ConfigError` or `UnavailableError`."""
        if not ROLE_NAME.match(role):
            raise RefusedError(f"{role!r} is not the name of a role")
        check_strength(key)
        names = [general_name(host) for host in hosts]
        with files.locked(self._folder):
            chain, signing = self.chain(), self._key()
            for host, name in zip(hosts, names, strict=True):
                if not permits(chain[0], name):
                    raise ConfigError(
                        f"the intermediate may not vouch for {host}: its name constraints do not permit it; "
                        f"renew it with tieline pki intermediate --permit {host}"
                    )
            now = self._now()
            if not chain[0].not_valid_before_utc <= now <= chain[0].not_valid_after_utc:
                raise ConfigError(
                    f"the intermediate ended on {chain[0].not_valid_after_utc:%Y-%m-%d}; renew it with the root's key"
                )
            generation = self.registry.generations().get(role, 0)
            certificate = make_role(role, generation, key, chain[0], signing, now, self._life, names)
            issued = Issued(
                serial=certificate.serial_number,
                role=role,
                generation=generation,
                issued_us=_us(now),
                ends_us=_us(certificate.not_valid_after_utc),
                fingerprint=fingerprint(certificate),
                public_key=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
                names=tuple(hosts),
            )
            detail = {
                "serial": f"{issued.serial:x}",
                "generation": generation,
                "until": certificate.not_valid_after_utc.isoformat(),
                "sha256": issued.fingerprint,
                "hosts": " ".join(hosts),
                "why": why,
            }
            self._record(actor, "certificate_issued", role, detail)
            self.registry.add(issued)
            return certificate

    def revoke(self, role: str, reason: str, *, actor: str, text: str = "") -> int:
        """Revokes every certificate of a role, and makes the list that says so; the generation that counts from now on.

        Raises `ConfigError` for an unknown role or reason, `UnavailableError` where the disk does not take it.
        """
        if reason not in REASONS:
            raise ConfigError(f"{reason!r} is no reason; choose one of {', '.join(sorted(REASONS))}")
        known = sorted({one.role for one in self.registry.issued()})
        if role not in known:
            raise ConfigError(f"no certificate was issued for {role!r} here; there are {', '.join(known) or 'none at all'}")
        with files.locked(self._folder):
            signing = self._key()
            self._record(actor, "certificates_revoked", role, {"reason": reason, "text": text})
            generation = self.registry.revoke(role, reason, _us(self._now()))
            self._write_list(signing)
        return generation

    def keep_list(self, *, is_signed_anew: bool = False) -> None:
        """Makes the list anew where half of its time is over, there is none, or a crash kept it from being written; or in any case.

        Raises `TielineError`.
        """
        try:
            held = self._revocations.current()
        except RefusedError:
            held = None
        is_current = held is not None and held.generations == self.registry.generations()
        if (
            not is_signed_anew
            and is_current
            and held is not None
            and self._now() < held.issued + (held.next_update - held.issued) / 2
        ):
            return
        with files.locked(self._folder):
            self._write_list(self._key())

    def is_admitted(self, role: str) -> bool:
        """Whether the role may have another certificate without anybody's doing: it was never revoked, or enrolled again since."""
        generation = self.registry.generations().get(role, 0)
        return generation == 0 or any(one.generation == generation for one in self.registry.issued(role))

    def is_due(self, certificate: x509.Certificate, hosts: Sequence[str]) -> bool:
        """Whether it has a third of its life or less left, lacks a host, or is of another authority than the one that issues now."""
        if certificate.not_valid_after_utc - self._now() <= life_of(certificate) / 3:
            return True
        if certificate.issuer != self.chain()[0].subject:
            return True
        names = names_of(certificate)
        return any(general_name(host) not in names for host in hosts)

    def record(
        self, action: str, target: str, detail: Mapping[str, object], *, actor: str = LOCAL, outcome: str = "done"
    ) -> None:
        """Puts something into the authority's audit. Raises `UnavailableError`."""
        with files.locked(self._folder):
            self._record(actor, action, target, detail, outcome)

    def _record(self, actor: str, action: str, target: str, detail: Mapping[str, object], outcome: str = "done") -> None:
        from tieline.security.audit import AuditLog

        with closing(AuditLog.open(self._folder / "audit", "authority", _Clock(self._now))) as audit:
            audit.append(actor=actor, action=action, target=target, detail=detail, outcome=outcome)

    def _write_list(self, signing: IssuingKey) -> None:
        now, registry = self._now(), self.registry
        revoked = [
            Revoked(serial=one.serial, at=datetime.fromtimestamp(one.at_us // 1_000_000, UTC), reason=one.reason)
            for one in registry.revoked(_us(now))
        ]
        pem = make_list(registry.next_list(), revoked, registry.generations(), self.chain(), signing, now, LIST_LIFE)
        try:
            files.write(self._folder / FILE, pem)
        except OSError as error:
            raise files.cannot_write(self._folder, error) from error

    def _key(self) -> IssuingKey:
        key: IssuingKey
        if self.key_file.exists():
            key = files.read_issuing_key(self.key_file)
        elif self.module_file.exists():
            from tieline.security.identity.module import module_key

            key = module_key(self.module_file)
        else:
            raise UnavailableError(f"the authority's key is not on this machine: {self.key_file} is missing")
        if key.public_key() != self.chain()[0].public_key():
            raise ConfigError(
                f"the key of the intermediate does not belong to its certificate {self.file}; restore both from a backup"
            )
        return key


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
