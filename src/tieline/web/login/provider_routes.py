"""Logging in at a provider of OpenID Connect: `/login/provider`, and back."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tieline.model import TielineError
from tieline.security.identity.accounts import Accounts
from tieline.security.identity.accounts.oidc import Oidc
from tieline.web.login import cookies
from tieline.web.login.gate import address_of
from tieline.web.login.routes import origin_of

BACK = "/login/provider/back"
REFUSALS = {
    "access_denied",
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "invalid_request",
    "invalid_scope",
    "login_required",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_response_type",
}
"""RFC 6749, 4.1.2.1; OpenID Connect Core 1.0, 3.1.2.6."""


def provider_router(accounts: Accounts, oidc: Oidc) -> APIRouter:
    """To the provider, and what comes back from there."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login/provider")
    async def go(request: Request, next: str = "/") -> Response:  # noqa: A002 - the query's word
        try:
            begun = await oidc.begin(origin_of(request) + BACK, local_path(next), address=address_of(request))
        except TielineError as error:
            return _failed(request, str(error))
        response = RedirectResponse(begun.address, 303)
        cookies.give_provider(response, request, begun.browser)
        return response

    @router.get(BACK)
    async def back(request: Request, state: str = "", code: str = "", iss: str = "", error: str = "") -> Response:
        response: Response
        try:
            browser = cookies.read(request, cookies.PROVIDER)
            if error:
                code = ""
            name, next_path = await oidc.finish(state=state, code=code, browser=browser, issuer=iss)
            entry = accounts.login.by_provider(name, address=address_of(request), provider=oidc.settings.issuer)
        except TielineError as problem:
            response = _failed(request, _refusal(error) if error else str(problem))
        else:
            response = _onward("/login" if entry.session.stage != "full" else next_path)
            cookies.give_session(response, request, entry)
        cookies.give_provider(response, request, "")
        return response

    return router


def local_path(wanted: str) -> str:
    """A path of ours, whatever is asked for: the way back from a login leads nowhere else."""
    is_local = wanted.startswith("/") and not wanted.startswith(("//", "/login")) and len(wanted) <= 2_000
    return wanted if is_local and wanted.isprintable() and "\\" not in wanted else "/"


def _refusal(error: str) -> str:
    """What the provider says, where it is a word of its protocol: an address that anybody makes up is not to speak to people."""
    return f"the provider refuses: {error if error in REFUSALS else 'it does not say why in a known word'}"


def _failed(request: Request, problem: str) -> Response:
    response = RedirectResponse("/login", 303)
    cookies.give_problem(response, request, quote(problem))
    return response


def _onward(path: str) -> HTMLResponse:
    """A page of ours that leads on: browsers do not send a strict cookie along a redirect that began at another site."""
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tieline</title>'
        f'<meta http-equiv="refresh" content="0;url={escape(path, quote=True)}"></head><body></body></html>'
    )
