"""Who hears an answer, and who can give one: tried with a site whose server is in somebody else's hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from bench.topology import plan_for
from tieline.bus import Server, connected, publish, streams
from tieline.bus.configuration import for_center, for_dmz, for_site
from tieline.bus.envelope import LinkRequest, decode_link_answer, encode_link
from tieline.bus.links import answer_links
from tieline.bus.replies import ask_site, reply_subject
from tieline.cli.run import free_port
from tieline.model import Batch, Samples, subjects
from tieline.security.identity import Authority

pytestmark = pytest.mark.system

SITES = ["north", "south"]
SECRET = b"what north measures"


@dataclass(frozen=True, slots=True)
class Bus:
    """A center, a site, and a neighbor of it whose server obeys no configuration of ours; an observer hears all that is at the center."""

    center: Client
    observer: Client
    fetch: Client
    gateway: Client
    local: Client
    rogue: Client


@asynccontextmanager
async def bus_with_a_rogue(folder: Path) -> AsyncIterator[Bus]:
    authority, hosts = Authority.open(folder / "authority"), ["127.0.0.1", "localhost"]
    dmz, center = (authority.credentials(role, hosts=hosts) for role in (subjects.DMZ_ROLE, subjects.CENTER_ROLE))
    north, south = (authority.credentials(subjects.edge_role(site), hosts=hosts) for site in SITES)
    local, fetch, observer = (
        authority.credentials(role) for role in (subjects.local_role("north"), subjects.FETCH_ROLE, "observer")
    )
    port = free_port()
    address = f"127.0.0.1:{port}"
    plan = plan_for(folder, SITES)
    loose = for_site(plan, "south", south, folder / "south-streams", address)
    loose["accounts"]["OT"]["users"] = [{"user": "CN=edge-south"}]
    for key in ("deny_exports", "deny_imports"):
        del loose["leafnodes"]["remotes"][0][key]
    at_center = for_center(plan, center, folder / "center-streams", address)
    at_center["accounts"]["OT"]["users"].append({"user": "CN=observer"})
    described = [
        ("dmz", for_dmz(plan, dmz, "127.0.0.1", port)),
        ("center", at_center),
        ("north", for_site(plan, "north", north, folder / "north-streams", address)),
        ("south", loose),
    ]
    async with AsyncExitStack() as stack:
        servers = {name: await stack.enter_async_context(Server.running(name, folder / name, what)) for name, what in described}
        clients = [
            await stack.enter_async_context(connected(servers[place].port, credentials))
            for place, credentials in (
                ("center", center),
                ("center", observer),
                ("center", fetch),
                ("north", north),
                ("north", local),
                ("south", south),
            )
        ]
        bus = Bus(*clients)
        await streams.ensure_site_streams(bus.gateway, "north", spool_mb=8)
        await streams.ensure_center_stream(bus.center, stream_mb=48)
        async with asyncio.timeout(20):
            while await streams.join_sites(bus.center, ["north"]) != ["north"]:
                await asyncio.sleep(0.05)
        yield bus


async def fetched(bus: Bus) -> bytes:
    """What north answers to a question of the center, asked until the way there is open."""
    async with asyncio.timeout(20):
        while True:
            try:
                asked = ask_site(bus.fetch, subjects.fetch("north"), b"?", role=subjects.FETCH_ROLE, site="north", timeout_s=1)
                return (await asked).data
            except Exception:  # noqa: BLE001  # nobody is there yet
                await asyncio.sleep(0.05)


async def answer_fetches(bus: Bus) -> None:
    async def answer(message: Msg) -> None:
        await message.respond(SECRET)

    await bus.local.subscribe(subjects.fetch("north"), cb=answer)
    await bus.local.flush()


async def test_a_site_hears_no_answer_that_is_not_for_it(tmp_path: Path) -> None:
    async with bus_with_a_rogue(tmp_path) as bus:
        heard: list[str] = []

        async def hear(message: Msg) -> None:
            heard.append(message.subject)

        for subject in ("_INBOX.>", "_R_.>", "_GR_.>", "$JSC.R.>", "$JS.ACK.>", "deliver.>", "fetch.>", "command.>", "link.>"):
            await bus.rogue.subscribe(subject, cb=hear)
        await bus.rogue.flush()
        await answer_fetches(bus)
        assert await fetched(bus) == SECRET
        await publish(bus.gateway, Batch(site="north", incarnation=1, sequence=1, samples=Samples.of(1, 1, 1)))
        asked = asyncio.create_task(answer_links(bus.center, SITES, lambda: 0))
        try:
            own = bus.rogue.new_inbox()
            answers = await bus.rogue.subscribe(own)
            async with asyncio.timeout(
                20
            ):  # the way to this site is open as well: what it hears of others would have come by now
                while not answers.pending_msgs:
                    await bus.rogue.publish(subjects.link("south"), encode_link(LinkRequest(1, 0)), reply=own)
                    await asyncio.sleep(0.05)
        finally:
            asked.cancel()
        foreign = [subject for subject in heard if not subject.startswith((f"{subjects.inbox('edge-south')}.", "link.south"))]
        assert foreign == []


async def test_a_site_cannot_answer_in_the_place_of_the_bus_of_another(tmp_path: Path) -> None:
    """A forged acknowledgement would have a gateway forget what is on no disk."""
    async with bus_with_a_rogue(tmp_path) as bus:
        heard: list[bytes] = []

        async def hear(message: Msg) -> None:
            heard.append(message.data)

        gateway = bus.gateway.new_inbox()
        own, of_north = (reply_subject(bus.fetch, subjects.FETCH_ROLE, site) for site in ("south", "north"))
        await bus.gateway.subscribe(gateway, cb=hear)
        await bus.fetch.subscribe(own, cb=hear)
        await bus.fetch.subscribe(of_north, cb=hear)
        await bus.gateway.subscribe("_INBOX.edge-north.stolen", cb=hear)
        await asyncio.gather(bus.gateway.flush(), bus.fetch.flush())
        async with asyncio.timeout(20):
            while b"open" not in heard:  # what the center may be answered shows that the way is open
                for subject in (gateway, of_north, "_INBOX.edge-north.stolen", "$JS.FC.SITE.center.x", "$JS.ACK.SITE.center.1"):
                    await bus.rogue.publish(subject, b"forged")
                await bus.rogue.publish(own, b"open")
                await asyncio.sleep(0.05)
        assert b"forged" not in heard


@pytest.mark.parametrize("reply", ["center.north.batch", "health.north", "_INBOX.edge-north.x", "_INBOX.edge-south"])
async def test_the_center_answers_no_site_in_the_place_of_another(tmp_path: Path, reply: str) -> None:
    """The center may publish what a site may not: an answer that goes wherever it is asked for would lend that to everybody."""
    async with bus_with_a_rogue(tmp_path) as bus:
        heard: list[bytes] = []
        answers: set[int] = set()
        is_last = asyncio.Event()

        async def hear(message: Msg) -> None:
            heard.append(message.data)
            if message.data == b"last":
                is_last.set()

        async def answered(message: Msg) -> None:
            answers.add(decode_link_answer(message.data).number)

        async def ask(number: int, place: str) -> None:
            await bus.rogue.publish(subjects.link("south"), encode_link(LinkRequest(number, 0)), reply=place)

        await bus.observer.subscribe(reply, cb=hear)
        own = bus.rogue.new_inbox()
        await bus.rogue.subscribe(own, cb=answered)
        await asyncio.gather(bus.observer.flush(), bus.rogue.flush())
        asked = asyncio.create_task(answer_links(bus.center, SITES, lambda: 0))
        try:
            async with asyncio.timeout(20):
                while 1 not in answers:
                    await ask(1, own)
                    await asyncio.sleep(0.05)
                await ask(2, reply)
                await ask(2, own)
                while 2 not in answers:
                    await asyncio.sleep(0.01)
                await bus.observer.publish(reply, b"last")
                await is_last.wait()
        finally:
            asked.cancel()
        assert heard == [b"last"]
