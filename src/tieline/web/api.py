"""The REST interface under `/api`."""

from __future__ import annotations

import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from tieline.config import Device, Site
from tieline.model import Point, PointKind, in_words
from tieline.scada import Counts, Link, LinkState, LiveState, NumberedEvent
from tieline.web.bodies import (
    CountsBody,
    DeviceBody,
    DevicesBody,
    EventBody,
    EventsBody,
    LinkBody,
    PointBody,
    PointsBody,
    SiteBody,
    SitesBody,
    TieBody,
    ValueBody,
    ValuesBody,
)
from tieline.web.catalog import Catalog, key_points
from tieline.web.errors import ApiError, ErrorBody, not_found
from tieline.web.ties import ties
from tieline.web.times import iso

MAX_PAGE = 5_000

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": HTTPStatus(status).phrase} for status in (400, 403, 404, 503)
}

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Offset = Annotated[int, Query(ge=0)]
Clock = Callable[[], int]


def api_router(catalog: Catalog, live: LiveState, clock: Clock, *, local_site: str | None = None) -> APIRouter:
    """All routes under `/api`."""
    router = APIRouter(prefix="/api", responses=ERRORS)
    known = {site.name for site in catalog.utility.sites}
    joined = [
        TieBody(sites=(one, other), voltage_kv=voltage_kv, ways=ways)
        for one, other, voltage_kv, ways in ties(catalog.utility.grid)
        if {one, other} <= known
    ]

    @router.get("/sites", summary="Sites with link, counts and throughput")
    async def sites() -> SitesBody:
        counts = live.counts(clock())
        return SitesBody(
            utility=catalog.utility.name,
            time_zone=catalog.utility.time_zone,
            sites=[site_body(site, live.link(site.name), counts[site.name]) for site in catalog.utility.sites],
            roles=[site_body(site, live.link(site.name), counts[site.name]) for site in catalog.utility.roles],
            ties=joined,
            local_site=local_site,
        )

    @router.get("/sites/{site}", summary="One site")
    async def one_site(site: str) -> SiteBody:
        found = catalog.site(site)
        return site_body(found, live.link(site), live.counts(clock())[site])

    @router.get("/devices", summary="Devices with their state")
    async def devices(site: str | None = None) -> DevicesBody:
        return DevicesBody(devices=[device_body(device, live.link(device.site)) for device in catalog.devices(site)])

    @router.get("/devices/{site}/{device}", summary="One device")
    async def one_device(site: str, device: str) -> DeviceBody:
        found = next((one for one in catalog.devices(site) if one.name == device), None)
        if found is None:
            raise not_found(f"device {device!r} at {site}")
        return device_body(found, live.link(site))

    @router.get("/points", summary="Points, filtered and paged")
    async def points_found(
        site: str | None = None,
        device: str | None = None,
        kind: PointKind | None = None,
        text: str = "",
        points: Annotated[str | None, Query(description="these only: paths or ids, separated by commas")] = None,
        limit: Limit = 500,
        offset: Offset = 0,
    ) -> PointsBody:
        named = None if points is None else catalog.some_points(points, MAX_PAGE)
        found = catalog.find(site=site, device=device, kind=kind, text=text) if named is None else named
        page = found[offset : offset + limit]
        return PointsBody(total=len(found), offset=offset, points=[point_body(point, catalog) for point in page])

    @router.get("/points/{reference:path}", summary="One point, by path or id")
    async def one_point(reference: str) -> PointBody:
        point = catalog.point(reference)
        return point_body(point, catalog)

    @router.get("/values", summary="Newest values of some points, a device, a site, or all")
    async def values(
        points: str | None = None,
        site: str | None = None,
        device: str | None = None,
        limit: Limit = MAX_PAGE,
        offset: Offset = 0,
    ) -> ValuesBody:
        found = catalog.find(site=site, device=device) if points is None else catalog.some_points(points, MAX_PAGE)
        now = clock()
        page = value_bodies(live, found[offset : offset + limit], now)
        return ValuesBody(time=iso(now), total=len(found), offset=offset, values=page)

    @router.get("/values/{reference:path}", summary="Newest value of one point, by path or id")
    async def one_value(reference: str) -> ValueBody:
        return value_bodies(live, [catalog.point(reference)], clock())[0]

    @router.get("/events", summary="Newest events")
    async def events(
        after: Annotated[int, Query(ge=0, description="only those with a larger id")] = 0,
        site: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> EventsBody:
        held = [one for one in live.events_after(after) if site is None or one.event.site == site]
        return EventsBody(newest_id=live.events.newest_id, events=[event_body(one) for one in reversed(held[-limit:])])

    @router.get("/{path:path}", include_in_schema=False)
    async def nothing(path: str) -> Response:
        raise ApiError(404, f"there is nothing at /api/{path}; /openapi.json lists what there is")

    return router


def site_body(site: Site, link: Link, counts: Counts) -> SiteBody:
    """A site as the API shows it."""
    points = list(site.plant_points)
    is_heard = link.state is LinkState.UP
    return SiteBody(
        name=site.name,
        title=site.title,
        kind=site.kind,
        latitude=site.latitude,
        longitude=site.longitude,
        devices=len(site.devices),
        devices_up=sum(device.is_up for device in link.stats.devices.values()) if is_heard else 0,
        points=len(points),
        link=LinkBody(
            state=link.state,
            since=iso(link.since) if link.since else None,
            heard=None if link.heard is None else iso(link.heard),
            samples_per_s=link.stats.samples_per_s,
            batches_per_s=link.stats.batches_per_s,
            pending_samples=link.stats.pending_samples,
            spooled_batches=link.stats.spooled_batches,
        ),
        values=CountsBody(good=counts.good, questionable=counts.questionable, invalid=counts.invalid, stale=counts.stale),
        key_points=[int(point.id) for point in key_points(points)],
        has_single_line=site.single_line is not None,
    )


def device_body(device: Device, link: Link) -> DeviceBody:
    """A device as the API shows it; whether it is up is not known while its site is not heard."""
    stats = link.stats.devices.get(device.name)
    return DeviceBody(
        site=device.site,
        name=device.name,
        protocol=device.protocol,
        description=device.description,
        points=len(device.points),
        is_up=stats.is_up if stats and link.state is LinkState.UP else None,
        polls=stats.polls if stats else None,
        errors=stats.errors if stats else None,
        timeouts=stats.timeouts if stats else None,
        reconnects=stats.reconnects if stats else None,
        round_trip_ms=stats.round_trip_ms if stats else None,
    )


def point_body(point: Point, catalog: Catalog) -> PointBody:
    """A point as the API shows it."""
    return PointBody(
        id=point.id,
        path=point.path,
        site=point.site,
        device=point.device,
        name=point.name,
        kind=point.kind,
        unit=point.unit,
        description=point.description,
        equipment=point.equipment,
        quantity=point.quantity,
        phase=point.phase,
        low=point.low,
        high=point.high,
        deadband=point.reporting.deadband,
        max_silence_s=point.reporting.max_silence_s,
        decimals=catalog.decimals(point),
        is_straight=catalog.is_straight(point),
    )


def value_bodies(live: LiveState, points: list[Point], now: int) -> list[ValueBody]:
    """The newest values of the points as the API shows them."""
    newest = live.newest(live.rows(np.array([point.id for point in points], np.uint32)), now)
    columns = (newest.time.tolist(), newest.value.tolist(), newest.quality.tolist(), newest.is_stale.tolist())
    return [
        ValueBody(
            id=point.id,
            path=point.path,
            unit=point.unit,
            value=value if math.isfinite(value) else None,
            time=iso(time) if time else None,
            age_s=(now - time) / 1e6 if time else None,
            quality=quality,
            quality_words=in_words(quality),
            is_stale=is_stale,
        )
        for point, time, value, quality, is_stale in zip(points, *columns, strict=True)
    ]


def event_body(numbered: NumberedEvent) -> EventBody:
    """An event as the API shows it."""
    event = numbered.event
    return EventBody(
        id=numbered.id,
        time=iso(event.time),
        site=event.site,
        device=event.device,
        kind=event.kind,
        severity=event.severity,
        text=event.text,
    )
