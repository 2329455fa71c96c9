"""Switching programs: step by step in fake time, and whole ones through the door."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config.gate import Interlock
from tieline.config.programs import Program
from tieline.model import Now, Outcome, RefusedError, Result
from tieline.model.control import ProgramRun, RunState, StepState, TagKind
from tieline.scada.control.running import DONE, REPEAT, RESTARTED, Due, Running, after_restart, begin

from .scene import ADA, GRACE, LISE, Scene, read_utility, running

TEXT = """
title = "Isolate feeder 1"

[[steps]]
point = "alpha/rtu-1/q1_command"
value = 0
before = "position = 2"
before_s = 3
after = "position = 1"
after_s = 5
inputs = { position = "alpha/rtu-1/q1" }
pause_s = 2

[[steps]]
text = "open the disconnector"
point = "alpha/rtu-1/q2_command"
value = 0
confirm = true
"""


class Lead:
    """A run in fake time; the test says what holds."""

    def __init__(self, folder: Path) -> None:
        self.program: Program = read_utility(folder, programs={"isolate": TEXT}).programs[0]
        self.s = 100.0
        self.holds: dict[str, bool | None] = {"position = 2": True, "position = 1": True}
        self.running = Running(self.program, begin(self.program, "r-1", "ada", self.now), self.look)

    @property
    def now(self) -> Now:
        return Now(self.s, round(self.s * 1e6))

    @property
    def run(self) -> ProgramRun:
        return self.running.run

    def look(self, interlock: Interlock, now: Now) -> tuple[bool | None, str]:
        return self.holds[interlock.expression], "as the test says"

    def tick(self, seconds: float = 0.0) -> Due | None:
        self.s += seconds
        return self.running.tick(self.now)

    def answer(self, due: Due, result: Result = Result.DONE, why: str = "") -> None:
        self.running.executed(Outcome(command=due.command, time=0, result=result, reason=why), self.now)

    def due(self) -> Due:
        due = self.tick()
        assert due is not None
        return due

    def restart(self) -> None:
        """The center ends and begins again with what was stored last."""
        self.running = Running(self.program, after_restart(self.run, self.now), self.look)

    def outcome(self, result: Result) -> Outcome:
        return Outcome(command="c", time=0, result=result, reason="why")


class TestStepByStep:
    def test_a_step_is_checked_executed_verified_and_followed_by_a_pause(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        due = lead.due()
        assert (due.command, due.value) == ("r-1-1-1", 0)
        assert lead.run.steps[0].state is StepState.EXECUTING
        assert lead.tick(60) is None  # it is due once
        lead.holds["position = 1"] = False
        lead.answer(due)
        assert lead.tick() is None
        assert lead.run.steps[0].state is StepState.VERIFYING
        lead.holds["position = 1"] = True
        assert lead.tick(4) is None
        assert lead.run.steps[0].state is StepState.PAUSING
        assert lead.tick(1.9) is None
        assert lead.run.step == 0
        lead.tick(0.1)
        assert (lead.run.step, lead.run.state) == (1, RunState.WAITING)

    def test_a_step_that_has_to_be_confirmed_waits_for_it(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        lead.answer(lead.due())
        lead.tick()
        assert lead.tick(2) is None
        assert lead.run.words == "step 2 has to be confirmed: open the disconnector"
        assert lead.tick(3600) is None
        lead.running.confirm(lead.now)
        due = lead.due()
        assert due.command == "r-1-2-1"
        lead.answer(due)
        lead.tick()
        assert (lead.run.state, lead.run.step) == (RunState.DONE, 2)
        assert [step.state for step in lead.run.steps] == [StepState.DONE] * 2

    @pytest.mark.parametrize("holds", [False, None])
    def test_a_condition_before_may_become_so_within_its_time(self, tmp_path: Path, holds: bool | None) -> None:
        lead = Lead(tmp_path)
        lead.holds["position = 2"] = holds
        assert lead.tick() is None
        assert lead.tick(2.9) is None
        assert lead.run.state is RunState.RUNNING
        lead.holds["position = 2"] = True
        assert lead.tick(0.05) is not None

    @pytest.mark.parametrize(("holds", "words"), [(False, "is not so"), (None, "is not known")])
    def test_one_that_does_not_stops_the_run_before_anything_is_done(
        self, tmp_path: Path, holds: bool | None, words: str
    ) -> None:
        lead = Lead(tmp_path)
        lead.holds["position = 2"] = holds
        assert lead.tick() is None
        assert lead.tick(3) is None
        assert lead.run.state is RunState.STOPPED
        assert f"it has to be so that position = 2, and that {words} (as the test says)" in lead.run.words

    def test_a_step_that_does_not_bring_about_what_it_shall_stops_the_run(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        lead.holds["position = 1"] = False
        lead.answer(lead.due())
        lead.tick()
        lead.tick(5)
        assert (lead.run.state, lead.run.steps[0].state) == (RunState.STOPPED, StepState.FAILED)
        assert "5 s after the step" in lead.run.words

    def test_a_step_that_fails_stops_the_run(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        lead.answer(lead.due(), Result.FAILED, "the breaker did not move")
        assert lead.run.words == "step 1: failed: the breaker did not move"
        assert lead.tick(3600) is None

    def test_nothing_is_released_once_it_is_stopped(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        due = lead.due()
        lead.running.stop("stopped by grace", lead.now)
        lead.answer(due)
        assert lead.tick(3600) is None
        assert (lead.run.state, lead.run.steps[0].state, lead.run.words) == (
            RunState.STOPPED,
            StepState.VERIFYING,
            "stopped by grace",
        )
        with pytest.raises(RefusedError):
            lead.running.stop("again", lead.now)


class TestResumed:
    """A restart neither repeats nor skips."""

    def test_a_run_that_was_under_way_is_stopped(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        lead.due()
        lead.restart()
        assert (lead.run.state, lead.run.words) == (RunState.STOPPED, RESTARTED)
        assert lead.tick(60) is None

    def test_a_step_that_was_done_meanwhile_is_not_repeated(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        lead.due()
        lead.restart()
        lead.running.resume("grace", lead.outcome(Result.DONE), lead.now)
        assert lead.tick() is None
        assert (lead.run.steps[0].state, lead.run.person) == (StepState.PAUSING, "grace")

    @pytest.mark.parametrize("result", [None, Result.REFUSED, Result.FAILED])
    def test_a_step_that_did_nothing_is_executed_under_a_new_id(self, tmp_path: Path, result: Result | None) -> None:
        lead = Lead(tmp_path)
        lead.due()
        lead.restart()
        lead.running.resume("ada", None if result is None else lead.outcome(result), lead.now)
        assert lead.due().command == "r-1-1-2"

    def test_where_nobody_knows_a_person_has_to_say(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        lead.answer(lead.due(), Result.UNKNOWN, "no answer")
        unknown = lead.outcome(Result.UNKNOWN)
        with pytest.raises(RefusedError, match="nobody knows whether step 1 acted"):
            lead.running.resume("ada", unknown, lead.now)
        assert lead.run.state is RunState.STOPPED
        lead.running.resume("ada", unknown, lead.now, DONE)
        assert lead.tick() is None
        assert lead.run.steps[0].state is StepState.PAUSING

    def test_said_to_be_repeated_it_is_repeated(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        lead.answer(lead.due(), Result.UNKNOWN, "no answer")
        lead.running.resume("ada", lead.outcome(Result.UNKNOWN), lead.now, REPEAT)
        assert lead.due().command == "r-1-1-2"

    def test_said_to_be_done_it_is_verified_all_the_same(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        lead.holds["position = 1"] = False
        lead.answer(lead.due(), Result.UNKNOWN)
        lead.running.resume("ada", lead.outcome(Result.UNKNOWN), lead.now, DONE)
        lead.tick()
        lead.tick(5)
        assert lead.run.state is RunState.STOPPED

    def test_a_step_that_had_not_begun_has_to_be_confirmed_again(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        lead.answer(lead.due())
        lead.tick()
        lead.tick(2)
        lead.running.confirm(lead.now)
        lead.restart()
        lead.running.resume("ada", None, lead.now)
        assert lead.tick() is None
        assert lead.run.state is RunState.WAITING

    def test_a_program_that_was_changed_is_not_gone_on_with(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        lead.restart()
        changed = read_utility(tmp_path, programs={"isolate": TEXT + "# changed\n"}).programs[0]
        resumed = Running(changed, lead.run, lead.look)
        with pytest.raises(RefusedError, match="was changed"):
            resumed.resume("ada", None, lead.now)

    def test_what_is_abandoned_or_done_is_over(self, tmp_path: Path) -> None:
        lead = Lead(tmp_path)
        with pytest.raises(RefusedError, match="stop it first"):
            lead.running.abandon("by ada", lead.now)
        lead.running.stop("by ada", lead.now)
        lead.running.abandon("by ada", lead.now)
        for act in (lambda: lead.running.resume("ada", None, lead.now), lambda: lead.running.abandon("again", lead.now)):
            with pytest.raises(RefusedError):
                act()


QUICK = TEXT.replace("pause_s = 2", "pause_s = 0").replace("before_s = 3", "before_s = 0").replace("after_s = 5", "after_s = 0.5")
SECOND = """
[[control.rules]]
roles = ["operator"]
second_person = true
"""


def follow(at: Scene) -> None:
    """The breakers do as they are told."""
    at.show("q1", 2)
    at.show("q2", 2)

    def show() -> None:
        number = len(at.driver.written) + 1
        at.show(f"q{number}", 1)

    at.driver.on_write = show


def state(at: Scene) -> str:
    (run,) = at.service.programs.runs()
    return str(run.state)


class TestThroughTheDoor:
    async def test_a_program_is_led_to_its_end_and_every_step_is_in_the_audit(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "waiting")
            await at.service.programs.confirm(GRACE, run.id)
            await at.until(lambda: state(at) == "done")
            assert [value for _, value in at.driver.written] == [0, 0]
            await at.until(lambda: at.said("program_ended") == ["done"])
            assert [record.action for record in at.records] == [
                "program_started",
                *("select", "command", "command_outcome"),
                "program_confirmed",
                *("select", "command", "command_outcome"),
                "program_ended",
            ]
            released = [record for record in at.records if record.outcome == "released"]
            assert [record.detail["id"] for record in released] == [f"{run.id}-1-1", f"{run.id}-2-1"]
            assert "step 1 of isolate" in str(released[0].detail["wanted"])

    async def test_stopped_half_way_it_is_resumed_after_a_restart_where_it_was(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "waiting")
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            await at.until(lambda: state(at) == "stopped")
            at.show("q2", 2)
            await at.service.programs.resume(GRACE, run.id)
            await at.until(lambda: state(at) == "waiting")
            await at.service.programs.confirm(GRACE, run.id)
            await at.until(lambda: state(at) == "done")
            assert at.driver.written == [(at.id("q2_command"), 0.0)]

    async def test_a_run_that_is_stopped_may_be_abandoned(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "waiting")
            await at.service.programs.stop(ADA, run.id)
            await at.service.programs.abandon(GRACE, run.id)
            assert state(at) == "abandoned"
            with pytest.raises(RefusedError):
                await at.service.programs.resume(ADA, run.id)
            assert (await at.service.programs.start(ADA, "isolate")).id != run.id

    async def test_a_tag_stops_it_with_the_reason(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            await at.service.place_tag(GRACE, TagKind.DO_NOT_OPERATE, "ng-q1", "crew at work")
            await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "stopped")
            (run,) = at.service.programs.runs()
            assert "crew at work" in run.words
            assert at.wire.sent == []

    async def test_every_step_waits_for_the_second_person(self, tmp_path: Path) -> None:
        async with running(tmp_path, SECOND, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: bool(at.service.selections()))
            await at.until(lambda: state(at) == "waiting")
            (selection,) = at.service.selections()
            assert at.wire.sent == []
            with pytest.raises(RefusedError, match="no step waits to be confirmed"):
                await at.service.programs.confirm(GRACE, run.id)
            await at.service.approve(GRACE, selection.id)
            await at.until(lambda: len(at.driver.written) == 1)

    async def test_stopped_while_it_waits_for_the_second_person_it_gives_the_point_free(self, tmp_path: Path) -> None:
        async with running(tmp_path, SECOND, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "waiting")
            await at.service.programs.stop(ADA, run.id)
            await at.until(lambda: not at.service.selections())
            assert (state(at), at.wire.sent) == ("stopped", [])

    async def test_who_may_not_operate_every_point_leads_no_program(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            with pytest.raises(RefusedError, match="lise may not operate"):
                await at.service.programs.start(LISE, "isolate")
            with pytest.raises(RefusedError, match="there is no program"):
                await at.service.programs.start(ADA, "isolate-2")
            assert at.said("program_started") == ["refused", "refused"]

    async def test_a_program_runs_once_at_a_time(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            with pytest.raises(RefusedError, match="ada runs the program already"):
                await at.service.programs.start(GRACE, "isolate")
            await at.until(lambda: state(at) == "waiting")
            await at.service.programs.stop(ADA, run.id)
            assert state(at) == "stopped"
