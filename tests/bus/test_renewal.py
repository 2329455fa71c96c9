"""Real bus servers with certificates that last for seconds."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from nats.aio.client import Client

from bench.topology import plan_for
from tieline.bus import Server, connected, streams
from tieline.bus.configuration import for_center, for_dmz, for_site
from tieline.cli.renewing import renewing
from tieline.cli.run import free_port
from tieline.model import UnavailableError, subjects
from tieline.security.identity import Authority, Credentials, read_life

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

LIFE = timedelta(seconds=9)
HOSTS = ["127.0.0.1", "localhost"]


async def shown_by(server: Server, credentials: Credentials) -> int:
    """The serial number of the certificate that a server shows to its clients."""
    _, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=credentials.client_context(), server_hostname="127.0.0.1"
    )
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return x509.load_der_x509_certificate(der).serial_number


def serial(credentials: Credentials) -> int:
    return x509.load_pem_x509_certificate(credentials.certificate.read_bytes()).serial_number


async def restarted(server: Server) -> None:
    """Kills it: whoever was connected with it has to shake hands again."""
    restarts = server.restarts
    os.kill(server.pid, signal.SIGKILL)
    async with asyncio.timeout(20):
        while server.restarts == restarts:
            await asyncio.sleep(0.05)


async def joined(client: Client) -> None:
    """The center reaches the site: both leaf connections are there."""
    async with asyncio.timeout(20):
        while True:
            with suppress(UnavailableError):
                if await streams.join_sites(client, ["north"]):
                    return
            await asyncio.sleep(0.2)


async def test_servers_leaf_connections_and_clients_go_on_with_renewed_certificates(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority", life=LIFE)
    names = ("edge-north", subjects.DMZ_ROLE, subjects.CENTER_ROLE)
    edge, dmz, center = (authority.credentials(name, hosts=HOSTS) for name in names)
    first = {credentials.name: serial(credentials) for credentials in (edge, dmz, center)}
    first_end = max(read_life(credentials)[0] for credentials in (edge, dmz, center))
    port = free_port()
    address = f"127.0.0.1:{port}"
    plan = plan_for(tmp_path, ["north"])
    async with (
        Server.running("dmz", tmp_path / "dmz", for_dmz(plan, dmz, "127.0.0.1", port)) as dmz_server,
        Server.running("edge", tmp_path / "edge", for_site(plan, "north", edge, tmp_path / "s", address)) as edge_server,
        Server.running("center", tmp_path / "center", for_center(plan, center, tmp_path / "c", address)) as center_server,
        renewing(authority, {edge: edge_server.reload, dmz: dmz_server.reload, center: center_server.reload}),
        connected(edge_server.port, edge) as edge_client,
        connected(center_server.port, center) as center_client,
    ):
        await streams.ensure_site_streams(edge_client, "north", spool_mb=60)
        await streams.ensure_center_stream(center_client, stream_mb=60)
        await joined(center_client)
        async with asyncio.timeout(2 * LIFE.total_seconds()):
            while datetime.now(UTC) <= first_end:
                await asyncio.sleep(0.1)
        assert all(serial(credentials) != first[credentials.name] for credentials in (edge, dmz, center))
        assert await shown_by(edge_server, edge) not in first.values()
        # The edge dials a DMZ that was only reloaded, and its own client the edge.
        await restarted(edge_server)
        await joined(center_client)
        # A center and an edge that were only reloaded dial the DMZ.
        await restarted(dmz_server)
        await joined(center_client)
        async with asyncio.timeout(20):
            while not edge_client.is_connected:
                await asyncio.sleep(0.05)
        assert edge_server.restarts == dmz_server.restarts == 1
        assert center_server.restarts == 0


async def test_a_server_whose_certificate_has_ended_is_refused(tmp_path: Path) -> None:
    """So the test above would fail if nothing were renewed."""
    past = datetime.now(UTC) - timedelta(days=2)
    credentials = Authority.open(tmp_path, now=lambda: past, life=timedelta(days=1)).credentials("center", hosts=HOSTS)
    configuration = for_center(plan_for(tmp_path, ["north"]), credentials, tmp_path / "streams", None)
    async with Server.running("center", tmp_path / "center", configuration) as server:
        with pytest.raises(OSError, match="certificate has expired"):
            await shown_by(server, credentials)
