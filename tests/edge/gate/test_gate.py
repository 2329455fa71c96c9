"""What passes the gate, what does not and why, and what the audit says of it; all in fake time."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest

from tieline.config.gate import Feedback, Interlock, Limit
from tieline.config.gate import Gate as Plan
from tieline.edge.driver import UnconfirmedError
from tieline.model import Outcome, Quality, RefusedError, RemoteError, Result, UnavailableError
from tieline.security.audit import verify

from .site import (
    ALL,
    CONTROL,
    EARTHED,
    LOCAL,
    LOWER,
    POSITION,
    POWER,
    RAISE,
    SETPOINT,
    TAP,
    FakeClock,
    make_point,
    running,
    settle,
)

OLD = int(Quality.INVALID | Quality.OLD_DATA)


async def test_a_command_is_in_the_audit_before_the_device_hears_of_it_and_its_outcome_after(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        seen: list[list[str]] = []
        site.driver.on_write = lambda: seen.append([record.outcome for record in site.audit.since(0)])
        outcome = await site.operate(SETPOINT, 4.5)
        assert outcome.result is Result.DONE
        assert seen == [["released"]]
        assert site.driver.written == [(SETPOINT.id, 4.5)]
        assert [(record.action, record.actor, record.target, record.outcome) for record in site.records] == [
            ("command", "ada", "northgate/rtu-1/p_set", "released"),
            ("command_outcome", "ada", "northgate/rtu-1/p_set", "done"),
        ]
        assert site.records[0].detail["value"] == 4.5
        assert site.kinds == ["command_done"]
    assert verify(tmp_path / "audit").is_intact


@pytest.mark.parametrize(
    ("point", "value", "why"),
    [
        (SETPOINT, 10.5, "above 10 MW"),
        (SETPOINT, -10.5, "below -10 MW"),
        (SETPOINT, math.nan, "nan is no value"),
        (SETPOINT, math.inf, "inf is no value"),
        (CONTROL, 2.0, "neither 0 nor 1"),
        (POWER, 1.0, "takes no commands"),
        (make_point("nowhere"), 1.0, "this site has no point"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_words_and_recorded(tmp_path: Path, point, value, why) -> None:
    async with running(tmp_path) as site:
        outcome = await site.operate(point, value)
        assert outcome.result is Result.REFUSED
        assert why in outcome.reason
        assert site.driver.written == []
        assert [(record.action, record.outcome) for record in site.records] == [("command", "refused")]
        assert site.kinds == ["command_refused"]


async def test_a_point_of_no_device_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        site.drivers.clear()
        assert "no device that takes commands" in (await site.operate(SETPOINT, 1)).reason


async def test_an_expired_command_is_refused_by_the_wall_clock(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        command = site.command(SETPOINT, 1)
        site.clock.advance(61.5)
        outcome = await site.at_once(site.gate.operate(command, "center"))
        assert (outcome.result, outcome.reason) == (Result.REFUSED, "the command expired 1.5 s ago")


async def test_the_same_id_again_gets_the_same_outcome_and_acts_once(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        command = site.command(SETPOINT, 1)
        first = await site.at_once(site.gate.operate(command, "center"))
        site.clock.advance(100)  # expired by now: what became of it is still the truth
        assert await site.at_once(site.gate.operate(command, "center")) == first
        assert len(site.driver.written) == 1
        other = site.command(SETPOINT, 2, id=command.id)
        assert "that of another command" in (await site.at_once(site.gate.operate(other, "center"))).reason


async def test_the_same_id_while_it_is_under_way_waits_for_the_one_outcome(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        site.driver.holds = asyncio.Event()
        command = site.command(SETPOINT, 1)
        tasks = [asyncio.create_task(site.gate.operate(command, "center")) for _ in range(2)]
        await settle()
        assert site.gate.under_way == 1
        site.driver.holds.set()
        await settle()
        assert tasks[0].result() == tasks[1].result()
        assert len(site.driver.written) == 1


async def test_a_second_command_for_a_point_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        site.driver.holds = asyncio.Event()
        first = asyncio.create_task(site.gate.operate(site.command(SETPOINT, 1), "center"))
        await settle()
        assert "another command for the point" in (await site.operate(SETPOINT, 2)).reason
        other = asyncio.create_task(site.gate.operate(site.command(RAISE, 1), "center"))
        site.driver.holds.set()
        await settle()
        assert (first.result().result, other.result().result) == (Result.DONE, Result.DONE)
        assert (await site.operate(SETPOINT, 2)).result is Result.DONE


async def test_a_caller_that_goes_away_stops_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        site.driver.holds = asyncio.Event()
        command = site.command(SETPOINT, 1)
        task = asyncio.create_task(site.gate.operate(command, "center"))
        await settle()
        task.cancel()
        await settle()
        site.driver.holds.set()
        await settle()
        assert [record.outcome for record in site.records] == ["released", "done"]
        assert (await site.at_once(site.gate.operate(command, "center"))).result is Result.DONE


class TestLocalAndRemote:
    PLAN = Plan(local_switch=LOCAL, local_when=1)

    @pytest.mark.parametrize("origin", ["center", "automation/avr"])
    async def test_in_local_the_center_and_automation_are_refused(self, tmp_path: Path, origin: str) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(LOCAL, 1)
            assert (await site.operate(RAISE, 1, origin)).reason == "the site is in local"
            site.show(LOCAL, 0)
            assert (await site.operate(RAISE, 1, origin)).result is Result.DONE

    async def test_people_at_the_site_operate_in_local(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(LOCAL, 1)
            assert (await site.operate(RAISE, 1, "local/ada")).result is Result.DONE

    async def test_a_switch_whose_position_is_not_known_is_taken_for_local(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(LOCAL, 0, OLD)
            assert "not known" in (await site.operate(RAISE, 1)).reason

    async def test_automation_may_be_permitted_in_local(self, tmp_path: Path) -> None:
        async with running(tmp_path, Plan(local_switch=LOCAL, automation_when_local=True)) as site:
            site.show(LOCAL, 1)
            assert (await site.operate(RAISE, 1, "automation/avr")).result is Result.DONE
            assert (await site.operate(LOWER, 1, "center")).result is Result.REFUSED


class TestInterlocks:
    PLAN = Plan(
        interlocks=(
            Interlock(
                points=frozenset({CONTROL.id}),
                when=1,
                expression="NOT earthed",
                inputs={"earthed": EARTHED},
                text="the feeder is earthed",
            ),
        )
    )

    async def test_a_condition_that_does_not_hold_refuses_in_its_words(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(EARTHED, 1)
            assert (await site.operate(CONTROL, 1)).reason == "interlocked: the feeder is earthed"
            assert site.driver.written == []

    async def test_a_condition_that_holds_permits(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(EARTHED, 0)
            assert (await site.operate(CONTROL, 1)).result is Result.DONE

    @pytest.mark.parametrize("quality", [OLD, int(Quality.QUESTIONABLE)])
    async def test_bad_quality_refuses_whatever_the_value(self, tmp_path: Path, quality: int) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(EARTHED, 0, quality)
            reason = (await site.operate(CONTROL, 1)).reason
            assert "whether the feeder is earthed is not known" in reason
            assert "rtu-1/es1" in reason

    async def test_it_counts_for_the_stated_value_and_the_stated_points_only(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(EARTHED, 1)
            assert (await site.operate(CONTROL, 0)).result is Result.DONE
            assert (await site.operate(RAISE, 1)).result is Result.DONE


class TestHunting:
    TOGETHER = Plan(limits=(Limit(points=frozenset({RAISE.id, LOWER.id}), most_per_hour=3, least_interval_s=30, together=True),))

    async def test_points_that_count_together_wait_for_each_other(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.TOGETHER) as site:
            assert (await site.operate(RAISE, 1)).result is Result.DONE
            site.clock.advance(20)
            reason = (await site.operate(LOWER, 1)).reason
            assert "less than 30 s ago; it may be repeated in 10 s" in reason
            site.clock.advance(10)
            assert (await site.operate(LOWER, 1)).result is Result.DONE

    async def test_the_fourth_operation_waits_until_the_first_is_an_hour_ago(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.TOGETHER) as site:
            for _ in range(3):
                assert (await site.operate(RAISE, 1)).result is Result.DONE
                site.clock.advance(60)
            refused = await site.operate(RAISE, 1)
            assert "3 operations within an hour are the most; the next is possible in 3420 s" in refused.reason
            site.clock.advance(3420)
            assert (await site.operate(RAISE, 1)).result is Result.DONE
            assert (await site.operate(RAISE, 1)).result is Result.REFUSED

    async def test_what_was_refused_does_not_count(self, tmp_path: Path) -> None:
        plan = Plan(limits=(Limit(points=frozenset({SETPOINT.id}), most_per_hour=1),))
        async with running(tmp_path, plan) as site:
            for _ in range(3):
                assert (await site.operate(SETPOINT, 99)).result is Result.REFUSED
            assert (await site.operate(SETPOINT, 9)).result is Result.DONE

    async def test_points_that_count_alone_do_not_wait_for_each_other(self, tmp_path: Path) -> None:
        plan = Plan(limits=(Limit(points=frozenset({RAISE.id, LOWER.id}), least_interval_s=30),))
        async with running(tmp_path, plan) as site:
            assert [(await site.operate(point, 1)).result for point in (RAISE, LOWER)] == [Result.DONE] * 2

    async def test_a_restart_forgets_no_operation(self, tmp_path: Path) -> None:
        clock = FakeClock()
        async with running(tmp_path, self.TOGETHER, clock) as site:
            assert (await site.operate(RAISE, 1)).result is Result.DONE
        clock.advance(10)
        async with running(tmp_path, self.TOGETHER, clock) as site:
            assert "may be repeated in 20 s" in (await site.operate(RAISE, 1)).reason

    async def test_a_clock_that_was_set_back_over_a_restart_does_not_block_for_longer(self, tmp_path: Path) -> None:
        clock = FakeClock()
        async with running(tmp_path, self.TOGETHER, clock) as site:
            assert (await site.operate(RAISE, 1)).result is Result.DONE
        clock.us -= 86_400_000_000
        async with running(tmp_path, self.TOGETHER, clock) as site:
            assert "may be repeated in 30 s" in (await site.operate(RAISE, 1)).reason


class TestWhatTheDeviceSays:
    @pytest.mark.parametrize(
        ("fault", "result"),
        [
            (RefusedError("not in remote"), Result.REFUSED),
            (RemoteError("says no"), Result.FAILED),
            (UnavailableError("is not there"), Result.FAILED),
            (UnconfirmedError("answer lost"), Result.UNKNOWN),
            (ZeroDivisionError("a mistake of ours"), Result.UNKNOWN),
        ],
    )
    async def test_each_end_has_its_result(self, tmp_path: Path, fault: Exception, result: Result) -> None:
        async with running(tmp_path) as site:
            site.driver.fault = fault
            outcome = await site.operate(SETPOINT, 1)
            assert outcome.result is result
            assert str(fault) in outcome.reason
            assert site.records[-1].outcome == result
            assert site.kinds == [f"command_{result}"]
            site.driver.fault = None
            assert (await site.operate(SETPOINT, 1)).result is Result.DONE, "the gate works on"

    async def test_a_device_that_does_not_answer_in_time_may_have_acted(self, tmp_path: Path) -> None:
        async with running(tmp_path, Plan(write_timeout_s=5)) as site:
            site.driver.holds = asyncio.Event()
            task = asyncio.create_task(site.gate.operate(site.command(SETPOINT, 1), "center"))
            await settle()
            await site.pass_time(4.9)
            assert not task.done()
            await site.pass_time(0.2)
            assert task.result().result is Result.UNKNOWN
            assert "has not confirmed within 5 s" in task.result().reason


class TestFeedback:
    PLAN = Plan(feedbacks={CONTROL.id: Feedback(point=POSITION, within_s=10)})

    async def _start(self, site, point=CONTROL, value: float = 1) -> asyncio.Task[Outcome]:
        task = asyncio.create_task(site.gate.operate(site.command(point, value), "center"))
        await settle()
        return task

    async def test_the_command_is_done_when_the_position_follows(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(POSITION, 1)
            task = await self._start(site)
            await site.pass_time(2)
            assert not task.done()
            site.show(POSITION, 0)
            await site.pass_time(1)
            assert not task.done(), "between its positions"
            site.show(POSITION, 2)
            await site.pass_time(0.1)
            assert task.result().result is Result.DONE

    async def test_a_position_that_does_not_follow_is_a_failure(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(POSITION, 1)
            task = await self._start(site)
            await site.pass_time(10.1)
            assert (task.result().result, task.result().reason) == (
                Result.FAILED,
                "the device confirmed, but rtu-1/q1 shows open after 10 s",
            )

    async def test_a_position_that_is_not_known_leaves_the_outcome_unknown(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(POSITION, 2, OLD)
            task = await self._start(site)
            await site.pass_time(10.1)
            assert task.result().result is Result.UNKNOWN

    async def test_a_lost_answer_is_resolved_by_the_position(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(POSITION, 1)
            site.driver.fault = UnconfirmedError("answer lost")
            task = await self._start(site)
            site.show(POSITION, 2)
            await site.pass_time(0.1)
            assert task.result().result is Result.DONE
            assert "answer lost; q1 shows that it has acted" in task.result().reason

    async def test_an_opening_is_followed_too(self, tmp_path: Path) -> None:
        async with running(tmp_path, self.PLAN) as site:
            site.show(POSITION, 2)
            task = await self._start(site, value=0)
            site.show(POSITION, 1)
            await site.pass_time(0.1)
            assert task.result().result is Result.DONE

    async def test_a_pulse_is_done_when_what_it_moves_has_changed(self, tmp_path: Path) -> None:
        plan = Plan(feedbacks={RAISE.id: Feedback(point=TAP, within_s=10, expects="change")})
        async with running(tmp_path, plan) as site:
            site.show(TAP, 7)
            task = await self._start(site, RAISE)
            await site.pass_time(3)
            assert not task.done()
            site.show(TAP, 8)
            await site.pass_time(0.1)
            assert task.result().result is Result.DONE

    async def test_a_measurement_follows_within_its_tolerance(self, tmp_path: Path) -> None:
        plan = Plan(feedbacks={SETPOINT.id: Feedback(point=POWER, within_s=10, tolerance=0.2)})
        async with running(tmp_path, plan) as site:
            site.show(POWER, 0)
            task = await self._start(site, SETPOINT, 5)
            site.show(POWER, 4.7)
            await site.pass_time(1)
            assert not task.done()
            site.show(POWER, 4.85)
            await site.pass_time(0.1)
            assert task.result().result is Result.DONE

    async def test_a_fixed_number_is_awaited_whatever_was_commanded(self, tmp_path: Path) -> None:
        plan = Plan(feedbacks={RAISE.id: Feedback(point=POSITION, within_s=10, expects=1.0)})
        async with running(tmp_path, plan) as site:
            site.show(POSITION, 2)
            task = await self._start(site, RAISE)
            site.show(POSITION, 1)
            await site.pass_time(0.1)
            assert task.result().result is Result.DONE


class TestTheAudit:
    async def test_nothing_is_released_that_cannot_be_recorded(self, tmp_path: Path) -> None:
        async with running(tmp_path) as site:
            site.audit.close()
            outcome = await site.operate(SETPOINT, 1)
            assert (outcome.result, outcome.reason) == (Result.REFUSED, "the audit is closed")
            assert site.driver.written == []

    async def test_an_outcome_that_cannot_be_recorded_is_told(self, tmp_path: Path) -> None:
        async with running(tmp_path) as site:
            site.driver.on_write = site.audit.close
            assert (await site.operate(SETPOINT, 1)).result is Result.DONE
            assert site.kinds == ["audit_failed", "command_done"]

    async def test_a_command_whose_end_was_lost_is_unknown_and_not_repeated(self, tmp_path: Path) -> None:
        clock = FakeClock()
        async with running(tmp_path, clock=clock) as site:
            site.driver.holds = asyncio.Event()
            command = site.command(SETPOINT, 1)
            task = asyncio.create_task(site.gate.operate(command, "center"))
            await settle()
        await settle()
        assert task.result().result is Result.UNKNOWN
        async with running(tmp_path, clock=clock) as site:
            outcome = await site.at_once(site.gate.operate(command, "center"))
            assert outcome.result is Result.UNKNOWN
            assert site.driver.written == []
            assert [(record.action, record.outcome) for record in site.records] == [
                ("command", "released"),
                ("command_outcome", "unknown"),
            ]
        async with running(tmp_path, clock=clock) as site:
            assert len(site.records) == 2, "it is ended once"
            assert (await site.at_once(site.gate.operate(command, "center"))).result is Result.UNKNOWN

    async def test_outcomes_are_known_after_a_restart(self, tmp_path: Path) -> None:
        clock = FakeClock()
        async with running(tmp_path, clock=clock) as site:
            command = site.command(SETPOINT, 99)
            refused = await site.at_once(site.gate.operate(command, "center"))
            done = site.command(SETPOINT, 9)
            await site.at_once(site.gate.operate(done, "center"))
        async with running(tmp_path, clock=clock) as site:
            assert await site.at_once(site.gate.operate(command, "center")) == refused
            assert (await site.at_once(site.gate.operate(done, "center"))).result is Result.DONE
            assert site.driver.written == []


async def test_a_gate_that_does_not_run_refuses(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        gate = site.gate
        command = site.command(SETPOINT, 1)
    assert "starting or ending" in (await gate.operate(command, "center")).reason


async def test_what_automation_is_refused_in_every_scan_is_recorded_once_a_minute(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        for _ in range(120):
            outcome = await site.operate(SETPOINT, 99, "automation/avr")
            assert outcome.result is Result.REFUSED
            site.clock.advance(1)
        assert len(site.records) == len(site.events) == 2
        for origin in ("center", "automation/other"):
            await site.operate(SETPOINT, 99, origin)
        await site.operate(SETPOINT, -99, "automation/avr")
        assert len(site.records) == len(site.events) == 5


async def test_refusals_of_a_setpoint_that_changes_in_every_scan_are_no_flood(tmp_path: Path) -> None:
    async with running(tmp_path, Plan(local_switch=LOCAL)) as site:
        site.show(LOCAL, 1)
        for number in range(120):
            assert (await site.operate(SETPOINT, number / 100, "automation/battery")).reason == "the site is in local"
            site.clock.advance(1)
        assert len(site.records) == len(site.events) == 2


async def test_refusals_of_automation_do_not_make_an_id_forgotten(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        command = site.command(SETPOINT, 1, expires=site.clock.us + 3_600_000_000)
        await site.at_once(site.gate.operate(command, "center"))
        for _ in range(5_000):
            await site.gate.operate(site.command(SETPOINT, 99), "automation/avr")
        await site.at_once(site.gate.operate(command, "center"))
        assert site.driver.written == [(SETPOINT.id, 1.0)]


async def test_a_write_that_its_driver_gives_up_is_unknown_and_is_not_repeated(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        writes: list[int] = []

        def lose_the_connection() -> None:
            writes.append(1)
            raise asyncio.CancelledError

        site.driver.on_write = lose_the_connection
        command = site.command(SETPOINT, 1)
        outcome = await site.at_once(site.gate.operate(command, "center"))
        assert (outcome.result, outcome.reason) == (Result.UNKNOWN, "the driver gave up before the device confirmed")
        assert [record.outcome for record in site.records] == ["released", "unknown"]
        assert await site.at_once(site.gate.operate(command, "center")) == outcome
        assert len(writes) == 1


@pytest.mark.parametrize("position", [0.0, 3.0, math.nan])
async def test_a_local_switch_between_its_positions_permits_nothing_from_afar(tmp_path: Path, position: float) -> None:
    async with running(tmp_path, Plan(local_switch=POSITION, local_when=2.0)) as site:
        site.show(POSITION, position)
        assert (await site.operate(SETPOINT, 1)).reason == "whether the site is in local is not known"
        site.show(POSITION, 1)
        assert (await site.operate(SETPOINT, 1)).result is Result.DONE


async def test_submitting_answers_by_a_call(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        outcomes: list[Outcome] = []
        site.gate.submit(site.command(SETPOINT, 1), "automation/avr", outcomes.append, reason="voltage low")
        assert outcomes == []
        await settle()
        assert [outcome.result for outcome in outcomes] == [Result.DONE]
        assert site.records[0].detail["wanted"] == "voltage low"
        assert site.records[0].detail["origin"] == "automation/avr"


async def test_too_many_commands_at_a_time_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        outcomes: list[Outcome] = []
        site.driver.holds = asyncio.Event()
        for _ in range(300):
            site.gate.submit(site.command(SETPOINT, 1), "automation/avr", outcomes.append)
        assert [outcome.reason for outcome in outcomes] == ["256 commands are under way"] * 44
        site.driver.holds.set()
        for _ in range(50):
            await settle()
        assert site.gate.under_way == 0
        assert len(outcomes) == 300


def test_the_points_of_this_site_have_ids_of_their_own() -> None:
    assert len({point.id for point in ALL}) == len(ALL)
