"""The screens: HTML files, ES modules and styles, and the chart library from its own wheel."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from tieline.model import ConfigError
from tieline.web.catalog import Catalog

STATIC = Path(__file__).parent / "static"


def page_router(catalog: Catalog) -> APIRouter:
    """One route a page."""
    router = APIRouter(include_in_schema=False)
    sites = {site.name for site in (*catalog.utility.sites, *catalog.utility.roles)}
    charts = chart_folder()

    @router.get("/")
    async def overview() -> FileResponse:
        return FileResponse(STATIC / "overview.html")

    @router.get("/site/{site}")
    async def site(site: str) -> FileResponse:
        return FileResponse(STATIC / "site.html", status_code=200 if site in sites else 404)

    @router.get("/trend")
    async def trend() -> FileResponse:
        return FileResponse(STATIC / "trend.html")

    @router.get("/alarms")
    async def alarms() -> FileResponse:
        return FileResponse(STATIC / "alarms.html")

    @router.get("/operate")
    async def operate() -> FileResponse:
        return FileResponse(STATIC / "operate.html")

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
