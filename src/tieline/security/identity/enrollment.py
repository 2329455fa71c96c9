"""Who gets a certificate by asking for one: the decisions behind EST (RFC 7030), made where the authority's key is.

A first certificate is asked for with a one-time token, a further one with the certificate that there is. Whoever stands between asks on in
the name of others and is not believed:

- a token's secret never travels. What does is a proof over the public key of the request (HMAC-SHA-256 with the secret's hash), worth
  nothing for another key. A client that knows nothing of that may send the token itself, as a password is sent;
- a further certificate is issued for the very key of the one that there is, so that the signature in the request proves who asks.

A token names its role and is used up by the first certificate; it ends by itself, and after a few wrong proofs. It carries the
fingerprint of the root, so that who uses it knows whom to trust.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tieline.model import ConfigError, RefusedError
from tieline.security.identity.authority import Authority
from tieline.security.identity.certificates import (
    ROLE_NAME,
    UNREADABLE,
    PublicKey,
    check_strength,
    fingerprint,
    names_of,
    read_role_name,
)
from tieline.security.identity.registry import Issued, TokenRow

TOKEN_LIFE = timedelta(hours=24)
MOST_ATTEMPTS = 5
MOST_TOLD = 60
"""Refused requests that are recorded one by one in a minute; the next record after those says how many more there were."""
MOST_BYTES = 16_384
"""No request for a certificate is larger."""

_PREFIX = "tieline1"
_TOKEN = re.compile(rf"^{_PREFIX}\.([0-9a-f]{{12}})\.([A-Za-z0-9_-]{{43}})\.([0-9a-f]{{64}})$")
_PROOF = re.compile(r"^([0-9a-f]{12})\.([0-9a-f]{64})$")
_USED = "the token was used already; a token is good for one certificate"
_NOT_ACCEPTED = "the token is not accepted; ask for a new one (tieline pki token)"


@dataclass(frozen=True, slots=True)
class Token:
    """What somebody was given to enroll a role with."""

    id: str
    secret: str
    root: str
    """SHA-256 of the root's certificate, hexadecimal."""

    @classmethod
    def read(cls, text: str) -> Token:
        """The token in a text. Raises `ConfigError`."""
        match = _TOKEN.match(text.strip())
        if match is None:
            raise ConfigError(
                "that is not a token; it begins with tieline1. and is one line, as tieline pki token has written it"
            )
        return cls(match[1], match[2], match[3])

    def __str__(self) -> str:
        return f"{_PREFIX}.{self.id}.{self.secret}.{self.root}"

    def password(self, key: PublicKey) -> str:
        """What to send in its place with a request for this key."""
        return f"{self.id}.{_proof(_hashed(self.secret), key)}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is for."""

    role: str
    key: PublicKey
    hosts: tuple[str, ...]


class Registrar:
    """Decides about requests; issues what is to be issued."""

    def __init__(self, authority: Authority, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._authority = authority
        self._issuer = authority.issuer
        self._now = now
        self._told_since = now()
        self._told = self._left_out = 0

    def new_token(self, role: str, hosts: Sequence[str], *, actor: str, life: timedelta = TOKEN_LIFE) -> Token:
        """A token for a role that is dialed under these names. Raises `ConfigError` or `UnavailableError`."""
        if not ROLE_NAME.match(role):
            raise ConfigError(f"{role!r} is not the name of a role; for example edge-northgate")
        token = Token(secrets.token_hex(6), secrets.token_urlsafe(32), fingerprint(self._authority.roots()[0]))
        now = self._now()
        detail = {"token": token.id, "hosts": " ".join(hosts), "until": (now + life).isoformat()}
        self._issuer.record("token_made", role, detail, actor=actor)
        row = TokenRow(id=token.id, role=role, key=_hashed(token.secret), hosts=tuple(hosts), expires_us=_us(now + life))
        self._issuer.registry.add_token(row, _us(now))
        return token

    def certificates(self) -> list[x509.Certificate]:
        """The roots, then the issuing authority and those above it."""
        return [*self._authority.roots(), *(one for one in self._issuer.chain() if one not in self._authority.roots())]

    def enroll(self, request: bytes, user: str, password: str) -> x509.Certificate:
        """A certificate for a PKCS #10 request in DER, with a token. Raises `TielineError`."""
        try:
            asked = read_request(request)
            token = self._permitting(asked, user, password)
        except RefusedError as error:
            self._refuse(user, str(error))
            raise
        if not self._issuer.registry.use_token(token.id, _us(self._now())):
            raise RefusedError(_USED)
        try:
            return self._issuer.issue(asked.role, asked.key, asked.hosts, actor=f"token {token.id}", why="enrolled with a token")
        except Exception:
            self._issuer.registry.free_token(token.id)
            raise

    def reenroll(self, request: bytes, shown: bytes) -> x509.Certificate:
        """A further certificate for a PKCS #10 request in DER, by the certificate that was shown (DER). Raises `TielineError`."""
        try:
            asked = read_request(request)
            self._check_renewal(asked, shown)
        except RefusedError as error:
            self._refuse("", str(error))
            raise
        return self._issuer.issue(asked.role, asked.key, asked.hosts, actor=asked.role, why="renewed over EST")

    def _permitting(self, asked: Asked, user: str, password: str) -> TokenRow:
        """The token that permits it. Raises `RefusedError`."""
        token = self._token(password, asked.key)
        if user != token.role or asked.role != token.role:
            raise RefusedError(f"the token is for {token.role}, and the request for {asked.role} by {user or 'nobody'}")
        if foreign := sorted(set(asked.hosts) - set(token.hosts)):
            raise RefusedError(f"the token is not for the host {foreign[0]}; make one with tieline pki token --host {foreign[0]}")
        return token

    def _check_renewal(self, asked: Asked, shown: bytes) -> None:
        current = self._issued(shown, asked.role)
        if _der(asked.key) != current.public_key:
            raise RefusedError("the request is for another key than the certificate; a new key needs a token")
        if foreign := sorted(set(asked.hosts) - set(current.names)):
            raise RefusedError(f"the certificate is not for the host {foreign[0]}; a further host needs a token")

    def _issued(self, shown: bytes, role: str) -> Issued:
        try:
            certificate = x509.load_der_x509_certificate(shown)
        except UNREADABLE:
            raise RefusedError("no certificate was shown; the first one needs a token") from None
        found = [one for one in self._issuer.registry.issued(role) if one.fingerprint == fingerprint(certificate)]
        if not found:
            raise RefusedError(f"the certificate that was shown is not one of {role} that was issued here")
        now_us = _us(self._now())
        if found[0].generation != self._issuer.registry.generations().get(role, 0) or found[0].serial in {
            one.serial for one in self._issuer.registry.revoked(now_us)
        }:
            raise RefusedError(f"the certificate of {role} is revoked; a token lets it in again")
        if now_us > found[0].ends_us:
            raise RefusedError(f"the certificate of {role} has ended; a token lets it in again")
        return found[0]

    def _token(self, password: str, key: PublicKey) -> TokenRow:
        """The token that the password proves; an attempt that fails is counted. Raises `RefusedError`."""
        plain, proof = _TOKEN.match(password), _PROOF.match(password)
        if plain is None and proof is None:
            raise RefusedError(_NOT_ACCEPTED)
        number = plain[1] if plain else proof[1] if proof else ""
        token = self._issuer.registry.token(number)
        if token is None:
            raise RefusedError(_NOT_ACCEPTED)
        if token.attempts >= MOST_ATTEMPTS:
            raise RefusedError(f"the token was tried {MOST_ATTEMPTS} times with a wrong secret and is worth nothing any more")
        if plain:
            is_right = hmac.compare_digest(_hashed(plain[2]), token.key)
        else:
            assert proof is not None
            is_right = hmac.compare_digest(proof[2], _proof(token.key, key))
        if not is_right:
            self._issuer.registry.fail_token(number)
            raise RefusedError(_NOT_ACCEPTED)
        if token.used_us is not None:
            raise RefusedError(_USED)
        if _us(self._now()) > token.expires_us:
            ended = datetime.fromtimestamp(token.expires_us / 1e6, UTC)
            raise RefusedError(f"the token expired on {ended:%Y-%m-%d %H:%M} UTC; ask for a new one (tieline pki token)")
        return token

    def _refuse(self, role: str, why: str) -> None:
        """Records it, if not too many were in this minute: nobody who has proved nothing fills the disk."""
        now = self._now()
        if now >= self._told_since + timedelta(minutes=1):
            self._told_since, self._told = now, 0
        if self._told >= MOST_TOLD:
            self._left_out += 1
            return
        self._told += 1
        detail = {"reason": why, "left_out": self._left_out}
        self._left_out = 0
        self._issuer.record("enrollment", role[:64], detail, actor="unverified", outcome="refused")


def read_request(request: bytes) -> Asked:
    """What a PKCS #10 request in DER asks for; it proves that who asks has the key. Raises `RefusedError`."""
    if len(request) > MOST_BYTES:
        raise RefusedError(f"the request has more than {MOST_BYTES} bytes")
    try:
        asked = x509.load_der_x509_csr(request)
        is_proven = asked.is_signature_valid
        key = check_strength(asked.public_key())
        role, _ = read_role_name(asked.subject)
        names = names_of(asked)
    except UNREADABLE as error:
        raise RefusedError(f"the request cannot be read as PKCS #10: {error}") from None
    if not is_proven:
        raise RefusedError("the signature of the request is not that of its key")
    hosts = [str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress)]
    if len(hosts) != len(names):
        raise RefusedError("a certificate is for host names and addresses, and for nothing else")
    return Asked(role, key, tuple(hosts))


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _proof(key: bytes, subject: PublicKey) -> str:
    return hmac.new(key, b"tieline enroll\n" + _der(subject), hashlib.sha256).hexdigest()


def _der(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
