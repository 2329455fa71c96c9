"""What routes ask about who is asking."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from tieline.security.identity.accounts import Identity, Session
from tieline.web.errors import ApiError


def identity(connection: HTTPConnection) -> Identity:
    """The person who asks; a dependency for routes and WebSockets. 401 where nobody is logged in."""
    found = getattr(connection.state, "identity", None)
    if not isinstance(found, Identity):
        raise ApiError(401, "log in first")
    return found


def half_way_session(connection: HTTPConnection) -> Session:
    """The browser's session, even where the login is not complete. 401 where there is none."""
    found = getattr(connection.state, "session", None)
    if not isinstance(found, Session):
        raise ApiError(401, "log in first, in a browser")
    return found


def session(connection: HTTPConnection) -> Session:
    """The browser's session of a person who is logged in. 401 where there is none."""
    identity(connection)
    return half_way_session(connection)
