"""What real servers let pass is what the flows say, and what the proof says of them: tried with every role's certificate."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from bench.topology import utility_of
from tieline.bus import Server, decode_batch, publish, streams
from tieline.bus.configuration import for_center, for_dmz, for_site
from tieline.cli.run import free_port
from tieline.config import ConduitSection, DmzSection, Utility, ZoneSection
from tieline.model import Batch, Samples, subjects
from tieline.security.identity import Authority, Credentials
from tieline.security.zones import Plan, plan_of
from tieline.security.zones.broker_proof import prove_broker, reach
from tieline.security.zones.flows import FLOWS
from tieline.security.zones.subject_sets import contains

pytestmark = pytest.mark.system

SITES = ["north", "south"]
HOSTS = ["127.0.0.1", "localhost"]
PLACES = {
    **{subjects.edge_role(site): subjects.edge_role(site) for site in SITES},
    **{subjects.local_role(site): subjects.edge_role(site) for site in SITES},
    **dict.fromkeys(subjects.CENTER_ROLES, "center"),
    subjects.DMZ_ROLE: "dmz",
    "it-office": "dmz",
}
"""At which server each role is a client."""


def utility(folder: Path) -> Utility:
    """Two sites in zones of their own, remote access open, and an office that reads."""
    base = utility_of(folder, SITES)
    zones = [ZoneSection(name=site, kind="substation", sites=[site]) for site in SITES]
    zones += [ZoneSection(name="dmz", kind="dmz"), ZoneSection(name="center", kind="control_center")]
    zones += [ZoneSection(name="office", kind="enterprise")]
    conduits = [ConduitSection(source=zone.name, target="dmz", reason="test") for zone in zones if zone.name != "dmz"]
    conduits[-1] = ConduitSection(source="office", target="dmz", direction="to_source", reason="analysis")
    changed = {"zones": tuple(zones), "conduits": tuple(conduits), "dmz": DmzSection(remote_port=7443)}
    return Utility(**{**vars(base), **changed})


@dataclass
class Bus:
    """Real servers of a whole utility, and how to be somebody there."""

    plan: Plan
    authority: Authority
    servers: dict[str, Server]
    configurations: dict[str, dict[str, Any]]
    stack: AsyncExitStack
    clients: dict[str, Client] = field(default_factory=dict)
    refusals: dict[str, list[str]] = field(default_factory=dict)

    async def client(self, role: str) -> Client:
        """Connected as this role, once."""
        if role not in self.clients:
            reasons = self.refusals.setdefault(role, [])

            async def note(error: Exception) -> None:
                reasons.append(str(error))

            self.clients[role] = await connect(self.servers[PLACES[role]].port, self.authority.credentials(role), note)
            self.stack.push_async_callback(self.clients[role].close)
        return self.clients[role]


async def connect(port: int, credentials: Credentials, note: Callable[[Exception], Awaitable[None]] | None = None) -> Client:
    return await nats.connect(
        f"tls://127.0.0.1:{port}",
        tls=credentials.client_context(),
        tls_handshake_first=True,
        error_cb=note,
        allow_reconnect=False,
        inbox_prefix=subjects.inbox(credentials.name).encode(),
    )


async def connect_with(port: int, context: ssl.SSLContext) -> None:
    client = await nats.connect(f"tls://127.0.0.1:{port}", tls=context, tls_handshake_first=True, allow_reconnect=False)
    await client.flush()


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Bus]:
    plan = plan_of(utility(folder))
    authority = Authority.open(folder / "authority")
    port = free_port()
    address = f"127.0.0.1:{port}"
    center, dmz = (authority.credentials(role, hosts=HOSTS) for role in (subjects.CENTER_ROLE, subjects.DMZ_ROLE))
    described = {
        "dmz": for_dmz(plan, dmz, "127.0.0.1", port),
        "center": for_center(plan, center, folder / "center-streams", address),
    }
    for site in SITES:
        role = subjects.edge_role(site)
        described[role] = for_site(plan, site, authority.credentials(role, hosts=HOSTS), folder / f"{site}-streams", address)
    async with AsyncExitStack() as stack:
        running = [
            stack.enter_async_context(Server.running(name, folder / name, configuration))
            for name, configuration in described.items()
        ]
        servers = dict(zip(described, [await each for each in running], strict=True))
        captured = {name: json.loads((folder / name / "nats-server.json").read_text()) for name in described}
        bus = Bus(plan, authority, servers, captured, stack)
        await streams.ensure_center_stream(await bus.client(subjects.CENTER_ROLE), stream_mb=48)
        for site in SITES:
            await streams.ensure_site_streams(await bus.client(subjects.edge_role(site)), site, spool_mb=8)
        async with asyncio.timeout(30):  # then every connection to the DMZ is open
            while await streams.join_sites(bus.clients[subjects.CENTER_ROLE], SITES) != SITES:
                await asyncio.sleep(0.05)
        yield bus


def samples_of(pattern: str) -> str:
    """A subject that the pattern matches."""
    return pattern.replace("*", "w1").replace(">", "w2")


def every_subject() -> list[str]:
    """One of each class that there is, of each site and of none, and some that no flow knows."""
    found = {
        samples_of(subject.replace("{site}", site).replace("{zone}", "office"))
        for flow in FLOWS
        for subject in flow.subjects
        for site in (*SITES, "nowhere")
    }
    found |= {"anything", "site.north", "command", "command.north.x", "$SYS.REQ.SERVER.PING", "_INBOX.x", "$JS.API.INFO.x"}
    return sorted(found)


def is_own_service(role: str, subject: str) -> bool:
    """Whether it is the second name of the stream service beside the role: the server takes it for the first, and judges that."""
    return subject.startswith(f"$JS.{PLACES[role].removeprefix('edge-')}.API.")


async def until(check: Callable[[], bool], *, within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not check():
            await asyncio.sleep(0.02)


def permitted(bus: Bus, role: str, verb: str) -> list[str]:
    """What a role's configuration lets it, by its words."""
    users = [
        user
        for account in bus.configurations[PLACES[role]]["accounts"].values()
        for user in account["users"]
        if user["user"] == f"CN={role}"
    ]
    assert len(users) == 1
    return list(users[0]["permissions"][verb].get("allow", []))


async def test_every_role_is_refused_every_subject_that_is_not_its_own(tmp_path: Path) -> None:
    async with running(tmp_path) as bus:
        tried = 0
        for role in PLACES:
            client = await bus.client(role)
            reasons = bus.refusals[role]
            for verb in ("publish", "subscribe"):
                own = permitted(bus, role, verb)
                tried_now = every_subject()
                if verb == "publish":
                    tried_now = [each for each in tried_now if not is_own_service(role, each)]
                foreign = [each for each in tried_now if not any(contains(pattern, each) for pattern in own)]
                allowed = [each for each in tried_now if each not in foreign]
                assert foreign, role
                reasons.clear()
                for subject in foreign:
                    await (client.publish(subject, b"x") if verb == "publish" else client.subscribe(subject))
                words = "publish to" if verb == "publish" else "subscription to"
                await client.flush()
                await until(lambda reasons=reasons, foreign=foreign: len(reasons) >= len(foreign))  # type: ignore[misc]
                named = {reason.split('"')[1] for reason in reasons if f"permissions violation for {words}" in reason}
                assert named == {subject.lower() for subject in foreign}, (role, verb)
                reasons.clear()
                for subject in allowed if verb == "subscribe" else [each for each in allowed if not each.startswith("$JS")]:
                    await (client.publish(subject, b"x") if verb == "publish" else client.subscribe(subject))
                await client.flush()
                assert reasons == [], (role, verb)
                tried += len(foreign)
        assert tried > 1_000


async def test_nobody_connects_without_a_certificate_of_this_authority_in_the_role_s_own_name(tmp_path: Path) -> None:
    async with running(tmp_path) as bus:
        stranger = Authority.open(tmp_path / "other")
        anonymous = ssl.create_default_context(cafile=str(bus.authority.credentials("web").authority))
        anonymous.check_hostname = False
        for name, server in bus.servers.items():
            with pytest.raises(Exception, match=r"(?i)cert|ssl|tls|closed|eof|reset"):  # the library raises several kinds
                await connect_with(server.port, anonymous)
            for role in ("web", "dmz", "edge-north"):
                with pytest.raises(Exception, match=r"(?i)cert|ssl|tls|closed|eof|reset"):
                    await (await connect(server.port, stranger.credentials(role))).flush()
            elsewhere = next(role for role, place in PLACES.items() if place != name and role not in {"edge-north", "edge-south"})
            with pytest.raises(Exception, match=r"(?i)authorization"):
                await connect(server.port, bus.authority.credentials(elsewhere))
            with pytest.raises(Exception, match=r"(?i)authorization"):
                await connect(server.port, bus.authority.credentials("guest"))
        for role in (subjects.edge_role("north"), subjects.CENTER_ROLE):  # known in the DMZ, but as servers
            with pytest.raises(Exception, match=r"(?i)authorization|connection type"):
                await connect(bus.servers["dmz"].port, bus.authority.credentials(role))


async def test_an_enterprise_zone_sees_the_live_samples_of_all_sites_and_nothing_else(tmp_path: Path) -> None:
    async with running(tmp_path) as bus:
        reader = await bus.client("it-office")
        heard: list[Msg] = []

        async def hear(message: Msg) -> None:
            heard.append(message)

        for site in SITES:
            await reader.subscribe(subjects.export(site), cb=hear)
            await reader.subscribe(subjects.health(site), cb=hear)
        await reader.flush()
        sequence = 0
        async with asyncio.timeout(20):
            while {message.subject for message in heard} != {
                f(site) for site in SITES for f in (subjects.export, subjects.health)
            }:
                sequence += 1
                for site in SITES:
                    edge = await bus.client(subjects.edge_role(site))
                    batch = Batch(site=site, incarnation=1, sequence=sequence, samples=Samples.of([1], [sequence], [2.5]))
                    await publish(edge, batch)
                    await edge.publish(subjects.health(site), b"well")
                await asyncio.sleep(0.05)
        assert bus.refusals["it-office"] == []
        live = [decode_batch(message.data) for message in heard if message.subject == subjects.export("north")]
        assert live
        assert all(each.site == "north" and each.samples.value[0] == 2.5 for each in live)
        for forbidden in (">", "site.>", "command.*", "scada.>", "_INBOX.>", "export.*.batch"):
            await reader.subscribe(forbidden, cb=hear)
        for forbidden in ("command.north", "scada.ask", "health.north", "export.north.batch", "fetch.north", "anything"):
            await reader.publish(forbidden, b"x")
        await until(lambda: len(bus.refusals["it-office"]) == 12)
        dmz = bus.configurations["dmz"]
        assert "jetstream" not in dmz


async def test_what_the_proof_says_is_heard_is_heard_and_nothing_else(tmp_path: Path) -> None:
    """Random pairs, and every way there is: a role that speaks, one that listens, a subject that both may or only one."""
    async with running(tmp_path) as bus:
        assert prove_broker(bus.plan, bus.configurations) == []
        rows = reach(bus.plan, bus.configurations)
        rng = random.Random(4)
        cases: dict[tuple[str, str, str], bool] = {}
        for row in rows:
            for term in row.terms:
                cases[row.speaker, row.hearer, samples_of(term.pattern)] = True
        for _ in range(400):
            speaker, hearer = rng.sample(sorted(PLACES), 2)
            subject = rng.choice(every_subject())
            cases[speaker, hearer, subject] = is_said_heard(rows, speaker, hearer, subject)
        assert sum(cases.values()) > 50
        assert len(cases) - sum(cases.values()) > 200
        await check_heard(bus, cases)


async def test_the_proof_and_real_servers_agree_about_faults_too(tmp_path: Path) -> None:
    """An empty list allows everything; an exclusion within a wildcard holds."""
    authority = Authority.open(tmp_path / "authority")
    plan = plan_of(utility(tmp_path))
    configuration = for_center(plan, authority.credentials("center", hosts=HOSTS), tmp_path / "streams", None)
    users = {user["user"]: user for user in configuration["accounts"]["OT"]["users"]}
    users["CN=fetch"]["permissions"] = {"publish": {"allow": []}, "subscribe": {"allow": []}}
    users["CN=web"]["permissions"] = {"publish": {"allow": ["a.>"], "deny": ["a.*.secret"]}, "subscribe": "_INBOX.web.>"}
    async with Server.running("center", tmp_path / "center", configuration) as server, AsyncExitStack() as stack:
        bus = Bus(plan, authority, {"center": server}, {"center": configuration}, stack)
        rows = reach(plan, bus.configurations)
        cases = {
            ("web", "fetch", subject): is_said_heard(rows, "web", "fetch", subject)
            for subject in ("a.b", "a.b.secret", "a.b.secret.c", "a", "b.c")
        }
        assert list(cases.values()) == [True, False, True, False, False]
        cases["fetch", "web", "_INBOX.web.x"] = is_said_heard(rows, "fetch", "web", "_INBOX.web.x")
        assert cases["fetch", "web", "_INBOX.web.x"]
        await check_heard(bus, cases)


def is_said_heard(rows: Iterable[Any], speaker: str, hearer: str, subject: str) -> bool:
    return any((row.speaker, row.hearer) == (speaker, hearer) and row.has(subject) for row in rows)


async def check_heard(bus: Bus, cases: dict[tuple[str, str, str], bool]) -> None:
    """Every speaker says everything again and again until all is heard that should be; what should not was said as often."""
    heard: set[tuple[str, str, str]] = set()
    for hearer, subject in sorted({(hearer, subject) for _, hearer, subject in cases}):

        async def hear(message: Msg, hearer: str = hearer) -> None:
            heard.add((message.data.decode(), hearer, message.subject))

        await (await bus.client(hearer)).subscribe(subject, cb=hear)
    expected = {case for case, is_heard in cases.items() if is_heard}
    async with asyncio.timeout(40):
        while True:
            for speaker, subject in sorted({(speaker, subject) for speaker, _, subject in cases}):
                await (await bus.client(speaker)).publish(subject, speaker.encode())
            for client in bus.clients.values():
                await client.flush()
            if expected <= heard:
                break
            await asyncio.sleep(0.05)
    for client in bus.clients.values():
        await client.flush()
    assert {case for case in heard if case in cases} == expected
