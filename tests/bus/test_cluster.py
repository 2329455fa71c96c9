"""The center's bus as a cluster of three: any one of its servers may die."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from nats.aio.client import Client

from bench.topology import plan_for
from tieline.bus import Server, connected, publish, streams
from tieline.bus.center import CenterBus, center_bus, ensure_center_stream, stores
from tieline.bus.configuration import for_dmz, for_site
from tieline.cli.run import free_port
from tieline.historian import Historian, query
from tieline.historian.ingest import IngestCounts, ingest
from tieline.io import Backoff
from tieline.model import Batch, Samples, UnavailableError, subjects
from tieline.security.identity import Authority

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

HOSTS = ["127.0.0.1", "localhost"]
STREAM_MB = 64


@dataclass(frozen=True)
class Bus:
    authority: Authority
    center: CenterBus
    edge: Client
    client: Client

    async def leader(self) -> Server:
        """The server that leads the center's stream."""
        while True:
            with suppress(UnavailableError):
                answer = await streams.api(self.client, f"$JS.API.STREAM.INFO.{subjects.CENTER_STREAM}", {})
                if name := answer.get("cluster", {}).get("leader"):
                    return next(server for server in self.center.servers if server.name == name)
            await asyncio.sleep(0.1)


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Bus]:
    authority = Authority.open(folder / "authority")
    edge, dmz, center = (
        authority.credentials(name, hosts=HOSTS) for name in ("edge-north", subjects.DMZ_ROLE, subjects.CENTER_ROLE)
    )
    address = f"127.0.0.1:{free_port()}"
    plan = plan_for(folder, ["north"])
    at_dmz = for_dmz(plan, dmz, *address.split(":")[:1], int(address.split(":")[1]))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(Server.running("dmz", folder / "dmz", at_dmz))
        at_site = for_site(plan, "north", edge, folder / "site", address)
        site = await stack.enter_async_context(Server.running("edge", folder / "edge", at_site))
        bus = await stack.enter_async_context(center_bus(plan, folder / "center", center, address, servers=3))
        edge_client = await stack.enter_async_context(connected(site.port, edge))
        client = await stack.enter_async_context(connected(bus.ports, center))
        await streams.ensure_site_streams(edge_client, "north", spool_mb=60)
        await ensure_center_stream(client, bus, stream_mb=STREAM_MB)
        yield Bus(authority, bus, edge_client, client)


async def until(check: Callable[[], bool], *, within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not check():
            await asyncio.sleep(0.02)


async def keep_joining(bus: Bus) -> None:
    while True:
        with suppress(UnavailableError):
            await streams.join_sites(bus.client, ["north"])
        await asyncio.sleep(0.5)


async def in_step(bus: Bus) -> bool:
    """Whether all three servers have the whole stream."""
    with suppress(UnavailableError):
        cluster = (await streams.api(bus.client, f"$JS.API.STREAM.INFO.{subjects.CENTER_STREAM}", {}))["cluster"]
        replicas = cluster.get("replicas") or []
        return len(replicas) == 2 and all(replica["current"] and not replica.get("offline") for replica in replicas)
    return False


async def test_everything_arrives_once_while_the_leader_of_the_stream_is_killed_twice(tmp_path: Path) -> None:
    async with running(tmp_path) as bus:
        counts, written, is_over = IngestCounts(), 0, False
        historian_credentials = bus.authority.credentials(subjects.HISTORIAN_ROLE)

        async def measure() -> None:
            nonlocal written
            while not is_over:
                number = np.arange(written, written + 20)
                batch = Batch(
                    site="north",
                    incarnation=1,
                    sequence=written // 20 + 1,
                    samples=Samples.of(number % 50, number, number),
                    events=(),
                )
                await publish(bus.edge, batch)
                written += 20
                await asyncio.sleep(0.01)

        with Historian.open(tmp_path / "historian.duckdb", lake=tmp_path / "lake") as historian:
            async with connected(bus.center.ports, historian_credentials) as client:
                tasks = [
                    asyncio.create_task(keep_joining(bus)),
                    asyncio.create_task(ingest(client, historian, counts, Backoff(random.random))),
                ]
                measuring = asyncio.create_task(measure())
                await until(lambda: counts.samples > 500)
                for _ in range(2):
                    leader = await bus.leader()
                    restarts, before = leader.restarts, counts.samples
                    os.kill(leader.pid, signal.SIGKILL)
                    await until(lambda leader=leader, restarts=restarts: leader.restarts > restarts)
                    await until(lambda before=before: counts.samples > before + 500)
                    async with asyncio.timeout(30):
                        while not await in_step(bus):
                            await asyncio.sleep(0.1)
                is_over = True
                await measuring
                await until(lambda: counts.samples >= written or any(task.done() for task in tasks))
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
        held = query(tmp_path, "SELECT value FROM samples ORDER BY value").read_all()["value"].to_numpy()
        assert np.array_equal(held, np.arange(written)), f"{counts} of {written}"


async def test_the_center_hears_each_message_of_a_site_once(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(running(tmp_path))
        heard: list[bytes] = []

        async def hear(message: object) -> None:
            heard.append(message.data)  # type: ignore[attr-defined]

        ports = bus.center.ports
        web = await stack.enter_async_context(connected(ports, bus.authority.credentials(subjects.WEB_ROLE)))
        await web.subscribe(subjects.health("north"), cb=hear)
        await web.flush()
        number = 0
        async with asyncio.timeout(20):
            while not heard:  # the interest has to travel to the site first
                number += 1
                await bus.edge.publish(subjects.health("north"), b"%d" % number)
                await asyncio.sleep(0.1)
        for number in range(1000, 1050):
            await bus.edge.publish(subjects.health("north"), b"%d" % number)
        await until(lambda: b"1049" in heard)
        assert [each for each in heard if int(each) >= 1000] == [b"%d" % each for each in range(1000, 1050)]


async def test_a_certificate_alone_makes_nobody_a_server_of_the_cluster(tmp_path: Path) -> None:
    async with running(tmp_path) as bus:
        site = bus.authority.credentials("edge-north", hosts=HOSTS)
        port = json.loads((tmp_path / "center" / "bus-1" / "nats-server.json").read_text())["cluster"]["port"]
        # Routes begin with TLS.
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=site.client_context(), server_hostname="127.0.0.1")
        try:
            async with asyncio.timeout(10):
                assert (await reader.readline()).startswith(b"INFO ")
                writer.write(b'CONNECT {"verbose":false,"tls_required":true,"name":"intruder","cluster":"center"}\r\nPING\r\n')
                assert b"Authorization Violation" in await reader.read()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def test_one_server_and_three_keep_their_streams_in_different_folders(tmp_path: Path) -> None:
    assert not set(stores(tmp_path, 1)) & set(stores(tmp_path, 3))
    assert len(set(stores(tmp_path, 3))) == 3


async def test_a_center_s_stream_that_may_hold_less_from_now_on_gives_up_nothing(tmp_path: Path) -> None:
    """Its sites have forgotten what it holds."""
    authority = Authority.open(tmp_path / "authority")
    credentials = authority.credentials(subjects.CENTER_ROLE, hosts=HOSTS)
    fetching = authority.credentials(subjects.FETCH_ROLE)

    async def held(client: Client) -> tuple[int, int]:
        answer = await streams.api(client, f"$JS.API.STREAM.INFO.{subjects.CENTER_STREAM}", {})
        return int(answer["state"]["messages"]), int(answer["config"]["max_bytes"])

    for stream_mb in (2_000, 1):
        async with (
            center_bus(plan_for(tmp_path, ["north"]), tmp_path / "center", credentials, None, servers=1) as bus,
            connected(bus.ports, credentials) as client,
            connected(bus.ports, fetching) as fetcher,
        ):
            await ensure_center_stream(client, bus, stream_mb=stream_mb)
            if stream_mb > 1:
                for number in range(1, 21):
                    batch = Batch(site="north", incarnation=1, sequence=number, samples=Samples.of(*(np.arange(10_000),) * 3))
                    await publish(fetcher, batch, subject=subjects.center_batches("north"))
            else:
                assert (await held(client))[0] == 20
