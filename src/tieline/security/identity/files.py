"""Keys and certificates as PEM files: written by an atomic rename, keys for their owner only."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tieline.model import ConfigError, UnavailableError
from tieline.security.identity.certificates import UNREADABLE, IssuingKey


def read_certificate(path: Path) -> x509.Certificate:
    """The first certificate of a file. Raises `ConfigError`."""
    return read_chain(path)[0]


def read_chain(path: Path) -> list[x509.Certificate]:
    """Every certificate of a file, at least one. Raises `ConfigError`."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, *UNREADABLE) as error:
        raise ConfigError(f"{path} is not a readable certificate; restore it from a backup") from error


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """An elliptic curve key. Raises `ConfigError`, also where others than its owner can read it."""
    key = read_issuing_key(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path} is not an elliptic curve key; restore it from a backup")
    return key


def read_issuing_key(path: Path) -> IssuingKey:
    """A key of either kind. Raises `ConfigError`, also where others than its owner can read it."""
    check_private(path)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, *UNREADABLE) as error:
        raise ConfigError(f"{path} is not a readable private key; restore it from a backup") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ConfigError(f"{path} is neither an elliptic curve nor an RSA key")
    return key


def check_private(path: Path) -> None:
    """Raises `ConfigError` where others than the key's owner can read or change it; a file that is not there is nobody's matter here."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return
    if mode & 0o077:
        raise ConfigError(
            f"the key {path} can be used by others than its owner (mode {mode:04o}); run chmod 600 {path}, "
            "and replace the key where others may have read it"
        )


def write_key(path: Path, key: IssuingKey) -> None:
    """Writes the key for its owner only. Raises `OSError`."""
    write(path, key_as_pem(key), 0o600)


def key_as_pem(key: IssuingKey) -> bytes:
    """The key, unencrypted, as PKCS#8."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def as_pem(certificates: Sequence[x509.Certificate]) -> bytes:
    """The certificates, one after the other."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """The file is the old one or the new one, whenever the power fails. Raises `OSError`."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else changes what lies in the folder meanwhile; several processes issue certificates. Raises `UnavailableError`."""
    try:
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def cannot_write(folder: Path, error: OSError) -> UnavailableError:
    """What to raise where the disk does not take it."""
    return UnavailableError(f"cannot write certificates to {folder}: {(error.strerror or str(error)).lower()}")
