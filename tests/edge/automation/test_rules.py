"""Rules command what their programs want, when it changes, and never on a doubtful value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tieline.config.automation_rules import RulePlan
from tieline.config.function_base import Acts, Shown
from tieline.config.gate import Gate as GatePlan
from tieline.config.gate import Limit
from tieline.model import Point, Quality, RemoteError

from .plant import CLOSE, LOAD, SETPOINT, SWITCH, TRIP, VOLTAGE, Plant, running

OLD = int(Quality.INVALID | Quality.OLD_DATA)


def rule(
    program: str,
    inputs: dict[str, Point] | None = None,
    outputs: dict[str, Point] | None = None,
    *,
    name: str = "rule",
    acts: Acts = "always",
    **options: Any,
) -> RulePlan:
    names = [*(outputs or {}), *options.get("values", ()), *options.get("signals", ()), "fault"]
    return RulePlan(
        name=name,
        acts=acts,
        reads=tuple((inputs or {}).values()),
        writes=tuple((outputs or {}).values()),
        shown=tuple(Shown(name=each) for each in names),
        program=program,
        inputs=inputs or {},
        outputs=outputs or {},
        **options,
    )


def shed(**options: Any) -> RulePlan:
    return rule("trip := u < 18;", {"u": VOLTAGE}, {"trip": TRIP}, **options)


async def show_and_scan(plant: Plant, point: Point, *values: float) -> None:
    for value in values:
        plant.show(point, value)
        await plant.scan(2)


async def test_an_output_is_commanded_when_it_changes_and_only_then(tmp_path: Path) -> None:
    async with running(tmp_path, [shed()]) as plant:
        await show_and_scan(plant, VOLTAGE, 20, 17, 16, 17, 20, 20, 17)
        assert plant.device.written == [("trip", 1), ("trip", 0), ("trip", 1)]
        assert plant.own("rule_trip") == (1, 0)
        assert plant.audit.since(0)[0].detail["wanted"] == "rule: trip is 1"


async def test_the_first_value_is_taken_for_what_is_there_unless_the_rule_asserts_it(tmp_path: Path) -> None:
    async with running(tmp_path / "a", [shed()]) as plant:
        await show_and_scan(plant, VOLTAGE, 17)
        assert plant.device.written == []
    async with running(tmp_path / "b", [shed(initial="assert")]) as plant:
        await show_and_scan(plant, VOLTAGE, 17)
        assert plant.device.written == [("trip", 1)]


async def test_what_the_point_shows_is_known_to_be_there(tmp_path: Path) -> None:
    async with running(tmp_path, [shed()]) as plant:
        plant.show(TRIP, 0)
        await show_and_scan(plant, VOLTAGE, 17)
        assert plant.device.written == [("trip", 1)]


async def test_an_output_is_asserted_again_after_its_time(tmp_path: Path) -> None:
    async with running(tmp_path, [shed(initial="assert", reassert_s=10.0)]) as plant:
        plant.show(VOLTAGE, 17)
        await plant.scan(25)
        assert len(plant.device.written) == 3


class TestBadQuality:
    async def test_nothing_is_commanded_on_a_doubtful_value(self, tmp_path: Path) -> None:
        async with running(tmp_path, [shed()]) as plant:
            await show_and_scan(plant, VOLTAGE, 20)
            plant.show(VOLTAGE, 0, OLD)
            await plant.scan(3)
            assert plant.device.written == []
            await show_and_scan(plant, VOLTAGE, 17)
            assert plant.device.written == [("trip", 1)]

    @pytest.mark.parametrize(("on_fault", "shown"), [("hold", (20.0, 0)), ("bad", (None, int(Quality.INVALID)))])
    async def test_a_value_is_held_or_shown_as_bad(self, tmp_path: Path, on_fault: str, shown: tuple[Any, int]) -> None:
        plan = rule("double := u * 2;", {"u": VOLTAGE}, values=("double",), on_fault=on_fault)
        async with running(tmp_path, [plan]) as plant:
            await show_and_scan(plant, VOLTAGE, 10)
            assert plant.own("rule_double") == (20, 0)
            plant.show(VOLTAGE, 11, OLD)
            await plant.scan()
            value, quality = plant.own("rule_double")
            assert quality == shown[1]
            assert shown[0] is None or value == shown[0]

    async def test_a_value_that_is_too_old_is_doubtful(self, tmp_path: Path) -> None:
        async with running(tmp_path, [shed()], max_age_s=5.0) as plant:
            plant.show(TRIP, 0)
            await show_and_scan(plant, VOLTAGE, 20)
            plant.show(VOLTAGE, 17)
            plant.clock.advance(6)
            await plant.scan(2)
            assert plant.device.written == []


def ratio(**options: Any) -> RulePlan:
    return rule("setpoint := p / u;", {"p": LOAD, "u": VOLTAGE}, {"setpoint": SETPOINT}, **options)


class TestArithmetic:
    async def test_a_division_by_zero_is_told_once_and_stops_nothing(self, tmp_path: Path) -> None:
        async with running(tmp_path, [ratio(), shed(name="other")]) as plant:
            plant.show(LOAD, 40)
            await show_and_scan(plant, VOLTAGE, 20)
            written = list(plant.device.written)
            await show_and_scan(plant, VOLTAGE, 0, 0, 0)
            assert plant.told == ["rule_fault"]
            fault = next(event for event in plant.events if event.kind == "rule_fault")
            assert "rule: line 1" in fault.text
            assert plant.own("rule_fault") == (1, 0)
            assert [each for each in plant.device.written if each not in written] == [("trip", 1)], "the other rule goes on"
            await show_and_scan(plant, VOLTAGE, 10)
            assert plant.told == ["rule_fault", "rule_fault_over"]
            assert plant.own("rule_fault") == (0, 0)
            await show_and_scan(plant, VOLTAGE, 0)
            assert plant.told[-1] == "rule_fault"

    async def test_a_held_output_stays_at_the_device(self, tmp_path: Path) -> None:
        async with running(tmp_path, [ratio(initial="assert")]) as plant:
            plant.show(LOAD, 40)
            await show_and_scan(plant, VOLTAGE, 20, 0, 0)
            assert plant.device.written == [("p_set", 2)]
            assert plant.own("rule_setpoint") == (2, 0)

    async def test_a_division_by_zero_that_comes_and_goes_is_no_flood(self, tmp_path: Path) -> None:
        async with running(tmp_path, [ratio()]) as plant:
            plant.show(LOAD, 40)
            for number in range(250):
                await show_and_scan(plant, VOLTAGE, number % 2)
            assert len(plant.told) <= 2 * 10


class TestTakingOver:
    async def test_timers_run_while_the_rule_does_not_act(self, tmp_path: Path) -> None:
        program = """
            VAR late : TON; END_VAR
            late(IN := u < 18, PT := T#20s);
            trip := late.Q;
        """
        plan = rule(program, {"u": VOLTAGE}, {"trip": TRIP}, acts="isolated", initial="assert")
        async with running(tmp_path, [plan], handover_delay_s=3.0) as plant:
            plant.show(VOLTAGE, 17)
            plant.show(TRIP, 0)
            await plant.scan(18)
            plant.is_center_there = False
            await plant.scan(4)
            assert plant.device.written == [("trip", 1)]

    async def test_a_setpoint_leaves_from_where_it_is_no_faster_than_permitted(self, tmp_path: Path) -> None:
        plan = rule("setpoint := 50.0;", outputs={"setpoint": SETPOINT}, acts="isolated", ramp_per_s={"setpoint": 10.0})
        async with running(tmp_path, [plan], handover_delay_s=3.0) as plant:
            plant.show(SETPOINT, 20)
            await plant.scan(5)
            plant.is_center_there = False
            await plant.scan(12)
            values = [value for _, value in plant.device.written]
            assert values == sorted(values)
            assert values[0] == pytest.approx(30)
            assert values[-1] == 50
            assert max(after - before for before, after in zip([20, *values], values, strict=False)) <= 20.0001, (
                "two scans a command"
            )

    async def test_a_ramp_does_not_make_up_for_time_in_which_nothing_was_wanted(self, tmp_path: Path) -> None:
        plan = rule("setpoint := p;", {"p": LOAD}, {"setpoint": SETPOINT}, ramp_per_s={"setpoint": 1.0})
        async with running(tmp_path, [plan]) as plant:
            plant.show(SETPOINT, 0)
            await show_and_scan(plant, LOAD, 0)
            plant.show(LOAD, 0, OLD)
            await plant.scan(60)
            plant.show(LOAD, 50)
            await plant.scan(4)
            values = [value for _, value in plant.device.written]
            assert values
            assert max(after - before for before, after in zip([0, *values], values, strict=False)) <= 2.0001

    async def test_after_others_have_commanded_it_asks_what_is_there(self, tmp_path: Path) -> None:
        async with running(tmp_path, [shed(acts="isolated")], handover_delay_s=1.0, handback_delay_s=1.0) as plant:
            plant.is_center_there = False
            plant.show(TRIP, 0)
            await show_and_scan(plant, VOLTAGE, 20, 17)
            assert plant.device.written == [("trip", 1)]
            plant.is_center_there = True
            await plant.scan(4)
            plant.show(TRIP, 0)  # the center has put it back
            plant.is_center_there = False
            await plant.scan(4)
            assert plant.device.written == [("trip", 1), ("trip", 1)]


class TestRefusals:
    async def test_a_failed_command_is_repeated_with_growing_pauses(self, tmp_path: Path) -> None:
        async with running(tmp_path, [shed()]) as plant:
            await show_and_scan(plant, VOLTAGE, 20)
            plant.device.fault = RemoteError("says no")
            plant.show(VOLTAGE, 17)
            await plant.scan(60)
            assert 5 <= plant.kinds.count("command_failed") <= 8
            plant.device.fault = None
            await plant.scan(61)
            assert plant.device.written == [("trip", 1)]

    async def test_what_is_no_longer_wanted_is_not_repeated(self, tmp_path: Path) -> None:
        async with running(tmp_path, [shed()]) as plant:
            plant.show(TRIP, 0)
            await show_and_scan(plant, VOLTAGE, 20)
            plant.device.fault = RemoteError("says no")
            await show_and_scan(plant, VOLTAGE, 17, 20)
            plant.device.fault = None
            await plant.scan(70)
            assert plant.device.written == []

    async def test_the_gate_keeps_a_rule_that_oscillates_from_hunting(self, tmp_path: Path) -> None:
        gate = GatePlan(limits=(Limit(points=frozenset({TRIP.id}), most_per_hour=4),))
        async with running(tmp_path, [shed()], gate=gate) as plant:
            await show_and_scan(plant, VOLTAGE, *([20, 17] * 30))
            assert len(plant.device.written) == 4


async def test_what_a_program_keeps_survives_a_restart(tmp_path: Path) -> None:
    counting = rule("VAR n : REAL; END_VAR n := n + 1; count := n;", values=("count",))
    async with running(tmp_path, [counting, shed(name="shed")]) as plant:
        plant.show(TRIP, 0)
        await show_and_scan(plant, VOLTAGE, 20, 17)
        assert plant.own("rule_count") == (4, 0)
        kept = plant.automation.remember()
        written = list(plant.device.written)
    async with running(tmp_path, [counting, shed(name="shed", initial="assert")], clock=plant.clock) as plant:
        plant.automation.recall(kept)
        await show_and_scan(plant, VOLTAGE, 17)
        assert plant.own("rule_count") == (6, 0)
        assert plant.device.written == [], "it was commanded before the restart"
        assert written == [("trip", 1)]


async def test_a_damaged_memory_is_ignored(tmp_path: Path) -> None:
    async with running(tmp_path, [shed()]) as plant:
        plant.automation.recall({"functions": {"rule": {"program": 7, "commanded": {"trip": "x", "other": 1}}}})
        await show_and_scan(plant, VOLTAGE, 20, 17)
        assert plant.device.written == [("trip", 1)]


async def test_a_reset_begins_the_program_anew(tmp_path: Path) -> None:
    counting = rule("VAR n : REAL; END_VAR n := n + 1; count := n;", values=("count",))
    async with running(tmp_path, [counting]) as plant:
        await plant.scan(5)
        await plant.automation.write(plant.point("rule_reset").id, 1.0)
        await plant.scan()
        assert plant.own("rule_count") == (1, 0)


async def test_signals_and_several_outputs_of_one_rule(tmp_path: Path) -> None:
    plan = rule(
        "IF closed AND u < 18 THEN trip := TRUE; END_IF; IF NOT closed AND u > 19 THEN close := TRUE; END_IF; low := u < 18;",
        {"closed": SWITCH, "u": VOLTAGE},
        {"trip": TRIP, "close": CLOSE},
        signals=("low",),
        initial="assert",
    )
    async with running(tmp_path, [plan]) as plant:
        plant.show(SWITCH, 1)
        await show_and_scan(plant, VOLTAGE, 20, 17)
        assert (plant.device.written, plant.own("rule_low")) == ([("trip", 1)], (1, 0))
        plant.show(SWITCH, 0)
        await show_and_scan(plant, VOLTAGE, 20)
        assert plant.device.written == [("trip", 1), ("close", 1)]
