"""What screens ask of alarms and control over a real bus, and who may ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.errors import TimeoutError as NatsTimeoutError

from bench.topology import plan_for
from tests.scada.alarms.plans import state_plan
from tests.scada.control import scene as control_scene
from tieline.bus import Server, connected, publish, scada, streams
from tieline.bus.configuration import for_center
from tieline.config.fields import Role
from tieline.io import Backoff, SystemClock
from tieline.model import Batch, Now, Quality, RefusedError, Result, Samples, UnavailableError, subjects
from tieline.model.alarms import AlarmState
from tieline.model.control import TagKind
from tieline.scada.alarm_desk import AlarmDesk
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore
from tieline.scada.control_answers import ControlAnswers, person_of
from tieline.scada.service import MOST_ALARMS, ScadaService, permits
from tieline.security.identity import Authority
from tieline.security.identity.accounts import Identity

pytestmark = pytest.mark.system

ALARMS = MOST_ALARMS + 500


def identity(person: str, *roles: Role, areas: frozenset[str] | None = None) -> Identity:
    return Identity(person=person, roles=frozenset(roles), areas=areas, has_second_factor=True, session="s", address="127.0.0.1")


ADA = identity("ada", "operator")
LISE = identity("lise", "viewer")
ELSEWHERE = identity("mary", "operator", areas=frozenset({"beta"}))
NOWHERE = identity("joan", "operator", areas=frozenset())


@dataclass
class Door:
    """A center whose supervision runs, as its web server reaches it."""

    web: Client
    center: Client
    ask: scada.ScadaClient
    control: control_scene.Scene
    sequence: int = 0

    async def happen(self, *values: float) -> None:
        """The first binary points of alarms take these values."""
        self.sequence += 1
        numbers, now_us = range(1, len(values) + 1), SystemClock().now_us()
        samples = Samples.of(list(numbers), [now_us] * len(values), list(values), Quality.DEVICE_TIME)
        batch = Batch(site="alpha", incarnation=1, sequence=self.sequence, samples=samples)
        await publish(self.web, batch, subject=subjects.center_batches("alpha"))

    async def states(self) -> dict[str, AlarmState]:
        """The alarms that are not normal, page by page."""
        found: dict[str, AlarmState] = {}
        request = scada.ListAlarms()
        while True:
            answer = await self.ask.ask(request)
            found |= {alarm.id: alarm.state for alarm in answer.alarms}
            if answer.is_complete:
                return found
            request = scada.ListAlarms(since=answer.revision, incarnation=answer.incarnation, after=answer.after)

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not check():
                await asyncio.sleep(0.02)


@asynccontextmanager
async def open_door(folder: Path) -> AsyncIterator[Door]:
    authority = Authority.open(folder / "authority")
    credentials = authority.credentials(subjects.CENTER_ROLE, hosts=["127.0.0.1"])
    place = folder / "bus"

    def open_service(now: Now) -> AlarmService:
        engine = AlarmEngine([state_plan(number) for number in range(1, ALARMS + 1)])
        return AlarmService(engine, AlarmStore(folder / "alarms.db"), now, permits=permits)

    async with AsyncExitStack() as stack:
        configuration = for_center(plan_for(folder, ["north"]), credentials, place / "store", None)
        server = await stack.enter_async_context(Server.running("center", place, configuration))
        center, web, role = [
            await stack.enter_async_context(connected(server.port, authority.credentials(name)))
            for name in (subjects.CENTER_ROLE, subjects.WEB_ROLE, subjects.SCADA_ROLE)
        ]
        await streams.ensure_center_stream(center, stream_mb=64)
        await streams.ensure_place(center, subjects.CENTER_STREAM, subjects.ALARMS_CONSUMER)
        control = await stack.enter_async_context(control_scene.running(folder / "control"))
        alarms = await stack.enter_async_context(AlarmDesk(open_service, SystemClock()))
        answers = ControlAnswers(control.service)
        ask = scada.ScadaClient(web)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        running = [
            tasks.create_task(work)
            for work in (
                alarms.take_stream(role, Backoff(lambda: 0.5)),
                alarms.tell_changes(role),
                answers.tell_changes(role),
                scada.answer_requests(role, ScadaService(alarms, answers).answer),
                ask.run(),
            )
        ]
        door = Door(web, center, ask, control)
        await door.until(lambda: ask.is_heard)
        try:
            yield door
        finally:
            for task in running:
                task.cancel()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with open_door(tmp_path) as door:
        yield door


async def test_alarms_come_through_the_stream_and_are_acknowledged_by_who_may(door: Door) -> None:
    before = door.ask.alarms
    await door.happen(1, 1, 0)
    await door.until(lambda: door.ask.alarms.unacknowledged == (0, 2, 0, 0))
    assert door.ask.alarms.revision > before.revision
    assert await door.states() == {"alpha/a1": AlarmState.UNACKNOWLEDGED, "alpha/a2": AlarmState.UNACKNOWLEDGED}
    for who, words in ((LISE, "has not the role operator"), (ELSEWHERE, "for alpha"), (NOWHERE, "for alpha")):
        with pytest.raises(RefusedError, match=words):
            await door.ask.ask(scada.ActOnAlarms(who=who, action="acknowledge", ids=("alpha/a1",)))
    with pytest.raises(RefusedError, match="nobody is logged in"):
        await door.ask.ask(scada.ActOnAlarms(action="acknowledge", ids=("alpha/a1",)))
    done = await door.ask.ask(scada.ActOnAlarms(who=ADA, action="acknowledge", ids=("alpha/a1", "alpha/none")))
    assert done.ids == ("alpha/a1",)
    assert done.refused == {"alpha/none": "there is no such alarm"}
    await door.until(lambda: door.ask.alarms.unacknowledged == (0, 1, 0, 0))
    lines = (await door.ask.ask(scada.ReadJournal(begin=0, end=2**60, alarm="alpha/a1"))).rows
    assert [(line["after"], line["by"]) for line in lines] == [("unacknowledged", ""), ("acknowledged", "ada")]
    figures = (await door.ask.ask(scada.ReadMetrics(begin=0, end=2**60))).values
    assert figures["alarms"] == 2


async def test_what_is_taken_leaves_the_stream(door: Door) -> None:
    await door.happen(1)
    await door.until(lambda: sum(door.ask.alarms.unacknowledged) == 1)

    async def pending() -> int:
        answer = await streams.api(door.center, f"$JS.API.CONSUMER.INFO.{subjects.CENTER_STREAM}.{subjects.ALARMS_CONSUMER}", {})
        return int(answer["num_pending"]) + int(answer["num_ack_pending"])

    async with asyncio.timeout(10):
        while await pending():
            await asyncio.sleep(0.05)


async def test_more_alarms_than_one_answer_takes_come_page_by_page(door: Door) -> None:
    await door.happen(*[1.0] * ALARMS)
    await door.until(lambda: sum(door.ask.alarms.unacknowledged) == ALARMS)
    first = await door.ask.ask(scada.ListAlarms())
    assert len(first.alarms) == MOST_ALARMS
    assert not first.is_complete
    second = await door.ask.ask(scada.ListAlarms(since=first.revision, incarnation=first.incarnation, after=first.after))
    assert second.is_complete
    told = [alarm.id for alarm in (*first.alarms, *second.alarms)]
    assert len(told) == len(set(told)) == ALARMS, "each is told once, though all have changed at once"
    assert (await door.ask.ask(scada.ListAlarms(since=second.revision, incarnation=second.incarnation))).alarms == ()


async def test_a_command_goes_through_and_is_found_again(door: Door) -> None:
    point = next(each.id for each in door.control.points.values() if each.kind == "setpoint")
    before = door.ask.control.revision
    selection = await door.ask.ask(scada.Select(who=ADA, point=point, value=1.0))
    refused = await door.ask.ask(scada.Select(who=LISE, point=point, value=1.0))
    assert refused.is_refused
    assert "may not operate" in refused.reason
    await door.until(lambda: door.ask.control.revision > before)
    outcome = await door.ask.ask(scada.Execute(who=ADA, selection=selection.id, id="dispatch-1"))
    assert (outcome.result, outcome.reason) == (Result.DONE, "")
    assert (await door.ask.ask(scada.AskOutcome(id="dispatch-1"))).outcome == outcome
    assert (await door.ask.ask(scada.AskOutcome(id="nothing"))).outcome is None
    state = await door.ask.ask(scada.ReadControl())
    assert [operation.id for operation in state.operations] == ["dispatch-1"]
    tag = await door.ask.ask(scada.PlaceTag(who=ADA, kind=TagKind.DO_NOT_OPERATE, target=selection.path, reason="people at work"))
    assert (await door.ask.ask(scada.ReadControl())).tags == (tag,)
    assert "people at work" in (await door.ask.ask(scada.Select(who=ADA, point=point, value=1.0))).reason
    with pytest.raises(RefusedError):
        await door.ask.ask(scada.StartProgram(who=ADA, name="none"))


async def test_nobody_but_the_web_asks_and_nobody_but_supervision_tells(door: Door) -> None:
    """The center's own process is refused too."""
    with pytest.raises(NatsTimeoutError):
        await door.center.request(subjects.SCADA_ASK, b"", timeout=0.5)
    heard = door.ask.alarms
    await door.web.publish(subjects.ALARMS_CHANGED, b"forged")
    await door.center.publish(subjects.ALARMS_CHANGED, b"forged")
    await door.happen(1)
    await door.until(lambda: door.ask.alarms != heard)
    assert sum(door.ask.alarms.unacknowledged) == 1


async def test_a_request_that_makes_no_sense_is_refused_in_words(door: Door) -> None:
    answer = await door.web.request(subjects.SCADA_ASK, b"\xc1", timeout=5)
    assert b"makes no sense" in answer.data


async def test_supervision_that_does_not_run_is_said(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    credentials = authority.credentials(subjects.CENTER_ROLE, hosts=["127.0.0.1"])
    configuration = for_center(plan_for(tmp_path, ["north"]), credentials, tmp_path / "store", None)
    async with (
        Server.running("center", tmp_path / "bus", configuration) as server,
        connected(server.port, authority.credentials(subjects.WEB_ROLE)) as web,
    ):
        client = scada.ScadaClient(web)
        assert not client.is_heard
        with pytest.raises(UnavailableError, match="do not run"):
            await client.ask(scada.ListAlarms())


def test_somebody_whose_roles_hold_nowhere_has_none() -> None:
    assert person_of(NOWHERE).roles == frozenset()
    assert person_of(ELSEWHERE).areas == {"beta"}
    assert person_of(ADA).areas == frozenset()
    with pytest.raises(RefusedError):
        person_of(None)
