"""TLS towards devices, with the profile of IEC 62351-3: what is negotiated, and what is looked at after the handshake.

- TLS 1.2 or 1.3, both sides with a certificate; nothing older, no compression, no renegotiation;
- in TLS 1.2 only suites with ephemeral keys and authenticated encryption (ECDHE or DHE with AES-GCM);
- no session tickets. As the side that dials we resume no session at all; as the side that listens OpenSSL keeps a session of TLS 1.2 for at
  most two hours, where the standard permits a day;
- a peer's key has at least 2048 bits (RSA) or 256 bits (elliptic curves), its certificate at most 16 384 octets (8 192 are to be
  supported);
- a certificate on the list of what is revoked breaks the handshake off. A list that is overdue still counts, and one that cannot be
  read any more is passed over, both with an error in the log: devices are not lost to a file;
- what was negotiated is logged once for each connection.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tieline.model import ConfigError, TielineError
from tieline.security.identity.certificates import UNREADABLE

SUITES = "ECDHE+AESGCM:DHE+AESGCM:!aNULL"
LEAST_RSA_BITS, LEAST_CURVE_BITS = 2048, 256
MOST_CERTIFICATE = 16_384

Refusal = Callable[[x509.Certificate], str]
"""Why a certificate is not to be used; nothing where it is."""

log = structlog.get_logger()


class DeviceContext(ssl.SSLContext):
    """A context whose connections are looked at when their handshake is over."""

    refusal: Refusal | None = None
    """Whether a peer's certificate is revoked."""

    def __new__(cls, protocol: int) -> Self:
        """With the profile set, and nobody trusted yet."""
        context = super().__new__(cls, protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
        context.set_ciphers(SUITES)
        if protocol == ssl.PROTOCOL_TLS_SERVER:
            context.num_tickets = 0
        return context


class _Checked(ssl.SSLObject):
    """What asyncio and uvloop wrap a connection in."""

    def do_handshake(self) -> None:
        """The handshake of TLS, then ours. Raises `ssl.SSLCertVerificationError` where the peer is not to be used."""
        super().do_handshake()
        raw = self.getpeercert(binary_form=True)
        context = self.context
        assert raw is not None
        assert isinstance(context, DeviceContext)
        certificate, subject, reason = None, "", ""
        try:
            certificate = x509.load_der_x509_certificate(raw)
            subject = certificate.subject.rfc4514_string()
            reason = weakness(certificate, len(raw)) or (
                "" if context.refusal is None else _refusal(context.refusal, certificate)
            )
        except UNREADABLE as error:
            reason = f"it cannot be read: {error}"
        if reason:
            log.error("device refused", subject=subject, reason=reason)
            raise ssl.SSLCertVerificationError(f"the certificate of {subject} is not accepted: {reason}")
        suite = self.cipher()
        log.info(
            "tls with a device",
            subject=subject,
            version=self.version(),
            suite=suite[0] if suite else "",
            ends=certificate.not_valid_after_utc.isoformat() if certificate else "",
        )


DeviceContext.sslobject_class = _Checked  # asyncio and uvloop make connections of it


def weakness(certificate: x509.Certificate, size: int) -> str:
    """What the profile does not permit of a peer's certificate of so many octets; nothing where it permits it."""
    key = certificate.public_key()
    if size > MOST_CERTIFICATE:
        return f"it has {size} octets, and {MOST_CERTIFICATE} are the most"
    if isinstance(key, rsa.RSAPublicKey):
        return (
            "" if key.key_size >= LEAST_RSA_BITS else f"its RSA key has {key.key_size} bits, and {LEAST_RSA_BITS} are the least"
        )
    if isinstance(key, ec.EllipticCurvePublicKey):
        bits = key.curve.key_size
        return "" if bits >= LEAST_CURVE_BITS else f"its key is on a curve of {bits} bits, and {LEAST_CURVE_BITS} are the least"
    return "its key is neither RSA nor on an elliptic curve"


def _refusal(refusal: Refusal, certificate: x509.Certificate) -> str:
    try:
        return refusal(certificate)
    except TielineError as error:
        log.error("what is revoked is not known", reason=str(error))
        return ""


class DeviceRevocations:
    """The CRLs of an authority of devices, read again when their file changes."""

    def __init__(self, file: Path, authorities: Sequence[x509.Certificate]) -> None:
        """Raises `ConfigError` where the file holds none that one of the authorities has signed."""
        self._file = file
        self._authorities = authorities
        self._read_at = -1
        self._lists: list[x509.CertificateRevocationList] = []
        self._told_overdue = False
        self._read()

    def __call__(self, certificate: x509.Certificate) -> str:
        """Why it is not to be used. Raises `ConfigError` where the file cannot be read any more."""
        self._read()
        found = [one for one in self._lists if one.issuer == certificate.issuer]
        is_overdue = any(one.next_update_utc is not None and one.next_update_utc < datetime.now(UTC) for one in found)
        if is_overdue and not self._told_overdue:
            log.error("list of what is revoked is overdue, and still counts", file=str(self._file))
        self._told_overdue = is_overdue
        for one in found:
            entry = one.get_revoked_certificate_by_serial_number(certificate.serial_number)
            if entry is not None:
                return f"it was revoked on {entry.revocation_date_utc:%Y-%m-%d %H:%M} UTC"
        return ""

    def _read(self) -> None:
        try:
            changed = self._file.stat().st_mtime_ns
            if changed == self._read_at:
                return
            lists = _lists_of(self._file.read_bytes())
        except (OSError, *UNREADABLE) as error:
            raise ConfigError(f"{self._file} cannot be used as a list of what is revoked: {error}") from error
        for one in lists:
            if not any(_has_signed(authority, one) for authority in self._authorities):
                raise ConfigError(
                    f"{self._file} cannot be used as a list of what is revoked: no authority of the device has signed it"
                )
        self._lists, self._read_at = lists, changed


def _lists_of(content: bytes) -> list[x509.CertificateRevocationList]:
    if b"-----BEGIN" not in content:
        return [x509.load_der_x509_crl(content)]
    end = b"-----END X509 CRL-----"
    return [x509.load_pem_x509_crl(part + end) for part in content.split(end)[:-1]]


def _has_signed(authority: x509.Certificate, one: x509.CertificateRevocationList) -> bool:
    key = authority.public_key()
    try:
        return (
            authority.subject == one.issuer
            and isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
            and one.is_signature_valid(key)
        )
    except UNREADABLE:
        return False
