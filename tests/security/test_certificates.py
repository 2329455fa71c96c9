from __future__ import annotations

import asyncio
import ssl
import stat
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tieline.model import ConfigError, UnavailableError
from tieline.security.identity import Authority, Credentials


def test_private_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    credentials = authority.credentials("edge-north", hosts=["127.0.0.1"])
    for key in (credentials.key, tmp_path / "authority" / "intermediate.key", tmp_path / "authority" / "offline" / "root.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_same_certificate_is_handed_out_until_a_third_of_its_life_is_left(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    folder = tmp_path / "authority"
    first = Authority.open(folder, now=lambda: now).credentials("center")
    serial = x509.load_pem_x509_certificate(first.certificate.read_bytes()).serial_number
    key = first.key.read_bytes()
    later = Authority.open(folder, now=lambda: now + timedelta(days=59)).credentials("center")
    assert x509.load_pem_x509_certificate(later.certificate.read_bytes()).serial_number == serial
    renewed = Authority.open(folder, now=lambda: now + timedelta(days=61)).credentials("center")
    assert x509.load_pem_x509_certificate(renewed.certificate.read_bytes()).serial_number != serial
    assert renewed.key.read_bytes() == key


def test_a_new_host_needs_a_new_certificate(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    before = authority.credentials("dmz", hosts=["127.0.0.1"]).certificate.read_bytes()
    assert authority.credentials("dmz", hosts=["127.0.0.1"]).certificate.read_bytes() == before
    assert authority.credentials("dmz", hosts=["127.0.0.1", "dmz.example"]).certificate.read_bytes() != before


@pytest.mark.parametrize("lost", ["authority.crt", "roles/center.crt", "roles/center.key"])
def test_a_missing_certificate_or_key_is_named(tmp_path: Path, lost: str) -> None:
    folder = tmp_path / "authority"
    Authority.open(folder).credentials("center")
    (folder / lost).unlink()
    with pytest.raises(ConfigError, match=lost.rsplit("/", maxsplit=1)[-1]):
        Authority.open(folder).credentials("center")


def test_without_the_authority_key_a_role_runs_on_its_own_pair_but_gets_no_new_one(tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    Authority.open(folder).credentials("edge-north")
    (folder / "intermediate.key").unlink()
    on_site = Authority.open(folder)
    assert on_site.credentials("edge-north").certificate.exists()
    with pytest.raises(ConfigError, match="edge-south is missing"):
        on_site.credentials("edge-south")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UnavailableError, match="cannot write certificates"):
        Authority.open(blocked / "authority")


def test_a_broken_certificate_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    Authority.open(folder).credentials("center").certificate.write_text("not PEM")
    with pytest.raises(ConfigError, match=r"center\.crt is not a readable certificate"):
        Authority.open(folder).credentials("center")


async def handshake(server: Credentials, client: ssl.SSLContext) -> str:
    """What the server says over a connection that both sides accept."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(writer.get_extra_info("ssl_object").version().encode())
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server.server_context()) as listener:
        port = listener.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()


async def test_roles_of_one_authority_speak_tls_1_3_with_each_other(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    server = authority.credentials("dmz", hosts=["127.0.0.1"])
    assert await handshake(server, authority.credentials("edge-north").client_context()) == "TLSv1.3"


async def test_a_stranger_is_refused_by_both_sides(tmp_path: Path) -> None:
    ours, theirs = Authority.open(tmp_path / "ours"), Authority.open(tmp_path / "theirs")
    server = ours.credentials("dmz", hosts=["127.0.0.1"])
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(server, theirs.credentials("edge-north").client_context())
    anonymous = ssl.create_default_context(cafile=str(server.authority))
    with suppress(ssl.SSLError, ConnectionError):  # in TLS 1.3 a client may learn of the refusal only when it reads
        assert await handshake(server, anonymous) == ""
