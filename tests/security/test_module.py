"""The issuing key in a module of PKCS #11: SoftHSM, where it is installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tieline.model import ConfigError
from tieline.security.identity import Authority
from tieline.security.identity.module import ModulePlace

LIBRARY = Path("/usr/lib/softhsm/libsofthsm2.so")
URI = "pkcs11:token=tieline;object=issuing?module-path={library}&pin-source={pin}"

needs_module = pytest.mark.skipif(
    not LIBRARY.exists() or shutil.which("softhsm2-util") is None or importlib.util.find_spec("pkcs11") is None,
    reason="softhsm2 or python-pkcs11 is not installed",
)

MAKE_KEY = """\
import sys, pkcs11
from pkcs11.util.ec import encode_named_curve_parameters
token = pkcs11.lib(sys.argv[1]).get_token(token_label="tieline")
with token.open(rw=True, user_pin="123456") as session:
    parameters = session.create_domain_parameters(
        pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True)
    parameters.generate_keypair(store=True, label="issuing")
"""


@pytest.fixture
def module(tmp_path: Path) -> tuple[dict[str, str], str]:
    """The environment in which a token with a key is found, and the key's URI; a process of its own reads the environment once."""
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    environment = {**os.environ, "SOFTHSM2_CONF": str(tmp_path / "softhsm2.conf")}
    words = ["softhsm2-util", "--init-token", "--free", "--label", "tieline", "--pin", "123456", "--so-pin", "12345678"]
    subprocess.run(words, env=environment, check=True, capture_output=True)
    subprocess.run([sys.executable, "-c", MAKE_KEY, str(LIBRARY)], env=environment, check=True, capture_output=True)
    pin = tmp_path / "pin"
    pin.touch(mode=0o600)
    pin.write_text("123456\n")
    return environment, URI.format(library=LIBRARY, pin=pin)


def tieline(environment: dict[str, str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tieline", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@needs_module
def test_certificates_are_issued_with_a_key_that_never_leaves_its_module(
    tmp_path: Path, module: tuple[dict[str, str], str]
) -> None:
    environment, uri = module
    data, stick = tmp_path / "data", tmp_path / "stick"
    for words in (
        ("pki", "init", "--data", data, "--root", stick),
        ("pki", "intermediate", "--data", data, "--root", stick, "--pkcs11", uri),
        ("pki", "issue", "edge-north", "--data", data),
        ("pki", "revoke", "edge-north", "--reason", "superseded", "--data", data),
    ):
        done = tieline(environment, *words)
        assert done.returncode == 0, done.stderr
    authority = Authority.existing(data / "authority")
    assert not authority.issuer.key_file.exists()
    held = authority.held("edge-north")
    words = ["openssl", "verify", "-x509_strict", "-CAfile", authority.root_file, "-untrusted", authority.issuer.file]
    subprocess.run([*words, held.certificate], check=True, capture_output=True)
    assert "superseded" in authority.revocations.refusal(held.leaf())
    (tmp_path / "pin").write_text("654321\n")
    done = tieline(environment, "pki", "issue", "edge-south", "--data", data)
    assert done.returncode == 2
    assert "does not give its key" in done.stderr
    (tmp_path / "pin").chmod(0o644)
    done = tieline(environment, "pki", "issue", "edge-south", "--data", data)
    assert "can be used by others" in done.stderr


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("file:/x", "not a PKCS #11 URI"),
        ("pkcs11:token=a;object=b?module-path=/x&pin-value=1", "a PIN does not belong into a URI"),
        ("pkcs11:token=a?module-path=/x", "says nothing of object, pin-source"),
    ],
)
def test_a_uri_that_names_no_key_says_what_it_lacks(uri: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        ModulePlace.read(uri)
