"""TLS with mutual authentication, to a server of libiec61850."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from tests.edge.iec61850.certificates import HOST, Authority
from tests.edge.iec61850.station import BREAKER, LD, driving, needs_peer, serving, settings
from tieline.config.transports import TlsClient
from tieline.model import Quality

pytestmark = needs_peer
TLS = TlsClient(server_name=HOST)


async def test_reports_come_through_mutual_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server, client = authority.pair("server"), authority.pair("client")
    options = "--tls", str(server.certificate), str(server.key), str(authority.file)
    async with serving(*options) as peer, driving(settings(peer.port, tls=TLS), tls=lambda _: authority.client(client)) as seen:
        await seen.up()
        await peer.ask("update", object=f"{LD}/XCBR1.Pos", **{"as": "dbpos"}, value=2, quality=0)
        await seen.until(lambda: seen.newest(BREAKER)[1] == 2)
        assert seen.events == []


@pytest.mark.parametrize("flaw", ["no certificate", "other authority", "expired", "other name", "no context", "no files"])
async def test_who_is_not_to_be_trusted_gets_nothing(flaw: str, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "another authority")
    server = authority.pair("server", hours=-1 if flaw == "expired" else 24)
    client = None if flaw == "no certificate" else (other if flaw == "other authority" else authority).pair("client")

    def context(_: object) -> ssl.SSLContext:
        if flaw == "no files":
            raise FileNotFoundError("client.pem")
        return authority.client(client)

    tls = TlsClient(server_name="another.name") if flaw == "other name" else TLS
    options = "--tls", str(server.certificate), str(server.key), str(authority.file)
    async with (
        serving(*options) as peer,
        driving(settings(peer.port, tls=tls), tls=None if flaw == "no context" else context) as seen,
    ):
        await seen.until(lambda: seen.texts("device_lost"))
        assert (await peer.ask("connections"))["count"] == 0
        assert seen.newest(BREAKER)[2] == Quality.INVALID | Quality.OLD_DATA
        assert not seen.driver.health.is_up


async def test_a_certificate_that_expired_is_replaced_without_a_restart(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    expired, renewed = authority.pair("old", hours=-1), authority.pair("new")
    client = authority.pair("client")
    options = [("--tls", str(each.certificate), str(each.key), str(authority.file)) for each in (expired, renewed)]
    async with serving(*options[0]) as peer:
        chosen = settings(peer.port, tls=TLS)
        async with driving(chosen, tls=lambda _: authority.client(client)) as seen:
            await seen.until(lambda: any("expired" in text for text in seen.texts("device_lost")))
            await peer.stop()
            async with serving(*options[1], port=peer.port):
                await seen.up()
                await seen.until(lambda: seen.texts("device_restored"))
                await asyncio.sleep(0)
