"""Signatures with a role's key, and what does not pass for one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from tieline.model import ConfigError, RefusedError
from tieline.security.identity import Authority, files
from tieline.security.identity.certificates import make_intermediate, make_role, new_key, vouched
from tieline.security.identity.signing import Signer, Verifier

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_renewed_certificate_is_taken_up_and_verified(tmp_path: Path) -> None:
    moment = [NOW]
    authority = Authority.open(tmp_path, now=lambda: moment[0])
    credentials = authority.credentials("scada")
    signer, verifier = Signer(credentials), Verifier(credentials.authority, "scada")
    before = signer.certificate
    verifier.verify("x", b"1", signer.sign("x", b"1"), signer.certificate, moment[0])
    moment[0] += timedelta(days=85)
    authority.credentials("scada")
    signer.reload()
    assert signer.certificate != before
    moment[0] += timedelta(days=20)
    verifier.verify("x", b"2", signer.sign("x", b"2"), signer.certificate, moment[0])
    with pytest.raises(RefusedError, match="is valid from"):
        verifier.verify("x", b"2", signer.sign("x", b"2"), before, moment[0])


@pytest.mark.parametrize("certificate", [b"", b"\x30\x00", b"no certificate"])
def test_what_is_no_certificate_is_refused(tmp_path: Path, certificate: bytes) -> None:
    credentials = Authority.open(tmp_path, now=lambda: NOW).credentials("scada")
    signature = Signer(credentials).sign("x", b"1")
    with pytest.raises(RefusedError, match="not one of the utility's authority"):
        Verifier(credentials.authority, "scada").verify("x", b"1", signature, certificate, NOW)


def test_the_authority_itself_signs_no_commands(tmp_path: Path) -> None:

    credentials = Authority.open(tmp_path, now=lambda: NOW).credentials("scada")
    itself = pkcs7.serialize_certificates(x509.load_pem_x509_certificates(credentials.authority.read_bytes()), Encoding.DER)
    with pytest.raises(RefusedError, match="only scada may"):
        Verifier(credentials.authority, "scada").verify("x", b"1", b"", itself, NOW)


def test_a_key_that_cannot_be_read_is_a_matter_of_configuration(tmp_path: Path) -> None:
    credentials = Authority.open(tmp_path, now=lambda: NOW).credentials("scada")
    credentials.key.write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="not a readable private key"):
        Signer(credentials)


def bundle(*certificates: x509.Certificate) -> bytes:
    return pkcs7.serialize_certificates(list(certificates), Encoding.DER)


def test_a_role_vouches_for_nobody(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path, now=lambda: NOW)
    south = authority.credentials("edge-south")
    forger, key = south.leaf(), files.read_key(south.key)
    forged = make_role("scada", 0, key.public_key(), forger, key, NOW, timedelta(days=1))
    verifier = Verifier(south.authority, "scada")
    signature = Signer(south).sign("x", b"1")
    for shown in (
        (forged, forger),
        (forged, forger, *authority.issuer.chain()),
        (forged,),
        (forger,),
        (forged, *authority.roots()),
    ):
        with pytest.raises(RefusedError):
            verifier.verify("x", b"1", signature, bundle(*shown), NOW)


def test_an_intermediate_that_has_ended_or_stands_below_another_one_vouches_for_nothing(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path, now=lambda: NOW)
    credentials = authority.credentials("scada")
    signer, root = Signer(credentials), authority.roots()
    leaf, issuing = credentials.leaf(), authority.issuer.chain()[0]
    vouched(leaf, [issuing], root, NOW)
    with pytest.raises(RefusedError, match="the authority CN=Tieline intermediate 1 is valid until"):
        vouched(leaf, [issuing], root, NOW + timedelta(days=1_200))
    with pytest.raises(RefusedError, match="not one of the utility's authority"):
        vouched(leaf, [], root, NOW)
    above = files.read_issuing_key(authority.issuer.key_file)
    key = new_key()
    second = make_intermediate("second", key.public_key(), issuing, above, NOW)
    below = make_role("scada", 0, key.public_key(), second, key, NOW, timedelta(days=1))
    with pytest.raises(RefusedError, match="not one of the utility's authority"):  # path length 0
        vouched(below, [second, issuing], root, NOW)
    with pytest.raises(RefusedError, match="is too large"):
        Verifier(credentials.authority, "scada").verify("x", b"1", b"", signer.certificate * 20, NOW)


def test_several_roots_may_be_trusted_side_by_side(tmp_path: Path) -> None:
    first, second = (Authority.open(tmp_path / name, now=lambda: NOW) for name in ("first", "second"))
    both = tmp_path / "both.crt"
    both.write_bytes(first.root_file.read_bytes() + second.root_file.read_bytes())
    for authority in (first, second):
        signer = Signer(authority.credentials("scada"))
        Verifier(both, "scada").verify("x", b"1", signer.sign("x", b"1"), signer.certificate, NOW)
