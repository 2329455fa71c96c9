"""`tieline pki`: what a person types, what comes of it, and what is said where it cannot be done."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from tieline.cli.app import app
from tieline.cli.pki_work import init, issue, renew_intermediate, revoke, take_authority, token
from tieline.model import ConfigError, TielineError
from tieline.security.audit import verify
from tieline.security.identity import Authority
from tieline.security.identity.certificates import general_name
from tieline.security.identity.files import as_pem, write_key


def status(data: Path) -> tuple[int, dict[str, list[dict[str, str]]], list[str]]:
    result = CliRunner().invoke(app, ["pki", "status", "--data", str(data), "--format", "json"])
    told = json.loads(result.stdout)
    return result.exit_code, {role["role"]: role for role in told["roles"]}, told["findings"]


def test_the_root_s_key_goes_where_it_can_be_taken_away_and_nothing_is_left_to_do(tmp_path: Path) -> None:
    data, stick = tmp_path / "data", tmp_path / "stick"
    init(data, stick, [])
    issue(data, "edge-north", [])
    assert not list(data.rglob("root.key"))
    assert (stick / "root.key").exists()
    code, roles, findings = status(data)
    assert (code, findings) == (0, [])
    assert roles["edge-north"]["state"] == "good"
    with pytest.raises(ConfigError, match="holds an authority already"):
        init(data, stick, [])
    with pytest.raises(ConfigError, match="lies within"):
        init(tmp_path / "other", tmp_path / "other" / "stick", [])


def test_a_root_s_key_that_the_first_run_has_left_is_found(tmp_path: Path) -> None:
    Authority.open(tmp_path / "authority").credentials("center")
    code, _, findings = status(tmp_path)
    assert code == 1
    assert len(findings) == 1
    assert "the root's key is on this machine" in findings[0]


def test_what_should_be_seen_to_is_told(tmp_path: Path) -> None:
    past = datetime.now(UTC) - timedelta(days=1060)
    authority = Authority.open(tmp_path / "authority", now=lambda: past)
    for role in ("edge-north", "edge-south"):
        authority.credentials(role)
    authority.issuer.revoke("edge-north", "superseded", actor="test")
    authority.held("edge-south").key.chmod(0o640)
    code, roles, findings = status(tmp_path)
    assert code == 1
    assert (roles["edge-north"]["state"], roles["edge-south"]["state"]) == ("revoked", "ended")
    for words in (
        "mode 0640",
        "the intermediate ends on",
        "it was revoked on",
        "edge-south on this machine ended",
        "overdue since",
    ):
        assert any(words in finding for finding in findings), words


def test_every_step_is_in_the_audit(tmp_path: Path) -> None:
    init(tmp_path / "data", tmp_path / "stick", [])
    token(tmp_path / "data", "edge-north", [], 24, tmp_path / "token")
    issue(tmp_path / "data", "edge-north", [])
    revoke(tmp_path / "data", "edge-north", "keyCompromise", "cabinet broken open")
    audit = tmp_path / "data" / "authority" / "audit"
    assert verify(audit).is_intact
    written = b"".join(file.read_bytes() for file in audit.rglob("*") if file.is_file()).decode(errors="replace")
    for action in ("authority_installed", "token_made", "certificate_issued", "certificates_revoked", "cabinet broken open"):
        assert action in written, action
    secret = (tmp_path / "token").read_text().split(".")[2]
    assert secret not in written
    assert secret.encode() not in (tmp_path / "data" / "authority" / "registry.db").read_bytes()
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def test_certificates_of_the_old_and_the_new_intermediate_are_valid_side_by_side(tmp_path: Path) -> None:
    data, stick = tmp_path / "data", tmp_path / "stick"
    init(data, stick, [])
    authority = Authority.existing(data / "authority")
    old = authority.credentials("edge-north").leaf()
    chain = tmp_path / "chain.pem"
    (tmp_path / "old.pem").write_bytes(authority.held("edge-north").certificate.read_bytes())
    renew_intermediate(data, stick, ["utility.example", "10.1.0.0/16"], "")
    new = authority.credentials("edge-north").leaf()
    assert old.issuer.rfc4514_string() == "CN=Tieline intermediate 1"
    assert new.issuer.rfc4514_string() == "CN=Tieline intermediate 2"
    for file in (tmp_path / "old.pem", authority.held("edge-north").certificate):
        chain.write_bytes(as_pem(x509.load_pem_x509_certificates(file.read_bytes())[1:]))
        words = ["openssl", "verify", "-x509_strict", "-CAfile", authority.root_file, "-untrusted", chain, file]
        subprocess.run(words, check=True, capture_output=True)
    issue(data, "dmz", ["dmz.utility.example", "10.1.0.9"])
    for host in ("dmz.example", "notutility.example", "10.2.0.1"):
        with pytest.raises(ConfigError, match="name constraints do not permit it"):
            issue(data, "dmz", [host])
    with pytest.raises(ConfigError, match="neither a domain"):
        renew_intermediate(data, stick, ["10.1.0.0/160"], "")
    other = tmp_path / "other"
    init(other, tmp_path / "second stick", [])
    with pytest.raises(ConfigError, match="the root of another authority"):
        renew_intermediate(data, tmp_path / "second stick", [], "")


def authority_of_the_utility(folder: Path, *, may_issue: bool = True) -> tuple[Path, Path]:
    """An RSA authority with one level, as some utilities have it."""
    folder.mkdir()
    key, now = rsa.generate_private_key(65537, 3072), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Utility"), x509.NameAttribute(NameOID.COMMON_NAME, "OT CA")])
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 77, now - timedelta(days=1), now + timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=may_issue, path_length=0 if may_issue else None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=may_issue, crl_sign=may_issue, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "chain.pem").write_bytes(as_pem([certificate]))
    write_key(folder / "ca.key", key)
    return folder / "chain.pem", folder / "ca.key"


def test_an_authority_of_the_utility_s_own_issues_and_revokes(tmp_path: Path) -> None:
    chain, key = authority_of_the_utility(tmp_path / "own")
    data = tmp_path / "data"
    take_authority(data, chain, key, "")
    issue(data, "edge-north", [])
    authority = Authority.existing(data / "authority")
    held = authority.held("edge-north")
    assert held.leaf().issuer.rfc4514_string() == "CN=OT CA,O=Utility"
    subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", authority.root_file, held.certificate], check=True, capture_output=True
    )
    revoke(data, "edge-north", "superseded", "")
    assert authority.revocations.refusal(held.leaf())
    with pytest.raises(ConfigError, match="holds an authority already"):
        take_authority(data, chain, key, "")


def test_an_authority_that_cannot_issue_is_refused_with_the_reason(tmp_path: Path) -> None:
    chain, key = authority_of_the_utility(tmp_path / "own")
    _, foreign = authority_of_the_utility(tmp_path / "other")
    leaf, leaf_key = authority_of_the_utility(tmp_path / "leaf", may_issue=False)
    cases: list[tuple[Path, Path | None, str]] = [
        (chain, foreign, "does not belong to the first certificate"),
        (leaf, leaf_key, "may not issue any"),
        (chain, None, "give --key or --pkcs11"),
        (tmp_path / "nothing", key, "not a readable certificate"),
    ]
    for certificate, with_key, reason in cases:
        with pytest.raises(ConfigError, match=reason):
            take_authority(tmp_path / "data", certificate, with_key, "")
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="can be used by others than its owner"):
        take_authority(tmp_path / "data", chain, key, "")
    assert not (tmp_path / "data").exists()


def test_an_authority_of_one_level_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    folder.mkdir()
    (folder / "authority.key").write_text("")
    with pytest.raises(ConfigError, match=f"move {folder} away so that new certificates are made here"):
        Authority.open(folder)


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("token", "--role", "edge-north"),
        ("issue", "edge-north"),
        ("revoke", "edge-north", "--reason", "superseded"),
        ("crl",),
    ],
)
def test_where_no_authority_is_one_line_says_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "tieline", "pki", *words, "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("tieline: ")
    assert done.stderr.count("\n") == 1


FULL_DISK = """\
import resource, signal, sys
from pathlib import Path
from tieline.model import UnavailableError
from tieline.security.identity import Authority
folder = Path(sys.argv[1])
authority = Authority.open(folder)
before = authority.credentials("edge-north").leaf()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
for attempt in (
    lambda: authority.credentials("edge-south"),
    lambda: authority.issuer.revoke("edge-north", "superseded", actor="test"),
    lambda: Authority.open(folder.with_name("second")),
):
    try:
        attempt()
    except UnavailableError as error:
        print(error)
    else:
        raise SystemExit("it was done")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert authority.revocations.refusal(before) == ""
assert authority.credentials("edge-north").leaf() == before
assert authority.credentials("edge-south").leaf()
"""


def test_on_a_full_disk_nothing_is_issued_or_revoked_and_afterwards_everything_goes_on(tmp_path: Path) -> None:
    """The process may not write beyond 100 bytes of a file: what the kernel says then comes from where a full disk would say it."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "first")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert len(done.stdout.splitlines()) == 3


def test_a_host_in_a_certificate_is_a_name_or_an_address(tmp_path: Path) -> None:
    init(tmp_path / "data", tmp_path / "stick", [])
    issue(tmp_path / "data", "dmz", ["dmz.example", "::1"])
    leaf = Authority.existing(tmp_path / "data" / "authority").held("dmz").leaf()
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [general_name(host) for host in ("127.0.0.1", "localhost", "dmz.example", "::1")]
    with pytest.raises(TielineError, match="is not the name of a role"):
        issue(tmp_path / "data", "edge north", [])
