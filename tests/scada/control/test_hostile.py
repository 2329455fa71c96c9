"""What somebody would try who wants more than is permitted, or who is unlucky: at the same moment, out of order, with less right."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tieline.edge.command_book import CommandBook
from tieline.model import Event, Outcome, PointId, Quality, RefusedError, Result, UnavailableError
from tieline.model.control import Operation, Person, RunState, TagKind
from tieline.scada.control import Switching
from tieline.scada.control.book import ControlBook

from .scene import ADA, GRACE, LISE, Desk, Scene, running
from .test_desk import SYNCHROCHECK, Network, Selecting
from .test_programs import QUICK, Lead, follow, state
from .test_service import QUICK as QUICK_ANSWERS
from .test_service import RAMP, SECOND, operate

FAR = Person(name="far", roles=frozenset({"engineer"}), areas=frozenset({"beta"}), has_second_factor=True)
ONE_EACH = """
[[control.rules]]
roles = ["operator"]

[[control.rules]]
roles = ["installer"]
points = ["alpha/rtu-1/q2_command"]
"""
INSTALLER = Person(name="ines", roles=frozenset({"installer"}), has_second_factor=True)


def operation(id: str, selection: str) -> Operation:  # noqa: A002
    return Operation(id=id, selection=selection, point=PointId(1), path="a/b/c", value=1, requester="ada", released_us=5)


class TestIds:
    def test_an_outcome_that_is_known_is_not_overwritten_by_another_command_of_that_id(self, tmp_path: Path) -> None:
        book = ControlBook.open(tmp_path / "control.db")
        book.begin(operation("x", "s-1"), "alpha", 10)
        done = Outcome(command="x", time=11, result=Result.DONE)
        book.end(operation("x", "s-1"), done, is_final=True)
        with pytest.raises(RefusedError, match="that of another command"):
            book.begin(operation("x", "s-2"), "alpha", 12)
        book.end(operation("x", "s-2"), replace(done, result=Result.REFUSED), is_final=True)
        found = book.find("x")
        assert found is not None
        assert (found.operation.outcome, found.operation.selection) == (done, "s-1")
        book.close()

    async def test_nobody_takes_the_id_of_a_step_of_a_ramp(self, tmp_path: Path) -> None:
        async with running(tmp_path, RAMP) as at:
            at.show("p_set", 1)
            assert (await operate(at, "p_set", 4, command="x"))[0] is Result.DONE
            step = next(str(record.detail["id"]) for record in reversed(at.records) if record.outcome == "released")
            assert (await found(at, step)).result is Result.DONE
            for taken, why in ((step, "the id is that of another command"), ("y~1", "an id has")):
                result, said = await operate(at, "lower", 1, command=taken)
                assert (result, said[: len(why)]) == (Result.REFUSED, why)
                assert at.service.selections()
                await at.service.cancel(ADA, at.service.selections()[0].id)
            assert (await found(at, step)).result is Result.DONE

    @pytest.mark.parametrize("id_", ["a b", "x" * 81, "x/y", "x\n"])
    async def test_an_id_that_nobody_could_ask_for_is_refused_and_shortened_in_the_audit(self, tmp_path: Path, id_: str) -> None:
        async with running(tmp_path) as at:
            selection = await at.service.select(ADA, at.id("lower"), 1)
            assert (await at.service.execute(ADA, selection.id, id=id_)).result is Result.REFUSED
            assert len(str(at.records[-1].detail["id"])) <= 80
            assert at.service.selections() == [selection]
            long = await at.service.execute(ADA, "s" * 100_000)
            assert long.result is Result.REFUSED
            assert len(str(at.records[-1].detail)) < 1_000
            with pytest.raises(RefusedError):
                await at.service.approve(GRACE, "s" * 100_000)
            assert len(at.records[-1].target) <= 200

    async def test_a_value_that_is_none_is_refused_and_recorded(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            for value in (float("nan"), float("inf")):
                assert (await at.service.select(ADA, at.id("p_set"), value)).is_refused
            assert at.said("select") == ["refused", "refused"]
            assert at.audit.since(0)[0].detail["reason"] == "nan is no value"


async def found(at: Scene, id_: str) -> Outcome:
    outcome = await at.service.outcome(id_)
    assert outcome is not None
    return outcome


class TestAnswers:
    async def test_a_question_that_the_site_refuses_says_nothing_about_the_command(self, tmp_path: Path) -> None:
        async with running(tmp_path, QUICK_ANSWERS) as at:
            at.wire.loses_answers = True
            assert (await operate(at, "lower", 1, command="x"))[0] is Result.UNKNOWN
            at.wire.loses_answers = False
            assert len(at.driver.written) == 1
            book = CommandBook.open(tmp_path / "site" / "commands.db", 0)
            book.take(2**61)  # whatever the center asks now comes too late for the site
            book.close()
            assert (await found(at, "x")).result is Result.UNKNOWN
            assert at.said("command_outcome") == ["unknown"]

    async def test_what_became_of_a_point_that_is_gone_is_not_known_and_no_error(self, tmp_path: Path) -> None:
        async with running(tmp_path, QUICK_ANSWERS) as at:
            at.wire.loses_answers = True
            await operate(at, "lower", 1, command="x")
            gone = at.points.pop("lower")
            at.service._points.pop(gone.id)
            at.service._paths.pop(gone.path)
            assert (await found(at, "x")).result is Result.UNKNOWN


class TestSecondPerson:
    async def test_an_approval_that_cannot_be_recorded_is_none(self, tmp_path: Path) -> None:
        async with running(tmp_path, SECOND) as at:
            selection = await at.service.select(ADA, at.id("lower"), 1)
            put = at.audit._put
            at.audit._put = full  # type: ignore[method-assign]
            with pytest.raises(UnavailableError):
                await at.service.approve(GRACE, selection.id)
            at.audit._put = put  # type: ignore[method-assign]
            outcome = await at.service.execute(ADA, selection.id)
            assert (outcome.result, at.wire.sent) == (Result.REFUSED, [])

    async def test_the_approval_is_in_the_audit_before_the_release(self, tmp_path: Path) -> None:
        async with running(tmp_path, SECOND) as at:
            selection = await at.service.select(ADA, at.id("lower"), 1)
            approving = asyncio.create_task(at.service.approve(GRACE, selection.id))
            await asyncio.sleep(0)
            early = await at.service.execute(ADA, selection.id, id="too-early")
            await approving
            late = await at.service.execute(ADA, selection.id)
            assert {early.result, late.result} == {Result.REFUSED, Result.DONE}
            actions = [record.action for record in at.records if record.outcome in {"approved", "released"}]
            assert actions == ["approve", "command"]

    @pytest.mark.parametrize("name", ["ada", "grace"])
    async def test_what_was_selected_or_approved_by_who_loses_the_right_is_not_executed(self, tmp_path: Path, name: str) -> None:
        async with running(tmp_path, SECOND) as at:
            selection = await at.service.select(ADA, at.id("lower"), 1)
            await at.service.approve(GRACE, selection.id)
            await at.service.revoke(GRACE, name)
            assert (await at.service.execute(ADA, selection.id)).result is Result.REFUSED
            assert (at.wire.sent, at.said("select_ended"), at.service.selections()) == ([], ["ended"], [])


def full(line: bytes) -> None:
    raise OSError(28, "No space left on device")


class TestOneAtATime:
    def test_two_people_switch_at_one_site_one_after_the_other(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path, switching=Switching(state=Network(), switch_of=lambda _: "some"))
        one, two = at.select(ADA, "q1_command", 1), at.select(GRACE, "q2_command", 1)
        assert at.desk.execute(ADA, one.id, at.scene.now).is_ready
        with pytest.raises(RefusedError, match="ada is operating alpha/rtu-1/q1_command"):
            at.desk.execute(GRACE, two.id, at.scene.now)
        at.desk.end(one.id)
        assert at.desk.execute(GRACE, two.id, at.scene.now).is_ready

    def test_what_moves_no_switch_waits_for_nobody(self, tmp_path: Path) -> None:
        at = Selecting(tmp_path, switching=Switching(state=Network(), switch_of=lambda _: None))
        one, two = at.select(ADA, "q1_command", 1), at.select(GRACE, "q2_command", 1)
        assert at.desk.execute(ADA, one.id, at.scene.now).is_ready
        assert at.desk.execute(GRACE, two.id, at.scene.now).is_ready


def test_the_permission_of_a_synchrocheck_is_asked_also_of_what_the_single_line_does_not_know(tmp_path: Path) -> None:
    desk = Desk(tmp_path, SYNCHROCHECK, switching=Switching(state=Network(), switch_of=lambda _: None))
    desk.show("local", 0)
    assert "the synchrocheck does not permit it" in desk.against(ADA, "q1_command", 1)[0]


class TestRamps:
    async def test_a_place_that_is_not_known_any_more_stops_it(self, tmp_path: Path) -> None:
        async with running(tmp_path, RAMP) as at:
            at.show("p_set", -10)
            selection = await at.service.select(ADA, at.id("p_set"), 10)
            task = asyncio.create_task(at.service.execute(ADA, selection.id))
            await at.until(lambda: bool(at.driver.written))
            at.show("p_set", -9, int(Quality.QUESTIONABLE))
            outcome = await task
            assert outcome.result is Result.FAILED
            assert "questionable" in outcome.reason
            assert at.driver.written[-1][1] < 5

    async def test_it_stops_when_who_leads_it_loses_the_right(self, tmp_path: Path) -> None:
        async with running(tmp_path, RAMP) as at:
            at.show("p_set", -10)
            selection = await at.service.select(ADA, at.id("p_set"), 10)
            task = asyncio.create_task(at.service.execute(ADA, selection.id))
            await at.until(lambda: bool(at.driver.written))
            await at.service.revoke(GRACE, "somebody-else")
            assert not task.done()
            await at.service.revoke(GRACE, "ada")
            outcome = await task
            assert outcome.result is Result.FAILED
            assert "ada has lost the right to lead it" in outcome.reason

    async def test_a_step_that_is_under_way_is_not_asked_for(self, tmp_path: Path) -> None:
        async with running(tmp_path, RAMP) as at:
            at.show("p_set", 9)
            at.driver.holds = asyncio.Event()
            selection = await at.service.select(ADA, at.id("p_set"), 10)
            task = asyncio.create_task(at.service.execute(ADA, selection.id, id="x"))
            await at.until(lambda: bool(at.driver.written))
            step = next(str(each.detail["id"]) for each in reversed(at.records) if each.outcome == "released")
            asking = asyncio.create_task(at.service.outcome(step))
            await asyncio.sleep(0.05)
            assert len(at.wire.sent) == 1
            at.driver.holds.set()
            await task
            outcome = await asking
            assert outcome is not None
            assert outcome.result is Result.DONE


class TestTags:
    async def test_an_engineer_of_another_area_hangs_and_removes_nothing_here(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            with pytest.raises(RefusedError, match="may not operate"):
                await at.service.place_tag(FAR, TagKind.DO_NOT_OPERATE, "ng-q1", "mine")
            tag = await at.service.place_tag(ADA, TagKind.DO_NOT_OPERATE, "ng-q1", "crew at work")
            with pytest.raises(RefusedError, match="only ada or an engineer"):
                await at.service.remove_tag(FAR, tag.id, "in the way")
            assert at.service.tags() == [tag]

    async def test_a_red_tag_is_not_taken_off_without_a_second_factor(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            red = await at.service.place_tag(ADA, TagKind.DO_NOT_OPERATE, "ng-q1", "crew at work")
            note = await at.service.place_tag(ADA, TagKind.INFORMATION, "ng-q1", "look here")
            weak = replace(ADA, has_second_factor=False)
            with pytest.raises(RefusedError, match="second factor"):
                await at.service.remove_tag(weak, red.id)
            await at.service.remove_tag(weak, note.id)
            assert at.service.tags() == [red]
            assert at.said("tag") == ["placed", "placed", "refused", "removed"]

    async def test_two_people_take_one_off_once(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            tag = await at.service.place_tag(ADA, TagKind.DO_NOT_OPERATE, "ng-q1", "crew at work")
            done = await asyncio.gather(*(at.service.remove_tag(ADA, tag.id) for _ in range(2)), return_exceptions=True)
            assert sorted(type(each).__name__ for each in done) == ["RefusedError", "Tag"]


class TestPrograms:
    async def test_nothing_is_released_after_it_was_stopped(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await asyncio.sleep(0)  # its first command is due, and is being stored
            stopped = await at.service.programs.stop(GRACE, run.id)
            assert stopped.state is RunState.STOPPED
            await at.until(lambda: "program_ended" in [record.action for record in at.records])
            assert (at.wire.sent, at.said("command"), at.service.selections()) == ([], [], [])
            await at.service.programs.resume(ADA, run.id)
            await at.until(lambda: state(at) == "waiting")
            assert len(at.driver.written) == 1

    async def test_it_is_led_again_when_it_is_resumed_while_its_end_is_recorded(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "waiting")
            reached, goes_on = threading.Event(), threading.Event()
            put = at.audit._put

            def slow(line: bytes) -> None:
                if b"program_ended" in line and not goes_on.is_set():
                    reached.set()
                    goes_on.wait(5)
                put(line)

            at.audit._put = slow  # type: ignore[method-assign]
            await at.service.programs.stop(ADA, run.id)
            await at.until(reached.is_set)
            resuming = asyncio.create_task(at.service.programs.resume(ADA, run.id))
            await asyncio.sleep(0.05)
            goes_on.set()
            await resuming
            await at.until(lambda: state(at) == "waiting")
            await at.service.programs.confirm(ADA, run.id)
            await at.until(lambda: state(at) == "done")

    async def test_two_people_start_it_once(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            made = await asyncio.gather(
                *(at.service.programs.start(person, "isolate") for person in (ADA, GRACE)), return_exceptions=True
            )
            assert sorted(type(each).__name__ for each in made) == ["ProgramRun", "RefusedError"]
            assert len(at.service.programs.runs()) == 1

    async def test_a_start_that_cannot_be_recorded_is_none(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            put = at.audit._put
            at.audit._put = full  # type: ignore[method-assign]
            with pytest.raises(UnavailableError):
                await at.service.programs.start(ADA, "isolate")
            at.audit._put = put  # type: ignore[method-assign]
            await at.service.programs.start(ADA, "isolate")
            assert len(at.service.programs.runs()) == 1

    @pytest.mark.parametrize("result", [Result.DONE, Result.FAILED])
    def test_a_command_that_ends_later_does_not_bring_an_abandoned_run_back(self, tmp_path: Path, result: Result) -> None:
        lead = Lead(tmp_path)
        due = lead.due()
        lead.running.stop("stopped by grace", lead.now)
        lead.running.abandon("abandoned by grace", lead.now)
        lead.answer(due, result)
        assert (lead.run.state, lead.run.words) == (RunState.ABANDONED, "abandoned by grace")

    async def test_what_is_refused_is_recorded(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "waiting")
            programs = at.service.programs
            for action in (programs.stop, programs.confirm, programs.resume, programs.abandon):
                with pytest.raises(RefusedError):
                    await action(LISE, run.id)
            refused = [record.action for record in at.records if record.outcome == "refused" and record.actor == "lise"]
            assert refused == ["program_stopped", "program_confirmed", "program_resumed", "program_abandoned"]
            assert state(at) == "waiting"

    async def test_a_step_is_not_confirmed_without_a_second_factor(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "waiting")
            with pytest.raises(RefusedError, match="second factor"):
                await at.service.programs.confirm(replace(GRACE, has_second_factor=False), run.id)
            assert (state(at), len(at.driver.written)) == ("waiting", 1)

    async def test_a_confirmation_that_cannot_be_recorded_releases_nothing(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "waiting")
            at.audit._put = full  # type: ignore[method-assign]
            with pytest.raises(UnavailableError):
                await at.service.programs.confirm(ADA, run.id)
            await asyncio.sleep(0.2)
            assert (state(at), len(at.driver.written)) == ("waiting", 1)

    async def test_whoever_may_operate_one_of_its_points_may_stop_it_and_no_more(self, tmp_path: Path) -> None:
        async with running(tmp_path, ONE_EACH, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "waiting")
            with pytest.raises(RefusedError, match="may not operate"):
                await at.service.programs.confirm(INSTALLER, run.id)
            await at.service.programs.stop(INSTALLER, run.id)
            assert state(at) == "stopped"
            with pytest.raises(RefusedError, match="may not operate"):
                await at.service.programs.resume(INSTALLER, run.id)

    async def test_a_run_whose_program_is_gone_can_be_abandoned(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "waiting")
        (tmp_path / "utility" / "programs" / "isolate.toml").unlink()
        async with running(tmp_path) as at:
            with pytest.raises(RefusedError, match="there is no program"):
                await at.service.programs.resume(ADA, run.id)
            with pytest.raises(RefusedError, match="only ada or an engineer"):
                await at.service.programs.abandon(LISE, run.id)
            await at.service.programs.abandon(GRACE, run.id)
            assert state(at) == "abandoned"

    async def test_it_stops_when_who_leads_it_loses_the_right(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            follow(at)
            await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "waiting")
            await at.service.revoke(GRACE, "ada")
            (run,) = at.service.programs.runs()
            assert (run.state, run.words) == ("stopped", "ada has lost the right to lead it")


class TestTold:
    async def test_refusals_at_the_center_are_events_of_the_site(self, tmp_path: Path) -> None:
        async with running(tmp_path, QUICK_ANSWERS) as at:
            await at.service.select(LISE, at.id("q1_command"), 1)
            (event,) = at.events
            assert (event.site, event.device, event.kind, event.severity) == ("alpha", "rtu-1", "command_refused", "warning")
            assert event.text.startswith("alpha/rtu-1/q1_command to 1 by lise, refused: lise (viewer) may not operate")
            held = await at.service.select(ADA, at.id("q1_command"), 1)
            await at.service.place_tag(GRACE, TagKind.DO_NOT_OPERATE, "ng-q1", "crew at work")
            await at.service.execute(ADA, held.id)
            await at.service.execute(GRACE, (await at.service.select(ADA, at.id("lower"), 1)).id)
            assert [(event.kind, event.text.split(":")[0]) for event in at.events[1:]] == [
                ("tag_placed", "ng-q1"),
                ("command_refused", "alpha/rtu-1/q1_command to 1 by ada, refused"),
                ("command_refused", "alpha/rtu-1/lower to 1 by grace, refused"),
            ]

    async def test_an_outcome_that_the_site_could_not_tell_is_an_event(self, tmp_path: Path) -> None:
        async with running(tmp_path, QUICK_ANSWERS) as at:
            at.wire.loses_answers = True
            await operate(at, "lower", 1)
            assert [(event.kind, event.severity) for event in at.events] == [("command_unknown", "error")]

    async def test_what_the_site_has_told_is_not_told_twice(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            at.driver.fault = RefusedError("the device is blocked")
            assert (await operate(at, "lower", 1))[0] is Result.REFUSED
            assert at.events == []

    async def test_a_program_that_stops_says_why(self, tmp_path: Path) -> None:
        async with running(tmp_path, programs={"isolate": QUICK}) as at:
            at.show("q1", 1)
            await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: state(at) == "stopped")
            await at.until(lambda: bool(at.events))
            event: Event = at.events[0]
            assert (event.site, event.kind, event.severity) == ("alpha", "program_stopped", "warning")
            assert "isolate of ada stopped: step 1: before the step it has to be so that position = 2" in event.text
