"""What people do with their own account: `/api/account`."""

from __future__ import annotations

from typing import Any

import segno
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tieline.security.identity.accounts import Accounts, Session, Token
from tieline.web.login import cookies
from tieline.web.login.bodies import (
    AppBody,
    CodeAsked,
    CodesBody,
    NewKeyAsked,
    NewTokenAsked,
    NewTokenBody,
    OpenSessionBody,
    OpenSessionsBody,
    TokenBody,
    TokensBody,
)
from tieline.web.login.routes import ERRORS, Full, HalfWay, Who, origin_of
from tieline.web.times import iso

MARGIN = 4
"""Light modules around a QR code (ISO/IEC 18004, 9.1)."""


def own_router(accounts: Accounts) -> APIRouter:
    """Second factors, recovery codes, API tokens and sessions of who asks."""
    router = APIRouter(prefix="/api/account", responses=ERRORS, tags=["own account"])
    factors, own = accounts.factors, accounts.own

    @router.post("/app", summary="Begin to set up an authenticator app")
    async def begin_app(held: HalfWay) -> AppBody:
        secret, address = factors.begin_app(held)
        size, path = qr_code(address)
        return AppBody(secret=secret, address=address, size=size, path=path)

    @router.put("/app", summary="Show a code of the app that is set up", response_model=CodesBody)
    async def confirm_app(asked: CodeAsked, held: HalfWay, request: Request) -> Response:
        return _set_up(accounts, request, held, factors.confirm_app(held, asked.code))

    @router.delete("/app", summary="Take the authenticator app away", status_code=204)
    async def remove_app(held: Full) -> None:
        factors.remove_app(held)

    @router.post("/security-keys/question", summary="What a new security key is asked")
    async def ask_new_key(held: HalfWay, request: Request) -> dict[str, Any]:
        return factors.ask_new_key(held, origin_of(request))

    @router.post("/security-keys", summary="Add a security key", response_model=CodesBody)
    async def add_key(asked: NewKeyAsked, held: HalfWay, request: Request) -> Response:
        return _set_up(accounts, request, held, factors.add_key(held, asked.answer, asked.label))

    @router.delete("/security-keys/{key}", summary="Take a security key away", status_code=204)
    async def remove_key(key: str, held: Full) -> None:
        factors.remove_key(held, key)

    @router.post("/recovery-codes", summary="New recovery codes in place of those before")
    async def new_recovery_codes(held: Full) -> CodesBody:
        return CodesBody(recovery_codes=factors.new_recovery_codes(held))

    @router.get("/tokens", summary="One's API tokens")
    async def tokens(held: Full, who: Who) -> TokensBody:
        found = [TokenBody(**_token(token)) for token in own.tokens(held)]
        return TokensBody(tokens=found, roles=sorted(who.roles), longest_days=accounts.settings.token_days)

    @router.post("/tokens", summary="Make an API token; its value is shown once", status_code=201)
    async def make_token(asked: NewTokenAsked, held: Full) -> NewTokenBody:
        token, value = own.make_token(held, asked.label, asked.roles, asked.days)
        return NewTokenBody(**_token(token), value=value)

    @router.delete("/tokens/{token}", summary="Revoke an API token", status_code=204)
    async def revoke_token(token: str, held: Full) -> None:
        own.revoke_token(held, token)

    @router.get("/sessions", summary="One's sessions")
    async def sessions(held: Full) -> OpenSessionsBody:
        return OpenSessionsBody(
            sessions=[
                OpenSessionBody(
                    name=one.name,
                    address=one.address,
                    started=iso(one.started_us),
                    used=iso(one.used_us),
                    is_this=one.name == held.name,
                )
                for one in own.sessions(held)
                if one.stage == "full"
            ]
        )

    @router.delete("/sessions/{name}", summary="End one of one's sessions", status_code=204)
    async def end_session(name: str, held: Full) -> None:
        own.end_session(held, name)

    return router


def qr_code(text: str) -> tuple[int, str]:
    """How many modules the QR code has along a side, with its margin, and its dark ones as an SVG path."""
    rows = segno.make(text, error="m", micro=False).matrix
    path = "".join(
        f"M{x + MARGIN} {y + MARGIN}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark
    )
    return len(rows) + 2 * MARGIN, path


def _set_up(accounts: Accounts, request: Request, held: Session, codes: list[str]) -> Response:
    response = JSONResponse({"recovery_codes": codes})
    cookies.give_session(response, request, accounts.login.set_up(held))
    return response


def _token(token: Token) -> dict[str, Any]:
    return {
        "name": token.name,
        "label": token.label,
        "roles": sorted(token.roles),
        "created": iso(token.created_us),
        "expires": iso(token.expires_us),
    }
