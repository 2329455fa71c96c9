"""Logging in and out: `/api/login`, `/api/logout`, `/api/session`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from tieline.security.authority import RIGHTS, rights_of
from tieline.security.identity.accounts import Accounts, Entry, Identity, Session
from tieline.security.identity.accounts.records import Logins
from tieline.security.identity.accounts.security_keys import can_have_keys
from tieline.web.errors import ErrorBody
from tieline.web.login import cookies
from tieline.web.login.asking import half_way_session, identity, session
from tieline.web.login.bodies import (
    CodeAsked,
    KeyAsked,
    KeyBody,
    LoginBody,
    NewPasswordAsked,
    PasswordAsked,
    RightBody,
    SessionBody,
    StageBody,
    WaysBody,
    WhoBody,
)
from tieline.web.login.gate import address_of
from tieline.web.login.hashing import Hashing
from tieline.web.times import iso

ERRORS: dict[int | str, dict[str, Any]] = {status: {"model": ErrorBody} for status in (400, 401, 403, 413, 429, 503)}

HalfWay = Annotated[Session, Depends(half_way_session)]
Full = Annotated[Session, Depends(session)]
Who = Annotated[Identity, Depends(identity)]


def login_router(accounts: Accounts, hashing: Hashing, provider: str | None) -> APIRouter:
    """What a browser needs to log in and out, and a terminal to control."""
    router = APIRouter(prefix="/api", responses=ERRORS, tags=["login"])

    @router.get("/login", summary="How one can log in")
    async def ways() -> WaysBody:
        return WaysBody(utility=accounts.title, provider=provider)

    @router.post("/login", summary="Log in with a password", response_model=StageBody)
    async def by_password(asked: PasswordAsked, request: Request) -> Response:
        log_in = partial(
            accounts.login.by_password,
            asked.name,
            asked.password,
            address=address_of(request),
            device=cookies.read(request, cookies.DEVICE),
        )
        entry = await hashing.run(log_in)
        before: Session | None = request.state.session
        if before is not None:
            accounts.login.out(before, address=address_of(request))
        return _entered(request, entry)

    @router.post("/login/second-factor", summary="Show a code of an app, or a recovery code", response_model=StageBody)
    async def by_code(asked: CodeAsked, request: Request) -> Response:
        who: Identity | None = request.state.identity
        if who is not None and who.is_token:
            accounts.login.show_code_with_token(who, asked.code)
            return JSONResponse({"stage": "full"})
        held = half_way_session(request)
        return _entered(request, accounts.login.show_code(held, asked.code, address=address_of(request)))

    @router.post("/login/security-key/question", summary="What a security key is asked")
    async def ask_key(held: HalfWay, request: Request) -> dict[str, Any]:
        return accounts.factors.ask_key(held, origin_of(request))

    @router.post("/login/security-key", summary="Show a security key's answer", response_model=StageBody)
    async def by_key(asked: KeyAsked, held: HalfWay, request: Request) -> Response:
        return _entered(request, accounts.login.show_key(held, asked.answer, address=address_of(request)))

    @router.post("/login/password", summary="Change the password", response_model=StageBody)
    async def change_password(asked: NewPasswordAsked, held: HalfWay, request: Request) -> Response:
        change: Callable[[], Entry] = partial(
            accounts.login.change_password, held, asked.old, asked.new, address=address_of(request)
        )
        return _entered(request, await hashing.run(change))

    @router.get("/session", summary="Who is logged in here")
    async def who_am_i(held: HalfWay, request: Request) -> SessionBody:
        who: Identity | None = request.state.identity
        factors = accounts.factors.held(held.person)
        return SessionBody(
            person=held.person,
            stage=held.stage,
            roles=[] if who is None else sorted(who.roles),
            areas=None if who is None or who.areas is None else sorted(who.areas),
            rights={} if who is None else _rights_body(who),
            second_factor=accounts.settings.second_factor,
            may_control=who is not None and who.has_second_factor,
            controls_for_s=held.controls_for_s,
            has_app=factors.has_app,
            can_have_keys=can_have_keys(origin_of(request)),
            keys=[KeyBody(id=key.id, label=key.label, host=key.host, added=iso(key.added_us)) for key in factors.keys],
            recovery_codes=factors.recovery_codes,
            idle_minutes=accounts.settings.idle_minutes,
            before=_login_body(accounts.login.before(held.person)),
        )

    @router.get("/whoami", summary="Who asks, and what they may do")
    async def whoami(who: Who) -> WhoBody:
        return WhoBody(
            person=who.person,
            roles=sorted(who.roles),
            areas=None if who.areas is None else sorted(who.areas),
            rights=_rights_body(who),
            may_control=who.has_second_factor,
            is_token=who.is_token,
        )

    @router.post("/session/active", summary="Somebody is there: the idle time begins anew", status_code=204)
    async def active(_: Full) -> None:
        """The gate has counted the request already."""

    @router.post("/logout", summary="Log out", status_code=204, response_class=Response)
    async def out(held: HalfWay, request: Request) -> Response:
        accounts.login.out(held, address=address_of(request))
        return _left(request)

    @router.post(
        "/logout/everywhere", summary="End every session and API token of one's own", status_code=204, response_class=Response
    )
    async def out_everywhere(held: Full, request: Request) -> Response:
        accounts.login.out_everywhere(held, address=address_of(request))
        return _left(request)

    return router


def _rights_body(who: Identity) -> dict[str, RightBody]:
    return {
        right: RightBody(words=RIGHTS[right].words, domain=RIGHTS[right].domain, areas=areas)
        for right, areas in rights_of(who).items()
    }


def origin_of(connection: HTTPConnection) -> str:
    """The origin of our own pages as this browser opens them; the guard has checked the host."""
    return f"{'https' if cookies.is_secure(connection) else 'http'}://{connection.headers.get('host', '')}"


def _entered(request: Request, entry: Entry) -> Response:
    response = JSONResponse({"stage": entry.session.stage})
    cookies.give_session(response, request, entry)
    return response


def _login_body(found: Logins | None) -> LoginBody | None:
    if found is None or found.time_us is None:
        return None
    return LoginBody(time=iso(found.time_us), address=found.address, failures=found.failures)


def _left(request: Request) -> Response:
    response = Response(status_code=204)
    cookies.take_session(response, request)
    return response
