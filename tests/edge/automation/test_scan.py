"""The scan keeps its order and its snapshot, and goes on whatever one function does."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tieline.edge.automation.function import Action, Notice, Request
from tieline.model import Command, Quality, Result

from .plant import LOAD, SETPOINT, VOLTAGE, FakeClock, Scripted, plan_of, running


def request(value: float = 1.0) -> Action:
    return Action(requests=(Request(point=SETPOINT, value=value, reason="because"),))


def fails(*_: object) -> Action:
    raise ZeroDivisionError("a mistake of ours")


async def test_functions_are_scanned_in_their_declared_order_at_one_moment(tmp_path: Path) -> None:
    order: list[tuple[str, float]] = []

    def note(name: str):
        def act(now, _read, _may_act):
            order.append((name, now.monotonic_s))
            return Action()

        return act

    functions = [Scripted(name, note(name)) for name in ("c", "a", "b")]
    async with running(tmp_path, [plan_of(each.name) for each in functions], functions) as plant:
        await plant.scan(2)
    assert order == [("c", 1001), ("a", 1001), ("b", 1001), ("c", 1002), ("a", 1002), ("b", 1002)]


async def test_all_functions_of_a_scan_see_one_snapshot(tmp_path: Path) -> None:
    seen: list[float] = []

    def first(_now, read, _may_act):
        seen.append(read(VOLTAGE).value)
        plant.show(VOLTAGE, 99)
        return Action()

    def second(_now, read, _may_act):
        seen.append(read(VOLTAGE).value)
        return Action()

    functions = [Scripted("a", first), Scripted("b", second)]
    async with running(tmp_path, [plan_of("a"), plan_of("b")], functions) as plant:
        plant.show(VOLTAGE, 20)
        await plant.scan()
        assert seen == [20, 20]
        await plant.scan()
        assert seen == [20, 20, 99, 99]


async def test_a_reading_says_its_age_and_whether_it_can_be_built_on(tmp_path: Path) -> None:
    readings = []

    def act(_now, read, _may_act):
        readings.append((read(VOLTAGE), read(LOAD)))
        return Action()

    async with running(tmp_path, [plan_of("a")], [Scripted("a", act)], max_age_s=5.0) as plant:
        plant.show(VOLTAGE, 20)
        await plant.scan(6)
    voltage = [each for each, _ in readings]
    assert [each.age_s for each in voltage] == [1, 2, 3, 4, 5, 6]
    assert [each.is_good for each in voltage] == [True] * 5 + [False]
    assert not readings[0][1].is_good, "nothing was ever heard of it"


class TestFaults:
    async def test_a_function_that_raises_stops_no_other_and_commands_nothing(self, tmp_path: Path) -> None:
        functions = [Scripted("bad", fails), Scripted("good", lambda *_: request())]
        async with running(tmp_path, [plan_of("bad"), plan_of("good")], functions) as plant:
            await plant.scan()
            assert plant.device.written == [("p_set", 1.0)]
            assert plant.told == ["function_fault"]
            assert "a mistake of ours" in plant.events[0].text
            assert plant.own("bad_faults") == (1, 0)
            assert plant.own("good_faults") == (0, 0)

    async def test_faults_in_a_row_put_it_out_of_service_and_are_told_once(self, tmp_path: Path) -> None:
        functions = [Scripted("bad", fails), Scripted("good")]
        async with running(tmp_path, [plan_of("bad"), plan_of("good")], functions, most_faults=3) as plant:
            await plant.scan(6)
            assert plant.told == ["function_fault", "function_out_of_service"]
            assert [len(each.seen) for each in functions] == [3, 6]
            assert (plant.own("bad_in_service"), plant.own("bad_acting"), plant.own("bad_faults")) == ((0, 0), (0, 0), (3, 0))

    async def test_a_good_scan_in_between_begins_the_count_anew(self, tmp_path: Path) -> None:
        function = Scripted("bad")
        function.act = lambda *_: fails() if len(function.seen) % 3 else Action()
        async with running(tmp_path, [plan_of("bad")], [function], most_faults=3) as plant:
            await plant.scan(9)
            assert len(function.seen) == 9
            assert plant.told == ["function_fault", "function_recovered"] * 3

    async def test_a_function_that_takes_too_long_has_a_fault_and_what_it_wants_is_not_done(self, tmp_path: Path) -> None:
        def slow(_now, _read, _may_act):
            plant.clock.advance(0.6)
            return request()

        async with running(tmp_path, [plan_of("slow"), plan_of("b")], [Scripted("slow", slow), Scripted("b")]) as plant:
            await plant.scan()
            assert plant.device.written == []
            assert "its scan took 600 ms, 500 ms are permitted" in plant.events[0].text
            assert plant.own("b_scans") == (1, 0)
            assert plant.own("scan_time")[0] == pytest.approx(600)

    async def test_what_a_scan_that_took_too_long_wanted_is_answered_as_refused(self, tmp_path: Path) -> None:
        function = Scripted("slow")

        def slow_at_first(*_: object) -> Action:
            if len(function.seen) > 1:
                return Action()
            plant.clock.advance(0.6)
            return request()

        function.act = slow_at_first
        async with running(tmp_path, [plan_of("slow")], [function]) as plant:
            await plant.scan(3)
            assert [(each.request.value, each.outcome.result) for each in function.answers] == [(1, Result.REFUSED)]
            assert "600 ms" in function.answers[0].outcome.reason

    async def test_a_fault_that_comes_and_goes_is_no_flood(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        function = Scripted("bad")
        function.act = lambda *_: fails() if len(function.seen) % 2 else Action()
        async with running(tmp_path, [plan_of("bad")], [function], period_s=10.0) as plant:
            await plant.scan(100)
            assert len(plant.told) <= 2 * 10 * 2
            assert plant.own("bad_faults") == (50, 0)
            assert any("such events were left out" in event.text for event in plant.events)
            assert capsys.readouterr().out.count("automation function failed") == 1

    async def test_somebody_puts_it_in_service_again_through_the_gate(self, tmp_path: Path) -> None:
        function = Scripted("bad", fails)
        async with running(tmp_path, [plan_of("bad")], [function], most_faults=1) as plant:
            await plant.scan(2)
            assert len(function.seen) == 1
            function.act = lambda *_: Action()
            assert await operate(plant, "bad_service", 1) is Result.DONE
            await plant.scan()
            assert plant.own("bad_in_service") == (1, 0)
            assert plant.told == ["function_fault", "function_out_of_service", "function_in_service"]
            assert plant.audit.since(0)[0].target == "northgate/automation/bad_service"

    async def test_a_function_that_fails_at_showing_or_remembering_stops_nothing(self, tmp_path: Path) -> None:
        class Broken(Scripted):
            def shown(self):
                raise KeyError("shown")

            def remember(self):
                raise KeyError("remember")

            def recall(self, state):
                raise KeyError("recall")

        functions = [Broken("bad"), Scripted("good")]
        async with running(tmp_path, [plan_of("bad"), plan_of("good")], functions) as plant:
            plant.automation.recall({"functions": {"bad": {}, "good": {"scans": 5}}})
            await plant.scan()
            assert plant.own("bad_scans")[1] == int(Quality.INVALID)
            assert plant.own("good_scans") == (1, 0)
            assert plant.automation.remember()["functions"] == {"good": {"scans": 1}}
            assert functions[1].recalled == {"scans": 5}


class TestService:
    async def test_a_function_out_of_service_is_not_scanned_and_stays_out_over_a_restart(self, tmp_path: Path) -> None:
        async with running(tmp_path, [plan_of("a")], [Scripted("a")]) as plant:
            assert await operate(plant, "a_service", 0) is Result.DONE
            await plant.scan()
            assert plant.own("a_in_service") == (0, 0)
            kept = plant.automation.remember()
        function = Scripted("a")
        async with running(tmp_path, [plan_of("a")], [function], clock=plant.clock) as plant:
            plant.automation.recall(kept)
            await plant.scan()
            assert function.seen == []

    async def test_a_function_that_is_put_in_service_looks_before_it_acts(self, tmp_path: Path) -> None:
        function = Scripted("a")
        async with running(tmp_path, [plan_of("a")], [function]) as plant:
            await plant.scan()
            assert await operate(plant, "a_service", 0) is Result.DONE
            await plant.scan(5)
            assert await operate(plant, "a_service", 1) is Result.DONE
            await plant.scan(2)
            assert function.seen == [True, False, True]

    async def test_a_reset_reaches_its_function(self, tmp_path: Path) -> None:
        function = Scripted("a")
        async with running(tmp_path, [plan_of("a")], [function]) as plant:
            assert await operate(plant, "a_reset", 0) is Result.REFUSED
            assert function.resets == 0
            assert await operate(plant, "a_reset", 1) is Result.DONE
            assert function.resets == 1

    @pytest.mark.parametrize(
        "state", [{}, {"functions": 7, "handover": [], "taken_out": {"a": 1}}, {"taken_out": ["nobody", 3, ["a"], {"a": 1}]}]
    )
    async def test_a_damaged_memory_is_ignored(self, tmp_path: Path, state: dict[str, object]) -> None:
        function = Scripted("a")
        async with running(tmp_path, [plan_of("a")], [function]) as plant:
            plant.automation.recall(state)
            await plant.scan()
            assert function.seen == [True]


class TestAnswers:
    async def test_each_request_gets_one_answer_in_a_later_scan(self, tmp_path: Path) -> None:
        function = Scripted("a")
        function.act = lambda *_: request(float(len(function.seen)))
        async with running(tmp_path, [plan_of("a")], [function]) as plant:
            await plant.scan()
            assert function.answers == []
            await plant.scan(2)
            assert [(each.request.value, each.is_done) for each in function.answers] == [(1, True), (2, True)]
            record = plant.audit.since(0)[0]
            assert (record.actor, record.detail["wanted"], record.detail["origin"]) == ("automation/a", "because", "automation/a")

    async def test_a_refusal_is_an_answer_too(self, tmp_path: Path) -> None:
        function = Scripted("a", lambda *_: request(1e6))
        async with running(tmp_path, [plan_of("a")], [function]) as plant:
            await plant.scan(2)
            assert [each.outcome.result for each in function.answers] == [Result.REFUSED]

    async def test_a_function_that_may_not_act_is_scanned_and_asks_in_vain(self, tmp_path: Path) -> None:
        function = Scripted("a", lambda *_: Action(requests=request().requests, notices=(Notice(kind="seen", text="seen"),)))
        async with running(tmp_path, [plan_of("a", "isolated")], [function]) as plant:
            await plant.scan(3)
            assert function.seen == [False] * 3
            assert plant.device.written == []
            assert plant.told == ["seen"] * 3


async def operate(plant, name: str, value: float) -> Result:
    point = plant.point(name)
    command = Command(id=f"{name}-{value}", point=point.id, value=value, requester="ada", expires=plant.clock.us + 10_000_000)
    task = asyncio.create_task(plant.gate.operate(command, "center"))
    for _ in range(30):
        await asyncio.sleep(0)
    return task.result().result


class DrivenLoop(asyncio.SelectorEventLoop):
    """An event loop in fake time: where nothing is ready it moves the clock to the next timer, or further, as a busy machine does."""

    def __init__(self, clock: FakeClock, lateness: random.Random) -> None:
        self._driven = clock
        self._lateness = lateness
        super().__init__()

    def time(self) -> float:
        return self._driven.s

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            due = self._scheduled[0].when()  # type: ignore[attr-defined]
            self._driven.advance(max(0.0, due - self._driven.s) + self._lateness.uniform(0, 0.05))
        super()._run_once()  # type: ignore[misc]


def run_driven(tmp_path: Path, function: Scripted, clock: FakeClock, until_s: float):
    async def main():
        async with running(tmp_path, [plan_of(function.name)], [function], clock=clock) as plant:
            task = asyncio.create_task(plant.automation.run())
            await asyncio.sleep(until_s)
            task.cancel()
            await asyncio.wait([task])
            return plant

    with asyncio.Runner(loop_factory=lambda: DrivenLoop(clock, random.Random(7))) as runner:
        return runner.run(main())


def test_late_wake_ups_do_not_add_up(tmp_path: Path) -> None:
    """Each of 600 scans begins up to 50 ms late; the last one is as close to its place as the first."""
    clock, begun = FakeClock(), []
    function = Scripted("a", lambda now, _read, _may_act: begun.append(now.monotonic_s) or Action())
    plant = run_driven(tmp_path, function, clock, 599.5)
    assert len(begun) == 600
    late = [at - (1_000 + number) for number, at in enumerate(begun)]
    assert all(0 <= each <= 0.11 for each in late)
    assert max(late) > 0.04
    assert plant.automation.overruns == 0
    assert plant.own("scan_lateness")[0] == pytest.approx(max(late[-61:]) * 1000, abs=0.01)


def test_scans_for_which_there_was_no_time_are_counted_and_not_made_up_for(tmp_path: Path) -> None:
    clock, begun = FakeClock(), []

    def act(now, _read, _may_act):
        begun.append(now.monotonic_s)
        if len(begun) == 5:
            clock.advance(3.5)  # something held the event loop
        return Action()

    plant = run_driven(tmp_path, Scripted("a", act), clock, 19.5)
    assert plant.automation.overruns == 3
    assert [round(at - 1_000) for at in begun] == [0, 1, 2, 3, 4, *range(8, 20)]
    assert plant.own("scan_overruns") == (3, 0)
