"""The embedded certificate authority: made on first run, it gives every role one certificate.

A folder holds `authority.crt` and, where certificates are issued, `authority.key`; `roles/` has a `.crt` and a `.key` for each
role. On a machine that runs a single role, `authority.crt` and the role's own pair are enough. Keys are ECDSA P-256, mode 0600;
each file is written by an atomic rename. A renewed certificate keeps its key, so that the pair fits at every moment.

A file `life` with a number of seconds makes the certificates that are issued end so soon, to try out what happens then.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tieline.model import ConfigError, UnavailableError
from tieline.security.identity.credentials import Credentials

AUTHORITY_LIFE = timedelta(days=3650)
ROLE_LIFE = timedelta(days=397)
BACKDATE = timedelta(minutes=5)
"""Certificates are valid from a little before now, for peers whose clocks are behind."""


class Authority:
    """Issues certificates to roles, and hands out those that exist. Get one with `open`."""

    def __init__(self, folder: Path, now: Callable[[], datetime], life: timedelta) -> None:
        self._folder = folder
        self._now = now
        self._life = life

    @classmethod
    def open(
        cls, folder: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), life: timedelta | None = None
    ) -> Authority:
        """The authority in a folder, made there if the folder holds none. `life` is that of certificates which it issues.

        Raises `ConfigError` where half of it is missing, `UnavailableError` where the folder cannot be written.
        """
        authority = cls(folder, now, _read_life_file(folder / "life") if life is None else life)
        has_certificate, has_key = authority._certificate.exists(), authority._key.exists()
        if has_key and not has_certificate:
            raise ConfigError(
                f"the authority's certificate {authority._certificate} is missing; restore it from a backup, "
                f"or remove {folder} to start anew with new certificates for every role"
            )
        if not has_certificate:
            if (folder / "roles").exists():
                raise ConfigError(f"the authority's certificate {authority._certificate} is missing; copy it from the center")
            try:
                authority._create()
            except OSError as error:
                raise UnavailableError(
                    f"cannot write certificates to {folder}: {(error.strerror or str(error)).lower()}"
                ) from error
        return authority

    @property
    def _certificate(self) -> Path:
        return self._folder / "authority.crt"

    @property
    def _key(self) -> Path:
        return self._folder / "authority.key"

    def credentials(self, name: str, *, hosts: Sequence[str] = ()) -> Credentials:
        """The certificate of a role, issued now if there is none or the one there is near its end.

        `hosts` are the names and addresses under which the role is dialed. Raises `ConfigError` where a certificate is missing
        and cannot be issued here.
        """
        held = Credentials(
            name=name,
            certificate=self._folder / "roles" / f"{name}.crt",
            key=self._folder / "roles" / f"{name}.key",
            authority=self._certificate,
            hosts=tuple(hosts),
        )
        has_certificate, has_key = held.certificate.exists(), held.key.exists()
        if has_certificate != has_key:
            missing, there = (held.certificate, held.key) if has_key else (held.key, held.certificate)
            raise ConfigError(f"{missing} is missing; restore it, or remove {there} too to have a new pair issued")
        if has_certificate and (not self._key.exists() or not self._is_due(held, hosts)):
            return held
        if not self._key.exists():
            raise ConfigError(f"the certificate of {name} is missing: {held.certificate}; copy its .crt and .key from the center")
        try:
            self._issue(held, hosts)
        except OSError as error:
            raise UnavailableError(
                f"cannot write certificates to {self._folder}: {(error.strerror or str(error)).lower()}"
            ) from error
        return held

    def _is_due(self, held: Credentials, hosts: Sequence[str]) -> bool:
        """Whether the certificate has a third of its life or less left, or lacks a host."""
        certificate = read_certificate(held.certificate)
        if certificate.not_valid_after_utc - self._now() <= life_of(certificate) / 3:
            return True
        try:
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return bool(hosts)
        return any(general_name not in names for general_name in map(_general_name, hosts))

    def _create(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tieline authority")])
        now = self._now()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATE)
            .not_valid_after(now + AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(is_authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write_key(self._key, key)
        _write(self._certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)

    def _issue(self, held: Credentials, hosts: Sequence[str]) -> None:
        authority = read_certificate(self._certificate)
        authority_key = read_key(self._key)
        key = read_key(held.key) if held.key.exists() else ec.generate_private_key(ec.SECP256R1())
        now = self._now()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, held.name)]))
            .issuer_name(authority.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATE)
            .not_valid_after(min(now + self._life, authority.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(is_authority=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                    authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
                ),
                critical=False,
            )
        )
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        certificate = builder.sign(authority_key, hashes.SHA256())
        held.key.parent.mkdir(exist_ok=True, mode=0o700)
        if not held.key.exists():
            _write_key(held.key, key)
        _write(held.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _read_life_file(path: Path) -> timedelta:
    try:
        return timedelta(seconds=float(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return ROLE_LIFE
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} has to hold a number of seconds: {error}") from error


def read_life(held: Credentials) -> tuple[datetime, timedelta]:
    """When the certificate ends, and for how long it was issued. Raises `ConfigError` where it cannot be read."""
    certificate = read_certificate(held.certificate)
    return certificate.not_valid_after_utc, life_of(certificate)


def life_of(certificate: x509.Certificate) -> timedelta:
    """For how long it was issued."""
    return certificate.not_valid_after_utc - certificate.not_valid_before_utc - BACKDATE


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a readable certificate; restore it from a backup") from error


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a readable private key; restore it from a backup") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path} is not an elliptic curve key; restore it from a backup")
    return key


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    encoded = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, encoded, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
