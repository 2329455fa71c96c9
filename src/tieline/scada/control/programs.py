"""Switching programs: started, confirmed, stopped and resumed by people, each step through the one door."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

import structlog

from tieline.config.gate import Interlock
from tieline.config.programs import Program
from tieline.io import Clock
from tieline.model import Now, Outcome, Point, PointId, RefusedError, Result, TielineError
from tieline.model.control import Person, ProgramRun, RunState, Selection
from tieline.scada.control.book import ControlBook
from tieline.scada.control.checks import Checks
from tieline.scada.control.running import Due, Running, after_restart, begin
from tieline.scada.control.values import Condition, Values
from tieline.security.audit import AuditLog
from tieline.security.authority import Right, roles_of

TICK_S = 0.1
ENDS_S = 5.0
"""So long it is awaited that a run that was stopped is left alone; only a command that is under way takes longer."""
MOST_ID = 80
"""Who may abandon a run whose program is gone, besides who led it."""

log = structlog.get_logger()


class Door(Protocol):
    """Through which every step goes."""

    async def select(self, person: Person, point: PointId, value: float, *, reason: str = "") -> Selection:
        """A selection with its verdicts."""
        ...

    async def execute(self, person: Person, selection: str, *, id: str = "", reason: str = "") -> Outcome:  # noqa: A002
        """What became of the command."""
        ...

    async def cancel(self, person: Person, selection: str) -> Selection:
        """Gives the point free."""
        ...

    async def outcome(self, id: str) -> Outcome | None:  # noqa: A002
        """What became of an earlier one."""
        ...

    def selections(self) -> list[Selection]:
        """Those that hold a point."""
        ...


class Programs:
    """All programs of the folder, and their runs."""

    def __init__(
        self,
        programs: Iterable[Program],
        door: Door,
        checks: Checks,
        values: Values,
        book: ControlBook,
        audit: AuditLog,
        *,
        clock: Clock,
        on_change: Callable[[ProgramRun], None],
        on_stopped: Callable[[ProgramRun, Point], None],
    ) -> None:
        """`on_stopped` is told runs that have stopped, each with the point of the step that they stand at."""
        self._programs = {program.name: program for program in programs}
        self._door = door
        self._checks = checks
        self._values = values
        self._book = book
        self._audit = audit
        self._clock = clock
        self._on_change = on_change
        self._on_stopped = on_stopped
        self._conditions: dict[int, Condition] = {}
        self._runs = {run.id: run for run in book.runs()}
        self._running: dict[str, Running] = {}
        self._people: dict[str, Person] = {}
        """Who leads a run that is not over, with the rights of that person's login."""
        self._leading: dict[str, asyncio.Task[None]] = {}
        self._stored = dict(self._runs)
        self._tasks: asyncio.TaskGroup | None = None

    async def recover(self) -> None:
        """Stops the runs that were under way when the center ended. Raises `UnavailableError`."""
        for run in list(self._runs.values()):
            await self._store(after_restart(run, self._now()))

    def begin(self, tasks: asyncio.TaskGroup) -> None:
        """Runs are led from now on, as tasks of this group."""
        self._tasks = tasks

    def end(self) -> None:
        """No run is led any more."""
        self._tasks = None

    def all(self) -> list[Program]:
        """The programs, by their names."""
        return [self._programs[name] for name in sorted(self._programs)]

    def runs(self) -> list[ProgramRun]:
        """The runs, the one that changed last first."""
        return sorted(self._runs.values(), key=lambda run: run.changed_us, reverse=True)

    async def start(self, person: Person, name: str) -> ProgramRun:
        """A run that has begun. Raises `RefusedError`, `UnavailableError`."""
        try:
            program = self._startable(person, name)
        except RefusedError as error:
            await self._record(person, "program_started", name, {"reason": str(error)}, "refused")
            raise
        run = begin(program, f"r-{secrets.token_hex(8)}", person.name, self._now())
        self._runs[run.id] = run  # from here on nobody else starts it
        try:
            await self._record(person, "program_started", name, {"id": run.id, "fingerprint": program.fingerprint}, "started")
            await self._store(run)
        except TielineError:
            del self._runs[run.id]
            raise
        self._lead(person, Running(program, run, self._holds))
        return run

    async def stop(self, person: Person, run: str) -> ProgramRun:
        """The run, which releases nothing more; whoever may operate one of its points may stop it.

        Raises `RefusedError`, `UnavailableError`.
        """
        async with self._told(person, "program_stopped", run):
            running = self._find(run)
            self._check_any(person, self._program(running.run.program))
            running.stop(f"stopped by {person.name}", self._now())
        await self._acted(person, "program_stopped", running)
        return running.run

    async def stop_those_of(self, by: Person, name: str, why: str) -> None:
        """Every run that a person leads stops. Raises `UnavailableError`."""
        for id_, person in list(self._people.items()):
            running = self._running.get(id_)
            if person.name == name and running is not None and running.run.state in {RunState.RUNNING, RunState.WAITING}:
                running.stop(why, self._now())
                await self._acted(by, "program_stopped", running)

    async def confirm(self, person: Person, run: str) -> ProgramRun:
        """The run, whose step a person has confirmed. Raises `RefusedError`, `UnavailableError`."""
        async with self._told(person, "program_confirmed", run):
            running = self._find(run)
            self._check_person(person, self._program(running.run.program))
            self._check_factor(person, running)
            running.check_confirm()
            await self._record_act(person, "program_confirmed", running)  # before anything is released
            running.confirm(self._now())
        if person.name == running.run.person:
            self._people[run] = person  # as the login is now
        await self._store(running.run)
        return running.run

    async def resume(self, person: Person, run: str, *, unknown: str = "") -> ProgramRun:
        """The run, which goes on. `unknown` says `repeat` or `done` of a step of which nobody knows whether it acted.

        Raises `RefusedError`, `UnavailableError`.
        """
        async with self._told(person, "program_resumed", run):
            running = self._find(run)
            self._check_person(person, self._program(running.run.program))
            await self._left_alone(running)
            command = running.run.steps[running.run.step].command if not running.run.state.is_over else ""
            outcome = await self._door.outcome(command) if command else None
            before = running.run
            running.resume(person.name, outcome, self._now(), unknown)
            try:
                await self._acted(person, "program_resumed", running, unknown)
            except TielineError:
                running.run = before
                raise
        if running.run.state is RunState.RUNNING:  # nobody has stopped it while that was recorded
            self._lead(person, running)
        return running.run

    async def abandon(self, person: Person, run: str) -> ProgramRun:
        """The run, which will not go on. Raises `RefusedError`, `UnavailableError`."""
        async with self._told(person, "program_abandoned", run):
            found = self._runs.get(run)
            if found is not None and found.program not in self._programs:
                return await self._abandon_gone(person, found)
            running = self._find(run)
            self._check_person(person, self._program(running.run.program))
            running.abandon(f"abandoned by {person.name}", self._now())
        await self._acted(person, "program_abandoned", running)
        self._running.pop(run, None)
        return running.run

    async def _abandon_gone(self, person: Person, run: ProgramRun) -> ProgramRun:
        """A run of a program that is in the folder no more."""
        if person.name != run.person and not roles_of(Right.ABANDON_PROGRAMS) & person.roles:
            raise RefusedError(f"its program is gone: only {run.person} or an engineer abandons the run")
        if run.state.is_over:
            raise RefusedError("the run is over")
        abandoned = replace(run, state=RunState.ABANDONED, words=f"abandoned by {person.name}", changed_us=self._clock.now_us())
        await self._record(person, "program_abandoned", run.program, {"id": run.id, "step": run.step + 1}, abandoned.state)
        await self._store(abandoned)
        return abandoned

    def _open_tasks(self) -> asyncio.TaskGroup:
        if self._tasks is None:
            raise RefusedError("control is starting or ending")
        return self._tasks

    def _program(self, name: str) -> Program:
        program = self._programs.get(name)
        if program is None:
            raise RefusedError(f"there is no program {name!r}; there are {', '.join(sorted(self._programs)) or 'none'}")
        return program

    def _startable(self, person: Person, name: str) -> Program:
        self._open_tasks()
        program = self._program(name)
        self._check_person(person, program)
        other = next((run for run in self._runs.values() if run.program == name and not run.state.is_over), None)
        if other is not None:
            raise RefusedError(f"{other.person} runs the program already ({other.id}: {other.state})")
        return program

    def _check_person(self, person: Person, program: Program) -> None:
        for step in program.steps:
            if not self._checks.permits(person, step.point):
                raise RefusedError(f"{person.name} may not operate {step.point.path}, and so not lead the program")

    def _check_any(self, person: Person, program: Program) -> None:
        if not any(self._checks.permits(person, step.point) for step in program.steps):
            raise RefusedError(f"{person.name} may not operate any point of the program")

    def _check_factor(self, person: Person, running: Running) -> None:
        program = self._program(running.run.program)
        point = program.steps[min(running.run.step, len(program.steps) - 1)].point
        if not person.has_second_factor and self._checks.needs_second_factor([point.id]):
            raise RefusedError("confirming needs a login with a second factor")

    @asynccontextmanager
    async def _told(self, person: Person, action: str, run: str) -> AsyncIterator[None]:
        """A refusal within is recorded."""
        try:
            yield
        except RefusedError as error:
            found = self._runs.get(run)
            target = "" if found is None else found.program
            await self._record(person, action, target, {"id": run[:MOST_ID], "reason": str(error)}, "refused")
            raise

    async def _left_alone(self, running: Running) -> None:
        """Waits until a run that was stopped is led no more. Raises `RefusedError` where a command of it is under way."""
        task = self._leading.get(running.run.id)
        if task is not None and running.run.state is RunState.STOPPED:
            _, pending = await asyncio.wait({task}, timeout=ENDS_S)
            if pending:
                raise RefusedError("the command of its step is under way; resume it when that has an outcome")

    def _find(self, id_: str) -> Running:
        self._open_tasks()
        run = self._runs.get(id_)
        if run is None:
            raise RefusedError(f"there is no run {id_!r}")
        program = self._program(run.program)
        running = self._running.get(id_)
        if running is None:
            running = self._running[id_] = Running(program, run, self._holds)
        return running

    def _lead(self, person: Person, running: Running) -> None:
        id_ = running.run.id
        self._running[id_] = running
        self._people[id_] = person
        self._leading[id_] = self._open_tasks().create_task(self._drive(running), name=f"program run {id_}")

    async def _drive(self, running: Running) -> None:
        """Leads a run until it stops or ends."""
        id_ = running.run.id
        try:
            while running.run.state in {RunState.RUNNING, RunState.WAITING}:
                due = running.tick(self._now())
                await self._store(running.run)  # before anything is released
                if due is None:
                    await asyncio.sleep(TICK_S)
                    continue
                outcome = await self._execute(self._people[id_], running, due)
                running.executed(outcome, self._now())
                await self._store(running.run)
            await self._record(
                self._people[id_],
                "program_ended",
                running.run.program,
                {"id": id_, "reason": running.run.words},
                running.run.state,
            )
        except TielineError as error:
            log.error("program run stopped", run=id_, reason=str(error))
            if running.run.state in {RunState.RUNNING, RunState.WAITING}:
                running.stop(str(error), self._now())
            self._runs[id_] = running.run
        finally:
            self._people.pop(id_, None)
            self._leading.pop(id_, None)
            if running.run.state is RunState.STOPPED:
                self._on_stopped(running.run, self._programs[running.run.program].steps[running.run.step].point)
            if running.run.state.is_over:
                self._running.pop(id_, None)

    async def _execute(self, person: Person, running: Running, due: Due) -> Outcome:
        reason = f"step {running.run.step + 1} of {running.run.program} ({running.run.id}): {due.text}"
        if why := running.standstill():  # stopped while it was stored
            return self._refused(due, why)
        selection = await self._door.select(person, due.point, due.value, reason=reason)
        if selection.is_refused:
            return self._refused(due, selection.reason)
        if not selection.is_ready:
            running.wait(f"{selection.reason} (selection {selection.id})", self._now())
            await self._store(running.run)
            problem = await self._approval(running, selection.id)
            if problem:
                return await self._given_up(person, selection, due, problem)
            running.go_on(self._now())
            await self._store(running.run)
        if why := running.standstill():
            return await self._given_up(person, selection, due, why)
        return await self._door.execute(person, selection.id, id=due.command, reason=reason)

    async def _given_up(self, person: Person, selection: Selection, due: Due, why: str) -> Outcome:
        with suppress(RefusedError):  # it may have expired by itself
            await self._door.cancel(person, selection.id)
        return self._refused(due, why)

    async def _approval(self, running: Running, selection: str) -> str:
        """Waits for the second person; why it was in vain, or nothing."""
        while running.run.state is RunState.WAITING:
            held = next((each for each in self._door.selections() if each.id == selection), None)
            if held is None:
                return "nobody approved in time"
            if held.approved_by:
                return ""
            await asyncio.sleep(TICK_S)
        return running.run.words

    def _refused(self, due: Due, why: str) -> Outcome:
        return Outcome(command=due.command, time=self._clock.now_us(), result=Result.REFUSED, reason=why)

    async def _acted(self, person: Person, action: str, running: Running, said: str = "") -> None:
        await self._record_act(person, action, running, said)
        await self._store(running.run)

    async def _record_act(self, person: Person, action: str, running: Running, said: str = "") -> None:
        run = running.run
        detail: dict[str, object] = {"id": run.id, "step": run.step + 1}
        if said:
            detail["unknown"] = said[:MOST_ID]
        await self._record(person, action, run.program, detail, str(run.state))

    async def _record(self, person: Person, action: str, target: str, detail: dict[str, object], outcome: str) -> None:
        append = partial(self._audit.append, actor=person.name, action=action, target=target, detail=detail)
        await asyncio.to_thread(append, outcome=str(outcome))

    async def _store(self, run: ProgramRun) -> None:
        self._runs[run.id] = run
        if self._stored.get(run.id) != run:
            await asyncio.to_thread(self._book.put_run, run)
            self._stored[run.id] = run
            self._on_change(run)

    def _holds(self, interlock: Interlock, now: Now) -> tuple[bool | None, str]:
        condition = self._conditions.get(id(interlock))
        if condition is None:
            condition = self._conditions[id(interlock)] = Condition(interlock, self._values)
        return condition.holds(now)

    def _now(self) -> Now:
        return Now(self._clock.monotonic(), self._clock.now_us())
