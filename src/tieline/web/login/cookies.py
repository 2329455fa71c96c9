"""The cookies of a login, and the token that page scripts send along with every request that changes something."""

from __future__ import annotations

import hashlib
import hmac

from starlette.requests import HTTPConnection
from starlette.responses import Response

from tieline.security.identity.accounts import Entry

SESSION = "tieline_session"
TOKEN = "tieline_token"  # noqa: S105 - its name
DEVICE = "tieline_device"
PROVIDER = "tieline_provider"
TOKEN_HEADER = "tieline-token"  # noqa: S105 - its name
DEVICE_LIFE_S = 365 * 86_400
PROVIDER_LIFE_S = 600
PROBLEM = "tieline_problem"
PROBLEM_LIFE_S = 60


def token_of(value: str) -> str:
    """The token of the session with this value: who can read it can read our pages, which foreign ones cannot."""
    return hashlib.sha256(f"token of requests {value}".encode("utf-8", "surrogatepass")).hexdigest()


def has_token(connection: HTTPConnection, value: str) -> bool:
    """Whether the request carries the token of its session."""
    given = connection.headers.get(TOKEN_HEADER, "")
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), token_of(value).encode())


def read(connection: HTTPConnection, name: str) -> str:
    """What a cookie of ours holds; empty where there is none."""
    return connection.cookies.get(_full(name, is_secure=is_secure(connection)), "")


def is_secure(connection: HTTPConnection) -> bool:
    """Whether the connection is encrypted."""
    return connection.scope["scheme"] in {"https", "wss"}


def give_session(response: Response, connection: HTTPConnection, entry: Entry) -> None:
    """The browser holds the session from now on; the cookies end with it."""
    _set(response, connection, SESSION, entry.value)
    _set(response, connection, TOKEN, token_of(entry.value), is_hidden=False)
    if entry.device is not None:
        _set(response, connection, DEVICE, entry.device, life_s=DEVICE_LIFE_S)


def take_session(response: Response, connection: HTTPConnection) -> None:
    """The browser forgets the session; it is known as before."""
    for name in (SESSION, TOKEN):
        _set(response, connection, name, "", life_s=0, is_hidden=name == SESSION)


def give_provider(response: Response, connection: HTTPConnection, value: str) -> None:
    """The browser is on its way to a provider; it comes back from another site, so this one cookie has to be sent from there."""
    _set(response, connection, PROVIDER, value, life_s=PROVIDER_LIFE_S if value else 0, is_strict=False)


def give_problem(response: Response, connection: HTTPConnection, problem: str) -> None:
    """What the login page says once: only we can put it there, unlike what is in an address."""
    _set(response, connection, PROBLEM, problem, life_s=PROBLEM_LIFE_S, is_hidden=False)


def _set(
    response: Response,
    connection: HTTPConnection,
    name: str,
    value: str,
    *,
    life_s: int | None = None,
    is_hidden: bool = True,
    is_strict: bool = True,
) -> None:
    secure = is_secure(connection)
    response.set_cookie(
        _full(name, is_secure=secure),
        value,
        max_age=life_s,
        path="/",
        secure=secure,
        httponly=is_hidden,
        samesite="strict" if is_strict else "lax",
    )


def _full(name: str, *, is_secure: bool) -> str:
    """With TLS a name that neither plain HTTP nor a neighboring host can set (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{name}" if is_secure else name
