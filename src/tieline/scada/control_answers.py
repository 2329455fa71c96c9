"""Answers what the screens ask of control, and says when something there has changed."""

from __future__ import annotations

import asyncio
import random
from typing import assert_never

import structlog
from nats.aio.client import Client

from tieline.bus import scada
from tieline.bus.scada import ControlChanged
from tieline.model import RefusedError, UnavailableError
from tieline.model.control import Person, ProgramRun
from tieline.scada.control import ControlService
from tieline.security.authority import Right, may
from tieline.security.identity.accounts.identity import Identity

log = structlog.get_logger()

LIFE_S = 1.0
LEAST_S = 0.05
"""Between two messages about changes."""

ControlRequest = (
    scada.Select
    | scada.Approve
    | scada.Cancel
    | scada.Execute
    | scada.AskOutcome
    | scada.StopRamp
    | scada.Revoke
    | scada.ReadControl
    | scada.PlaceTag
    | scada.RemoveTag
    | scada.StartProgram
    | scada.ActOnRun
)


def somebody(who: Identity | None) -> Identity:
    """Whoever asks. Raises `RefusedError` where nobody is logged in."""
    if who is None:
        raise RefusedError("nobody is logged in, and nothing is operated without a name")
    return who


def person_of(who: Identity | None) -> Person:
    """Who asks, as control knows people. Raises `RefusedError` where nobody is logged in."""
    who = somebody(who)
    is_nowhere = who.areas is not None and not who.areas
    return Person(
        name=who.person,
        roles=frozenset() if is_nowhere else frozenset(who.roles),
        areas=who.areas or frozenset(),
        has_second_factor=who.has_second_factor,
    )


class ControlAnswers:
    """One control service, asked from screens."""

    def __init__(self, control: ControlService) -> None:
        self._control = control
        self._incarnation = random.SystemRandom().getrandbits(53)
        self._revision = 0
        self._changed = asyncio.Event()
        control.on_change = self._note

    def _note(self, _: object) -> None:
        self._revision += 1
        self._changed.set()

    async def answer(self, request: ControlRequest) -> object:
        """What was asked for. Raises `TielineError`: `RefusedError` above all."""
        control = self._control
        match request:
            case scada.Select():
                return await control.select(person_of(request.who), request.point, request.value, reason=request.reason)
            case scada.Approve():
                return await control.approve(person_of(request.who), request.selection)
            case scada.Cancel():
                return await control.cancel(person_of(request.who), request.selection)
            case scada.Execute():
                return await control.execute(person_of(request.who), request.selection, id=request.id, reason=request.reason)
            case scada.AskOutcome():
                return scada.Found(await control.outcome(request.id))
            case scada.StopRamp():
                return await control.stop(person_of(request.who), request.id)
            case scada.Revoke():
                await self._revoke(request)
                return None
            case scada.PlaceTag():
                return await control.place_tag(person_of(request.who), request.kind, request.target, request.reason)
            case scada.RemoveTag():
                return await control.remove_tag(person_of(request.who), request.id, request.reason)
            case scada.StartProgram():
                return await control.programs.start(person_of(request.who), request.name)
            case scada.ActOnRun():
                return await self._act_on_run(request)
            case scada.ReadControl():
                return await self._state(request.most)
            case _:
                assert_never(request)

    async def _revoke(self, request: scada.Revoke) -> None:
        by = somebody(request.who)
        if not may(by, Right.MANAGE_ACCOUNTS):
            raise RefusedError(f"{by.person} may not manage accounts")
        await self._control.revoke(person_of(by), request.person)

    async def _act_on_run(self, request: scada.ActOnRun) -> ProgramRun:
        programs, person = self._control.programs, person_of(request.who)
        match request.action:
            case "stop":
                return await programs.stop(person, request.run)
            case "confirm":
                return await programs.confirm(person, request.run)
            case "resume":
                return await programs.resume(person, request.run, unknown=request.unknown)
            case "abandon":
                return await programs.abandon(person, request.run)
            case _:
                assert_never(request.action)

    async def _state(self, most: int) -> scada.ControlState:
        control = self._control
        operations = tuple(await control.operations(most))
        return scada.ControlState(
            incarnation=self._incarnation,
            revision=self._revision,
            selections=tuple(control.selections()),
            operations=operations,
            tags=tuple(control.tags()),
            programs=tuple(
                scada.ProgramTitle(each.name, each.title, each.description, tuple(step.text for step in each.steps))
                for each in control.programs.all()
            ),
            runs=tuple(control.programs.runs()),
        )

    async def tell_changes(self, client: Client) -> None:
        """Says where control is, as soon as that changes and at least once a second, until cancelled."""
        while True:
            self._changed.clear()
            try:
                await scada.tell(client, ControlChanged(self._incarnation, self._revision))
            except UnavailableError as error:
                log.debug("change of control not told", reason=str(error))
            await asyncio.sleep(LEAST_S)
            try:
                async with asyncio.timeout(LIFE_S):
                    await self._changed.wait()
            except TimeoutError:
                continue
