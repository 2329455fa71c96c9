"""Who was revoked is put out of real bus servers; who was not stays in."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.errors import Error

from bench.topology import plan_for
from tieline.bus import Server, connected
from tieline.bus.configuration import for_center
from tieline.bus.names import with_generations
from tieline.bus.pki import Answer, Ask, answer_asks, ask_center, hear_revoked, tell_revoked
from tieline.cli.revoking import Generations
from tieline.model import UnavailableError, subjects
from tieline.security.identity import Authority, Credentials
from tieline.security.identity.est import Operation
from tieline.security.identity.revocation import Revocations

pytestmark = pytest.mark.system

HOSTS = ["127.0.0.1", "localhost"]


async def dialed(port: int, credentials: Credentials) -> Client:
    return await nats.connect(
        f"tls://127.0.0.1:{port}",
        tls=credentials.client_context(),
        tls_handshake_first=True,
        allow_reconnect=False,
        inbox_prefix=subjects.inbox(credentials.name),
        connect_timeout=5,
        error_cb=_quiet,
    )


async def _quiet(_: Exception) -> None:
    """What a server says when it closes is looked at by the tests themselves."""


async def test_a_revoked_client_is_dropped_and_comes_back_with_a_new_certificate_only(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    center = authority.credentials(subjects.CENTER_ROLE, hosts=HOSTS)
    web, scada = authority.credentials(subjects.WEB_ROLE), authority.credentials(subjects.SCADA_ROLE)
    generations = Generations(authority.revocations, center)
    configuration = for_center(plan_for(tmp_path, ["north"]), center, tmp_path / "streams", None)
    async with AsyncExitStack() as stack:
        running = Server.running("center", tmp_path / "bus", configuration, generation=generations)
        server = await stack.enter_async_context(running)
        pid = server.pid
        clients = {each.name: await dialed(server.port, each) for each in (web, scada)}
        assert not await server.renew_names(restarts=False)
        authority.issuer.revoke(subjects.WEB_ROLE, "keyCompromise", actor="test")
        assert await server.renew_names(restarts=False)
        async with asyncio.timeout(10):
            while not clients["web"].is_closed:
                await asyncio.sleep(0.02)
        await clients["scada"].flush()
        with pytest.raises(Error, match="Authorization Violation"):
            await dialed(server.port, web)
        authority.issue(web, keeps_key=False, why="let in again")
        again = await dialed(server.port, web)
        await server.restart()
        async with asyncio.timeout(20):
            while server.pid == pid or not server.port:
                await asyncio.sleep(0.05)
        for client in (again, *clients.values()):
            await client.close()
        assert "SERIALNUMBER=1,CN=web" in (tmp_path / "bus" / "nats-server.json").read_text()


async def test_a_role_that_runs_is_in_again_by_itself_once_it_has_a_new_certificate(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    center, web = authority.credentials(subjects.CENTER_ROLE, hosts=HOSTS), authority.credentials(subjects.WEB_ROLE)
    generations = Generations(authority.revocations, center)
    configuration = for_center(plan_for(tmp_path, ["north"]), center, tmp_path / "streams", None)
    async with (
        Server.running("center", tmp_path / "bus", configuration, generation=generations) as server,
        connected(server.port, web) as client,
        asyncio.timeout(30),
    ):
        authority.issuer.revoke(subjects.WEB_ROLE, "superseded", actor="test")
        await server.renew_names(restarts=False)
        while client.is_connected:
            await asyncio.sleep(0.02)
        for _ in range(20):  # it tries again with what it has
            await asyncio.sleep(0.05)
            assert not client.is_connected
        authority.issue(web, keeps_key=False, why="let in again")
        web.reload()
        while not client.is_connected:
            await asyncio.sleep(0.02)
        await client.flush()


async def test_our_own_role_keeps_its_server_until_it_has_a_new_certificate(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    center = authority.credentials(subjects.CENTER_ROLE, hosts=HOSTS)
    generations = Generations(authority.revocations, center)
    authority.issuer.revoke(subjects.CENTER_ROLE, "superseded", actor="test")
    assert generations(subjects.CENTER_ROLE) == 0
    authority.issue(center, keeps_key=False, why="let in again")
    assert generations(subjects.CENTER_ROLE) == 1
    authority.revocations.file.write_text("damaged")
    assert generations(subjects.WEB_ROLE) == 0


def test_only_roles_are_renamed() -> None:
    users = [{"user": "CN=web", "permissions": {}}, {"user": "route"}]
    named = with_generations({"accounts": {"OT": {"users": users}, "$SYS": {}}, "port": 1}, {"web": 3}.__getitem__)
    assert [user["user"] for user in named["accounts"]["OT"]["users"]] == ["SERIALNUMBER=3,CN=web", "route"]
    assert named["port"] == 1


async def test_the_list_is_told_again_and_again_and_the_center_is_asked_through_the_dmz_s_inbox_only(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    center = authority.credentials(subjects.CENTER_ROLE, hosts=HOSTS)
    away = tmp_path / "away"
    away.mkdir()
    (away / "authority.crt").write_bytes(authority.root_file.read_bytes())
    revocations = Revocations(away)
    configuration = for_center(plan_for(tmp_path, ["north"]), center, tmp_path / "streams", None)
    configuration["accounts"]["OT"]["users"].append({"user": "CN=dmz"})  # as one server, without the DMZ's
    dmz = authority.credentials(subjects.DMZ_ROLE, hosts=HOSTS)

    async def answer(ask: Ask) -> Answer:
        return Answer(200, ask.user, (ask.csr,))

    async with Server.running("center", tmp_path / "bus", configuration) as server:
        teller, hearer = await dialed(server.port, center), await dialed(server.port, dmz)
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await ask_center(hearer, Ask(Operation.ENROLL))
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(hear_revoked(hearer, revocations)),
                tasks.create_task(tell_revoked(teller, authority.revocations)),
                tasks.create_task(answer_asks(teller, answer)),
            ]
            async with asyncio.timeout(20):
                while revocations.current() is None:
                    await asyncio.sleep(0.02)
                authority.issuer.revoke(subjects.DMZ_ROLE, "superseded", actor="test")
                while (current := revocations.current()) is None or current.generation("dmz") != 1:
                    await asyncio.sleep(0.02)
            assert await ask_center(hearer, Ask(Operation.ENROLL, b"csr", "edge-north")) == Answer(200, "edge-north", (b"csr",))
            elsewhere = await hearer.subscribe("elsewhere")
            await hearer.publish(subjects.PKI_ASK, b"", reply="elsewhere")
            with pytest.raises(Error):
                await elsewhere.next_msg(timeout=0.3)
            for task in running:
                task.cancel()
        for client in (teller, hearer):
            await client.close()
    assert revocations.file.stat().st_size < 4_000
