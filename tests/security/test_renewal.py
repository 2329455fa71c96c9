"""Certificates that are renewed while they are used."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from tieline.cli.renewing import renewing
from tieline.model import ConfigError
from tieline.security.identity import Authority, Credentials, Renewal, read_life
from tieline.security.identity.renewal import LONGEST_WAIT


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def serial(credentials: Credentials) -> int:
    return x509.load_pem_x509_certificate(credentials.certificate.read_bytes()).serial_number


async def shown_serial(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[int, int]:
    """The serial numbers of the certificates that a client and a server see of each other in a new connection."""
    seen: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def take(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set_result(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(take, "127.0.0.1", 0, ssl=server) as listening:
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="127.0.0.1")
        of_server = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        await reader.read()
        writer.close()
        await writer.wait_closed()
    numbers = [x509.load_der_x509_certificate(each).serial_number for each in (await seen, of_server)]
    return numbers[0], numbers[1]


def test_a_running_role_gets_a_new_certificate_when_a_third_of_the_life_is_left(tmp_path: Path) -> None:
    clock = Clock()
    authority = Authority.open(tmp_path, now=clock, life=timedelta(days=90))
    credentials = authority.credentials("center", hosts=["127.0.0.1"])
    told: list[int] = []
    renewal = Renewal(authority)
    renewal.keep(credentials, lambda: told.append(serial(credentials)))
    first = serial(credentials)
    for _ in range(59):
        clock.now += timedelta(days=1)
        renewal.look()
    assert serial(credentials) == first
    clock.now += timedelta(days=2)
    renewal.look()
    renewal.look()
    assert told == [serial(credentials)]
    assert told != [first]
    assert read_life(credentials) == (clock.now + timedelta(days=90), timedelta(days=90))


def test_a_certificate_is_looked_at_often_enough_to_be_renewed_in_time(tmp_path: Path) -> None:
    clock = Clock()
    for days, most in ((90.0, LONGEST_WAIT), (0.01, timedelta(days=0.001))):
        authority = Authority.open(tmp_path / str(days), now=clock, life=timedelta(days=days))
        renewal = Renewal(authority)
        renewal.keep(authority.credentials("center"))
        assert timedelta(0) < renewal.look() <= most


async def test_new_connections_show_the_renewed_certificate_in_contexts_that_were_there_before(tmp_path: Path) -> None:
    issued = datetime.now(UTC) - timedelta(days=70)
    before_now = Authority.open(tmp_path, now=lambda: issued)
    server, client = (before_now.credentials(name, hosts=["127.0.0.1"]) for name in ("dmz", "edge-north"))
    contexts = server.server_context(), client.client_context()
    before = serial(client), serial(server)
    assert await shown_serial(*contexts) == before
    renewal = Renewal(Authority.open(tmp_path))
    for credentials in (server, client):
        renewal.keep(credentials)
    renewal.look()
    after = await shown_serial(*contexts)
    assert after == (serial(client), serial(server))
    assert not set(after) & set(before)


def test_a_certificate_that_somebody_has_copied_beside_the_old_one_is_taken(tmp_path: Path) -> None:
    center = Authority.open(tmp_path / "center")
    issued = center.credentials("edge-north", hosts=["127.0.0.1"])
    site = tmp_path / "site"
    (site / "roles").mkdir(parents=True)
    for file in (issued.certificate, issued.key):
        (site / "roles" / file.name).write_bytes(file.read_bytes())
    (site / "roles" / issued.key.name).chmod(0o600)
    (site / "authority.crt").write_bytes(issued.authority.read_bytes())
    authority = Authority.open(site)
    held = authority.credentials("edge-north", hosts=["127.0.0.1"])
    told: list[int] = []
    renewal = Renewal(authority)
    renewal.keep(held, lambda: told.append(1))
    renewal.look()
    assert not told
    assert not renewal.has_changed()
    newer = Authority.open(tmp_path / "center", now=lambda: datetime.now(UTC) + timedelta(days=70)).credentials("edge-north")
    held.certificate.write_bytes(newer.certificate.read_bytes())
    assert renewal.has_changed()
    renewal.look()
    assert told == [1]
    assert not renewal.has_changed()


async def test_a_running_role_takes_up_a_certificate_that_somebody_has_issued_meanwhile(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path)
    held, told = authority.credentials("web"), asyncio.Event()
    async with renewing(authority, {held: told.set}), asyncio.timeout(20):
        Authority.open(tmp_path, now=lambda: datetime.now(UTC) + timedelta(days=70)).credentials("web")
        await told.wait()


def test_what_cannot_be_renewed_leaves_the_certificate_as_it_is_and_is_tried_again(tmp_path: Path) -> None:
    clock = Clock()
    authority = Authority.open(tmp_path, now=clock)
    credentials = authority.credentials("center")
    renewal = Renewal(authority)
    renewal.keep(credentials)
    first, key = serial(credentials), (tmp_path / "intermediate.key").read_bytes()
    clock.now += timedelta(days=70)
    (tmp_path / "intermediate.key").write_text("damaged")
    renewal.look()
    assert serial(credentials) == first
    (tmp_path / "intermediate.key").write_bytes(key)
    renewal.look()
    assert serial(credentials) != first


def test_the_life_of_certificates_can_be_made_short_to_try_it_out(tmp_path: Path) -> None:
    Authority.open(tmp_path)
    (tmp_path / "life").write_text("30\n")
    assert read_life(Authority.open(tmp_path).credentials("center"))[1] == timedelta(seconds=30)
    (tmp_path / "life").write_text("soon\n")
    with pytest.raises(ConfigError, match="number of seconds"):
        Authority.open(tmp_path)
