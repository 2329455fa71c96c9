"""Enrollment over Secure Transport (RFC 7030): what travels in its requests and answers. No sockets here.

    GET  /.well-known/est/cacerts          the authorities, PKCS #7 certificates only
    GET  /.well-known/est/csrattrs         which key a request should be for
    POST /.well-known/est/simpleenroll     PKCS #10, with HTTP Basic: the role and a token
    POST /.well-known/est/simplereenroll   PKCS #10, with the client's certificate

Everything is DER in base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tieline.model import RemoteError
from tieline.security.identity.certificates import UNREADABLE

PATH = "/.well-known/est/"
MOST_BODY = 32_768
PKCS10, PKCS7, ATTRIBUTES = "application/pkcs10", "application/pkcs7-mime", "application/csrattrs"

CSR_ATTRIBUTES = bytes.fromhex(
    "3021"  # SEQUENCE OF
    "3015" "06072a8648ce3d0201" "310a" "06082a8648ce3d030107"  # ecPublicKey: P-256
    "06082a8648ce3d040302"  # ecdsa-with-SHA256
)  # fmt: skip
"""ECDSA on P-256 with SHA-256 (RFC 7030, clause 4.5.2)."""


class Operation(StrEnum):
    """What is asked for."""

    AUTHORITIES = "cacerts"
    ATTRIBUTES = "csrattrs"
    ENROLL = "simpleenroll"
    REENROLL = "simplereenroll"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was understood."""

    operation: Operation
    csr: bytes = field(default=b"", repr=False)
    """PKCS #10 in DER."""
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of HTTP."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class EstError(Exception):
    """The request is answered with this status and text, and is not looked at any further."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def read(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
    """The request; `headers` have names in lower case. Raises `EstError`."""
    path = target.split("?", 1)[0]
    if not path.startswith(PATH):
        raise EstError(404, "there is nothing but enrollment here (RFC 7030)")
    try:
        operation = Operation(path.removeprefix(PATH))
    except ValueError:
        raise EstError(404, f"there are {', '.join(Operation)} here") from None
    wanted = "GET" if operation in {Operation.AUTHORITIES, Operation.ATTRIBUTES} else "POST"
    if method != wanted:
        raise EstError(405, f"{operation} is asked for with {wanted}")
    if wanted == "GET":
        return Request(operation)
    if headers.get("content-type", "").split(";")[0].strip().lower() != PKCS10:
        raise EstError(415, f"the body has to be {PKCS10}")
    user, password = _credentials(headers.get("authorization", ""))
    return Request(operation, _decoded(body), user, password)


def of_certificates(certificates: Sequence[x509.Certificate], *, is_issued: bool) -> Reply:
    """The answer that brings certificates."""
    kind = f"{PKCS7}; smime-type=certs-only" if is_issued else PKCS7
    return _encoded(kind, pkcs7.serialize_certificates(list(certificates), Encoding.DER))


def of_attributes() -> Reply:
    """The answer that says which key a request should be for."""
    return _encoded(ATTRIBUTES, CSR_ATTRIBUTES)


def of_error(status: int, text: str) -> Reply:
    """The answer that refuses."""
    headers = [("Content-Type", "text/plain; charset=utf-8")]
    if status == 401:
        headers.append(("WWW-Authenticate", 'Basic realm="enrollment", charset="UTF-8"'))
    return Reply(status, tuple(headers), f"{text}\n".encode())


def certificates_of(body: bytes) -> list[x509.Certificate]:
    """The certificates in an answer. Raises `RemoteError`."""
    try:
        return pkcs7.load_der_pkcs7_certificates(_decoded(body))
    except (EstError, *UNREADABLE) as error:
        raise RemoteError(f"the answer holds no certificates: {error}") from None


def basic(user: str, password: str) -> str:
    """The header by which a user names himself."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _encoded(kind: str, der: bytes) -> Reply:
    headers = (("Content-Type", kind), ("Content-Transfer-Encoding", "base64"))
    return Reply(200, headers, base64.encodebytes(der))


def _decoded(body: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        raise EstError(400, "the body is not base64") from None


def _credentials(header: str) -> tuple[str, str]:
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except ValueError:
        raise EstError(400, "the Authorization header is not that of HTTP Basic") from None
    return user, password
