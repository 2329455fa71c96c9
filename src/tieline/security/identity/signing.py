"""Signatures with a role's key: ECDSA P-256 with SHA-256, and the role's certificate sent along.

Whoever verifies needs the authority's certificate and nothing else: it vouches for the key and for the role's name. Every use of the key
has a purpose, which is signed too, so that what was signed for one purpose is worth nothing for another.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tieline.model import RefusedError
from tieline.security.identity.authority import read_certificate, read_key
from tieline.security.identity.credentials import Credentials

_ALGORITHM = ec.ECDSA(hashes.SHA256())


class Signer:
    """Signs as the role of the credentials."""

    def __init__(self, credentials: Credentials) -> None:
        """Raises `ConfigError` where the certificate or the key cannot be read."""
        self._credentials = credentials
        self.reload()

    def reload(self) -> None:
        """Takes the files as they are now: call it when the certificate was renewed. Raises `ConfigError`."""
        self._key = read_key(self._credentials.key)
        certificate = read_certificate(self._credentials.certificate)
        self.certificate = certificate.public_bytes(serialization.Encoding.DER)
        """In DER, to be sent along."""

    def sign(self, purpose: str, content: bytes) -> bytes:
        """The signature over these bytes, for this purpose, in DER."""
        return self._key.sign(_signed(purpose, content), _ALGORITHM)


class Verifier:
    """Verifies what a role of this name has signed, whoever brings it."""

    def __init__(self, authority: Path, role: str) -> None:
        """`authority` is its certificate. Raises `ConfigError` where it cannot be read."""
        self._authority = read_certificate(authority)
        self._role = role
        self._known: tuple[bytes, x509.Certificate, ec.EllipticCurvePublicKey] | None = None
        """The certificate that the authority was found to vouch for last."""

    def verify(self, purpose: str, content: bytes, signature: bytes, certificate: bytes, at: datetime) -> None:
        """Raises `RefusedError`, with the reason, unless the role has signed these bytes for this purpose."""
        shown, key = self._vouched(certificate)
        if not shown.not_valid_before_utc <= at <= shown.not_valid_after_utc:
            raise RefusedError(
                f"the certificate of {self._role} is valid from {shown.not_valid_before_utc:%Y-%m-%d %H:%M} "
                f"to {shown.not_valid_after_utc:%Y-%m-%d %H:%M} UTC; here it is {at:%Y-%m-%d %H:%M}"
            )
        try:
            key.verify(signature, _signed(purpose, content), _ALGORITHM)
        except InvalidSignature:
            raise RefusedError(f"the signature is not that of {self._role} over this content") from None

    def _vouched(self, raw: bytes) -> tuple[x509.Certificate, ec.EllipticCurvePublicKey]:
        if self._known is not None and self._known[0] == raw:
            return self._known[1:]
        try:
            certificate = x509.load_der_x509_certificate(raw)
            certificate.verify_directly_issued_by(self._authority)
            key = certificate.public_key()
            usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
            names = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
            raise RefusedError("the certificate of the signer is not one of the utility's authority") from error
        if names != [self._role]:
            raise RefusedError(f"it is signed by {', '.join(map(str, names)) or 'nobody'}, and only {self._role} may")
        if not usage.digital_signature or not isinstance(key, ec.EllipticCurvePublicKey):
            raise RefusedError("the certificate of the signer is not one for signatures")
        self._known = raw, certificate, key
        return certificate, key


def _signed(purpose: str, content: bytes) -> bytes:
    return f"tieline {purpose}\n".encode() + content
