"""Signatures with a role's key: ECDSA P-256 with SHA-256, and the role's certificate and its chain sent along (PKCS #7).

Whoever verifies needs the root's certificate and nothing else: it vouches for the key and for the role's name. Whoever has the list of what
is revoked beside it refuses that. Every use of the key has a purpose, which is signed too, so that what was signed for one purpose is worth
nothing for another.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tieline.model import RefusedError
from tieline.security.identity import files
from tieline.security.identity.certificates import UNREADABLE, is_authority, read_role_name, vouched
from tieline.security.identity.credentials import Credentials
from tieline.security.identity.revocation import Revocations

MOST_BYTES = 16_384
"""No certificate with its chain is larger."""

_ALGORITHM = ec.ECDSA(hashes.SHA256())


class Signer:
    """Signs as the role of the credentials."""

    def __init__(self, credentials: Credentials) -> None:
        """Raises `ConfigError` where the certificate or the key cannot be read."""
        self._credentials = credentials
        self.reload()

    def reload(self) -> None:
        """Takes the files as they are now: call it when the certificate was renewed. Raises `ConfigError`."""
        self._key = files.read_key(self._credentials.key)
        self.certificate = pkcs7.serialize_certificates(files.read_chain(self._credentials.certificate), Encoding.DER)
        """With its chain, as a PKCS #7 message in DER, to be sent along."""

    def sign(self, purpose: str, content: bytes) -> bytes:
        """The signature over these bytes, for this purpose, in DER."""
        return self._key.sign(_signed(purpose, content), _ALGORITHM)


class Verifier:
    """Verifies what a role of this name has signed, whoever brings it."""

    def __init__(self, authority: Path, role: str) -> None:
        """`authority` is the root's certificate; the list of what is revoked lies beside it. Raises `ConfigError`."""
        self._roots = files.read_chain(authority)
        self._revocations = Revocations(authority.parent)
        self._role = role
        self._known: tuple[bytes, x509.Certificate, ec.EllipticCurvePublicKey] | None = None
        """The certificate that the authority was found to vouch for last."""

    def verify(self, purpose: str, content: bytes, signature: bytes, certificate: bytes, at: datetime) -> None:
        """Raises `RefusedError`, with the reason, unless the role has signed these bytes for this purpose."""
        shown, key = self._vouched(certificate, at)
        if not shown.not_valid_before_utc <= at <= shown.not_valid_after_utc:
            raise RefusedError(
                f"the certificate of {self._role} is valid from {shown.not_valid_before_utc:%Y-%m-%d %H:%M} "
                f"to {shown.not_valid_after_utc:%Y-%m-%d %H:%M} UTC; here it is {at:%Y-%m-%d %H:%M}"
            )
        if refusal := self._revocations.refusal(shown):
            raise RefusedError(f"the certificate of {self._role} does not count: {refusal}")
        try:
            key.verify(signature, _signed(purpose, content), _ALGORITHM)
        except InvalidSignature:
            raise RefusedError(f"the signature is not that of {self._role} over this content") from None

    def _vouched(self, raw: bytes, at: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePublicKey]:
        if self._known is not None and self._known[0] == raw:
            return self._known[1:]
        try:
            if len(raw) > MOST_BYTES:
                raise RefusedError("the certificate of the signer is too large")
            shown = pkcs7.load_der_pkcs7_certificates(raw)
            authorities = [one for one in shown if is_authority(one)]
            (certificate,) = [one for one in shown if one not in authorities] or shown[:1]
            vouched(certificate, authorities, self._roots, at)
            key = certificate.public_key()
            usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        except UNREADABLE as error:
            raise RefusedError("the certificate of the signer is not one of the utility's authority") from error
        try:
            name, _ = read_role_name(certificate.subject)
        except ValueError:
            name = "nobody"
        if name != self._role:
            raise RefusedError(f"it is signed by {name}, and only {self._role} may")
        if not usage.digital_signature or not isinstance(key, ec.EllipticCurvePublicKey):
            raise RefusedError("the certificate of the signer is not one for signatures")
        self._known = raw, certificate, key
        return certificate, key


def _signed(purpose: str, content: bytes) -> bytes:
    return f"tieline {purpose}\n".encode() + content
