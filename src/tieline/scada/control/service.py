"""Control as everybody uses it: pages, terminals, services and programs, all through this one door.

Every call is answered with what became of it, in words, and leaves a record in the center's audit. Commands are idempotent by their id:
the same execution again gets the one outcome, also after the center was started again; `outcome` asks the site once more where it was
lost.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import structlog
from nats.aio.client import Client

from tieline.config import Utility
from tieline.edge.automation.ramp import Ramp
from tieline.io import Clock
from tieline.model import Event, Outcome, Point, PointId, RefusedError, Result, TielineError, UnavailableError
from tieline.model.control import Operation, Person, ProgramRun, Selection, Tag, TagKind
from tieline.scada.control.book import TAKEN, ControlBook, Entry
from tieline.scada.control.checks import Checks
from tieline.scada.control.delivery import Delivery
from tieline.scada.control.desk import ControlDesk
from tieline.scada.control.executing import Executing, Release
from tieline.scada.control.programs import Programs
from tieline.scada.control.recovery import RECALLED_RECORDS, left_open
from tieline.scada.control.tags import Tags, may_clear
from tieline.scada.control.telling import Telling
from tieline.scada.control.topology import Switching
from tieline.scada.control.values import Values
from tieline.scada.live import LiveState
from tieline.security.audit import AuditLog
from tieline.security.identity.signing import Signer

TICK_S = 0.02
ASK_AGAIN_S = 5.0
MOST_UNDER_WAY = 256
MOST_TEXT = 200
MOST_ID = 80
STEP = "~"
"""Between the id of a command that is carried out in steps, and the number of the step: no caller's id has it."""
_ID = re.compile(r"[A-Za-z0-9_.:-]+", re.ASCII)

SITE = "center"
"""Under which name the center's audit stands."""

log = structlog.get_logger()


@dataclass(slots=True)
class _UnderWay:
    selection: str
    task: asyncio.Task[Outcome]
    operation: Operation
    is_led: bool
    stopped: str = ""
    """Why, where it is carried out in steps and takes no further one."""


class ControlService:
    """The door. `run` it; everything else may be called while it runs."""

    def __init__(
        self,
        utility: Utility,
        live: LiveState,
        *,
        audit: AuditLog,
        book: ControlBook,
        delivery: Delivery,
        switching: Switching | None = None,
        clock: Clock,
        on_event: Callable[[Event], None] = lambda _: None,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        """`on_event` is told what operators should see and no site tells: above all what is refused here."""
        self._plan = utility.control
        self._audit = audit
        self._book = book
        self._clock = clock
        self._new_id = new_id
        self._points: dict[PointId, Point] = {point.id: point for point in utility.plant_points}
        self._paths = {point.path: point for point in self._points.values()}
        self._values = Values(live)
        self._tags = Tags(self._points.values(), book.tags())
        self._checks = Checks(self._plan, self._points.values(), live, self._values, self._tags, switching)
        self._desk = ControlDesk(
            self._checks,
            select_s=self._plan.select_s,
            most_selections=self._plan.most_selections,
            new_id=lambda: f"s-{new_id()}",
        )
        self._telling = Telling(self._points, on_event, clock)
        self._executing = Executing(
            self._desk,
            book,
            audit,
            delivery,
            self._values,
            {point: feedback for site in utility.sites for point, feedback in site.gate.feedbacks.items()},
            answer_s=self._plan.answer_s,
            feedback_s=self._plan.feedback_s,
            on_outcome=self._telling.outcome,
            clock=clock,
        )
        self._under_way: dict[str, _UnderWay] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self.on_change: Callable[[Selection | Operation | Tag | ProgramRun], None] = lambda _: None
        """Called with everything that changed."""
        self.programs = Programs(
            utility.programs,
            self,
            self._checks,
            self._values,
            book,
            audit,
            clock=clock,
            on_change=self._changed,
            on_stopped=self._telling.stopped,
        )
        """Switching programs."""

    @classmethod
    def open(
        cls,
        utility: Utility,
        live: LiveState,
        client: Client,
        signer: Signer,
        stack: ExitStack,
        *,
        folder: Path,
        audit: AuditLog,
        switching: Switching | None = None,
        clock: Clock,
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> Self:
        """The door with its book in the center's folder, which `stack` closes. Raises `UnavailableError`."""
        book = ControlBook.open(
            folder / "control.db", most_commands=utility.control.kept_commands, most_runs=utility.control.kept_runs
        )
        stack.callback(book.close)
        delivery = Delivery(client, signer, command_s=utility.control.command_s, clock=clock)
        return cls(utility, live, audit=audit, book=book, delivery=delivery, switching=switching, clock=clock, on_event=on_event)

    async def run(self) -> None:
        """Works until cancelled; what is under way then is asked for at the next start."""
        for tag in self._tags.all():
            if not self._tags.under(tag):
                log.warning("tag hangs on nothing that is in the folder", tag=tag.id, target=tag.target, owner=tag.owner)
        open_ones = await self._recover()
        await self.programs.recover()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                tasks.create_task(self._tick(), name="control's clock")
                tasks.create_task(self._settle(open_ones), name="ask for lost answers")
                self.programs.begin(tasks)
        finally:
            self.programs.end()
            self._tasks = None

    async def select(self, person: Person, point: PointId, value: float, *, reason: str = "") -> Selection:
        """A selection with the verdict of every check; it holds the point unless one refuses. Raises `UnavailableError`."""
        selection = self._desk.select(person, point, value, self._executing.now())
        detail: dict[str, object] = {"id": selection.id, "value": value, "wanted": reason[:MOST_TEXT]}
        if selection.is_refused:
            detail["reason"] = selection.reason
            self._telling.refused(person, selection.point, value, selection.reason)
        try:
            await self._record(person, "select", selection.path, detail, "refused" if selection.is_refused else "granted")
        except TielineError:
            self._desk.end(selection.id)
            raise
        self._changed(selection)
        return selection

    async def approve(self, person: Person, selection: str) -> Selection:
        """The selection, approved by a second person. Raises `RefusedError`, `UnavailableError`."""
        try:
            wanted = self._desk.approved(person, selection, self._executing.now())
            await self._record(person, "approve", wanted.path, {"id": selection, "value": wanted.value}, "approved")
            approved = self._desk.approve(person, selection, self._executing.now())
        except RefusedError as error:
            await self._refuse(person, "approve", selection, {"id": selection[:MOST_ID]}, error)
            raise
        self._changed(approved)
        return approved

    async def cancel(self, person: Person, selection: str) -> Selection:
        """The selection, which holds nothing any more. Raises `RefusedError`, `UnavailableError`."""
        try:
            cancelled = self._desk.cancel(person, selection, self._executing.now())
        except RefusedError as error:
            await self._refuse(person, "cancel", selection, {"id": selection[:MOST_ID]}, error)
            raise
        await self._record(person, "select_ended", cancelled.path, {"id": selection}, "cancelled")
        self._changed(cancelled)
        return cancelled

    async def execute(self, person: Person, selection: str, *, id: str = "", reason: str = "") -> Outcome:  # noqa: A002
        """What became of the command, which has the selection's id where it is given none.

        Never raises for anything that a disk, a bus or a site does; a caller that is cancelled stops nothing.
        """
        return await self._execute(person, selection, id or selection, reason)

    async def outcome(self, id: str) -> Outcome | None:  # noqa: A002
        """What became of a command; None where there was none of that id. Where the answer was lost, the site is asked again."""
        under_way = self._under_way.get(id)
        if under_way is not None:
            return await asyncio.shield(under_way.task)
        whole = self._under_way.get(id.rpartition(STEP)[0])
        if whole is not None:
            await asyncio.wait({whole.task})
        entry = await asyncio.to_thread(self._book.find, id)
        if entry is None:
            return None
        return await self._settled(entry)

    async def operations(self, most: int = 100) -> list[Operation]:
        """The latest commands, newest first."""
        return await asyncio.to_thread(self._book.newest, most)

    def selections(self) -> list[Selection]:
        """Those that hold a point."""
        return self._desk.selections()

    def tags(self) -> list[Tag]:
        """Every tag."""
        return self._tags.all()

    async def place_tag(self, person: Person, kind: TagKind, target: str, reason: str) -> Tag:
        """The tag, which hangs on a point or on equipment. Raises `RefusedError`, `UnavailableError`."""
        tag = Tag(
            id=f"t-{self._new_id()}",
            kind=kind,
            target=target,
            owner=person.name,
            reason=reason.strip()[:MOST_TEXT],
            placed_us=self._clock.now_us(),
        )
        detail: dict[str, object] = {"id": tag.id, "kind": str(kind), "reason": tag.reason}
        try:
            self._check_tag(person, tag)
        except RefusedError as error:
            await self._record(person, "tag", target[:MOST_TEXT], detail | {"why": str(error)[:MOST_TEXT]}, "refused")
            raise
        await self._record(person, "tag", target, detail, "placed")
        self._tags.put(tag)  # it forbids from here on, whatever the disk says
        await asyncio.to_thread(self._book.put_tag, tag)
        self._telling.tag(tag, self._tags.under(tag), "tag_placed", f"{tag.kind.value.replace('_', ' ')} by {tag.owner}")
        self._changed(tag)
        return tag

    async def remove_tag(self, person: Person, id: str, reason: str = "") -> Tag:  # noqa: A002
        """The tag, which is off. Raises `RefusedError`, `UnavailableError`."""
        detail: dict[str, object] = {"id": id, "reason": reason[:MOST_TEXT]}
        try:
            tag = self._check_removal(person, id, reason)
            await self._record(person, "tag", tag.target, detail, "removed")
            self._check_removal(person, id, reason)  # somebody may have been faster
        except RefusedError as error:
            await self._record(person, "tag", id[:MOST_ID], detail | {"why": str(error)[:MOST_TEXT]}, "refused")
            raise
        under = self._tags.under(tag)
        self._tags.remove(tag)
        try:
            await asyncio.to_thread(self._book.remove_tag, id)
        except UnavailableError:
            self._tags.put(tag)
            raise
        self._telling.tag(tag, under, "tag_removed", f"taken off by {person.name}")
        self._changed(tag)
        return tag

    async def stop(self, person: Person, id: str) -> Outcome:  # noqa: A002
        """What became of a command that is carried out in steps, which ends at the step it is at. Raises `RefusedError`."""
        under_way = self._under_way.get(id)
        if under_way is None:
            raise RefusedError("no such command is under way")
        held = next((each for each in self._desk.selections() if each.id == under_way.selection), None)
        point = None if held is None else self._points.get(held.point)
        if held is None or point is None or not self._checks.permits(person, point):
            raise RefusedError(f"{person.name} may not stop it")
        if not under_way.is_led:
            raise RefusedError("a command that is not led by steps cannot be stopped")
        under_way.stopped = f"stopped by {person.name}"
        await self._record(person, "stop", point.path, {"id": id}, "stopped")
        return await asyncio.shield(under_way.task)

    async def revoke(self, by: Person, name: str) -> None:
        """A person has lost the right to operate: what that person leads ends at the step it is at, what is
        selected or approved is given up.

        Raises `UnavailableError`.
        """
        why = f"{name} has lost the right to lead it"
        for id_, under_way in list(self._under_way.items()):
            operation = under_way.operation
            if under_way.is_led and operation.requester == name and not under_way.stopped:
                under_way.stopped = why
                await self._record(by, "stop", operation.path, {"id": id_, "reason": why}, "stopped")
        await self.programs.stop_those_of(by, name, why)
        for selection in self._desk.selections():
            if name in {selection.requester, selection.approved_by}:
                with suppress(RefusedError):  # its command is under way
                    self._desk.give_up(selection.id)
                    await self._record(by, "select_ended", selection.path, {"id": selection.id, "reason": why}, "ended")
                    self._changed(selection)

    async def _execute(self, person: Person, selection: str, command: str, reason: str) -> Outcome:
        earlier = self._same(command, selection)
        if earlier is None:
            entry = await asyncio.to_thread(self._book.find, command)
            earlier = self._same(command, selection)  # meanwhile another may have begun it
            if entry is not None and earlier is None:
                if entry.operation.selection != selection:
                    return await self._reject(person, command, selection, TAKEN)
                return await self._settled(entry)
        if isinstance(earlier, str):
            return await self._reject(person, command, selection, earlier)
        if earlier is None:
            try:
                checked = self._checked(person, selection, command)
            except RefusedError as error:
                return await self._reject(person, command, selection, str(error))
            earlier = self._begin(person, checked, command, reason[:MOST_TEXT])
        return await asyncio.shield(earlier)

    def _checked(self, person: Person, selection: str, command: str) -> Selection:
        if self._tasks is None:
            raise RefusedError("control is starting or ending")
        if len(self._under_way) >= MOST_UNDER_WAY:
            raise RefusedError(f"{MOST_UNDER_WAY} commands are under way")
        if len(command) > MOST_ID or not _ID.fullmatch(command):
            raise RefusedError(f"an id has 1 to {MOST_ID} letters, digits, and . : _ -")
        return self._desk.execute(person, selection, self._executing.now())

    def _same(self, command: str, selection: str) -> asyncio.Task[Outcome] | str | None:
        under_way = self._under_way.get(command)
        if under_way is None:
            return None
        return under_way.task if under_way.selection == selection else TAKEN

    def _begin(self, person: Person, checked: Selection, command: str, reason: str) -> asyncio.Task[Outcome]:
        operation = Operation(
            id=command,
            selection=checked.id,
            point=checked.point,
            path=checked.path,
            value=checked.value,
            requester=person.name,
            approved_by=checked.approved_by,
            released_us=self._clock.now_us(),
        )
        release = Release(operation=operation, point=self._points[checked.point], person=person, selection=checked, reason=reason)
        assert self._tasks is not None
        task = self._tasks.create_task(self._carry_out(release), name=f"command {command}")
        self._under_way[command] = _UnderWay(checked.id, task, operation, self._is_led(checked.point))
        self._changed(operation)
        return task

    async def _carry_out(self, release: Release) -> Outcome:
        operation, plan = release.operation, self._plan.setpoints.get(release.point.id)
        try:
            if release.selection.is_refused:
                outcome = await self._executing.refuse(release, release.selection.reason)
            elif plan is not None and plan.ramp_per_s is not None:
                outcome = await self._lead(release, Ramp(plan.ramp_per_s), plan.step_s)
            else:
                outcome = await self._executing.release(release)
        finally:
            self._desk.end(operation.selection)
            self._under_way.pop(operation.id, None)
        self._changed(replace(operation, outcome=outcome))
        return outcome

    def _is_led(self, point: PointId) -> bool:
        plan = self._plan.setpoints.get(point)
        return plan is not None and plan.ramp_per_s is not None

    async def _lead(self, release: Release, ramp: Ramp, step_s: float) -> Outcome:
        """Leads a setpoint to its value in steps, from where it stands."""
        executing, operation = self._executing, release.operation
        now = executing.now()
        present = self._values.known(release.point.id, now)
        if present is None or not present.is_trusted:
            shown = release.point.path if present is None else present.words
            return await executing.refuse(release, f"it cannot be led to its value from where it stands: {shown}")
        try:
            await executing.begin_steps(replace(release, detail={"from": present.value, "in_steps": True}))
        except TielineError as error:
            return await executing.end(operation, executing.outcome(operation, Result.REFUSED, str(error)))
        ramp.follow(present.value, now.monotonic_s)
        result, why = await self._steps(release, ramp, step_s)
        return await executing.end(operation, executing.outcome(operation, result, why))

    async def _steps(self, release: Release, ramp: Ramp, step_s: float) -> tuple[Result, str]:
        executing, target, unit = self._executing, release.operation.value, release.point.unit
        number = 0
        while True:
            await asyncio.sleep(step_s)
            stands = f"{ramp.value:g} {unit}".rstrip()
            stopped = self._under_way[release.operation.id].stopped
            if stopped:
                return Result.FAILED, f"{stopped}, at {stands}"
            present = self._values.known(release.point.id, executing.now())
            if present is None or not present.is_trusted:
                shown = release.point.path if present is None else present.words
                return Result.FAILED, f"led no further than {stands}, because {shown}"
            before, value = ramp.value, ramp.toward(target, self._clock.monotonic())
            number += 1
            step = replace(
                release.operation,
                id=f"{release.operation.id}{STEP}{number}",
                value=value,
                released_us=self._clock.now_us(),
            )
            outcome = await executing.release(replace(release, operation=step), is_followed=value == target)
            if outcome.result is not Result.DONE:
                return outcome.result, f"led as far as {before:g} {unit}; the step to {value:g} {unit}: {outcome.reason}"
            if value == target:
                return Result.DONE, outcome.reason
            ramp.follow(value, self._clock.monotonic())  # the time that the site took is not made up for

    async def _reject(self, person: Person, command: str, selection: str, why: str) -> Outcome:
        """A refusal that says nothing about the command's content, and that is not remembered for its id."""
        detail: dict[str, object] = {"id": command[:MOST_ID], "selection_asked": selection[:MOST_ID], "reason": why}
        held = next((each for each in self._desk.selections() if each.id == selection), None)
        if held is not None:
            self._telling.refused(person, held.point, held.value, why)
        try:
            await self._record(person, "command", "" if held is None else held.path, detail, "refused")
        except UnavailableError as error:
            log.error("not recorded", reason=str(error))
        return Outcome(command=command, time=self._clock.now_us(), result=Result.REFUSED, reason=why)

    async def _settled(self, entry: Entry) -> Outcome:
        """The outcome of a command of the book; the site is asked where it is not known for sure."""
        operation = entry.operation
        point = self._point_of(operation)
        if not entry.is_final and entry.was_sent and point is not None:
            asked = await self._executing.ask(operation, point)
            if asked is not None:
                self._changed(replace(operation, outcome=asked))
                return asked
        if operation.outcome is not None:
            return operation.outcome
        return self._executing.outcome(operation, Result.UNKNOWN, "the site cannot be asked now what became of it")

    def _point_of(self, operation: Operation) -> Point | None:
        """None where it is in the utility's folder no more."""
        return self._points.get(operation.point) or self._paths.get(operation.path)

    async def _recover(self) -> list[Entry]:
        """Ends in the audit what ended with the center; gives the commands that their sites have to be asked for."""
        first = max(0, self._audit.last - RECALLED_RECORDS)
        records = await asyncio.to_thread(self._audit.since, first, RECALLED_RECORDS)
        found = left_open(records)
        for id_, record in found.selections.items():
            detail = {"id": id_, "reason": "the center ended"}
            append = partial(self._audit.append, actor=record.actor, action="select_ended", target=record.target)
            await asyncio.to_thread(append, detail=detail, outcome="ended")
        was_lost = await asyncio.to_thread(self._book.is_empty)
        for id_, record in found.commands.items():
            entry = await asyncio.to_thread(self._book.find, id_)
            if entry is not None and not entry.is_final:
                continue
            result, why = Result.REFUSED, "the center ended before the command was sent"
            if entry is not None and entry.operation.outcome is not None:
                result, why = entry.operation.outcome.result, entry.operation.outcome.reason
            elif was_lost:
                result, why = Result.UNKNOWN, "the center's record of commands was lost"
            append = partial(self._audit.append, actor=record.actor, action="command_outcome", target=record.target)
            await asyncio.to_thread(append, detail={"id": id_, "reason": why}, outcome=str(result))
        open_ones = await asyncio.to_thread(self._book.open_ones)
        for entry in open_ones:
            if not entry.was_sent:
                why = "the center ended while it was led to its value in steps"
                await self._executing.end(entry.operation, self._executing.outcome(entry.operation, Result.FAILED, why))
            elif entry.operation.outcome is None:
                why = "the center ended before the site had answered"
                outcome = self._executing.outcome(entry.operation, Result.UNKNOWN, why)
                await self._executing.end(entry.operation, outcome, is_final=False)
        return [entry for entry in open_ones if entry.was_sent]

    async def _settle(self, open_ones: Sequence[Entry]) -> None:
        """Asks until every site has answered what became of the commands that were under way."""
        left = list(open_ones)
        while left:
            unanswered = []
            for entry in left:
                current = await asyncio.to_thread(self._book.find, entry.operation.id)
                if current is None or current.is_final:
                    continue
                point = self._point_of(entry.operation)
                if point is None:
                    log.warning("command cannot be asked for: its point is gone", command=entry.operation.id)
                    continue
                asked = await self._executing.ask(entry.operation, point)
                if asked is None:
                    unanswered.append(entry)
                else:
                    self._changed(replace(entry.operation, outcome=asked))
            left = unanswered
            if left:
                await asyncio.sleep(ASK_AGAIN_S)

    async def _tick(self) -> None:
        while True:
            now = self._executing.now()
            self._executing.tick(now)
            for selection in self._desk.tick(now):
                await self._expired(selection)
            await asyncio.sleep(TICK_S)

    async def _expired(self, selection: Selection) -> None:
        append = partial(self._audit.append, actor=selection.requester, action="select_ended", target=selection.path)
        try:
            await asyncio.to_thread(append, detail={"id": selection.id}, outcome="expired")
        except UnavailableError as error:
            log.error("not recorded", reason=str(error))
        self._changed(selection)

    async def _record(self, person: Person, action: str, target: str, detail: Mapping[str, object], outcome: str) -> None:
        append = partial(self._audit.append, actor=person.name, action=action, target=target, detail=detail, outcome=outcome)
        await asyncio.to_thread(append)

    async def _refuse(self, person: Person, action: str, target: str, detail: Mapping[str, object], error: RefusedError) -> None:
        """What somebody wanted of a selection is refused, and recorded."""
        held = next((each for each in self._desk.selections() if each.id == target), None)
        if held is not None:
            self._telling.refused(person, held.point, held.value, str(error))
        await self._record(person, action, target[:MOST_ID], {**detail, "reason": str(error)}, "refused")

    def _check_tag(self, person: Person, tag: Tag) -> None:
        points = self._tags.check_target(tag.target)
        if not tag.reason:
            raise RefusedError("a tag needs a reason")
        sites = {point.site for point in points}
        permitted = {point.site for point in points if self._checks.permits(person, point)}
        if permitted != sites and not may_clear(person, sites):
            raise RefusedError(f"{person.name} may not operate {tag.target}, and so hangs no tag on it")

    def _check_removal(self, person: Person, id: str, reason: str) -> Tag:  # noqa: A002 - the field's own name
        tag = self._tags.check_removal(person, id, reason)
        points = (point.id for point in self._tags.under(tag))
        is_red = tag.kind is TagKind.DO_NOT_OPERATE
        if is_red and not person.has_second_factor and self._checks.needs_second_factor(points):
            raise RefusedError("taking off a red tag needs a login with a second factor")
        return tag

    def _changed(self, what: Selection | Operation | Tag | ProgramRun) -> None:
        self.on_change(what)
