"""Who may say what to whom, tried on real servers."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nats
import numpy as np
import pytest
from nats.aio.client import Client
from nats.errors import Error

from bench.topology import Topology, plan_for, running
from tieline.bus import Server, connected, decode_batch, publish, streams
from tieline.bus.configuration import for_site
from tieline.bus.envelope import LinkAnswer, LinkRequest, decode_link_answer, encode_link
from tieline.bus.links import answer_links
from tieline.bus.pull import Pull
from tieline.model import Batch, Purpose, Samples, UnavailableError, subjects
from tieline.security.identity import Authority

pytestmark = pytest.mark.system


async def eventually(check: Callable[[], Awaitable[bool]], *, within_s: float = 20.0) -> None:
    """Waits for a condition that the servers bring about."""
    async with asyncio.timeout(within_s):
        while not await check():
            await asyncio.sleep(0.02)


async def join(topology: Topology, site: str = "north") -> None:
    async def joined() -> bool:
        return await streams.join_sites(topology.center, [site]) == [site]

    await eventually(joined)


async def messages_at_center(client: Client) -> int:
    answer = await streams.api(client, f"$JS.API.STREAM.INFO.{subjects.CENTER_STREAM}", {})
    return int(answer["state"]["messages"])


def batch(sequence: int, site: str = "north") -> Batch:
    return Batch(site=site, incarnation=1, sequence=sequence, samples=Samples.of(sequence, sequence, sequence))


async def test_a_batch_crosses_the_dmz_and_the_site_forgets_it_only_then(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        await publish(topology.edge, batch(1))
        await publish(topology.edge, batch(1))  # the retry of a publisher that missed the acknowledgement
        assert (await streams.depth(topology.edge, subjects.SITE_STREAM)).waiting == 1
        assert await topology.held_at_site() == 1
        await join(topology)

        async def arrived() -> bool:
            return await messages_at_center(topology.center) == 1 and await topology.held_at_site() == 0

        await eventually(arrived)


async def test_a_site_that_was_never_joined_loses_nothing_when_its_server_is_killed(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        for number in range(1, 51):
            await publish(topology.edge, batch(number))
        os.kill(topology.edge_server.pid, signal.SIGKILL)

        async def restarted() -> bool:
            return topology.edge_server.restarts == 1

        await eventually(restarted)
        await join(topology)

        async def arrived() -> bool:
            return await messages_at_center(topology.center) == 50

        await eventually(arrived)


async def try_to_publish(client: Client, subject: str, reasons: list[str]) -> None:
    await client.publish(subject, b"x")
    await client.flush()


async def open_client(port: int, credentials: Any, reasons: list[str]) -> Client:
    async def note(error: Exception) -> None:
        reasons.append(str(error))

    return await nats.connect(
        f"tls://127.0.0.1:{port}",
        tls=credentials.client_context(),
        tls_handshake_first=True,
        error_cb=note,
        allow_reconnect=False,
    )


async def test_a_gateway_can_publish_its_own_subjects_only(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        reasons: list[str] = []
        client = await open_client(topology.edge_server.port, topology.edge_credentials, reasons)
        theirs = [subjects.site_batches("south", stream) for stream in subjects.SITE_STREAMS]
        theirs += [subjects.health("south"), subjects.link("south"), "cmd.north.x", "anything"]
        for subject in theirs:
            await client.publish(subject, b"x")

        async def refused() -> bool:
            await client.flush()
            return len(reasons) == len(theirs)

        await eventually(refused)
        assert all("permissions violation" in reason for reason in reasons)
        await client.close()


async def test_nobody_outside_can_put_a_batch_into_a_site(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        await join(topology)
        for stream in subjects.SITE_STREAMS:
            await topology.observer.publish(subjects.site_batches("north", stream), b"forged")
        await topology.observer.flush()
        await publish(topology.edge, batch(1))

        async def arrived() -> bool:
            return await messages_at_center(topology.center) == 1

        await eventually(arrived)
        answer = await streams.api(
            topology.center, f"$JS.API.STREAM.MSG.GET.{subjects.CENTER_STREAM}", {"last_by_subj": "site.north.batch"}
        )
        assert "forged" not in json.dumps(answer)


async def test_one_site_cannot_speak_for_another_through_the_dmz(tmp_path: Path) -> None:
    """A site with a certificate of its own sends health in the name of its neighbor: the hub drops it."""
    async with running(tmp_path) as topology:
        heard: list[str] = []

        async def hear(message: Any) -> None:
            heard.append(message.subject)

        authority = Authority.open(tmp_path / "authority")
        web = await open_client(topology.center_server.port, authority.credentials(subjects.WEB_ROLE), [])
        for site in ("north", "south"):
            await web.subscribe(subjects.health(site), cb=hear)
        rogue = authority.credentials("edge-north", hosts=["127.0.0.1", "localhost"])
        dmz = json.loads((tmp_path / "edge" / "nats-server.json").read_text())["leafnodes"]["remotes"][0]["urls"][0]
        configuration = for_site(
            plan_for(tmp_path, ["north", "south"]), "south", rogue, tmp_path / "rogue-streams", dmz.removeprefix("tls://")
        )
        configuration["accounts"]["OT"]["users"] = [{"user": "CN=edge-north"}]
        async with Server.running("rogue", tmp_path / "rogue", configuration) as server, connected(server.port, rogue) as client:

            async def north_is_heard() -> bool:
                await client.publish(subjects.health("south"), b"x")
                await client.publish(subjects.health("north"), b"x")
                await client.flush()
                return subjects.health("north") in heard

            await eventually(north_is_heard)
        assert subjects.health("south") not in heard
        await web.close()


async def test_each_of_a_site_s_streams_reaches_the_center_under_its_own_subject(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        await join(topology)
        for number, purpose in enumerate((Purpose.EVENTS, Purpose.LIVE, Purpose.BACKFILL, Purpose.PICTURE), start=1):
            await publish(topology.edge, replace(batch(number), purpose=purpose))

        async def arrived() -> bool:
            return await messages_at_center(topology.center) == 4 and await topology.held_at_site() == 0

        await eventually(arrived)
        found = {}
        for number in range(1, 5):
            answer = await streams.api(topology.center, f"$JS.API.STREAM.MSG.GET.{subjects.CENTER_STREAM}", {"seq": number})
            found[decode_batch(base64.b64decode(answer["message"]["data"])).purpose] = answer["message"]["subject"]
        assert found == {
            Purpose.EVENTS: "site.north.events",
            Purpose.LIVE: "site.north.batch",
            Purpose.BACKFILL: "site.north.backfill",
            Purpose.PICTURE: "site.north.batch",
        }


async def test_a_center_that_knew_a_site_of_an_older_release_takes_its_new_streams_too(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        for stream in (subjects.EVENTS_STREAM, subjects.BACKFILL_STREAM):
            await streams.api(topology.edge, f"$JS.API.STREAM.DELETE.{stream}", {})
        await publish(topology.edge, batch(1))

        async def arrived() -> bool:
            assert await streams.join_sites(topology.center, ["north"]) == [], "it lacks two of its streams"
            return await messages_at_center(topology.center) == 1

        await eventually(arrived)
        await streams.ensure_site_streams(topology.edge, "north", spool_mb=64)
        await join(topology)
        await publish(topology.edge, batch(2))
        await publish(topology.edge, replace(batch(3), purpose=Purpose.BACKFILL))

        async def all_arrived() -> bool:
            return await messages_at_center(topology.center) == 3

        await eventually(all_arrived)


async def test_a_stream_of_an_older_release_is_repeated_for_enterprise_zones_from_now_on(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        held = (await streams.api(topology.edge, f"$JS.API.STREAM.INFO.{subjects.SITE_STREAM}", {}))["config"]
        older = {key: value for key, value in held.items() if key != "republish"}
        await publish(topology.edge, batch(1))
        changed = await streams.api(topology.edge, f"$JS.API.STREAM.UPDATE.{subjects.SITE_STREAM}", older)
        assert "republish" not in changed["config"]
        await streams.ensure_site_streams(topology.edge, "north", spool_mb=64)
        now = await streams.api(topology.edge, f"$JS.API.STREAM.INFO.{subjects.SITE_STREAM}", {})
        assert now["config"]["republish"] == {"src": "site.north.batch", "dest": "export.north.batch"}
        assert now["state"]["messages"] == 1


async def test_the_center_answers_a_site_that_asks_for_it_and_nothing_else(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        answering = asyncio.create_task(answer_links(topology.center, ["north"], lambda: 77))
        try:

            async def answered() -> bool:
                try:
                    question = encode_link(LinkRequest(5, 1))
                    message = await topology.edge.request(subjects.link("north"), question, timeout=1)
                except Error:
                    return False  # the subscription has not come through yet
                return decode_link_answer(message.data) == LinkAnswer(5, 77, 77)

            await eventually(answered)
            with pytest.raises(Error):
                await topology.edge.request(subjects.link("north"), b"no question", timeout=0.5)
            await eventually(answered)
        finally:
            answering.cancel()
            await asyncio.wait([answering])


@pytest.mark.parametrize("kbps", [0, 500])
async def test_backfill_takes_no_more_of_the_link_than_it_may(tmp_path: Path, kbps: int) -> None:
    async with running(tmp_path) as topology:
        numbers = np.arange(1_000)
        for number in range(1, 21):
            samples = Samples.of(numbers, numbers, numbers)
            await publish(topology.edge, replace(batch(number), samples=samples, purpose=Purpose.BACKFILL))
        held = (await streams.depth(topology.edge, subjects.BACKFILL_STREAM)).bytes

        async def joined() -> bool:
            return bool(await streams.join_sites(topology.center, ["north"], backfill_kbps={"north": kbps}))

        async def arrived() -> bool:
            return await messages_at_center(topology.center) == 20

        await eventually(joined)
        began = asyncio.get_running_loop().time()
        await eventually(arrived)
        least_s = (held - 64 * 1024) * 8 / (kbps * 1_000) if kbps else 0.0
        assert asyncio.get_running_loop().time() - began > 0.7 * least_s
        assert least_s > 4 or not kbps


async def test_a_stranger_s_certificate_opens_no_connection(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        stranger = Authority.open(tmp_path / "other").credentials("edge-north")
        with pytest.raises(Exception, match=r"(?i)cert|ssl|tls"):  # the library raises several kinds
            await open_client(topology.edge_server.port, stranger, [])


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        dmz_port = json.loads((tmp_path / "dmz" / "nats-server.json").read_text())["leafnodes"]["port"]
        configuration = json.loads((tmp_path / "dmz" / "nats-server.json").read_text())
        assert topology.dmz_server.pid
        with pytest.raises(UnavailableError, match=rf"second.*{dmz_port}.*in use"):
            async with Server.running("second", tmp_path / "second", configuration):
                pass


async def test_a_server_waits_until_the_one_before_it_has_left_the_store(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        folder = tmp_path / "edge"
        configuration = json.loads((folder / "nats-server.json").read_text())
        port = topology.edge_server.port

        async def second() -> int:
            async with Server.running("second", folder, configuration) as server:
                return server.port

        waiting = asyncio.create_task(second())
        for sequence in range(1, 101):
            await publish(topology.edge, batch(sequence))
        assert not waiting.done()
        assert topology.edge_server.port == port
    assert await waiting


async def test_batches_keep_their_order_through_the_streams(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        await join(topology)
        for number in range(1, 201):
            await publish(topology.edge, batch(number))
        taken: list[int] = []
        async with Pull.following(topology.historian, subjects.CENTER_STREAM, subjects.HISTORIAN_CONSUMER, limit=16) as pull:
            async with asyncio.timeout(20):
                while len(taken) < 200:
                    messages = await pull.next()
                    assert len(messages) <= 32
                    taken += [decode_batch(message.data).sequence for message in messages]
                    await messages[-1].ack()
        assert taken == list(range(1, 201))


async def test_what_was_delivered_but_not_acknowledged_comes_again_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as topology:
        await join(topology)
        for number in range(1, 11):
            await publish(topology.edge, batch(number))
        stream, consumer = subjects.CENTER_STREAM, subjects.HISTORIAN_CONSUMER
        for _ in range(2):
            taken: list[int] = []
            async with Pull.following(topology.historian, stream, consumer) as pull, asyncio.timeout(10):
                while len(set(taken)) < 10:
                    taken += [decode_batch(message.data).sequence for message in await pull.next()]
            assert sorted(set(taken)) == list(range(1, 11))
