"""Whatever bytes come where certificates travel, they are understood or refused, and nothing else happens."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.model import ConfigError, RefusedError, RemoteError
from tieline.security.identity import Authority, est
from tieline.security.identity.enrollment import Registrar, Token, read_request
from tieline.security.identity.est import EstError
from tieline.security.identity.revocation import Revocations, read_list
from tieline.security.identity.signing import Signer, Verifier

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Samples:
    """Genuine messages, to be altered."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority.open(folder, now=lambda: NOW)
        credentials = self.authority.credentials("scada")
        self.signer = Signer(credentials)
        self.verifier = Verifier(credentials.authority, "scada")
        self.roots = self.authority.roots()
        self.list = self.authority.revocations.file.read_bytes()
        self.reply = est.of_certificates(Registrar(self.authority, lambda: NOW).certificates(), is_issued=False).body


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return Samples(tmp_path_factory.mktemp("authority"))


@st.composite
def altered(draw: st.DrawFn, length: int = 1_200) -> tuple[int, int, int]:
    """Where a message is altered, by what, and where it is cut off."""
    return draw(st.integers(0, length)), draw(st.integers(1, 255)), draw(st.integers(1, 3 * length))


def alter(content: bytes, how: tuple[int, int, int]) -> bytes:
    at, by, end = how
    changed = bytearray(content)
    changed[at % len(changed)] ^= by
    return bytes(changed[:end])


@settings(max_examples=300, deadline=None)
@given(how=altered())
def test_an_altered_list_or_chain_is_refused_or_says_the_same(samples: Samples, how: tuple[int, int, int]) -> None:
    try:
        told = read_list(alter(samples.list, how), samples.roots)
    except RefusedError:
        pass
    else:
        assert (told.number, dict(told.generations), dict(told.revoked)) == (1, {}, {})
    signature = samples.signer.sign("x", b"1")
    shown = alter(samples.signer.certificate, how)
    with suppress(RefusedError):
        samples.verifier.verify("x", b"1", signature, shown, NOW)


@settings(max_examples=200, deadline=None)
@given(how=altered(), plain=st.binary(max_size=300))
def test_answers_and_requests_of_any_bytes_are_refused_as_such(samples: Samples, how: tuple[int, int, int], plain: bytes) -> None:
    for body in (plain, alter(samples.reply, how), base64.b64encode(alter(base64.b64decode(samples.reply), how))):
        with suppress(RemoteError):
            est.certificates_of(body)
    for content in (plain, alter(samples.signer.certificate, how)):
        with pytest.raises(RefusedError):
            read_request(content)


@settings(max_examples=200, deadline=None)
@given(method=st.text(max_size=8), path=st.text(max_size=40), header=st.text(max_size=40), body=st.binary(max_size=60))
def test_any_request_of_http_is_understood_or_answered(method: str, path: str, header: str, body: bytes) -> None:
    for target in (path, f"{est.PATH}{path}", f"{est.PATH}simpleenroll"):
        headers = {"content-type": est.PKCS10, "authorization": f"Basic {header}"}
        for each in (method, "POST", "GET"):
            with suppress(EstError):
                assert est.read(each, target, headers, body).operation in est.Operation


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200))
def test_any_text_is_a_token_or_is_not(text: str) -> None:
    with suppress(ConfigError):
        assert str(Token.read(text)) == text.strip()


def test_a_damaged_file_says_so_and_a_genuine_list_mends_it(samples: Samples, tmp_path: Path) -> None:
    (tmp_path / "authority.crt").write_bytes(samples.authority.root_file.read_bytes())
    revocations = Revocations(tmp_path)
    revocations.file.write_bytes(b"damaged")
    with pytest.raises(RefusedError, match="cannot be read"):
        revocations.current()
    assert revocations.take(samples.list)
    current = revocations.current()
    assert current is not None
    assert current.number == 1
