"""Notifications and syslog, sent by net-snmp's and util-linux' own programs."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.snmp_agents import HAS_SNMPD, KEYS, NEEDS_SNMPD, agent, free_port
from tieline.config.snmp import SnmpConnection, SnmpDevice
from tieline.edge.snmp.allowance import Allowance
from tieline.edge.snmp.hints import Hints
from tieline.edge.snmp.listening import EVENTS_BURST, LEFT_OUT_S, LOOK_AGAIN_S, TELL_AGAIN_S, NetworkListener, engine_id_of
from tieline.io import SystemClock
from tieline.model import ConfigError, Event, Severity
from tieline.protocols.snmp import SnmpKeys

pytestmark = pytest.mark.skipif(
    not shutil.which("snmptrap") or not shutil.which("logger"), reason="needs Debian's snmp and bsdutils"
)

OTHER_KEYS = replace(KEYS, auth_secret="another-authentication", priv_secret="another-privacy")
LINK_DOWN = ("1.3.6.1.6.3.1.1.5.3", "1.3.6.1.2.1.2.2.1.1.3", "i", "3", "1.3.6.1.2.1.31.1.1.1.1.3", "s", "Gi1/3")
ENGINE = "80001f8880a1b2c3d4"


def node(name: str, host: str = "127.0.0.1") -> SnmpDevice:
    return SnmpDevice(
        site="northgate", name=name, description="", rows=(), points=(), connection=SnmpConnection(host=host), ports=()
    )


@dataclass
class World:
    """A listener, what it noted, and who sends to it."""

    folder: Path
    trap_port: int
    syslog_port: int
    hints: Hints = field(default_factory=Hints)
    events: list[Event] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    listener: NetworkListener = field(init=False)

    def note(self, event: Event) -> None:
        self.events.append(event)
        self.came.set()

    async def event(self, kind: str, *, also: Callable[[Event], bool] = lambda _: True) -> Event:
        """The first of that kind, when it has come."""
        async with asyncio.timeout(10):
            while True:
                found = next((event for event in self.events if event.kind == kind and also(event)), None)
                if found is not None:
                    return found
                self.came.clear()
                await self.came.wait()

    async def send(
        self, program: str, *words: str, keys: SnmpKeys = KEYS, engine: str = "", notification: tuple[str, ...] = LINK_DOWN
    ) -> int:
        """`snmptrap` or `snmpinform` with SNMPv3; gives its exit code: an inform that nobody acknowledges has failed."""
        user = [
            "-v3",
            "-l",
            "authPriv",
            "-u",
            keys.user,
            "-a",
            "SHA-256",
            "-A",
            keys.auth_secret,
            "-x",
            "AES",
            "-X",
            keys.priv_secret,
        ]
        sender = ["-e", f"0x{engine}", "-Z", "3,100"] if engine else []
        return await self.run(
            program, *user, *sender, "-r", "1", "-t", "2", *words, f"127.0.0.1:{self.trap_port}", "77", *notification
        )

    async def run(self, *words: str) -> int:
        environment = {**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(self.folder), "SNMPCONFPATH": str(self.folder)}
        child = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, env=environment
        )
        return await child.wait()

    async def log(self, *words: str) -> None:
        assert await self.run("logger", "--udp", "--server", "127.0.0.1", "--port", str(self.syslog_port), *words) == 0


def keys_of(device: SnmpDevice) -> SnmpKeys:
    if device.name == "keyless":
        raise ConfigError("no keys")
    return OTHER_KEYS if device.name == "sw-2" else KEYS


@asynccontextmanager
async def listening(folder: Path, *names: str, host: str = "127.0.0.1") -> AsyncIterator[World]:
    world = World(folder, free_port(), free_port())
    world.listener = NetworkListener(
        "northgate",
        [node(name, host) for name in names],
        keys=keys_of,
        on_event=world.note,
        clock=SystemClock(),
        hints=world.hints,
        trap_port=world.trap_port,
        syslog_port=world.syslog_port,
        host="127.0.0.1",
    )
    task = asyncio.ensure_future(world.listener.run())
    try:
        await world.event("network_listening", also=lambda event: "syslog" in event.text)
        await world.event("network_listening", also=lambda event: "notifications" in event.text)
        yield world
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_trap_of_a_watched_node_is_told_and_has_its_driver_look(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1", "sw-2", "keyless") as world:
        assert await world.send("snmptrap", keys=OTHER_KEYS, engine=ENGINE) == 0
        event = await world.event("network_trap")
        assert (event.site, event.device, event.severity) == ("northgate", "sw-2", Severity.WARNING)
        assert event.text == "link down (linkDown): interface 3, name Gi1/3"
        assert await world.hints.wait("sw-2", 0)
        assert not await world.hints.wait("sw-1", 0)
        assert not await world.hints.wait("sw-2", 0)
        world.listener.tick(SystemClock().monotonic() + LOOK_AGAIN_S)  # its agent may have shown what was before
        assert await world.hints.wait("sw-2", 0)


async def test_a_trap_of_two_nodes_with_the_same_keys_is_of_the_one_whose_engine_it_is(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1", "sw-3") as world:
        world.hints.learn("sw-3", bytes.fromhex(ENGINE))
        await world.send("snmptrap", engine=ENGINE)
        assert (await world.event("network_trap")).device == "sw-3"


async def test_a_trap_from_another_address_of_a_node_is_known_by_its_keys(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1", host="192.0.2.1") as world:
        await world.send("snmptrap", engine=ENGINE)
        assert (await world.event("network_trap")).device == "sw-1"


async def test_an_inform_finds_our_engine_is_acknowledged_and_told_once(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1") as world:
        cold_start = ("1.3.6.1.6.3.1.1.5.1",)
        assert await world.send("snmpinform", notification=cold_start) == 0
        event = await world.event("network_trap")
        assert (event.device, event.text) == ("sw-1", "started, perhaps with another configuration (coldStart)")
        assert [event.kind for event in world.events].count("network_trap") == 1


@pytest.mark.skipif(not HAS_SNMPD, reason=NEEDS_SNMPD)
async def test_an_agent_that_starts_and_ends_is_heard_to_do_so(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1", "sw-2") as world:
        user = f"-v3 -l authPriv -u {KEYS.user} -a SHA-256 -A {KEYS.auth_secret} -x AES -X {KEYS.priv_secret}"
        with agent(tmp_path / "agent", lines=[f"trapsess {user} 127.0.0.1:{world.trap_port}"]) as real:
            started = await world.event("network_trap")
            await asyncio.to_thread(real.restart)
            ended = await world.event("network_trap", also=lambda event: "nsNotifyShutdown" in event.text)
            assert {started.device, ended.device} == {"sw-1"}
            assert "coldStart" in started.text
        async with asyncio.timeout(10):
            while [event.text for event in world.events if "coldStart" in event.text] != [started.text] * 2:
                world.came.clear()
                await world.came.wait()


async def test_our_engine_can_be_told_to_a_switch_beforehand(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1") as world:
        engine = engine_id_of("northgate").hex()
        assert any(engine in event.text for event in world.events)
        assert await world.send("snmpinform", "-e", f"0x{engine}") == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["-v2c", "-c", "public"], "SNMPv1 or v2c"),
        (["-v3", "-l", "noAuthNoPriv", "-u", "tieline", "-e", f"0x{ENGINE}"], "not signed and enciphered"),
        (
            ["-v3", "-l", "authNoPriv", "-u", "tieline", "-a", "SHA-256", "-A", KEYS.auth_secret, "-e", f"0x{ENGINE}"],
            "not signed and",
        ),
        (["-v3", "-l", "authPriv", "-u", "tieline", "-a", "SHA-256", "-A", "wrong-key", "-x", "AES", "-X", "wrong-key"], "keys"),
    ],
)
async def test_what_anybody_can_send_is_not_believed_and_that_is_told_once(tmp_path: Path, words: list[str], reason: str) -> None:
    async with listening(tmp_path, "sw-1") as world:
        engine = [] if "-e" in words or "-v2c" in words else ["-e", f"0x{ENGINE}"]
        for _ in range(2):
            await world.run("snmptrap", *words, *engine, f"127.0.0.1:{world.trap_port}", "77", *LINK_DOWN)
        await world.log("-t", "end", "end")
        await world.event("network_syslog")
        refused = [event for event in world.events if event.kind == "network_trap_refused"]
        assert len(refused) == 1
        assert reason in refused[0].text
        assert refused[0].device == "sw-1"
        assert not [event for event in world.events if event.kind == "network_trap"]
        assert not await world.hints.wait("sw-1", 0)


async def test_a_wrong_privacy_key_is_told(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1") as world:
        await world.send("snmptrap", keys=replace(KEYS, priv_secret="wrong-privacy"), engine=ENGINE)
        assert "another key" in (await world.event("network_trap_refused")).text


async def test_a_recorded_trap_is_heard_once(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1") as world:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
            relay.bind(("127.0.0.1", 0))
            relay.setblocking(False)
            through = replace_port(world, relay.getsockname()[1])
            await through.send("snmptrap", engine=ENGINE)
            recorded = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(relay, 65_535), 5)
            for _ in range(3):
                relay.sendto(recorded, ("127.0.0.1", world.trap_port))
        await world.event("network_trap")
        await world.log("-t", "end", "end")
        await world.event("network_syslog")
        assert [event.kind for event in world.events].count("network_trap") == 1


def replace_port(world: World, port: int) -> World:
    return World(world.folder, port, world.syslog_port)


async def test_syslog_of_a_node_is_told_with_its_severity(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1") as world:
        await world.log("--rfc5424", "-p", "local7.err", "--msgid", "LINK", "port 3 is \x1b[31mdown")
        await world.log("--rfc3164", "-p", "local7.warning", "-t", "link", "port 4 is down")
        first = await world.event("network_syslog")
        assert (first.device, first.severity, first.text) == ("sw-1", Severity.ERROR, "LINK: port 3 is  [31mdown")
        second = await world.event("network_syslog", also=lambda event: event is not first)
        assert (second.severity, second.text) == (Severity.WARNING, "link: port 4 is down")


async def test_strangers_are_counted_and_told_seldom(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1", host="192.0.2.1") as world:
        for _ in range(3):
            await world.log("who am I")
        await world.run("snmptrap", "-v2c", "-c", "public", f"127.0.0.1:{world.trap_port}", "77", *LINK_DOWN)
        event = await world.event("network_unknown_sender")
        assert "127.0.0.1" in event.text
        assert not [event for event in world.events if event.kind in {"network_syslog", "network_trap", "network_trap_refused"}]


async def test_rubbish_is_survived(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1") as world:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            for octets in (b"", b"\x30", b"\x30\x82\xff\xff", b"\x30\x80" * 700, bytes(9000), b"\xff" * 1400, os.urandom(1400)):
                one.sendto(octets, ("127.0.0.1", world.trap_port))
                one.sendto(octets, ("127.0.0.1", world.syslog_port))
        await world.send("snmptrap", engine=ENGINE)
        assert (await world.event("network_trap")).device == "sw-1"


async def test_a_flood_is_cut_and_counted(tmp_path: Path) -> None:
    async with listening(tmp_path, "sw-1") as world:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            for number in range(100):
                one.sendto(f"<187>{number}: %LINK-3-UPDOWN: again".encode(), ("127.0.0.1", world.syslog_port))
        await world.send("snmptrap", engine=ENGINE)  # comes after them, and is left out as they are, but the driver looks
        assert await world.hints.wait("sw-1", 10)
        told = [event for event in world.events if event.kind == "network_syslog"]
        assert EVENTS_BURST <= len(told) <= EVENTS_BURST + 5
        world.listener.tick(SystemClock().monotonic() + LEFT_OUT_S + 1)
        left_out = await world.event("network_messages_left_out")
        assert left_out.device == "sw-1"
        assert int(left_out.text.split()[0]) >= 100 - len(told)


async def test_a_port_that_cannot_be_had_is_told_and_the_other_one_listened_to(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        world = World(tmp_path, taken.getsockname()[1], free_port())
        listener = NetworkListener(
            "northgate",
            [node("sw-1")],
            keys=keys_of,
            on_event=world.note,
            clock=SystemClock(),
            hints=Hints(),
            trap_port=world.trap_port,
            syslog_port=world.syslog_port,
            host="127.0.0.1",
        )
        task = asyncio.ensure_future(listener.run())
        try:
            missed = await world.event("network_not_listening")
            assert f"UDP port {world.trap_port}" in missed.text
            assert missed.severity is Severity.ERROR
            await world.event("network_listening", also=lambda event: "syslog" in event.text)
            await world.log("-t", "x", "heard")
            await world.event("network_syslog")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def test_an_allowance_lets_a_burst_pass_then_fills_up_and_counts_the_rest() -> None:
    allowance = Allowance(3, 0.5, 0.0)
    assert [allowance.takes(0.0) for _ in range(5)] == [True, True, True, False, False]
    assert allowance.takes(1.0) is False
    assert allowance.takes(2.0) is True
    assert allowance.settle(59.0, 60) == 0
    assert allowance.settle(60.0, 60) == 3
    assert allowance.settle(200.0, 60) == 0
    assert [allowance.takes(1000.0) for _ in range(4)] == [True, True, True, False]


def test_trouble_that_goes_on_is_told_again_after_a_while(tmp_path: Path) -> None:
    class Still:
        now_s = 0.0

        def monotonic(self) -> float:
            return self.now_s

        def now_us(self) -> int:
            return 1_800_000_000_000_000

    clock, events = Still(), list[Event]()
    listener = NetworkListener("northgate", [], keys=keys_of, on_event=events.append, clock=clock, hints=Hints())
    for clock.now_s in (0.0, 1.0, TELL_AGAIN_S - 1, TELL_AGAIN_S):
        listener._tell_seldom(("network_trap_refused", "sw-1", "x"), "not believed", clock.now_s)
    assert [event.text for event in events] == ["not believed", "not believed (3 times)"]
