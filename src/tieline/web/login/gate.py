"""Who is let through where people log in: every page, every request to the API and every WebSocket needs a session or an API token.

Stands behind `Guard`, which refuses foreign hosts and origins. A request that changes something has to carry the token of its session
too. What a page asks for by itself does not keep a session alive: opening pages, changing something, and the page's word that
somebody is there do.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tieline.model import UnavailableError
from tieline.security.identity.accounts import Accounts, Identity
from tieline.web.errors import error_response
from tieline.web.login import cookies

MOST_BYTES = 64 * 1024
"""Of the body of a request that changes something."""
SAFE = {"GET", "HEAD", "OPTIONS"}
OPEN = {"/healthz", "/login", "/login/provider", "/login/provider/back", "/api/login"}
OPEN_FOLDERS = ("/static/", "/vendor/")
HALF_WAY = ("/api/login/", "/api/account/", "/api/session", "/api/logout")
"""What is needed to complete a login; these look at the session themselves."""
OF_REMOTE_ACCESS = {"/account", "/remote", "/api/remote", "/api/sites", "/api/whoami"}
OF_REMOTE_ACCESS_FOLDERS = (*OPEN_FOLDERS, *HALF_WAY, "/api/remote/")
"""What an account sees besides that is for remote access only: its own pages, and which sites there are."""
MOST_SOCKETS = 50
"""WebSockets of one person at a time, so that nobody takes those of all: each page that is open has one."""
LOOK_EVERY_S = 1.0
ENDED = 4401
"""WebSockets are closed with this when their session ends."""
REALM = 'Bearer realm="tieline"'


class Gate:
    """ASGI middleware. Puts `session` (of a browser, maybe half-way), `identity` (None until logged in) into the request's state."""

    def __init__(self, app: ASGIApp, accounts: Accounts) -> None:
        self._app = app
        self._accounts = accounts
        self._sockets: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            refusal = self._check(connection)
        except UnavailableError as error:
            refusal = error_response(503, str(error))
        identity: Identity | None = connection.state.identity
        if refusal is None and identity is not None:
            refusal = self._limit(identity, scope)
        if scope["type"] == "websocket":
            if refusal is not None or identity is None:
                await _refuse(receive, send, 1008, "log in first")
            elif self._sockets[identity.person] >= MOST_SOCKETS:
                await _refuse(receive, send, 1013, f"{identity.person} has {MOST_SOCKETS} connections already")
            else:
                await self._watch(identity, scope, receive, send)
        elif refusal is not None:
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _watch(self, identity: Identity, scope: Scope, receive: Receive, send: Send) -> None:
        person = identity.person
        self._sockets[person] += 1
        try:
            await _Watched(self._accounts, identity, receive, send).run(self._app, scope)
        finally:
            self._sockets[person] -= 1
            if not self._sockets[person]:
                del self._sockets[person]

    def _limit(self, identity: Identity, scope: Scope) -> Response | None:
        path: str = scope["path"]
        if not self._accounts.is_for_remote_access_only(identity.person):
            return None
        if scope["type"] == "http" and (path in OPEN | OF_REMOTE_ACCESS or path.startswith(OF_REMOTE_ACCESS_FOLDERS)):
            return None
        if scope["type"] == "http" and path == "/":
            return RedirectResponse("/remote", 303)
        return error_response(403, f"the account of {identity.person} is for remote access only; open /remote")

    def _check(self, connection: HTTPConnection) -> Response | None:
        """What is answered in place of what was asked for; None to let it through."""
        login, state, scope = self._accounts.login, connection.state, connection.scope
        path, method = scope["path"], scope.get("method", "GET")
        state.session = state.identity = None
        if path.startswith(OPEN_FOLDERS):
            return None
        if method not in SAFE and (refusal := _check_body(connection)) is not None:
            return refusal
        address = address_of(connection)
        if "authorization" in connection.headers:
            kind, _, value = connection.headers["authorization"].partition(" ")
            if kind.lower() == "bearer":
                state.identity = login.token_identity(value.strip(), address)
            if state.identity is None and path not in OPEN:
                return error_response(401, "the API token is not good: wrong, expired or revoked", {"www-authenticate": REALM})
            return None
        value = cookies.read(connection, cookies.SESSION)
        state.session = login.find(value) if value else None
        if state.session is not None:
            if scope["type"] == "websocket" and "origin" not in connection.headers:
                return error_response(403, "a WebSocket with a session needs an origin")
            if method not in SAFE and path not in OPEN and not cookies.has_token(connection, value):
                return error_response(403, f"a request that changes something has to carry the header {cookies.TOKEN_HEADER}")
            state.identity = login.identity(state.session, address)
            if scope["type"] == "http" and (method not in SAFE or not path.startswith("/api")):
                login.touch(state.session)
        if path in OPEN or state.identity is not None or (state.session is not None and path.startswith(HALF_WAY)):
            return None
        return _login_first(connection)


def address_of(connection: HTTPConnection) -> str:
    """From where the request comes, as far as the connection says."""
    return connection.client.host if connection.client else ""


def _check_body(connection: HTTPConnection) -> Response | None:
    headers = connection.headers
    if "transfer-encoding" in headers:
        return error_response(411, "say with content-length how long the request is")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) <= 12 and int(length) <= MOST_BYTES):
        return error_response(413, f"a request has at most {MOST_BYTES} bytes")
    return None


def _login_first(connection: HTTPConnection) -> Response:
    """Pages lead to the login; everything else is told."""
    path = connection.scope["path"]
    if connection.scope["type"] == "http" and not path.startswith(("/api", "/metrics", "/openapi")):
        wanted = path + (f"?{connection.url.query}" if connection.url.query else "")
        return RedirectResponse(f"/login?next={quote(wanted, safe='')}", 303)
    return error_response(401, "log in first", {"www-authenticate": REALM})


async def _refuse(receive: Receive, send: Send, code: int, reason: str) -> None:
    await receive()
    await send({"type": "websocket.close", "code": code, "reason": reason})


class _Watched:
    """A WebSocket that ends when the session or token does."""

    def __init__(self, accounts: Accounts, identity: Identity, receive: Receive, send: Send) -> None:
        self._accounts = accounts
        self._identity = identity
        self._receive = receive
        self._send = send
        self._has_ended = False

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        await app(scope, self._receive_or_end, self._send_while_alive)

    async def _receive_or_end(self) -> Message:
        receiving = asyncio.ensure_future(self._receive())
        try:
            while True:
                await asyncio.wait({receiving}, timeout=LOOK_EVERY_S)
                if not self._is_alive():
                    return await self._end()
                if receiving.done():
                    return receiving.result()
        finally:
            if not receiving.done():
                receiving.cancel()
                with suppress(asyncio.CancelledError):
                    await receiving

    def _is_alive(self) -> bool:
        try:
            return self._accounts.login.lives(self._identity)
        except UnavailableError:  # who cannot be asked about is not let on
            return False

    async def _end(self) -> Message:
        if not self._has_ended:
            self._has_ended = True
            with suppress(RuntimeError, OSError):  # gone already
                await self._send({"type": "websocket.close", "code": ENDED, "reason": "the session has ended"})
        return {"type": "websocket.disconnect", "code": ENDED, "reason": "the session has ended"}

    async def _send_while_alive(self, message: Message) -> None:
        if not self._has_ended:
            await self._send(message)
