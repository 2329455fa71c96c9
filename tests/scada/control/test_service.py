"""Commands from the center to a device and back: executed, refused, lost, asked for again; and what both audits say of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tieline.bus import commands as wire_format
from tieline.io import SystemClock
from tieline.model import Quality, RefusedError, Result, Samples, UnavailableError
from tieline.model.control import Operation, Person, Selection, Tag, TagKind
from tieline.security.audit import verify

from .scene import ADA, GRACE, LISE, Scene, running

FEEDBACK = """
[gate]
write_timeout_s = 2
"""
QUICK = """
[control]
answer_s = 0.3
feedback_s = 0.2
"""


async def operate(at: Scene, name: str, value: float, person: Person = ADA, command: str = "") -> tuple[Result, str]:
    selection = await at.service.select(person, at.id(name), value)
    outcome = await at.service.execute(person, selection.id, id=command)
    return outcome.result, outcome.reason


def follow(at: Scene) -> None:
    """The breaker does as it is told, and both ends see it."""
    at.show("q1", 1)
    at.driver.on_write = lambda: at.show("q1", 2)


async def test_a_command_is_executed_and_both_audits_tell_the_same(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        follow(at)
        selection = await at.service.select(ADA, at.id("q1_command"), 1, reason="switching order 7")
        outcome = await at.service.execute(ADA, selection.id, reason="switching order 7")
        assert (outcome.result, outcome.command) == (Result.DONE, selection.id)
        assert at.driver.written == [(at.id("q1_command"), 1.0)]
        assert [(record.action, record.actor, record.outcome) for record in at.records] == [
            ("select", "ada", "granted"),
            ("command", "ada", "released"),
            ("command_outcome", "ada", "done"),
        ]
        assert at.records[1].target == "alpha/rtu-1/q1_command"
        assert at.records[1].detail["selection"] == selection.id
        site = at.site_audit.since(0)
        assert [(record.actor, record.outcome) for record in site] == [("ada", "released"), ("ada", "done")]
        assert (site[0].detail["origin"], site[0].detail["wanted"]) == ("center/ada", "switching order 7")
        assert at.service.selections() == []
        assert {type(what) for what in at.changed} == {Selection, Operation}
        (operation,) = await at.service.operations()
        assert (operation.requester, operation.outcome) == ("ada", outcome)
    assert verify(tmp_path / "center" / "audit").is_intact


async def test_what_is_refused_is_recorded_and_nothing_is_sent(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        refused = await at.service.select(LISE, at.id("q1_command"), 1)
        assert "may not operate" in refused.reason
        outcome = await at.service.execute(LISE, refused.id)
        assert outcome.result is Result.REFUSED
        assert at.wire.sent == []
        assert [(record.action, record.outcome) for record in at.records] == [("select", "refused"), ("command", "refused")]
        assert all(record.detail["reason"] for record in at.records)


async def test_the_command_is_released_in_the_audit_before_anything_is_sent(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        seen: list[list[str]] = []
        at.driver.on_write = lambda: seen.append(at.said("command"))
        await operate(at, "lower", 1)
        assert seen == [["released"]]


async def test_an_audit_that_cannot_be_written_selects_and_sends_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        selection = await at.service.select(ADA, at.id("lower"), 1)
        at.audit._put = _full  # type: ignore[method-assign]
        outcome = await at.service.execute(ADA, selection.id)
        assert (outcome.result, at.wire.sent) == (Result.REFUSED, [])
        with pytest.raises(UnavailableError):
            await at.service.select(ADA, at.id("raise"), 1)
        assert at.service.selections() == []


def _full(line: bytes) -> None:
    raise OSError(28, "No space left on device")


class TestIdempotent:
    async def test_the_same_execution_again_acts_once_and_gets_the_same_outcome(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            selection = await at.service.select(ADA, at.id("lower"), 1)
            one, two = await asyncio.gather(*(at.service.execute(ADA, selection.id, id="x") for _ in range(2)))
            assert one == two == await at.service.execute(ADA, selection.id, id="x")
            assert (one.result, len(at.driver.written)) == (Result.DONE, 1)
            assert await at.service.outcome("x") == one

    async def test_an_id_is_that_of_one_command(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            await operate(at, "lower", 1, command="x")
            assert await operate(at, "raise", 1, command="x") == (Result.REFUSED, "the id is that of another command")
            assert len(at.driver.written) == 1
            assert at.records[-1].outcome == "refused"

    async def test_the_outcome_is_the_same_after_a_restart(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            selection = await at.service.select(ADA, at.id("lower"), 1)
            outcome = await at.service.execute(ADA, selection.id, id="x")
        async with running(tmp_path) as at:
            assert await at.service.outcome("x") == outcome
            assert await at.service.execute(ADA, selection.id, id="x") == outcome
            assert at.driver.written == []

    async def test_nobody_knows_an_id_that_never_was(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            assert await at.service.outcome("x") is None

    async def test_a_caller_that_goes_away_stops_nothing(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            at.driver.holds = asyncio.Event()
            selection = await at.service.select(ADA, at.id("lower"), 1)
            task = asyncio.create_task(at.service.execute(ADA, selection.id, id="x"))
            await at.until(lambda: bool(at.driver.written))
            task.cancel()
            at.driver.holds.set()
            outcome = await at.service.outcome("x")
            assert outcome is not None
            assert outcome.result is Result.DONE


class TestLost:
    async def test_an_answer_that_is_lost_is_asked_for_and_nothing_is_done_twice(self, tmp_path: Path) -> None:
        async with running(tmp_path, QUICK) as at:
            at.wire.loses_answers = True
            result, why = await operate(at, "lower", 1, command="x")
            assert (result, why) == (Result.UNKNOWN, "alpha has not answered within 0.3 s; it may have acted")
            at.wire.loses_answers = False
            outcome = await at.service.outcome("x")
            assert outcome is not None
            assert outcome.result is Result.DONE
            assert len(at.driver.written) == 1
            assert at.said("command_outcome") == ["unknown", "done"]

    async def test_an_order_that_is_lost_is_never_executed(self, tmp_path: Path) -> None:
        async with running(tmp_path, QUICK) as at:
            at.wire.loses_orders = True
            assert (await operate(at, "lower", 1, command="x"))[0] is Result.UNKNOWN
            at.wire.loses_orders = False
            outcome = await at.service.outcome("x")
            assert outcome is not None
            assert (outcome.result, at.driver.written) == (Result.REFUSED, [])
            assert "never reached the site" in outcome.reason
            assert at.wire.commands is not None
            late = wire_format.decode_answer(await at.wire.commands.answer(at.wire.sent[0]))
            assert (late.result, at.driver.written) == ("refused", [])

    async def test_a_site_that_nobody_answers_for_was_sent_nothing(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            at.wire.commands = None
            result, why = await operate(at, "lower", 1)
            assert result is Result.REFUSED
            assert "nobody takes commands at alpha" in why

    async def test_a_bus_that_is_away_sends_nothing_later(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            at.wire.is_connected = False
            result, why = await operate(at, "lower", 1)
            assert (result, at.wire.sent) == (Result.REFUSED, [])
            assert "nothing was sent" in why


class TestFeedback:
    async def test_what_the_site_has_seen_has_to_be_seen_here(self, tmp_path: Path) -> None:
        async with running(tmp_path, QUICK, site=FEEDBACK) as at:
            at.show("q1", 1)
            at.driver.on_write = lambda: _only_at_the_site(at)
            result, why = await operate(at, "q1_command", 1)
            assert result is Result.FAILED
            assert why == "the site confirmed, but 0.2 s later alpha/rtu-1/q1 shows 1"

    async def test_feedback_that_cannot_be_relied_on_leaves_it_unknown(self, tmp_path: Path) -> None:
        async with running(tmp_path, QUICK) as at:
            at.driver.on_write = lambda: _only_at_the_site(at)
            at.live.apply("alpha", _sample(at, "q1", 2, int(Quality.TEST)), 1)
            result, why = await operate(at, "q1_command", 1)
            assert result is Result.UNKNOWN
            assert "alpha/rtu-1/q1 is" in why

    async def test_a_device_that_says_no_fails_with_its_words(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            at.driver.fault = RefusedError("the device is blocked")
            assert await operate(at, "lower", 1) == (Result.REFUSED, "the device is blocked")


def _sample(at: Scene, name: str, value: float, quality: int = 0) -> Samples:
    return Samples.of([at.id(name)], [SystemClock().now_us()], [value], [quality])


def _only_at_the_site(at: Scene) -> None:
    at.image.update(_sample(at, "q1", 2))


class TestRestarts:
    async def test_a_center_that_ends_between_select_and_execute_says_so(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            await at.service.select(ADA, at.id("lower"), 1)
        async with running(tmp_path) as at:
            assert [(record.action, record.outcome) for record in at.records] == [
                ("select", "granted"),
                ("select_ended", "ended"),
            ]
            assert at.service.selections() == []
            assert (await operate(at, "lower", 1))[0] is Result.DONE

    async def test_a_center_that_ends_before_the_answer_asks_for_it(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            at.wire.loses_answers = True
            selection = await at.service.select(ADA, at.id("lower"), 1)
            task = asyncio.create_task(at.service.execute(ADA, selection.id, id="x"))
            await at.until(lambda: len(at.site_audit.since(0)) == 2)
            task.cancel()
        async with running(tmp_path) as at:
            await at.until(lambda: at.said("command_outcome") == ["unknown", "done"])
            outcome = await at.service.outcome("x")
            assert outcome is not None
            assert (outcome.result, at.driver.written) == (Result.DONE, [])

    async def test_a_site_that_ends_before_the_feedback_leaves_it_unknown_in_both_audits(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            at.driver.holds = asyncio.Event()
            selection = await at.service.select(ADA, at.id("lower"), 1)
            task = asyncio.create_task(at.service.execute(ADA, selection.id, id="x"))
            await at.until(lambda: bool(at.driver.written))
            task.cancel()
        async with running(tmp_path) as at:
            await at.until(lambda: len(at.said("command_outcome")) == 2)
            outcome = await at.service.outcome("x")
            assert outcome is not None
            assert (outcome.result, at.driver.written) == (Result.UNKNOWN, [])
            assert "the gateway ended while the command was under way" in outcome.reason
            assert [record.outcome for record in at.site_audit.since(0)] == ["released", "unknown"]

    async def test_what_was_released_and_not_in_the_book_was_never_sent(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            await operate(at, "lower", 1)
            detail = {"id": "y", "selection": "s-y", "value": 1.0}
            at.audit.append(actor="ada", action="command", target="alpha/rtu-1/raise", detail=detail, outcome="released")
        async with running(tmp_path) as at:
            record = at.records[-1]
            assert (record.action, record.outcome, record.detail["id"]) == ("command_outcome", "refused", "y")
            assert record.detail["reason"] == "the center ended before the command was sent"

    async def test_where_the_book_was_lost_nobody_claims_to_know(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            detail = {"id": "y", "selection": "s-y", "value": 1.0}
            at.audit.append(actor="ada", action="command", target="alpha/rtu-1/raise", detail=detail, outcome="released")
        async with running(tmp_path) as at:
            assert (at.records[-1].outcome, at.records[-1].detail["id"]) == ("unknown", "y")


class TestTags:
    async def test_a_red_tag_refuses_until_it_is_off_over_a_restart_too(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            tag = await at.service.place_tag(ADA, TagKind.DO_NOT_OPERATE, "ng-q1", "crew at work")
            assert at.changed == [tag]
        async with running(tmp_path) as at:
            assert at.service.tags() == [tag]
            selection = await at.service.select(GRACE, at.id("q1_command"), 1)
            assert selection.reason == "do not operate: crew at work (ada, on ng-q1)"
            await at.service.remove_tag(GRACE, tag.id, "crew has left")
            assert (await at.service.select(GRACE, at.id("q1_command"), 1)).is_ready
            assert [record.outcome for record in at.records if record.action == "tag"] == ["placed", "removed"]
        async with running(tmp_path) as at:
            assert at.service.tags() == []

    async def test_a_tag_placed_after_the_selection_refuses_the_execution(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            selection = await at.service.select(ADA, at.id("q1_command"), 1)
            await at.service.place_tag(GRACE, TagKind.DO_NOT_OPERATE, "ng-q1", "wait")
            outcome = await at.service.execute(ADA, selection.id)
            assert (outcome.result, at.wire.sent) == (Result.REFUSED, [])

    @pytest.mark.parametrize(
        ("person", "target", "reason", "why"),
        [
            (LISE, "ng-q1", "x", "may not operate"),
            (ADA, "ng-q9", "x", "no equipment"),
            (ADA, "ng-q1", " ", "needs a reason"),
        ],
    )
    async def test_a_tag_that_makes_no_sense_is_refused_and_recorded(
        self, tmp_path: Path, person: Person, target: str, reason: str, why: str
    ) -> None:
        async with running(tmp_path) as at:
            with pytest.raises(RefusedError, match=why):
                await at.service.place_tag(person, TagKind.DO_NOT_OPERATE, target, reason)
            assert (at.said("tag"), at.service.tags()) == (["refused"], [])

    async def test_a_foreign_tag_stays(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            tag: Tag = await at.service.place_tag(GRACE, TagKind.DO_NOT_OPERATE, "ng-q1", "mine")
            with pytest.raises(RefusedError, match="only grace or an engineer"):
                await at.service.remove_tag(ADA, tag.id, "I need it")
            assert (at.said("tag"), at.service.tags()) == (["placed", "refused"], [tag])


SECOND = """
[[control.rules]]
roles = ["operator"]
second_person = true
"""


class TestPeople:
    async def test_a_second_person_approves_and_is_named_in_the_audit(self, tmp_path: Path) -> None:
        async with running(tmp_path, SECOND) as at:
            selection = await at.service.select(ADA, at.id("lower"), 1)
            early = await at.service.execute(ADA, selection.id, id="too-early")
            assert (early.result, early.reason) == (Result.REFUSED, "another person with the authority has to approve")
            with pytest.raises(RefusedError):
                await at.service.approve(ADA, selection.id)
            await at.service.approve(GRACE, selection.id)
            assert (await at.service.execute(ADA, selection.id)).result is Result.DONE
            released = next(record for record in at.records if record.outcome == "released")
            assert (released.actor, released.detail["approved_by"]) == ("ada", "grace")
            assert at.said("approve") == ["refused", "approved"]

    async def test_a_foreign_selection_is_neither_executed_nor_cancelled(self, tmp_path: Path) -> None:
        async with running(tmp_path) as at:
            selection = await at.service.select(ADA, at.id("lower"), 1)
            assert (await at.service.execute(GRACE, selection.id)).reason == "the selection is ada's"
            with pytest.raises(RefusedError):
                await at.service.cancel(GRACE, selection.id)
            assert [record.outcome for record in at.records] == ["granted", "refused", "refused"]
            await at.service.cancel(ADA, selection.id)
            assert at.said("select_ended") == ["cancelled"]

    async def test_a_selection_that_nobody_executes_ends_by_itself(self, tmp_path: Path) -> None:
        async with running(tmp_path, "\n[control]\nselect_s = 0.1\n") as at:
            selection = await at.service.select(ADA, at.id("lower"), 1)
            await at.until(lambda: at.said("select_ended") == ["expired"])
            assert (await at.service.execute(ADA, selection.id)).result is Result.REFUSED


RAMP = """
[[control.setpoints]]
points = ["alpha/rtu-1/p_set"]
ramp_per_s = 10
step_s = 0.1
"""


class TestRamps:
    async def test_a_setpoint_is_led_to_its_value_in_steps(self, tmp_path: Path) -> None:
        async with running(tmp_path, RAMP) as at:
            at.show("p_set", 1)
            assert (await operate(at, "p_set", 5))[0] is Result.DONE
            values = [value for _, value in at.driver.written]
            assert values == sorted(values)
            assert values[-1] == 5
            assert len(values) >= 3
            assert max(after - before for before, after in zip([1.0, *values], values, strict=False)) < 2.5
            assert at.said("command")[0] == "released"
            assert at.said("command_outcome") == ["done"] * (len(values) + 1)

    async def test_it_stops_where_somebody_stops_it(self, tmp_path: Path) -> None:
        async with running(tmp_path, RAMP) as at:
            at.show("p_set", -10)
            selection = await at.service.select(ADA, at.id("p_set"), 10)
            task = asyncio.create_task(at.service.execute(ADA, selection.id, id="x"))
            await at.until(lambda: bool(at.driver.written))
            with pytest.raises(RefusedError):
                await at.service.stop(LISE, "x")
            outcome = await at.service.stop(GRACE, "x")
            assert outcome == await task
            assert outcome.result is Result.FAILED
            assert outcome.reason.startswith("stopped by grace, at -")
            assert at.driver.written[-1][1] < 10

    async def test_a_tag_stops_it_at_the_next_step(self, tmp_path: Path) -> None:
        async with running(tmp_path, RAMP) as at:
            at.show("p_set", -10)
            selection = await at.service.select(ADA, at.id("p_set"), 10)
            task = asyncio.create_task(at.service.execute(ADA, selection.id))
            await at.until(lambda: bool(at.driver.written))
            await at.service.place_tag(GRACE, TagKind.DO_NOT_OPERATE, "alpha/rtu-1/p_set", "hold it")
            outcome = await task
            assert outcome.result is Result.REFUSED
            assert "hold it" in outcome.reason
            assert "led as far as" in outcome.reason

    async def test_from_a_place_that_is_not_known_it_is_not_led(self, tmp_path: Path) -> None:
        async with running(tmp_path, RAMP) as at:
            at.show("p_set", 1, int(Quality.QUESTIONABLE))
            result, why = await operate(at, "p_set", 5)
            assert (result, at.wire.sent) == (Result.REFUSED, [])
            assert "questionable" in why

    async def test_a_center_that_ends_meanwhile_does_not_go_on_by_itself(self, tmp_path: Path) -> None:
        async with running(tmp_path, RAMP) as at:
            at.show("p_set", -10)
            selection = await at.service.select(ADA, at.id("p_set"), 10)
            task = asyncio.create_task(at.service.execute(ADA, selection.id, id="x"))
            await at.until(lambda: len(at.driver.written) >= 2)
            task.cancel()
        async with running(tmp_path, RAMP) as at:
            outcome = await at.service.outcome("x")
            assert outcome is not None
            assert (outcome.result, outcome.reason) == (Result.FAILED, "the center ended while it was led to its value in steps")
            assert at.driver.written == []


async def test_a_login_without_a_second_factor_operates_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as at:
        weak = replace(ADA, has_second_factor=False)
        assert (await at.service.select(weak, at.id("lower"), 1)).is_refused
