"""The driver of watched nodes against Debian's snmpd, which plays the power of a port; links and neighbors are in tests/system."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from tests.edge.snmp.nodes import node, port
from tests.snmp_agents import KEYS, SnmpAgent, agent
from tieline.config.snmp import Measure
from tieline.edge.driver import UnconfirmedError
from tieline.edge.drivers.snmp import SnmpDriver
from tieline.edge.snmp.hints import Hints
from tieline.edge.snmp.identities import Identities
from tieline.io import SystemClock
from tieline.model import Event, PointId, Quality, RefusedError, RemoteError, Samples, UnavailableError
from tieline.protocols.snmp import SnmpKeys

ADMIN, DETECTION = "1.3.6.1.2.1.105.1.1.1.3.1.3", "1.3.6.1.2.1.105.1.1.1.6.1.3"
ON, OFF, SEARCHING, DELIVERING = 1, 2, 2, 3
OFF_S = 0.3


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnmpAgent]:
    with agent(tmp_path_factory.mktemp("agent")) as one:
        yield one


@pytest.fixture
def switch(played: SnmpAgent) -> SnmpAgent:
    """As it is before each test."""
    played.put({ADMIN: ("integer", ON), DETECTION: ("integer", DELIVERING)}, afresh=True)
    return played


@dataclass
class Watched:
    driver: SnmpDriver
    events: list[Event] = field(default_factory=list)
    samples: list[Samples] = field(default_factory=list)
    hints: Hints = field(default_factory=Hints)

    def kinds(self) -> list[str]:
        return [each.kind for each in self.events if not each.kind.startswith("network_drift")]

    def point(self, measure: Measure) -> PointId:
        rows = zip(self.driver.device.points, self.driver.device.rows, strict=True)
        return next(point.id for point, row in rows if row.measure is measure)

    def newest(self, measure: Measure) -> tuple[float, Quality]:
        samples = self.samples[-1]
        row = int(np.flatnonzero(samples.point == self.point(measure))[0])
        return float(samples.value[row]), Quality(int(samples.quality[row]))

    async def restart(self) -> None:
        await self.driver.write(self.point(Measure.POE_RESTART), 1.0)

    async def switch(self, value: float) -> None:
        await self.driver.write(self.point(Measure.POE_SWITCH), value)


def made(switch: SnmpAgent, *, keys: SnmpKeys = KEYS, period_s: float = 30.0, confirm_s: float = 0.5) -> Watched:
    device = node("switch", [port("p3", feeds="cam")], snmp_port=switch.port, period_s=period_s, timeout_s=0.5, retries=1)
    events: list[Event] = []
    samples: list[Samples] = []
    hints = Hints()
    driver = SnmpDriver(
        device,
        identities=Identities([device]),
        keys=lambda _: keys,
        hints=hints,
        on_samples=samples.append,
        on_event=events.append,
        clock=SystemClock(),
        random=lambda: 0.0,
        off_s=OFF_S,
        confirm_s=confirm_s,
    )
    return Watched(driver, events, samples, hints)


@asynccontextmanager
async def running(watched: Watched) -> AsyncIterator[Watched]:
    task = asyncio.create_task(watched.driver.run())
    await eventually(lambda: bool(watched.samples))
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.wait([task])


async def eventually(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not check():
            await asyncio.sleep(0.01)


async def test_what_the_agent_has_is_good_and_what_it_lacks_is_told_apart(switch: SnmpAgent) -> None:
    async with running(made(switch)) as watched:
        assert watched.newest(Measure.POE) == (1.0, Quality.GOOD)
        assert watched.newest(Measure.POE_SWITCH) == (1.0, Quality.GOOD)
        assert watched.newest(Measure.TEMPERATURE_C)[1] == Quality.INVALID | Quality.BAD_REFERENCE
        assert watched.newest(Measure.LINK)[1] == Quality.INVALID | Quality.BAD_REFERENCE, "it has no interface p3"
        assert watched.driver.health.is_up


async def test_a_restart_takes_the_power_away_and_brings_it_back(switch: SnmpAgent) -> None:
    async with running(made(switch)) as watched:
        restart = asyncio.create_task(watched.restart())
        await eventually(lambda: switch.played(ADMIN) == str(OFF))
        with pytest.raises(RefusedError, match="being switched already"):
            await watched.switch(0.0)
        await restart
        assert switch.played(ADMIN) == str(ON)
        assert watched.kinds() == ["poe_restarted"]
        assert watched.driver.remember()["owed"] == []


async def test_it_is_on_the_disk_that_power_is_owed_before_it_is_taken_away(switch: SnmpAgent) -> None:
    kept: list[tuple[object, str]] = []
    watched = made(switch)

    async def keep() -> None:
        kept.append((watched.driver.remember()["owed"], switch.played(ADMIN)))

    watched.driver.keep_with(keep)
    async with running(watched):
        await watched.restart()
    assert kept == [(["p3"], str(ON)), ([], str(ON))]


async def test_a_restart_that_cannot_be_kept_is_not_begun(switch: SnmpAgent) -> None:
    async def full() -> None:
        raise UnavailableError("the disk is full")

    watched = made(switch)
    watched.driver.keep_with(full)
    async with running(watched):
        with pytest.raises(UnavailableError, match="nothing was done: the disk is full"):
            await watched.restart()
        assert switch.played(ADMIN) == str(ON)
        assert watched.driver.remember()["owed"] == []


async def test_a_port_whose_agent_falls_silent_in_between_gets_its_power_as_soon_as_it_can(switch: SnmpAgent) -> None:
    async with running(made(switch)) as watched:
        restart = asyncio.create_task(watched.restart())
        await eventually(lambda: switch.played(ADMIN) == str(OFF))
        switch.pause()
        try:
            with pytest.raises(UnconfirmedError):
                await restart
            assert watched.kinds()[0] == "poe_restart_owed"
            assert watched.driver.remember()["owed"] == ["p3"]
        finally:
            switch.resume()
        await eventually(lambda: "poe_restored" in watched.kinds())
        assert switch.played(ADMIN) == str(ON)
        assert watched.driver.remember()["owed"] == []


async def test_a_gateway_that_was_killed_in_between_gives_the_power_back_when_it_runs_again(switch: SnmpAgent) -> None:
    switch.put({ADMIN: ("integer", OFF), DETECTION: ("integer", SEARCHING)})
    watched = made(switch)
    watched.driver.recall({"told": [], "owed": ["p3", "a port that is gone", 7]})
    async with running(watched):
        await eventually(lambda: "poe_restored" in watched.kinds())
    assert watched.kinds()[0] == "poe_restart_owed"
    assert switch.played(ADMIN) == str(ON)


async def test_a_gateway_that_is_stopped_in_between_gives_the_power_back_before_it_ends(switch: SnmpAgent) -> None:
    async with running(made(switch)) as watched:
        restart = asyncio.create_task(watched.restart())
        await eventually(lambda: switch.played(ADMIN) == str(OFF))
    assert switch.played(ADMIN) == str(ON)
    assert watched.driver.remember()["owed"] == []
    with pytest.raises(asyncio.CancelledError):
        await restart


async def test_a_restart_goes_on_when_nobody_waits_for_it_any_longer(switch: SnmpAgent) -> None:
    async with running(made(switch)) as watched:
        restart = asyncio.create_task(watched.restart())
        await eventually(lambda: switch.played(ADMIN) == str(OFF))
        restart.cancel()
        await eventually(lambda: "poe_restarted" in watched.kinds())
        assert switch.played(ADMIN) == str(ON)


async def test_who_switches_a_port_off_means_it(switch: SnmpAgent) -> None:
    watched = made(switch)
    async with running(watched):
        await watched.switch(0.0)
        assert switch.played(ADMIN) == str(OFF)
        await eventually(lambda: watched.newest(Measure.POE_SWITCH) == (0.0, Quality.GOOD))
        with pytest.raises(RefusedError, match="nothing to restart"):
            await watched.restart()
        await watched.switch(1.0)
        assert switch.played(ADMIN) == str(ON)


async def test_power_that_does_not_come_out_again_fails_the_restart_and_owes_nothing(switch: SnmpAgent) -> None:
    async with running(made(switch)) as watched:
        restart = asyncio.create_task(watched.restart())
        await eventually(lambda: switch.played(ADMIN) == str(OFF))
        switch.put({DETECTION: ("integer", SEARCHING)})
        with pytest.raises(RemoteError, match=r"delivers no power within 0\.5 s: searching"):
            await restart
        assert switch.played(ADMIN) == str(ON)
        assert watched.driver.remember()["owed"] == []


@pytest.mark.parametrize("value", [0.0, 2.0, float("nan")])
async def test_a_restart_takes_nothing_but_1(switch: SnmpAgent, value: float) -> None:
    async with running(made(switch)) as watched:
        with pytest.raises(RefusedError, match="takes 1 only"):
            await watched.driver.write(watched.point(Measure.POE_RESTART), value)
        with pytest.raises(RefusedError, match="no writable point"):
            await watched.driver.write(watched.point(Measure.POE), 1.0)


async def test_a_port_that_may_not_be_written_is_refused_by_the_agent(switch: SnmpAgent) -> None:
    def lock() -> None:
        state = switch.state_file.read_text().replace(f'"{ADMIN}": ["integer", 1]', f'"{ADMIN}": ["integer", 1, "ro"]')
        switch.state_file.write_text(state)

    lock()
    async with running(made(switch)) as watched:
        with pytest.raises(RemoteError, match="does not switch port p3 off"):
            await watched.restart()
        assert watched.driver.remember()["owed"] == []


async def test_nothing_is_switched_where_the_agent_does_not_answer(switch: SnmpAgent) -> None:
    watched = made(switch)
    with pytest.raises(UnavailableError, match="is not watched"):
        await watched.restart()
    switch.pause()
    try:
        async with running(watched):
            with pytest.raises(UnavailableError):
                await watched.restart()
    finally:
        switch.resume()


async def test_an_agent_that_falls_silent_is_lost_and_comes_back(switch: SnmpAgent) -> None:
    async with running(made(switch, period_s=0.5)) as watched:
        switch.pause()
        try:
            await eventually(lambda: "device_lost" in watched.kinds())
            assert not watched.driver.health.is_up
            assert watched.newest(Measure.POE) == (1.0, Quality.INVALID | Quality.OLD_DATA)
        finally:
            switch.resume()
        await eventually(lambda: "device_restored" in watched.kinds())
        await eventually(lambda: watched.newest(Measure.POE) == (1.0, Quality.GOOD))
        assert watched.kinds().count("device_lost") == 1


async def test_an_agent_that_starts_again_is_told(switch: SnmpAgent) -> None:
    async with running(made(switch, period_s=0.5)) as watched:
        await asyncio.to_thread(switch.restart)
        await eventually(lambda: "device_restarted" in watched.kinds())
        assert watched.kinds().count("device_restarted") == 1


async def test_wrong_keys_are_told_as_such(switch: SnmpAgent) -> None:
    wrong = replace(KEYS, auth_secret="another secret of ours")
    async with running(made(switch, keys=wrong)) as watched:
        assert watched.kinds() == ["device_lost"]
        assert "auth" in watched.events[0].text
        assert watched.driver.health.exceptions == 1


async def test_a_hint_has_it_look_at_once(switch: SnmpAgent) -> None:
    async with running(made(switch, period_s=3_600.0)) as watched:
        await eventually(lambda: len(watched.samples) == 2)  # the first look, and the first tick
        switch.put({DETECTION: ("integer", SEARCHING)})
        watched.hints.poke("switch")
        await eventually(lambda: watched.newest(Measure.POE) == (0.0, Quality.GOOD))
