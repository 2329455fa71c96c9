"""Controls against a server of libiec61850: the four models, refusals in words, and what nobody knows."""

from __future__ import annotations

import asyncio

import pytest

from tests.edge.iec61850.station import LD, SWITCHES, controlled, driving, line_to, needs_peer, serving, settings
from tieline.edge.driver import UnconfirmedError
from tieline.edge.iec61850.settings import ControlledPoint
from tieline.model import RefusedError, RemoteError, UnavailableError
from tieline.protocols.iec61850.mms.control import Command, OriginCategory
from tieline.protocols.iec61850.mms.names import name_of

pytestmark = needs_peer
MODELS = {1: "direct, normal", 2: "select before operate, normal", 3: "direct, enhanced", 4: "select before operate, enhanced"}
every_model = pytest.mark.parametrize("number", MODELS, ids=MODELS.get)


def switch(number: int) -> ControlledPoint:
    return SWITCHES[number - 1]


@every_model
async def test_a_command_is_executed_and_confirmed(number: int) -> None:
    async with serving() as peer, driving(settings(peer.port)) as seen:
        await seen.up()
        await seen.driver.write(switch(number).point.id, 1.0)
        asked = (await peer.ask("seen"))["seen"]
        operate = asked[-1]
        assert operate["object"] == f"SPCSO{number}"
        assert not operate["select"]
        assert [each["select"] for each in asked] == ([True, False] if number in {2, 4} else [False])
        assert operate["category"] == OriginCategory.REMOTE_CONTROL
        assert operate["interlock"]


@every_model
async def test_a_refused_command_says_why(number: int) -> None:
    async with serving() as peer, driving(settings(peer.port)) as seen:
        await seen.up()
        await peer.ask("behave", object=f"SPCSO{number}", how="refuse")
        expected = "refused" if number == 2 else "blocked by interlocking"  # a read of SBO is refused without a cause
        with pytest.raises(RemoteError, match=expected):
            await seen.driver.write(switch(number).point.id, 1.0)
        assert seen.driver.health.exceptions == 1
        await peer.ask("behave", object=f"SPCSO{number}", how="")
        await seen.driver.write(switch(number).point.id, 1.0)


@pytest.mark.parametrize("number", [3, 4])
async def test_a_command_that_fails_in_execution_is_reported_as_failed(number: int) -> None:
    async with serving() as peer, driving(settings(peer.port)) as seen:
        await seen.up()
        await peer.ask("behave", object=f"SPCSO{number}", how="fail")
        with pytest.raises(RemoteError, match="blocked by something in the process"):
            await seen.driver.write(switch(number).point.id, 1.0)


@pytest.mark.parametrize("number", [3, 4])
async def test_a_command_without_its_termination_is_unconfirmed(number: int) -> None:
    async with serving() as peer, driving(settings(peer.port, command_timeout_s=0.3)) as seen:
        await seen.up()
        await peer.ask("behave", object=f"SPCSO{number}", how="never")
        with pytest.raises(UnconfirmedError, match="did not say"):
            await seen.driver.write(switch(number).point.id, 1.0)
        assert len([each for each in (await peer.ask("seen"))["seen"] if not each["select"]]) == 1


@every_model
async def test_a_command_to_a_device_that_went_silent_is_known_not_to_be_executed(number: int) -> None:
    async with serving() as peer, line_to(peer.port) as line, driving(settings(line.port, timeout_s=0.4, poll_s=60.0)) as seen:
        await seen.up()
        line.hold()
        with pytest.raises(UnavailableError) as caught:  # the model is asked for first: nothing was operated
            await seen.driver.write(switch(number).point.id, 1.0)
        assert not isinstance(caught.value, UnconfirmedError)
        assert (await peer.ask("seen"))["seen"] == []


@pytest.mark.parametrize("number", [1, 3])
async def test_an_operate_without_an_answer_is_unconfirmed_and_not_sent_again(number: int) -> None:
    async with serving() as peer, line_to(peer.port) as line, driving(settings(line.port, timeout_s=0.4, poll_s=60.0)) as seen:
        await seen.up()
        line.hold_answers_after = b"ctlModel"
        with pytest.raises(UnconfirmedError):
            await seen.driver.write(switch(number).point.id, 1.0)
        operated = [each for each in (await peer.ask("seen"))["seen"] if not each["select"]]
        assert len(operated) == 1


async def test_a_line_that_breaks_before_the_termination_leaves_the_command_unconfirmed() -> None:
    async with serving() as peer, line_to(peer.port) as line, driving(settings(line.port, command_timeout_s=10.0)) as seen:
        await seen.up()
        await peer.ask("behave", object="SPCSO3", how="never")
        command = asyncio.create_task(seen.driver.write(switch(3).point.id, 1.0))
        while not (await peer.ask("seen"))["seen"]:
            await asyncio.sleep(0)
        line.cut()
        with pytest.raises(UnconfirmedError, match="ended before the command did"):
            await command


async def test_check_bits_origin_and_test_flag_arrive_as_given() -> None:
    async with serving() as peer, driving(settings(peer.port)) as seen:
        await seen.up()
        command = Command(value=1.0, category=OriginCategory.MAINTENANCE, test=True, interlock_check=False, synchro_check=True)
        await seen.driver.operate(switch(1).point.id, command)
        (asked,) = (await peer.ask("seen"))["seen"]
        assert (asked["category"], asked["interlock"], asked["synchro"], asked["test"]) == (7, False, True, True)


async def test_commands_of_one_object_follow_each_other_and_their_numbers_differ() -> None:
    async with serving() as peer, driving(settings(peer.port)) as seen:
        await seen.up()
        async with asyncio.TaskGroup() as tasks:
            for turn in range(6):
                tasks.create_task(seen.driver.write(switch(4).point.id, float(turn % 2)))
        asked = (await peer.ask("seen"))["seen"]
        assert [each["select"] for each in asked] == [True, False] * 6
        assert len({each["number"] for each in asked}) == 6


async def test_what_cannot_be_written_is_refused_without_a_word_to_the_device() -> None:
    ghost = controlled("ghost", f"{LD}/GGIO9.SPCSO1")
    status = controlled("breaker-command", f"{LD}/XCBR1.Pos")
    setting = ControlledPoint(point=controlled("setting", f"{LD}/X.Y").point, target=name_of(f"{LD}/GGIO1.Nope.setMag.f", "SP"))
    chosen = (*SWITCHES, ghost, status, setting)
    async with serving() as peer, driving(settings(peer.port, controlled=chosen)) as seen:
        await seen.up()
        for point, value in ((switch(1), 0.5), (switch(1), float("nan")), (ghost, 1.0), (status, 1.0), (setting, 1.0)):
            with pytest.raises(RefusedError):
                await seen.driver.write(point.point.id, value)
        with pytest.raises(RefusedError, match="no writable point"):
            await seen.driver.write(controlled("other", f"{LD}/A.B").point.id, 1.0)
        assert (await peer.ask("seen"))["seen"] == []


async def test_a_command_to_a_device_that_is_away_is_unavailable() -> None:
    async with serving() as peer, driving(settings(peer.port)) as seen:
        await seen.up()
        await peer.stop()
        await seen.until(lambda: not seen.driver.health.is_up)
        with pytest.raises(UnavailableError, match="does not answer") as caught:
            await seen.driver.write(switch(1).point.id, 1.0)
        assert not isinstance(caught.value, UnconfirmedError)
