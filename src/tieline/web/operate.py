"""`/api/control`: select, approve, execute; what became of it; tags and switching programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from tieline.bus.scada import (
    ActOnRun,
    Approve,
    AskOutcome,
    Cancel,
    Execute,
    PlaceTag,
    ReadControl,
    RemoveTag,
    RunAction,
    ScadaClient,
    Select,
    StartProgram,
    StopRamp,
)
from tieline.model import Outcome, Result
from tieline.model.control import Operation, ProgramRun, RunState, Selection, Standing, StepState, Tag, TagKind
from tieline.web.api import ERRORS
from tieline.web.asking import Who, ask, moment
from tieline.web.catalog import Catalog
from tieline.web.errors import not_found

MOST_OPERATIONS = 1_000
Id = Annotated[str, Field(max_length=80)]
Reason = Annotated[str, Field(max_length=200)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SelectBody(_Asked):
    """What is to be operated."""

    point: str = Field(description="site/device/name, or the id")
    value: float = Field(allow_inf_nan=False)
    reason: Reason = ""


class ExecuteBody(_Asked):
    """The release of what was selected."""

    selection: Id
    id: str = Field(default="", max_length=80, description="the same id is executed once; the selection's where left out")
    reason: Reason = ""


class SelectionName(_Asked):
    """Names a selection."""

    selection: Id


class CommandName(_Asked):
    """Names a command."""

    id: Id


class TagAsked(_Asked):
    """A tag to be hung."""

    kind: TagKind
    target: str = Field(max_length=200, description="site/device/name of a point, or equipment")
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class ReasonBody(_Asked):
    """Why."""

    reason: Reason = ""


class RunAsked(_Asked):
    """What is to be done with a run."""

    unknown: str = Field(
        default="", max_length=10, description="on resuming a step of which nobody knows whether it acted: `repeat` or `done`"
    )


class VerdictBody(BaseModel):
    """What one check says."""

    check: str
    standing: Standing
    words: str


class SelectionBody(BaseModel):
    """A point that is held for one command, with the verdict of every check; where one refuses, nothing is held."""

    id: str
    point: int
    path: str
    value: float
    requester: str
    made: str | None
    expires: str | None
    verdicts: list[VerdictBody]
    approved_by: str
    is_refused: bool
    is_ready: bool
    reason: str = Field(description="what speaks against it")


class OutcomeBody(BaseModel):
    """What became of a command."""

    command: str
    time: str | None
    result: Result
    reason: str


class OperationBody(BaseModel):
    """A command that was released."""

    id: str
    selection: str
    point: int
    path: str
    value: float
    requester: str
    approved_by: str
    released: str | None
    outcome: OutcomeBody | None = Field(description="null while it is under way")


class TagBody(BaseModel):
    """A tag that hangs."""

    id: str
    kind: TagKind
    target: str
    owner: str
    reason: str
    placed: str | None


class ProgramBody(BaseModel):
    """A switching program."""

    name: str
    title: str
    description: str
    steps: list[str]


class StepBody(BaseModel):
    """One step of a run."""

    state: StepState
    attempt: int
    command: str
    words: str


class RunBody(BaseModel):
    """A run of a switching program."""

    id: str
    program: str
    person: str
    state: RunState
    step: int = Field(description="from 0; the number of steps where all are done")
    steps: list[StepBody]
    words: str
    started: str | None
    changed: str | None


class ControlBody(BaseModel):
    """All that is going on."""

    incarnation: int
    revision: int
    selections: list[SelectionBody]
    operations: list[OperationBody]
    tags: list[TagBody]
    programs: list[ProgramBody]
    runs: list[RunBody]


def control_router(scada: ScadaClient | None, catalog: Catalog) -> APIRouter:
    """All routes under `/api/control`."""
    router = APIRouter(prefix="/api/control", responses=ERRORS)

    @router.get("", summary="Selections, newest commands, tags, programs and their runs")
    async def state(limit: Annotated[int, Query(ge=1, le=MOST_OPERATIONS)] = 100) -> ControlBody:
        found = await ask(scada, ReadControl(most=limit))
        return ControlBody(
            incarnation=found.incarnation,
            revision=found.revision,
            selections=[_selection(each) for each in found.selections],
            operations=[_operation(each) for each in found.operations],
            tags=[_tag(each) for each in found.tags],
            programs=[
                ProgramBody(name=each.name, title=each.title, description=each.description, steps=list(each.steps))
                for each in found.programs
            ],
            runs=[_run(each) for each in found.runs],
        )

    @router.post("/select", summary="Holds a point for a command, and says what every check finds")
    async def select(body: SelectBody, who: Who) -> SelectionBody:
        point = catalog.point(body.point)
        return _selection(await ask(scada, Select(who=who, point=point.id, value=body.value, reason=body.reason)))

    @router.post("/approve", summary="Approves a selection, as the second person")
    async def approve(body: SelectionName, who: Who) -> SelectionBody:
        return _selection(await ask(scada, Approve(who=who, selection=body.selection)))

    @router.post("/cancel", summary="Gives a selection up")
    async def cancel(body: SelectionName, who: Who) -> SelectionBody:
        return _selection(await ask(scada, Cancel(who=who, selection=body.selection)))

    @router.post("/execute", summary="Executes what is selected; answers when its outcome is known")
    async def execute(body: ExecuteBody, who: Who) -> OutcomeBody:
        return _outcome(await ask(scada, Execute(who=who, selection=body.selection, id=body.id, reason=body.reason)))

    @router.get("/operations/{id}", summary="What became of a command; asks the site where its answer was lost")
    async def operation(id: str) -> OutcomeBody:  # noqa: A002 - the API's own name
        found = await ask(scada, AskOutcome(id=id))
        if found.outcome is None:
            raise not_found(f"command {id!r}")
        return _outcome(found.outcome)

    @router.post("/stop", summary="Stops a setpoint that is led to its value in steps")
    async def stop(body: CommandName, who: Who) -> OutcomeBody:
        return _outcome(await ask(scada, StopRamp(who=who, id=body.id)))

    @router.post("/tags", summary="Hangs a tag on a point or on equipment")
    async def place_tag(body: TagAsked, who: Who) -> TagBody:
        return _tag(await ask(scada, PlaceTag(who=who, kind=body.kind, target=body.target, reason=body.reason)))

    @router.post("/tags/{id}/remove", summary="Takes a tag off")
    async def remove_tag(id: str, body: ReasonBody, who: Who) -> TagBody:  # noqa: A002 - the API's own name
        return _tag(await ask(scada, RemoveTag(who=who, id=id, reason=body.reason)))

    @router.post("/programs/{name}/start", summary="Begins a switching program")
    async def start(name: str, who: Who) -> RunBody:
        return _run(await ask(scada, StartProgram(who=who, name=name)))

    @router.post("/runs/{id}/{action}", summary="Stops, resumes, confirms or abandons a run")
    async def act_on_run(id: str, action: RunAction, body: RunAsked, who: Who) -> RunBody:  # noqa: A002 - the API's own name
        return _run(await ask(scada, ActOnRun(who=who, action=action, run=id, unknown=body.unknown)))

    return router


def _selection(selection: Selection) -> SelectionBody:
    return SelectionBody(
        id=selection.id,
        point=selection.point,
        path=selection.path,
        value=selection.value,
        requester=selection.requester,
        made=moment(selection.made_us),
        expires=moment(selection.expires_us),
        verdicts=[VerdictBody(check=each.check, standing=each.standing, words=each.words) for each in selection.verdicts],
        approved_by=selection.approved_by,
        is_refused=selection.is_refused,
        is_ready=selection.is_ready,
        reason=selection.reason,
    )


def _outcome(outcome: Outcome) -> OutcomeBody:
    return OutcomeBody(command=outcome.command, time=moment(outcome.time), result=outcome.result, reason=outcome.reason)


def _operation(operation: Operation) -> OperationBody:
    return OperationBody(
        id=operation.id,
        selection=operation.selection,
        point=operation.point,
        path=operation.path,
        value=operation.value,
        requester=operation.requester,
        approved_by=operation.approved_by,
        released=moment(operation.released_us),
        outcome=None if operation.outcome is None else _outcome(operation.outcome),
    )


def _tag(tag: Tag) -> TagBody:
    return TagBody(id=tag.id, kind=tag.kind, target=tag.target, owner=tag.owner, reason=tag.reason, placed=moment(tag.placed_us))


def _run(run: ProgramRun) -> RunBody:
    return RunBody(
        id=run.id,
        program=run.program,
        person=run.person,
        state=run.state,
        step=run.step,
        steps=[StepBody(state=each.state, attempt=each.attempt, command=each.command, words=each.words) for each in run.steps],
        words=run.words,
        started=moment(run.started_us),
        changed=moment(run.changed_us),
    )
