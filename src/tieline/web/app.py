"""The application: API, live feed, metrics and screens over one live state and one historian."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, WebSocket
from starlette.responses import Response

from tieline import __version__
from tieline.bus.remote import RemoteClient
from tieline.bus.scada import ScadaClient
from tieline.config import Utility
from tieline.scada import LiveState
from tieline.security.identity.accounts import Accounts
from tieline.security.identity.accounts.oidc import Oidc
from tieline.web.alarms import alarm_router
from tieline.web.api import api_router
from tieline.web.catalog import Catalog
from tieline.web.details import details_router
from tieline.web.diagrams import diagram_router
from tieline.web.errors import ErrorBody, install_handlers
from tieline.web.events import event_router
from tieline.web.guard import Guard
from tieline.web.health import OwnProcess, health_router
from tieline.web.history import History
from tieline.web.history_routes import history_router
from tieline.web.login import ServerTls, install_login
from tieline.web.logs import Records, log_router
from tieline.web.metrics import OwnMetrics, WebMetrics
from tieline.web.network import network_router
from tieline.web.operate import control_router
from tieline.web.own_screen import OwnScreen
from tieline.web.pages import page_router, static_files
from tieline.web.remote import remote_router
from tieline.web.viewers import Feed, FeedLimits


def wall_clock() -> int:
    """Microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000


def create_app(
    utility: Utility,
    live: LiveState,
    history: History,
    *,
    clock: Callable[[], int] = wall_clock,
    limits: FeedLimits | None = None,
    local_site: str | None = None,
    accounts: Accounts | None = None,
    oidc: Oidc | None = None,
    tls: ServerTls | None = None,
    scada: ScadaClient | None = None,
    remote: RemoteClient | None = None,
    records: Records | None = None,
    own_process: OwnProcess | None = None,
) -> FastAPI:
    """The web application; `live` is read in the event loop that serves it and has to be written there too.

    As a site's own screen, with `local_site`, it says so on every page, and whether the site reaches the center. `scada` is asked for
    alarms and control, `remote` for remote access; `records` are the audits and logs on this machine, `own_process` is what is
    measured of this one. With `accounts` every page, request and WebSocket needs somebody who is logged in; with `tls` it is served
    encrypted.
    """
    app = FastAPI(
        title="Tieline",
        summary=f"Live values, history and events of {utility.name}",
        version=__version__,
        docs_url=None,  # both load their scripts from a CDN
        redoc_url=None,
    )
    catalog = Catalog(utility)
    metrics = WebMetrics()
    own = OwnMetrics(utility, live, clock)
    own_screen = None if local_site is None else OwnScreen(utility.site(local_site), live, clock)
    feed = Feed(live, metrics, clock, limits or FeedLimits(), own_screen, scada)
    app.state.feed = feed
    install_handlers(app)
    app.state.accounts = accounts
    if accounts is not None:
        install_login(app, accounts, oidc, scada, remote)
    app.add_middleware(Guard, tls=tls)

    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, object]:
        return {"status": "ok", "version": __version__, "points": len(live.points)}

    @app.get("/metrics", include_in_schema=False)
    async def prometheus() -> Response:
        metrics.points.set(len(live.points))
        metrics.applied.set(live.applied)
        metrics.unknown.set(live.unknown)
        return metrics.respond(own.exposition())

    @app.websocket("/live")
    async def live_feed(socket: WebSocket) -> None:
        await feed.view(socket)

    unauthorized: dict[int | str, dict[str, Any]] = {} if accounts is None else {401: {"model": ErrorBody}}
    for router in (
        alarm_router(scada, clock),
        control_router(scada, catalog),
        *(() if remote is None else (remote_router(remote),)),
        details_router(catalog),
        diagram_router(catalog, live, clock),
        network_router(catalog),
        history_router(catalog, history, clock),
        event_router(catalog, history, clock),
        health_router(own_process or OwnProcess(), history, scada, clock),
        log_router(utility, records or Records(), history, clock),
        api_router(catalog, live, clock, local_site=local_site),
    ):
        app.include_router(router, responses=unauthorized)
    app.include_router(page_router(catalog, is_local=local_site is not None, has_login=accounts is not None))
    app.mount("/static", static_files(), name="static")
    return app
