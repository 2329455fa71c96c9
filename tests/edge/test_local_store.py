"""The way from the gateway to the site's own store, on real servers."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from bench.topology import Topology, running, utility_of
from tieline.bus import connected, decode_batch, streams
from tieline.bus.replies import ask_site
from tieline.edge.local import LocalStore
from tieline.model import Event, Samples, subjects
from tieline.security.identity import Credentials

pytestmark = pytest.mark.system


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await check():
            await asyncio.sleep(0.02)


async def held(topology: Topology) -> int:
    answer = await streams.api(topology.edge, f"$JS.API.STREAM.INFO.{subjects.LOCAL_STREAM}", {})
    return int(answer["state"]["messages"])


async def test_everything_goes_to_the_sites_own_stream_and_never_leaves_the_site(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        heard: list[str] = []

        async def hear(message: nats.aio.msg.Msg) -> None:
            heard.append(message.subject)

        await topology.observer.subscribe("local.>", cb=hear)
        store = LocalStore(utility_of(tmp_path, ["north"]).site("north"), topology.edge, rng=random.Random(1))
        store.take(Samples.of([1, 2], [10, 11], [1.0, 2.0]))
        store.add_event(Event(time=12, site="north", kind="test", text="something"))
        assert store.measure()["local_samples"] == 2
        task = asyncio.create_task(store.run())

        async def arrived() -> bool:
            try:
                return await held(topology) == 2  # samples and events each have a batch of their own
            except streams.ApiError:
                return False

        await eventually(arrived)
        batches = []
        for number in (1, 2):
            answer = await streams.api(topology.edge, f"$JS.API.STREAM.MSG.GET.{subjects.LOCAL_STREAM}", {"seq": number})
            batches.append(decode_batch(base64.b64decode(answer["message"]["data"]), site="north"))
        assert sum(len(batch.samples) for batch in batches) == 2
        assert [event.text for batch in batches for event in batch.events] == ["something"]
        assert not any(batch.may_repeat for batch in batches)
        await topology.center.flush()
        assert heard == []
        task.cancel()


async def open_client(port: int, credentials: Credentials, reasons: list[str]) -> Client:
    async def note(error: Exception) -> None:
        reasons.append(str(error))

    return await nats.connect(
        f"tls://127.0.0.1:{port}",
        tls=credentials.client_context(),
        tls_handshake_first=True,
        error_cb=note,
        allow_reconnect=False,
    )


@pytest.mark.parametrize(
    ("role", "at", "forbidden"),
    [
        (
            "local-north",
            "edge",
            ["site.north.batch", "local.north.batch", "health.north", "fetch.north", "$JS.API.STREAM.DELETE.LOCAL"],
        ),
        (
            "fetch",
            "center",
            ["site.north.batch", "health.north", "cmd.north.x", "$JS.API.STREAM.INFO.CENTER", "local.north.batch"],
        ),
        ("dmz", "dmz", ["health.north", "fetch.north", "site.dmz.batch", "anything"]),
    ],
)
async def test_a_role_can_say_what_its_work_needs_and_nothing_else(
    tmp_path: Path, role: str, at: str, forbidden: list[str]
) -> None:
    async with running(tmp_path) as topology:
        server = {"edge": topology.edge_server, "center": topology.center_server, "dmz": topology.dmz_server}[at]
        reasons: list[str] = []
        client = await open_client(server.port, topology.authority.credentials(role, hosts=["127.0.0.1", "localhost"]), reasons)
        for subject in forbidden:
            await client.publish(subject, b"x")

        async def refused() -> bool:
            await client.flush()
            return len(reasons) == len(forbidden)

        await eventually(refused)
        assert all("permissions violation" in reason for reason in reasons)
        await client.close()


async def test_a_question_crosses_the_dmz_to_the_site_and_its_answer_comes_back(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        local = topology.authority.credentials(subjects.local_role("north"))
        asking = topology.authority.credentials(subjects.FETCH_ROLE)
        async with (
            connected(topology.edge_server.port, local) as answerer,
            connected(topology.center_server.port, asking) as asker,
        ):

            async def answer(message: nats.aio.msg.Msg) -> None:
                await message.respond(json.dumps({"heard": message.data.decode()}).encode())

            await answerer.subscribe(subjects.fetch("north"), cb=answer)
            await answerer.flush()

            async def answered() -> bool:
                try:
                    asked = ask_site(
                        asker, subjects.fetch("north"), b"hello", role=subjects.FETCH_ROLE, site="north", timeout_s=2
                    )
                    message = await asked
                except (nats.errors.Error, TimeoutError):
                    return False
                return bool(json.loads(message.data) == {"heard": "hello"})

            await eventually(answered)
