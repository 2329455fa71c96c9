"""Tokens, requests for certificates, and what is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tieline.io import SystemClock
from tieline.model import AuditRecord, ConfigError, RefusedError
from tieline.security.audit import AuditLog
from tieline.security.identity import Authority, est
from tieline.security.identity.certificates import fingerprint, general_name, role_name
from tieline.security.identity.enrollment import MOST_ATTEMPTS, MOST_TOLD, Registrar, Token

HOSTS = ("127.0.0.1", "localhost")
ROLE = "edge-north"


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class Desk:
    """A registrar, and somebody who asks it."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.authority = Authority.open(folder / "authority", now=self.clock)
        self.registrar = Registrar(self.authority, self.clock)
        self.key = ec.generate_private_key(ec.SECP256R1())

    def token(self, role: str = ROLE) -> Token:
        return self.registrar.new_token(role, HOSTS, actor="test")

    def request(
        self, role: str = ROLE, hosts: Sequence[str] = HOSTS, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None
    ) -> bytes:
        names = x509.SubjectAlternativeName([general_name(host) for host in hosts])
        builder = x509.CertificateSigningRequestBuilder().subject_name(role_name(role, 0)).add_extension(names, critical=False)
        return builder.sign(key or self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def enroll(self, token: Token, request: bytes | None = None) -> x509.Certificate:
        return self.registrar.enroll(request or self.request(), ROLE, token.password(self.key.public_key()))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def test_a_token_gets_its_role_one_certificate(desk: Desk) -> None:
    token = Token.read(str(desk.token()))
    assert token.root == fingerprint(desk.authority.roots()[0])
    certificate = desk.enroll(token)
    assert certificate.subject.rfc4514_string() == "CN=edge-north"
    assert certificate.public_key() == desk.key.public_key()
    with pytest.raises(RefusedError, match="used already"):
        desk.enroll(token)


def test_a_client_that_knows_no_proof_may_send_the_token_as_a_password(desk: Desk) -> None:
    token = desk.token()
    assert desk.registrar.enroll(desk.request(), ROLE, str(token)).public_key() == desk.key.public_key()


def test_who_stands_between_cannot_use_the_proof_for_a_key_of_his_own(desk: Desk) -> None:
    overheard = desk.token().password(desk.key.public_key())
    theirs = desk.request(key=ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(RefusedError, match="not accepted"):
        desk.registrar.enroll(theirs, ROLE, overheard)


def test_a_token_expires(desk: Desk) -> None:
    token = desk.token()
    desk.clock.now += timedelta(hours=25)
    with pytest.raises(RefusedError, match="the token expired on"):
        desk.enroll(token)


def test_a_foreign_or_altered_token_is_not_accepted(desk: Desk, tmp_path: Path) -> None:
    foreign = Desk(tmp_path / "other").token()
    with pytest.raises(RefusedError, match="not accepted"):
        desk.enroll(foreign)
    ours = desk.token()
    for text in (f"{ours.id}.{'0' * 64}", "guess", ""):
        with pytest.raises(RefusedError, match="not accepted"):
            desk.registrar.enroll(desk.request(), ROLE, text)
    with pytest.raises(ConfigError, match="not a token"):
        Token.read(str(ours)[:-1])


def test_a_token_is_worth_nothing_after_a_few_wrong_secrets(desk: Desk) -> None:
    token = desk.token()
    wrong = Token(token.id, "A" * 43, token.root)
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(RefusedError, match="not accepted"):
            desk.enroll(wrong)
    with pytest.raises(RefusedError, match="worth nothing any more"):
        desk.enroll(token)


@pytest.mark.parametrize(
    ("role", "hosts", "reason"),
    [("edge-south", HOSTS, "the token is for edge-north"), (ROLE, ("center.example",), "not for the host center.example")],
)
def test_a_request_for_anything_else_than_the_token_is_refused_and_the_token_stays_good(
    desk: Desk, role: str, hosts: tuple[str, ...], reason: str
) -> None:
    token = desk.token()
    with pytest.raises(RefusedError, match=reason):
        desk.enroll(token, desk.request(role, hosts))
    assert desk.enroll(token)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (ec.generate_private_key(ec.SECP224R1()), "secp224r1"),
        (rsa.generate_private_key(65537, 2048), "2048 bits"),
    ],
)
def test_a_weak_key_gets_no_certificate(desk: Desk, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        desk.enroll(desk.token(), desk.request(key=key))


def test_a_request_that_somebody_has_altered_is_refused(desk: Desk) -> None:
    request = bytearray(desk.request())
    request[-1] ^= 1
    with pytest.raises(RefusedError):
        desk.enroll(desk.token(), bytes(request))
    for nonsense in (b"", b"\x30\x00", bytes(20_000)):
        with pytest.raises(RefusedError):
            desk.enroll(desk.token(), nonsense or b"\x00")


def test_a_further_certificate_is_for_the_key_that_there_is_and_nobody_elses(desk: Desk) -> None:
    first = desk.enroll(desk.token())
    second = desk.registrar.reenroll(desk.request(), der(first))
    assert second.public_key() == first.public_key()
    assert second.serial_number != first.serial_number
    stranger = desk.request(key=ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(RefusedError, match="another key"):
        desk.registrar.reenroll(stranger, der(first))
    with pytest.raises(RefusedError, match="not one of edge-south"):
        desk.registrar.reenroll(desk.request("edge-south"), der(first))


def test_a_certificate_that_has_ended_or_was_revoked_gets_no_further_one(desk: Desk) -> None:
    first = desk.enroll(desk.token())
    desk.clock.now += timedelta(days=91)
    with pytest.raises(RefusedError, match="has ended"):
        desk.registrar.reenroll(desk.request(), der(first))
    desk.clock.now -= timedelta(days=80)
    desk.authority.issuer.revoke(ROLE, "keyCompromise", actor="test")
    with pytest.raises(RefusedError, match="is revoked"):
        desk.registrar.reenroll(desk.request(), der(first))
    again = desk.enroll(desk.token())
    assert again.subject == role_name(ROLE, 1)


def test_threads_that_issue_and_revoke_at_the_same_time_do_not_disturb_each_other(desk: Desk) -> None:
    issuer = desk.authority.issuer
    roles = [f"edge-{number}" for number in range(8)]

    def work(role: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1()).public_key()
        for _ in range(3):
            issuer.issue(role, key, HOSTS, why="test")
        issuer.revoke(role, "superseded", actor="test")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, roles))
    current = desk.authority.revocations.current()
    assert current is not None
    assert current.generations == dict.fromkeys(roles, 1)
    assert len(current.revoked) == 3 * len(roles)
    assert current.number == len(roles) + 1


def test_a_flood_of_refused_requests_does_not_fill_the_audit(desk: Desk) -> None:
    def ask() -> None:
        with pytest.raises(RefusedError):
            desk.registrar.enroll(b"", ROLE, "guess")

    def recorded() -> list[AuditRecord]:
        with closing(AuditLog.open(desk.authority.folder / "audit", "authority", SystemClock())) as audit:
            return [record for record in audit.since(0) if record.outcome == "refused"]

    for _ in range(MOST_TOLD + 7):
        ask()
    assert len(recorded()) == MOST_TOLD
    desk.clock.now += timedelta(minutes=1)
    ask()
    assert recorded()[-1].detail["left_out"] == 7


def test_openssl_makes_requests_that_are_taken_and_reads_what_is_answered(desk: Desk, tmp_path: Path) -> None:
    def openssl(*words: str | Path, given: bytes | None = None) -> bytes:
        return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True).stdout

    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", tmp_path / "key.pem")
    request = openssl("req", "-new", "-key", tmp_path / "key.pem", "-subj", "/CN=edge-north", "-outform", "DER")
    certificate = desk.registrar.enroll(request, ROLE, str(desk.token()))
    reply = est.of_certificates([certificate], is_issued=True)
    assert dict(reply.headers)["Content-Type"] == "application/pkcs7-mime; smime-type=certs-only"
    armored = b"-----BEGIN PKCS7-----\n" + reply.body + b"-----END PKCS7-----\n"
    assert b"CN = edge-north" in openssl("pkcs7", "-print_certs", given=armored)
    told = est.of_certificates(desk.registrar.certificates(), is_issued=False)
    authorities = openssl("pkcs7", "-print_certs", given=b"-----BEGIN PKCS7-----\n" + told.body + b"-----END PKCS7-----\n")
    (tmp_path / "chain.pem").write_bytes(authorities)
    (tmp_path / "leaf.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    root = desk.authority.root_file
    for purpose in ("sslclient", "sslserver"):
        words = ["verify", "-x509_strict", "-purpose", purpose, "-CAfile", root, "-untrusted", tmp_path / "chain.pem"]
        openssl(*words, tmp_path / "leaf.pem")
    parsed = openssl("asn1parse", "-inform", "DER", given=est.CSR_ATTRIBUTES)
    assert b"id-ecPublicKey" in parsed
    assert b"ecdsa-with-SHA256" in parsed
