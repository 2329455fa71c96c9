from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tieline.cli.device_tls import device_context
from tieline.config.dnp3 import Dnp3Tls, Dnp3TlsServer
from tieline.model import ConfigError
from tieline.security.identity import Authority, Credentials


@pytest.fixture
def ours(tmp_path: Path) -> Credentials:
    return Authority.open(tmp_path / "ours").credentials("edge.alpha", hosts=["gateway.example"])


@pytest.fixture
def theirs(tmp_path: Path) -> Credentials:
    """What a device of another authority has."""
    return Authority.open(tmp_path / "theirs").credentials("device", hosts=["rtu.example"])


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends after a handshake in memory and one octet each way; raises what the first of them to fail raises."""
    upward, downward = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(downward, upward, server_hostname=name),
        server.wrap_bio(upward, downward, server_side=True),
    ]
    for attempt in (ssl.SSLObject.do_handshake, lambda end: end.write(b"x"), lambda end: end.read(1)):
        waiting = list(ends)
        for _ in range(10):
            for end in list(waiting):
                try:
                    attempt(end)
                except ssl.SSLWantReadError:
                    continue
                waiting.remove(end)
        assert not waiting
    return ends[0], ends[1]


def test_without_files_our_own_authority_vouches_for_both_sides(tmp_path: Path, ours: Credentials) -> None:
    dial = device_context(tmp_path, Dnp3Tls(transport="tls", host="gateway.example"), ours)
    listen = device_context(tmp_path, Dnp3TlsServer(transport="tls_server", host="127.0.0.1"), ours)
    client, server = shake_hands(dial, listen, "gateway.example")
    assert client.getpeercert()
    assert server.getpeercert()


def test_a_device_of_another_authority_is_trusted_where_the_folder_names_it_and_sees_our_certificate(
    tmp_path: Path, ours: Credentials, theirs: Credentials
) -> None:
    authority = theirs.authority.relative_to(tmp_path).as_posix()
    dial = device_context(tmp_path, Dnp3Tls(transport="tls", host="rtu.example", authority_file=authority), ours)
    device = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    device.verify_mode = ssl.CERT_REQUIRED
    device.load_verify_locations(ours.authority)
    device.load_cert_chain(theirs.certificate, theirs.key)
    _, server = shake_hands(dial, device, "rtu.example")
    assert server.getpeercert()
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(device_context(tmp_path, Dnp3Tls(transport="tls", host="rtu.example"), ours), device, "rtu.example")


def test_who_dials_without_a_certificate_that_we_trust_is_refused(tmp_path: Path, ours: Credentials, theirs: Credentials) -> None:
    listen = device_context(tmp_path, Dnp3TlsServer(transport="tls_server", host="127.0.0.1"), ours)
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.load_verify_locations(ours.authority)
    with pytest.raises(ssl.SSLError):
        shake_hands(stranger, listen, "gateway.example")
    stranger.load_cert_chain(theirs.certificate, theirs.key)
    with pytest.raises(ssl.SSLError):
        shake_hands(stranger, listen, "gateway.example")


def test_the_certificate_that_the_folder_names_is_shown(tmp_path: Path, ours: Credentials, theirs: Credentials) -> None:
    files = {
        "certificate_file": theirs.certificate.relative_to(tmp_path).as_posix(),
        "key_file": theirs.key.relative_to(tmp_path).as_posix(),
    }
    listen = device_context(
        tmp_path, Dnp3TlsServer.model_validate({"transport": "tls_server", "host": "127.0.0.1"} | files), ours
    )
    dial = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    dial.load_verify_locations(theirs.authority)
    dial.load_cert_chain(ours.certificate, ours.key)
    client, _ = shake_hands(dial, listen, "rtu.example")
    assert client.getpeercert()


@pytest.mark.parametrize("key", ["authority_file", "certificate_file"])
def test_a_file_that_is_no_certificate_is_named(tmp_path: Path, ours: Credentials, key: str) -> None:
    (tmp_path / "wrong.pem").write_text("nothing")
    files = {key: "wrong.pem"} | ({"key_file": "wrong.pem"} if key == "certificate_file" else {})
    with pytest.raises(ConfigError, match=r"wrong\.pem cannot be used"):
        device_context(tmp_path, Dnp3Tls.model_validate({"transport": "tls", "host": "rtu.example"} | files), ours)
