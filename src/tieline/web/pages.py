"""The screens: which pages there are, their scripts and styles, and the chart library from its own wheel."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse
from starlette.staticfiles import StaticFiles

from tieline.model import ConfigError
from tieline.security.authority import Right, roles_of
from tieline.security.identity.accounts import Identity
from tieline.web.catalog import Catalog
from tieline.web.skeleton import STATIC, Page, render

NETWORK_STYLES = ("diagram.css", "network-drawing.css", "network.css")
PAGES = (
    Page(path="/", title="Overview", module="overview.js", styles=("site-table.css", "overview.css"), keys="g o"),
    Page(path="/stations", title="Stations", module="stations.js", styles=("site-table.css", "stations.css"), keys="g s"),
    Page(path="/site/{site}", title="Station", module="site.js", styles=("site.css",)),
    Page(path="/site/{site}/diagram", title="Single line", module="diagram.js", styles=("single-line.css", "diagram.css")),
    Page(path="/point/{site}/{device}/{name}", title="Point", module="point.js"),
    Page(path="/device/{site}/{device}", title="Device", module="device.js", styles=("device.css",)),
    Page(
        path="/alarms",
        title="Alarms",
        module="alarms.js",
        styles=("supervision.css", "virtual-rows.css", "alarms.css"),
        keys="g a",
        is_at_center=True,
    ),
    Page(
        path="/events",
        title="Events",
        module="events.js",
        styles=("supervision.css", "virtual-rows.css", "events.css"),
        keys="g e",
    ),
    Page(
        path="/operate",
        title="Operate",
        module="operate.js",
        styles=("supervision.css", "operate.css"),
        keys="g p",
        roles=roles_of(Right.OPERATE),
        is_at_center=True,
    ),
    Page(path="/tags", title="Tags", module="tags.js", styles=("tags.css",), keys="g k", is_at_center=True),
    Page(path="/programs", title="Programs", module="programs.js", styles=("programs.css",), keys="g w", is_at_center=True),
    Page(
        path="/network",
        title="Network",
        module="network.js",
        styles=NETWORK_STYLES,
        keys="g n",
        is_at_center=True,
        is_of_network=True,
    ),
    Page(
        path="/network/{place}",
        title="Network",
        module="network.js",
        styles=NETWORK_STYLES,
        is_at_center=True,
        is_of_network=True,
    ),
    Page(path="/trend", title="Trend", module="trend.js", styles=("trend.css",), keys="g t"),
    Page(
        path="/health", title="System", module="links.js", styles=("virtual-rows.css", "links.css"), keys="g y", is_at_center=True
    ),
    Page(
        path="/log",
        title="Log",
        module="log.js",
        styles=("supervision.css", "virtual-rows.css", "events.css", "log.css"),
        keys="g l",
        roles=roles_of(Right.READ_RECORDS),
        is_at_center=True,
        is_of_login=True,
    ),
    Page(
        path="/remote",
        title="Remote access",
        module="remote.js",
        styles=("login/login.css", "supervision.css", "remote.css"),
        keys="g r",
        roles=roles_of(Right.ASK_REMOTE)
        | roles_of(Right.APPROVE_REMOTE)
        | roles_of(Right.CUT_REMOTE)
        | roles_of(Right.REVIEW_REMOTE),
        is_at_center=True,
        is_of_login=True,
        is_of_remote_access=True,
    ),
    Page(path="/login", title="Log in", module="login/login.js", styles=("login/login.css",), is_of_login=True, has_frame=False),
    Page(path="/account", title="Account", module="login/account.js", styles=("login/login.css",), is_of_login=True),
    Page(
        path="/accounts",
        title="Accounts",
        module="login/accounts.js",
        styles=("login/login.css",),
        roles=roles_of(Right.REVIEW_ACCOUNTS),
        is_of_login=True,
    ),
)


def page_router(catalog: Catalog, *, is_local: bool = False, has_login: bool = False) -> APIRouter:
    """One route a page: at the center or, `is_local`, on a site's own screen."""
    router = APIRouter(include_in_schema=False)
    sites = {site.name for site in (*catalog.utility.sites, *catalog.utility.roles)}
    network = catalog.utility.network
    places = set() if network is None else {node.site for node in network.nodes}
    charts = chart_folder()
    is_remote = catalog.utility.dmz.remote_port is not None
    pages = [
        page
        for page in PAGES
        if not (page.is_at_center and is_local)
        and (has_login or not page.is_of_login)
        and (is_remote or not page.is_of_remote_access)
        and (network is not None or not page.is_of_network)
    ]

    def add(page: Page) -> None:
        async def show(request: Request) -> HTMLResponse:
            who = getattr(request.state, "identity", None)
            roles = who.roles if isinstance(who, Identity) else None
            is_refused = has_login and page.has_frame and not page.is_for(roles or ())
            named = {"site": sites, "place": places}
            is_missing = any(request.path_params[key] not in known for key, known in named.items() if key in request.path_params)
            is_limited = isinstance(who, Identity) and request.app.state.accounts.is_for_remote_access_only(who.person)
            around = [one for one in pages if one.keys and one.is_for(roles) and (not is_limited or one.is_of_remote_access)]
            html = render(page, catalog.utility.name, around, is_refused=is_refused, is_live=not is_limited)
            return HTMLResponse(html, status_code=403 if is_refused else 404 if is_missing else 200)

        router.add_api_route(page.path, show, methods=["GET"])

    for page in pages:
        add(page)

    @router.get("/vendor/uplot.js")
    async def chart_script() -> FileResponse:
        return FileResponse(charts / "uPlot.iife.js", media_type="text/javascript")

    @router.get("/vendor/uplot.css")
    async def chart_style() -> FileResponse:
        return FileResponse(charts / "uPlot.min.css", media_type="text/css")

    return router


def static_files() -> StaticFiles:
    """The files under `/static`."""
    return StaticFiles(directory=STATIC)


def chart_folder() -> Path:
    """Where the wheel `uplot-python` keeps uPlot; found without importing it, which would draw in IPython."""
    spec = find_spec("uplot")
    folders = [Path(place) / "static" for place in (spec.submodule_search_locations or [])] if spec else []
    for folder in folders:
        if (folder / "uPlot.iife.js").is_file():
            return folder
    raise ConfigError("the chart library is missing; install the package uplot-python")
