"""The other end of EST: gets a role its first certificate with a token, and further ones with the certificate that there is."""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Sequence
from contextlib import closing

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tieline.model import ConfigError, RefusedError, RemoteError, UnavailableError
from tieline.security.identity import Authority, Credentials, est
from tieline.security.identity.certificates import fingerprint, general_name, new_key, role_name, vouched
from tieline.security.identity.enrollment import Token
from tieline.security.identity.files import as_pem, check_private, read_key, write

TIMEOUT_S = 30.0
MOST_ANSWER = 262_144


def enroll(authority: Authority, address: str, role: str, token: Token, hosts: Sequence[str]) -> Credentials:
    """The role's certificate, asked of the DMZ at this address (HOST:PORT) and stored where the role finds it.

    The root that the server names is trusted if its fingerprint is the token's. Raises `TielineError`.
    """
    held = authority.held(role, hosts=hosts)
    root = next((one for one in _authorities(address, _blind()) if fingerprint(one) == token.root), None)
    if root is None:
        raise RefusedError(f"{address} is not the one that the token is for: its root has another fingerprint")
    if authority.root_file.exists() and root not in authority.roots():
        raise ConfigError(f"{authority.root_file} is the root of another authority; move {authority.folder} away")
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.minimum_version = ssl.TLSVersion.TLSv1_3
    trusting.load_verify_locations(cadata=as_pem([root]).decode())
    authorities = _authorities(address, trusting)
    key = new_key()
    headers = {"Authorization": est.basic(role, token.password(key.public_key()))}
    certificate = _ask(address, trusting, est.Operation.ENROLL, _request(role, key, hosts), headers)
    _check(certificate, key, authorities, [root])
    authority.store(held, _chain(certificate, authorities), key)
    if not authority.root_file.exists():
        try:
            write(authority.root_file, as_pem([root]))
        except OSError as error:
            raise UnavailableError(f"cannot write {authority.root_file}: {(error.strerror or str(error)).lower()}") from error
    return held


def renew(authority: Authority, held: Credentials, address: str) -> None:
    """A further certificate for the key that there is, stored beside it. Raises `TielineError`."""
    check_private(held.key)
    key = read_key(held.key)
    context = held.client_context()
    authorities = _authorities(address, context)
    certificate = _ask(address, context, est.Operation.REENROLL, _request(held.name, key, held.hosts), {})
    _check(certificate, key, authorities, authority.roots())
    authority.store(held, _chain(certificate, authorities), None)


def _request(role: str, key: ec.EllipticCurvePrivateKey, hosts: Sequence[str]) -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(role_name(role, 0))
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([general_name(host) for host in hosts]), critical=False)
    return base64.encodebytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def _check(
    certificate: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    authorities: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
) -> None:
    if certificate.public_key() != key.public_key():
        raise RemoteError("the certificate that came is for another key")
    vouched(certificate, authorities, roots, certificate.not_valid_before_utc)


def _chain(certificate: x509.Certificate, authorities: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The certificate, then those between it and the root."""
    chain = [certificate]
    while issuer := next((one for one in authorities if one.subject == chain[-1].issuer and one.subject != one.issuer), None):
        chain.append(issuer)
    return chain


def _authorities(address: str, context: ssl.SSLContext) -> list[x509.Certificate]:
    return est.certificates_of(_exchange(address, context, "GET", est.Operation.AUTHORITIES, None, {}))


def _ask(
    address: str, context: ssl.SSLContext, operation: est.Operation, body: bytes, headers: dict[str, str]
) -> x509.Certificate:
    headers = {**headers, "Content-Type": est.PKCS10, "Content-Transfer-Encoding": "base64"}
    return est.certificates_of(_exchange(address, context, "POST", operation, body, headers))[0]


def _exchange(
    address: str, context: ssl.SSLContext, method: str, operation: est.Operation, body: bytes | None, headers: dict[str, str]
) -> bytes:
    host, _, port = address.rpartition(":")
    try:
        with closing(http.client.HTTPSConnection(host.strip("[]"), int(port), timeout=TIMEOUT_S, context=context)) as connection:
            connection.request(method, f"{est.PATH}{operation}", body, headers)
            response = connection.getresponse()
            content = response.read(MOST_ANSWER)
    except ssl.SSLCertVerificationError as error:
        raise RefusedError(f"{address} cannot prove who it is: {error.verify_message}") from error
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(f"{address} cannot be asked for a certificate: {str(error) or type(error).__name__}") from error
    if response.status == 200:
        return content
    reason = content.decode(errors="replace").strip() or response.reason
    if response.status in {401, 403}:
        raise RefusedError(f"refused: {reason}")
    raise UnavailableError(f"{address} answers {response.status}: {reason}")


def _blind() -> ssl.SSLContext:
    """For the very first question, whose answer is compared with a fingerprint."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
