"""`/api/remote`: ask for remote access, approve it, get a ticket, see what runs, cut it, read a recording."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.responses import FileResponse

from tieline.bus.remote import (
    ApproveGrant,
    AskGrant,
    AskTicket,
    Cut,
    FindRecording,
    ReadRemote,
    RefuseGrant,
    RemoteClient,
    SeenGrant,
    SeenSession,
)
from tieline.model import UnavailableError
from tieline.security.remote.records import Grant, GrantState, SessionState
from tieline.web.api import ERRORS
from tieline.web.asking import Who, moment
from tieline.web.errors import bad_request
from tieline.web.times import parse_time

PCAPNG = "application/x-pcapng"


def _one_line(text: str) -> str:
    """It is recorded, and shown to others."""
    if not text.isprintable():
        raise ValueError("has to be a line of text that can be printed")
    return text.strip()


Id = Annotated[str, Field(max_length=80)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GrantAsked(_Asked):
    """What is to be reached, why, and for how long."""

    site: Id
    device: Id
    service: Id = Field(description="the device's protocol, or a `[[devices.maintenance]]` of it")
    reason: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
    minutes: float = Field(gt=0, le=100_000, allow_inf_nan=False)
    begin: str = Field(default="", max_length=40, description="ISO 8601; at once, when it is approved, where it is left out")


class RefusalAsked(_Asked):
    """Why not."""

    reason: Line = ""


class CutAsked(_Asked):
    """What is to be ended."""

    name: Id = Field(default="", description="a session or a grant; everything that one may cut where it is empty")
    reason: Line = ""


class GrantBody(BaseModel):
    """Remote access of a person to one service of one device, for a time."""

    id: str
    person: str
    reason: str
    site: str
    device: str
    service: str
    host: str
    port: int
    state: GrantState
    asked: str | None
    begin: str | None
    end: str | None
    decided_by: str
    decided: str | None
    words: str = Field(description="why it was refused, or has ended")
    may_approve: bool
    may_cut: bool
    may_use: bool


class SessionBody(BaseModel):
    """One connection through the DMZ."""

    id: str
    grant: str
    person: str
    reason: str
    site: str
    device: str
    service: str
    port: int
    address: str = Field(description="from where, as the DMZ sees it")
    state: SessionState
    opened: str | None
    end: str | None = Field(description="when it is cut at the latest")
    closed: str | None
    words: str = Field(description="why it has ended")
    up_bytes: int = Field(description="towards the device")
    down_bytes: int = Field(description="towards the person")
    sha256: str = Field(description="of the recording, once it is complete")
    may_cut: bool


class TargetBody(BaseModel):
    """What there is to ask for."""

    site: str
    device: str
    service: str
    host: str
    port: int
    description: str


class RemoteBody(BaseModel):
    """Remote access, newest first."""

    now: str | None
    door: str = Field(description="where the DMZ takes connections")
    longest_minutes: float
    grants: list[GrantBody]
    sessions: list[SessionBody]
    targets: list[TargetBody]


class TicketBody(BaseModel):
    """Opens one session, once."""

    ticket: str
    lasts_s: float
    grant: str
    target: str
    end: str | None
    door: str


class CutBody(BaseModel):
    """What was ended."""

    grants: list[str]
    sessions: list[str]


def remote_router(remote: RemoteClient) -> APIRouter:
    """All routes under `/api/remote`."""
    router = APIRouter(prefix="/api/remote", responses=ERRORS)

    @router.get("", summary="Grants and sessions that one may see, and what there is to ask for")
    async def state(who: Who) -> RemoteBody:
        found = await remote.ask(ReadRemote(who=who))
        return RemoteBody(
            now=moment(found.now_us),
            door=found.door,
            longest_minutes=found.longest_minutes,
            grants=[_seen_grant(each) for each in found.grants],
            sessions=[_seen_session(each) for each in found.sessions],
            targets=[
                TargetBody(
                    site=each.site,
                    device=each.device,
                    service=each.service,
                    host=each.host,
                    port=each.port,
                    description=each.description,
                )
                for each in found.targets
            ],
        )

    @router.post("/grants", summary="Asks for a grant")
    async def ask_grant(body: GrantAsked, who: Who) -> GrantBody:
        begin_us = 0
        if body.begin:
            try:
                begin_us = parse_time(body.begin, time.time_ns() // 1_000)
            except ValueError as error:
                raise bad_request(f"begin: {error}") from error
        request = AskGrant(
            who=who,
            site=body.site,
            device=body.device,
            service=body.service,
            reason=body.reason,
            minutes=body.minutes,
            begin_us=begin_us,
        )
        return _grant(await remote.ask(request))

    @router.post("/grants/{id}/approve", summary="Approves a grant, as the second person")
    async def approve(id: Id, who: Who) -> GrantBody:  # noqa: A002 - the API's own name
        return _grant(await remote.ask(ApproveGrant(who=who, grant=id)))

    @router.post("/grants/{id}/refuse", summary="Refuses a grant, as the second person")
    async def refuse(id: Id, body: RefusalAsked, who: Who) -> GrantBody:  # noqa: A002 - the API's own name
        return _grant(await remote.ask(RefuseGrant(who=who, grant=id, reason=body.reason)))

    @router.post("/grants/{id}/ticket", summary="A one-time ticket for one session under the own grant")
    async def ticket(id: Id, who: Who) -> TicketBody:  # noqa: A002 - the API's own name
        given = await remote.ask(AskTicket(who=who, grant=id))
        return TicketBody(
            ticket=given.ticket,
            lasts_s=given.lasts_s,
            grant=given.grant.id,
            target=given.grant.target,
            end=moment(given.grant.end_us),
            door=given.door,
        )

    @router.post("/cut", summary="Ends a grant, with every session under it, or all of them")
    async def cut(body: CutAsked, who: Who) -> CutBody:
        done = await remote.ask(Cut(who=who, name=body.name, reason=body.reason))
        return CutBody(grants=list(done.grants), sessions=list(done.sessions))

    @router.get(
        "/sessions/{id}/recording",
        summary="The recording of a session that has ended, as pcapng",
        response_class=FileResponse,
        responses={200: {"content": {PCAPNG: {}}, "description": "The recording"}},
    )
    async def recording(id: Id, who: Who) -> FileResponse:  # noqa: A002 - the API's own name
        found = await remote.ask(FindRecording(who=who, session=id))
        path = Path(found.path)
        if not path.is_file():
            raise UnavailableError(f"the recording of {id} is not there any more")
        return FileResponse(path, media_type=PCAPNG, filename=path.name)

    return router


def _grant(grant: Grant, *, may_approve: bool = False, may_cut: bool = False, may_use: bool = False) -> GrantBody:
    return GrantBody(
        id=grant.id,
        person=grant.person,
        reason=grant.reason,
        site=grant.site,
        device=grant.device,
        service=grant.service,
        host=grant.host,
        port=grant.port,
        state=grant.state,
        asked=moment(grant.asked_us),
        begin=moment(grant.begin_us),
        end=moment(grant.end_us),
        decided_by=grant.decided_by,
        decided=moment(grant.decided_us),
        words=grant.words,
        may_approve=may_approve,
        may_cut=may_cut,
        may_use=may_use,
    )


def _seen_grant(seen: SeenGrant) -> GrantBody:
    return _grant(seen.grant, may_approve=seen.may_approve, may_cut=seen.may_cut, may_use=seen.may_use)


def _seen_session(seen: SeenSession) -> SessionBody:
    session = seen.session
    return SessionBody(
        id=session.id,
        grant=session.grant,
        person=session.person,
        reason=session.reason,
        site=session.site,
        device=session.device,
        service=session.service,
        port=session.port,
        address=session.address,
        state=session.state,
        opened=moment(session.opened_us),
        end=moment(session.end_us),
        closed=moment(session.closed_us),
        words=session.words,
        up_bytes=session.up_bytes,
        down_bytes=session.down_bytes,
        sha256=session.sha256,
        may_cut=seen.may_cut,
    )
