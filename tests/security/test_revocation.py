"""What is revoked, the list that says so, and lists that are not taken."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tieline.model import ConfigError, RefusedError, UnavailableError
from tieline.security.identity import Authority, Credentials
from tieline.security.identity.revocation import Revocations
from tieline.security.identity.signing import Signer, Verifier


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


def away(folder: Path, authority: Authority) -> Revocations:
    """Another machine, which has the root's certificate."""
    folder.mkdir()
    (folder / "authority.crt").write_bytes(authority.root_file.read_bytes())
    return Revocations(folder)


def test_a_revoked_role_is_named_on_every_machine_that_has_the_list(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    north, south = authority.credentials("edge-north").leaf(), authority.credentials("edge-south").leaf()
    site = away(tmp_path / "site", authority)
    assert site.refusal(north) == "", "no list has come yet"
    assert site.take(authority.revocations.file.read_bytes())
    authority.issuer.revoke("edge-north", "keyCompromise", actor="test")
    pem = authority.revocations.file.read_bytes()
    assert site.take(pem)
    assert not site.take(pem)
    assert "keyCompromise" in site.refusal(north)
    assert site.refusal(south) == ""
    current = site.current()
    assert current is not None
    assert current.generation("edge-north") == 1
    assert current.generation("edge-south") == 0


def test_an_older_list_is_refused(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    north = authority.credentials("edge-north").leaf()
    before = authority.revocations.file.read_bytes()
    authority.issuer.revoke("edge-north", "unspecified", actor="test")
    site = away(tmp_path / "site", authority)
    site.take(authority.revocations.file.read_bytes())
    with pytest.raises(RefusedError, match="number 1 came, and number 2 was here already"):
        site.take(before)
    assert site.refusal(north)


def test_a_list_of_another_authority_and_an_altered_one_are_refused(tmp_path: Path) -> None:
    ours, theirs = Authority.open(tmp_path / "ours"), Authority.open(tmp_path / "theirs")
    site = away(tmp_path / "site", ours)
    with pytest.raises(RefusedError, match="not signed by the utility's authority"):
        site.take(theirs.revocations.file.read_bytes())
    pem = ours.revocations.file.read_bytes()
    foreign = theirs.revocations.file.read_bytes()
    end = b"-----END X509 CRL-----\n"
    with pytest.raises(RefusedError, match="not signed by the certificate that came with it"):
        site.take(foreign.split(end)[0] + end + pem.split(end)[1])
    for nonsense in (b"", b"nothing", pem.split(end)[1]):
        with pytest.raises(RefusedError, match="cannot be read"):
            site.take(nonsense)
    role = theirs.credentials("edge-north")
    with pytest.raises(RefusedError):
        site.take(foreign.split(end)[0] + end + role.certificate.read_bytes())


def test_a_list_that_is_overdue_still_counts_and_says_that_it_is(tmp_path: Path) -> None:
    clock = Clock()
    authority = Authority.open(tmp_path / "authority", now=clock)
    north = authority.credentials("edge-north").leaf()
    authority.issuer.revoke("edge-north", "superseded", actor="test")
    current = authority.revocations.current()
    assert current is not None
    assert not current.is_overdue(clock.now + timedelta(days=6))
    assert current.is_overdue(clock.now + timedelta(days=8))
    assert current.refusal(north)


def test_the_list_is_made_anew_when_half_of_its_time_is_over(tmp_path: Path) -> None:
    clock = Clock()
    authority = Authority.open(tmp_path / "authority", now=clock)

    def number() -> int:
        current = authority.revocations.current()
        assert current is not None
        return current.number

    first = number()
    clock.now += timedelta(days=3)
    authority.issuer.keep_list()
    assert number() == first
    clock.now += timedelta(days=1)
    authority.issuer.keep_list()
    assert number() == first + 1
    authority.revocations.file.write_text("damaged")
    authority.issuer.keep_list()
    assert number() == first + 2


def test_a_revoked_role_gets_no_certificate_by_itself_and_a_new_key_when_it_is_let_in_again(tmp_path: Path) -> None:
    clock = Clock()
    authority = Authority.open(tmp_path / "authority", now=clock)
    held = authority.credentials("edge-north")
    before, key = held.leaf(), held.key.read_bytes()
    authority.issuer.revoke("edge-north", "keyCompromise", actor="test")
    clock.now += timedelta(days=80)
    assert authority.credentials("edge-north").leaf() == before
    held.certificate.unlink()
    held.key.unlink()
    with pytest.raises(ConfigError, match="are revoked; let it in again with tieline pki issue edge-north"):
        authority.credentials("edge-north")
    authority.issue(held, keeps_key=False, why="let in again", actor="test")
    assert held.key.read_bytes() != key
    assert authority.revocations.refusal(held.leaf()) == ""
    assert authority.credentials("edge-north").leaf() == held.leaf()


def test_what_a_revoked_role_signs_is_refused(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    credentials = authority.credentials("scada")
    signer, verifier, now = Signer(credentials), Verifier(credentials.authority, "scada"), datetime.now(UTC)
    verifier.verify("x", b"1", signer.sign("x", b"1"), signer.certificate, now)
    authority.issuer.revoke("scada", "keyCompromise", actor="test")
    with pytest.raises(RefusedError, match="does not count: it was revoked"):
        verifier.verify("x", b"1", signer.sign("x", b"1"), signer.certificate, now)
    authority.issue(credentials, keeps_key=False, why="let in again")
    signer.reload()
    verifier.verify("x", b"1", signer.sign("x", b"1"), signer.certificate, now)


def test_openssl_reads_the_list_and_refuses_what_it_names(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")

    def verify(held: Credentials) -> str:
        chain = tmp_path / "chain.pem"
        chain.write_bytes(authority.issuer.file.read_bytes())
        words = ["openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", authority.root_file, "-untrusted", chain]
        words += ["-CRLfile", authority.revocations.file, held.certificate]
        return subprocess.run(words, capture_output=True, text=True, check=False).stderr

    north, south = authority.credentials("edge-north"), authority.credentials("edge-south")
    assert verify(north) == ""
    authority.issuer.revoke("edge-north", "cessationOfOperation", actor="test")
    assert "certificate revoked" in verify(north)
    assert verify(south) == ""
    text = subprocess.run(
        ["openssl", "crl", "-in", authority.revocations.file, "-noout", "-text"], capture_output=True, text=True, check=True
    ).stdout
    assert "Cessation Of Operation" in text


def test_a_role_that_was_never_here_and_an_unknown_reason_are_named(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    authority.credentials("edge-north")
    with pytest.raises(ConfigError, match=r"no certificate was issued for 'edge-nroth' here; there are edge-north"):
        authority.issuer.revoke("edge-nroth", "unspecified", actor="test")
    with pytest.raises(ConfigError, match="is no reason; choose one of"):
        authority.issuer.revoke("edge-north", "because", actor="test")


def test_nothing_is_revoked_where_it_cannot_be_recorded(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    north = authority.credentials("edge-north").leaf()
    audit = tmp_path / "authority" / "audit"
    audit.rename(tmp_path / "aside")
    audit.write_text("in the way")
    with pytest.raises(UnavailableError, match="audit"):
        authority.issuer.revoke("edge-north", "unspecified", actor="test")
    with pytest.raises(UnavailableError, match="audit"):
        authority.credentials("edge-south")
    assert authority.revocations.refusal(north) == ""
    assert not (tmp_path / "authority" / "roles" / "edge-south.crt").exists()
    assert isinstance(north, x509.Certificate)
