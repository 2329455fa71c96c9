"""A web application where people log in, and a browser's manners over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from tests.security.accounts.world import PASSWORD, Center
from tieline.config import LoginSection
from tieline.security.identity.accounts.oidc import Oidc
from tieline.web import create_app
from tieline.web.login import ServerTls

from .world import World

BASE = "http://127.0.0.1:8400"


def app_of(world: World, center: Center, *, oidc: Oidc | None = None, tls: ServerTls | None = None) -> FastAPI:
    return create_app(world.utility, world.live, world.history, clock=world.clock, accounts=center.accounts, oidc=oidc, tls=tls)


class Browser(httpx.AsyncClient):
    """Sends the session's token along with what changes something, as the page scripts do."""

    def token(self) -> dict[str, str]:
        value = self.cookies.get("tieline_token")
        return {} if value is None else {"tieline-token": value}

    async def send_json(self, method: str, path: str, body: object = None) -> httpx.Response:
        return await self.request(method, path, json=body, headers={"origin": BASE, **self.token()})

    async def log_in(self, name: str = "ada", password: str = PASSWORD) -> httpx.Response:
        return await self.send_json("POST", "/api/login", {"name": name, "password": password})


@asynccontextmanager
async def browsing(app: FastAPI, address: str = "127.0.0.1") -> AsyncIterator[Browser]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40_000))
    async with Browser(transport=transport, base_url=BASE) as browser:
        yield browser


def center_in(folder: Path, **settings: object) -> Center:
    return Center(folder, LoginSection.model_validate(settings))
