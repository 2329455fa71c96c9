"""What the routes of alarms and control share: whom they ask, and in whose name."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from tieline.bus.asking import Request
from tieline.bus.scada import ScadaClient
from tieline.model import RefusedError, UnavailableError
from tieline.security.identity.accounts import Identity
from tieline.web.login import identity
from tieline.web.times import iso

A = TypeVar("A")


def who_asks(connection: HTTPConnection) -> Identity:
    """Who is logged in; a dependency for routes. 401 where nobody is, `RefusedError` where nobody can be."""
    if connection.app.state.accounts is None:
        raise RefusedError("this server runs without login, so it only shows: nothing is operated or acknowledged without a name")
    return identity(connection)


Who = Annotated[Identity, Depends(who_asks)]


async def ask(scada: ScadaClient | None, request: Request[A]) -> A:
    """The answer of supervision. Raises `UnavailableError` where there is none, and what it raises."""
    if scada is None:
        raise UnavailableError("alarms and control are at the center; this is a site's own screen")
    return await scada.ask(request)


def moment(us: int) -> str | None:
    """A time of supervision as the API writes it; null for never."""
    return iso(us) if us else None
