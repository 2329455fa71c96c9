"""Puts the login in front of an application."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import Response

from tieline.bus.remote import RemoteClient
from tieline.bus.scada import ScadaClient
from tieline.security.identity.accounts import Accounts, TooManyFailuresError, WeakPasswordError
from tieline.security.identity.accounts.oidc import Oidc
from tieline.web.errors import error_response
from tieline.web.login.administration_routes import administration_router
from tieline.web.login.gate import Gate
from tieline.web.login.hashing import Hashing
from tieline.web.login.own_routes import own_router
from tieline.web.login.provider_routes import provider_router
from tieline.web.login.routes import login_router


def install_login(
    app: FastAPI,
    accounts: Accounts,
    oidc: Oidc | None,
    scada: ScadaClient | None = None,
    remote: RemoteClient | None = None,
) -> None:
    """Every request needs a session or a token from now on; to be called before other routes and outer middleware are added."""
    hashing = Hashing()
    app.add_middleware(Gate, accounts=accounts)
    app.add_exception_handler(TooManyFailuresError, _answer_too_many)
    app.add_exception_handler(WeakPasswordError, _answer_weak)
    app.include_router(login_router(accounts, hashing, None if oidc is None else oidc.settings.title))
    app.include_router(own_router(accounts))
    app.include_router(administration_router(accounts, hashing, scada, remote))
    if oidc is not None:
        app.include_router(provider_router(accounts, oidc))


async def _answer_too_many(_: Request, error: Exception) -> Response:
    assert isinstance(error, TooManyFailuresError)
    return error_response(429, str(error), {"retry-after": str(max(1, round(error.wait_s)))})


async def _answer_weak(_: Request, error: Exception) -> Response:
    return error_response(400, str(error))
