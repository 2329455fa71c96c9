"""The driver against a server of libiec61850: the model, polls, reports, and what a cut makes of them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
import os
import time

import pytest

from tests.edge.iec61850.station import (
    ALARM,
    BREAKER,
    BUFFERED,
    ENERGY,
    FREQUENCY,
    LD,
    POINTS,
    POWER,
    UNBUFFERED,
    WIDE,
    driving,
    line_to,
    make_point,
    monitored,
    needs_peer,
    serving,
    settings,
)
from tieline.edge.iec61850.settings import ControlledPoint, ReportBlock
from tieline.edge.iec61850.subscription import Subscription
from tieline.io import SystemClock
from tieline.model import VALIDITY, Quality
from tieline.protocols.iec61850.mms.library import Selectors
from tieline.protocols.iec61850.mms.names import Name

pytestmark = needs_peer
T_MS = time.time_ns() // 1_000_000 + 6 * 3_600_000  # ahead of whatever the gateway stamps, however long the tests before took


async def test_values_quality_and_time_come_by_reports_and_by_polls() -> None:
    async with serving() as peer, driving(settings(peer.port)) as seen:
        await seen.up()
        await peer.ask("update", object=f"{LD}/MMXU1.TotW", value=2500.0, quality=0, time_ms=T_MS)
        await peer.ask("update", object=f"{LD}/MMXU1.Hz", value=50.02, quality=0x1042, time_ms=T_MS + 1, unsynchronized=True)
        await peer.ask("update", object=f"{LD}/XCBR1.Pos", **{"as": "dbpos"}, value=2, quality=0, time_ms=T_MS + 2)
        await peer.ask("update", object=f"{LD}/MMTR1.TotWh", **{"as": "counter"}, value=-(1 << 40), quality=0, time_ms=T_MS + 3)
        await seen.until(lambda: seen.newest(ENERGY)[1] == -float(1 << 40))
        await seen.until(lambda: seen.newest(BREAKER)[1] == 2 and seen.newest(POWER)[1] == 2.5)
        await seen.until(lambda: seen.newest(FREQUENCY)[1] == pytest.approx(50.02, abs=1e-4))
        # The data set has value, quality and time apart, and only the value's change is reported: the time is the entry's.
        (stamp,) = [stamp for stamp, value, quality in seen.of(POWER) if value == 2.5 and quality == Quality.DEVICE_TIME]
        assert stamp < T_MS * 1000
        assert ((T_MS + 2) * 1000, 2.0, Quality.DEVICE_TIME) in seen.of(BREAKER)
        assert seen.events == []


async def test_every_bit_of_quality_arrives() -> None:
    bits = [bit for bit in Quality if bit and bit < Quality.DEVICE_TIME]
    async with serving() as peer, driving(settings(peer.port)) as seen:
        await seen.up()
        for number, bit in enumerate(bits, 1):
            await peer.ask(
                "update", object=f"{LD}/GGIO1.Ind1", **{"as": "none"}, value=0, quality=int(bit), time_ms=T_MS + number
            )
            await seen.until(lambda bit=bit: seen.newest(ALARM)[2] & 0x1FFF == bit)


async def test_a_clock_that_failed_gives_the_gateways_time() -> None:
    async with serving() as peer, driving(settings(peer.port)) as seen:
        await seen.up()
        begin_us = time.time_ns() // 1000
        await peer.ask("update", object=f"{LD}/MMXU1.Hz", value=49.0, quality=0, time_ms=T_MS, clock_failure=True)
        await seen.until(lambda: seen.newest(FREQUENCY)[1] == 49.0)
        stamp, _, quality = seen.newest(FREQUENCY)
        assert begin_us <= stamp < T_MS * 1000
        assert quality & Quality.CLOCK_FAILURE
        assert not quality & Quality.DEVICE_TIME


async def test_nothing_is_lost_and_nothing_doubled_while_the_line_was_cut() -> None:
    wide = monitored("a-0", f"{LD}/MMXN1.A0", "MX", "mag.f")
    block = ReportBlock(name=Name(LD, "LLN0$BR$brWide01"), data_set=WIDE, integrity_s=0)
    async with (
        serving() as peer,
        line_to(peer.port) as line,
        driving(settings(line.port, monitored=(wide,), reports=(block,))) as seen,
    ):
        await seen.up()
        await peer.ask("ramp", object=f"{LD}/MMXN1.A0", first=1, count=50, quality=0, time_ms=T_MS)
        await seen.until(lambda: seen.newest(wide)[1] == 50)
        for turn in range(1, 4):
            line.cut()
            await seen.until(lambda: not seen.driver.health.is_up)
            await peer.ask("ramp", object=f"{LD}/MMXN1.A0", first=1 + 50 * turn, count=50, quality=0, time_ms=T_MS + 50 * turn)
            line.mend()
            await seen.until(lambda turn=turn: seen.newest(wide)[1] == 50 * (turn + 1) and seen.driver.health.is_up)
        changes = [(stamp, value) for stamp, value, quality in seen.of(wide) if quality & Quality.DEVICE_TIME]
        assert changes == [((T_MS + number) * 1000, number + 1.0) for number in range(200)]
        assert len(seen.texts("device_lost")) == len(seen.texts("device_restored")) == 3
        assert seen.texts("device_events_lost") == []
        assert seen.newest(wide)[2] & VALIDITY == 0


@pytest.mark.parametrize("forgets", [False, True])
async def test_a_gateway_that_is_started_again_goes_on_where_it_was(*, forgets: bool) -> None:
    """What happened meanwhile comes once; only a gateway that has lost its memory gets the whole buffer again."""
    wide = monitored("a-0", f"{LD}/MMXN1.A0", "MX", "mag.f")
    block = ReportBlock(name=Name(LD, "LLN0$BR$brWide01"), data_set=WIDE, integrity_s=0)
    async with serving() as peer:
        chosen = settings(peer.port, monitored=(wide,), reports=(block,))
        async with driving(chosen) as seen:
            await seen.up()
            await peer.ask("ramp", object=f"{LD}/MMXN1.A0", first=1, count=50, quality=0, time_ms=T_MS)
            await seen.until(lambda: seen.newest(wide)[1] == 50)
            memory = seen.driver.remember()
        await peer.ask("ramp", object=f"{LD}/MMXN1.A0", first=51, count=50, quality=0, time_ms=T_MS + 50)
        async with driving(chosen, memory={} if forgets else memory) as seen:
            await seen.until(lambda: seen.newest(wide)[1] == 100)
            found = [value for stamp, value, quality in seen.of(wide) if quality & Quality.DEVICE_TIME and stamp]
            assert sorted(set(found)) == [number + 1.0 for number in range(0 if forgets else 50, 100)]


@pytest.mark.parametrize(
    "state", [{"instance": "LLN0$BR$brWide01"}, {"instance": 1, "entry": 2}, {"instance": "x", "entry": b"1"}]
)
def test_a_memory_that_makes_no_sense_is_passed_over(state: dict[str, object]) -> None:
    block = ReportBlock(name=Name(LD, "LLN0$BR$brWide01"), data_set=WIDE, integrity_s=0)
    subscription = Subscription(block, lambda *_: None)
    subscription.recall(state)
    assert subscription.remember() == {}


async def test_a_point_of_two_blocks_brings_each_change_once() -> None:
    wide = monitored("a-0", f"{LD}/MMXN1.A0", "MX", "mag.f")
    blocks = tuple(
        ReportBlock(name=Name(LD, f"LLN0${name}"), data_set=WIDE, integrity_s=0) for name in ("RP$urWide01", "BR$brWide01")
    )
    async with serving() as peer, driving(settings(peer.port, monitored=(wide,), reports=blocks)) as seen:
        await seen.up()
        await peer.ask("ramp", object=f"{LD}/MMXN1.A0", first=1, count=100, quality=0, time_ms=T_MS)
        await seen.until(lambda: seen.newest(wide)[1] == 100)
        changes = [(stamp, value) for stamp, value, quality in seen.of(wide) if quality & Quality.DEVICE_TIME]
        assert changes == [((T_MS + number) * 1000, number + 1.0) for number in range(100)]
        assert all(each.is_enabled for each in seen.driver.subscriptions)


async def test_a_restarted_server_is_found_again_and_its_values_are_good() -> None:
    async with serving() as peer, driving(settings(peer.port)) as seen:
        await seen.up()
        await peer.stop()
        await seen.until(lambda: seen.newest(BREAKER)[2] & Quality.OLD_DATA)
        async with serving(port=peer.port) as again:
            await seen.up()
            await again.ask("update", object=f"{LD}/XCBR1.Pos", **{"as": "dbpos"}, value=1, quality=0, time_ms=T_MS)
            await seen.until(lambda: seen.newest(BREAKER)[1:] == (1.0, Quality.DEVICE_TIME))
            await seen.until(lambda: all(seen.newest(point)[2] & VALIDITY == 0 for point in POINTS))
            assert any("does not know the entry" in text for text in seen.texts("device_events_lost"))


async def test_what_the_device_has_not_is_told_and_the_rest_works() -> None:
    ghost = monitored("ghost", f"{LD}/MMXU9.TotW", "MX", "mag.f")
    async with serving("--shape", "poor") as peer, driving(settings(peer.port, monitored=(*POINTS, ghost))) as seen:
        await seen.up()
        await peer.ask("update", object=f"{LD}/MMXU1.TotW", value=1000.0, quality=0, time_ms=T_MS)
        await seen.until(lambda: seen.newest(POWER)[1] == 1.0)
        assert seen.newest(POWER)[2] & VALIDITY == 0
        assert "revision 7" in "".join(seen.texts("model_differs"))
        assert any("urMeasured" in text for text in seen.texts("reports_unavailable"))
        assert any("ghost" in text for text in seen.texts("points_missing"))
        assert seen.newest(ghost)[2] == Quality.INVALID | Quality.BAD_REFERENCE
        assert math.isnan(seen.newest(ghost)[1])


async def test_members_that_are_fewer_than_expected_are_named() -> None:
    expected = tuple(Name(LD, item) for item in ("GGIO1$ST$Ind1", "XCBR1$ST$Pos", "GGIO1$ST$SPCSO1", "GGIO1$ST$SPCSO4"))
    block = ReportBlock(name=BUFFERED.name, instances=("01",), data_set=BUFFERED.data_set, members=expected)
    async with serving("--shape", "poor") as peer, driving(settings(peer.port, reports=(block,))) as seen:
        await seen.up()
        assert any("lacks 1 members" in text and "SPCSO4" in text for text in seen.texts("model_differs"))


async def test_a_block_that_another_client_has_is_passed_over_for_the_next() -> None:
    only = ReportBlock(name=BUFFERED.name, instances=("01", "02"), data_set=BUFFERED.data_set)
    async with serving() as peer, driving(settings(peer.port, reports=(only,))) as first:
        await first.up()
        async with driving(settings(peer.port, reports=(only,))) as second:
            await second.up()
            assert all(each.driver.subscriptions[0].is_enabled for each in (first, second))
            async with driving(settings(peer.port, reports=(only,))) as third:
                await third.up()
                assert any("another client" in text for text in third.texts("reports_unavailable"))
                await peer.ask("update", object=f"{LD}/XCBR1.Pos", **{"as": "dbpos"}, value=1, quality=0, time_ms=T_MS)
                for seen in (first, second, third):
                    await seen.until(lambda seen=seen: seen.newest(BREAKER)[1] == 1)


async def test_a_data_set_is_made_of_what_no_other_has() -> None:
    spare = ReportBlock(name=Name(LD, "LLN0$RP$urSpare01"), integrity_s=0)
    async with serving() as peer, driving(settings(peer.port, reports=(BUFFERED, spare), poll_s=3600.0)) as seen:
        await seen.up()
        assert seen.driver.subscriptions[1].is_enabled
        assert any("3 members" in text for text in seen.texts("data_set_made"))
        await peer.ask("update", object=f"{LD}/MMXU1.Hz", value=51.0, quality=0, time_ms=T_MS)
        await seen.until(lambda: seen.newest(FREQUENCY) == (T_MS * 1000, 51.0, Quality.DEVICE_TIME))


async def test_an_integrity_report_says_nothing_twice() -> None:
    block = ReportBlock(name=BUFFERED.name, instances=("01",), data_set=BUFFERED.data_set, integrity_s=0.05)
    async with serving() as peer, driving(settings(peer.port, reports=(block,))) as seen:
        await seen.up()
        await peer.ask("update", object=f"{LD}/XCBR1.Pos", **{"as": "dbpos"}, value=1, quality=0, time_ms=T_MS)
        await seen.until(lambda: seen.newest(BREAKER)[1] == 1)
        asked = seen.driver.health.requests
        await seen.until(lambda: seen.driver.health.requests > asked + 10)
        assert [sample for sample in seen.of(BREAKER) if sample[1] == 1] == [(T_MS * 1000, 1.0, Quality.DEVICE_TIME)]


async def test_members_that_do_not_fit_into_an_answer_are_those_that_were_expected() -> None:
    points = tuple(monitored(f"a-{number}", f"{LD}/MMXN1.A{number}", "MX", "mag.f") for number in range(64))
    members = tuple(Name(LD, f"MMXN1$MX$A{number}") for number in range(64))
    block = ReportBlock(name=Name(LD, "LLN0$RP$urWide01"), data_set=WIDE, members=members, integrity_s=0)
    chosen = settings(0, monitored=points, reports=(block,), selectors=Selectors(max_pdu=1000), poll_s=3600.0)
    async with serving() as peer, driving(dataclasses.replace(chosen, port=peer.port)) as seen:
        await seen.until(lambda: seen.newest(points[63])[2] & VALIDITY == 0)
        await peer.ask("update", object=f"{LD}/MMXN1.A63", value=7.0, quality=0, time_ms=T_MS)
        await seen.until(lambda: seen.newest(points[63])[1] == 7.0)
        assert seen.events == []


async def test_a_report_in_segments_is_one() -> None:
    points = tuple(monitored(f"a-{number}", f"{LD}/MMXN1.A{number}", "MX", "mag.f") for number in range(64))
    members = tuple(Name(LD, f"MMXN1$MX$A{number}") for number in range(64))
    block = ReportBlock(name=Name(LD, "LLN0$BR$brWide01"), data_set=WIDE, members=members, integrity_s=0)
    chosen = settings(0, monitored=points, reports=(block,), selectors=Selectors(max_pdu=1000))
    async with serving() as peer, driving(dataclasses.replace(chosen, port=peer.port)) as seen:
        await seen.until(lambda: seen.newest(points[63])[2] & VALIDITY == 0)
        assert [len(batch) for batch in seen.batches if len(batch) > 1] == [64]
        assert seen.driver.subscriptions[0].segments > 1
        assert seen.events == []


async def test_a_read_that_is_too_long_for_one_answer_is_made_in_parts() -> None:
    points = tuple(monitored(f"a-{number}", f"{LD}/MMXN1.A{number}", "MX", "mag.f") for number in range(64))
    chosen = settings(0, monitored=points, reports=(), selectors=Selectors(max_pdu=512))
    async with serving() as peer, driving(dataclasses.replace(chosen, port=peer.port)) as seen:
        await seen.until(lambda: all(seen.newest(point)[2] & VALIDITY == 0 for point in points))
        assert seen.driver.health.exceptions >= 2
        refused = seen.driver.health.exceptions
        await peer.ask("update", object=f"{LD}/MMXN1.A63", value=7.0, quality=0, time_ms=T_MS)
        await seen.until(lambda: (T_MS * 1000, 7.0, Quality.DEVICE_TIME) in seen.of(points[63]))
        assert seen.driver.health.exceptions == refused
        assert seen.events == []


async def test_a_block_that_becomes_free_is_taken() -> None:
    block = ReportBlock(name=BUFFERED.name, instances=("01",), data_set=BUFFERED.data_set)
    chosen = settings(0, reports=(block,), enable_again_s=0.1)
    async with serving() as peer:
        chosen = dataclasses.replace(chosen, port=peer.port)
        async with contextlib.AsyncExitStack() as other:
            first = await other.enter_async_context(driving(chosen))
            await first.up()
            async with driving(chosen) as second:
                await second.up()
                assert not second.driver.subscriptions[0].is_enabled
                await other.aclose()
                await second.until(lambda: second.driver.subscriptions[0].is_enabled)
                assert len(second.texts("reports_unavailable")) == 1


async def test_many_missing_points_are_told_by_their_number() -> None:
    ghosts = tuple(monitored(f"ghost-{number}", f"{LD}/MMXU9.A{number}", "MX", "mag.f") for number in range(30))
    async with serving() as peer, driving(settings(peer.port, monitored=ghosts, controlled=(), reports=())) as seen:
        await seen.up()
        texts = seen.texts("points_missing")
        assert len(texts) == 21
        assert "30 points" in texts[-1]


class SteppingClock(SystemClock):
    """A clock that somebody sets."""

    offset_us = 3_600_000_000

    def now_us(self) -> int:
        return super().now_us() + self.offset_us


async def test_a_clock_that_is_set_back_stamps_with_its_new_time() -> None:
    clock = SteppingClock()
    async with serving() as peer, driving(settings(peer.port), clock=clock) as seen:
        await seen.up()
        await seen.until(lambda: seen.newest(ENERGY)[2] & VALIDITY == 0)
        ahead_us = seen.newest(ENERGY)[0]
        clock.offset_us = 0
        await seen.until(lambda: seen.newest(ENERGY)[0] < ahead_us - 3_000_000_000)


@pytest.mark.skipif("TIELINE_SLOW" not in os.environ, reason="takes over a minute; set TIELINE_SLOW to run it")
@pytest.mark.timeout(150)
async def test_nothing_is_lost_and_nothing_doubled_across_a_minute_with_changes() -> None:
    wide = monitored("a-0", f"{LD}/MMXN1.A0", "MX", "mag.f")
    block = ReportBlock(name=Name(LD, "LLN0$BR$brWide01"), data_set=WIDE, integrity_s=0)
    count = 120
    async with (
        serving() as peer,
        line_to(peer.port) as line,
        driving(settings(line.port, monitored=(wide,), reports=(block,))) as seen,
    ):
        await seen.up()
        await peer.ask("ramp", object=f"{LD}/MMXN1.A0", first=1, count=10, quality=0, time_ms=T_MS)
        await seen.until(lambda: seen.newest(wide)[1] == 10)
        line.cut()
        begin = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, begin + (number + 1) * 60 / count - time.monotonic()))
            await peer.ask("ramp", object=f"{LD}/MMXN1.A0", first=11 + number, count=1, quality=0, time_ms=T_MS + 10 + number)
        line.mend()
        await seen.until(lambda: seen.newest(wide)[1] == 10 + count and seen.driver.health.is_up, 60.0)
        changes = [(stamp, value) for stamp, value, quality in seen.of(wide) if quality & Quality.DEVICE_TIME]
        assert changes == [((T_MS + number) * 1000, number + 1.0) for number in range(10 + count)]


async def test_a_block_that_stops_to_report_is_noticed_its_points_are_read_and_it_is_enabled_again() -> None:
    reporting = ControlledPoint(point=make_point("reporting"), target=Name(LD, "LLN0$RP$urMeasured01$RptEna"))
    block = dataclasses.replace(UNBUFFERED, integrity_s=0.1)
    chosen = settings(0, reports=(block,), controlled=(reporting,), enable_again_s=3.0, monitored=(FREQUENCY,), poll_s=0.05)
    async with serving() as peer, driving(dataclasses.replace(chosen, port=peer.port)) as seen:
        await seen.up()
        (subscription,) = seen.driver.subscriptions
        await seen.until(lambda: seen.newest(FREQUENCY)[2] & VALIDITY == 0)
        await seen.until(lambda: subscription.has_integrity)
        await seen.driver.write(reporting.point.id, 0.0)
        await peer.ask("update", object=f"{LD}/MMXU1.Hz", value=48.5, quality=0, time_ms=T_MS)
        await seen.until(lambda: seen.newest(FREQUENCY)[1] == 48.5)
        assert any("has stopped to report" in text for text in seen.texts("reports_unavailable"))
        await seen.until(lambda: subscription.is_enabled)
        await peer.ask("update", object=f"{LD}/MMXU1.Hz", value=51.5, quality=0, time_ms=T_MS + 1)
        await seen.until(lambda: seen.newest(FREQUENCY)[1] == 51.5)


async def test_a_buffered_block_that_becomes_free_takes_its_points_from_the_one_that_stood_in() -> None:
    wide = monitored("a-0", f"{LD}/MMXN1.A0", "MX", "mag.f")
    stand_in, better = (
        ReportBlock(name=Name(LD, f"LLN0${name}"), data_set=WIDE, integrity_s=0) for name in ("RP$urWide01", "BR$brWide01")
    )
    async with serving() as peer, contextlib.AsyncExitStack() as other:
        chosen = settings(peer.port, monitored=(wide,), reports=(better,), enable_again_s=0.1)
        first = await other.enter_async_context(driving(chosen))
        await first.until(lambda: first.driver.subscriptions[0].is_enabled)
        async with driving(dataclasses.replace(chosen, reports=(stand_in, better))) as seen:
            await seen.up()
            buffered, unbuffered = seen.driver.subscriptions
            assert (buffered.is_enabled, unbuffered.is_enabled) == (False, True)
            await other.aclose()
            await seen.until(lambda: buffered.is_enabled and not unbuffered.members[0].rows)
            assert buffered.members[0].rows == (0,)
            await peer.ask("update", object=f"{LD}/MMXN1.A0", value=7.5, quality=0, time_ms=T_MS)
            await seen.until(lambda: seen.newest(wide)[1] == 7.5)
            await peer.ask("update", object=f"{LD}/MMXN1.A0", value=8.5, quality=0, time_ms=T_MS + 1)
            await seen.until(lambda: seen.newest(wide)[1] == 8.5)
            assert [value for _, value, quality in seen.of(wide) if quality & Quality.DEVICE_TIME] == [7.5, 8.5]
