"""The routes under `/api/history`: buckets for a screen, statistics, raw samples as a file, events of the past."""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec
import pyarrow as pa
import pyarrow.csv
from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from tieline.model import Point
from tieline.web.bodies import HistoryBody
from tieline.web.catalog import Catalog
from tieline.web.errors import ApiError, ErrorBody, bad_request
from tieline.web.export import AT_ONCE, MAX_SAMPLES, MEDIA_TYPES, Form, encoder, export
from tieline.web.history import Grid, History, hold_us, lay_fine_grid, lay_grid, split
from tieline.web.times import iso, parse_time

MAX_POINTS = 100
MAX_BUCKETS = 10_000
MAX_CELLS = 200_000
MAX_EVENTS = 1_000

Points = Annotated[str, Query(description="paths or ids, separated by commas")]
Start = Annotated[str, Query(alias="from", description="ISO 8601, or relative like -1h")]
End = Annotated[str, Query(alias="to", description="like from; or now")]

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": HTTPStatus(status).phrase} for status in (400, 403, 404, 413, 503)
}


class StatisticsOfPoint(BaseModel):
    """Statistics of one point; null where nothing is known."""

    id: int
    path: str
    unit: str
    samples: int
    min: float | None
    min_time: str | None
    max: float | None
    max_time: str | None
    mean: float | None = Field(description="weighted with time")
    deviation: float | None = Field(description="standard deviation, weighted with time")
    integral: float | None = Field(description="over the time in which a value is known, in unit hours")
    covered_s: float = Field(description="time in which a value is known")
    good_percent: float = Field(description="share of the range in which a good value is known")


class StatisticsBody(BaseModel):
    """Statistics of some points over every raw sample of a range."""

    start: str
    end: str
    start_us: int
    end_us: int
    most_samples: int = Field(description="that one file may hold")
    statistics: list[StatisticsOfPoint]


class PastEventBody(BaseModel):
    """An event of the past."""

    time: str
    time_us: int
    site: str
    device: str
    kind: str
    severity: str
    text: str


class PastEventsBody(BaseModel):
    """Events of a range, oldest first; `is_complete` is false where there were more."""

    is_complete: bool
    events: list[PastEventBody]


def history_router(catalog: Catalog, history: History, clock: Callable[[], int]) -> APIRouter:
    """All routes under `/api/history`."""
    router = APIRouter(prefix="/api/history", responses=_ERRORS)
    slots = asyncio.Semaphore(AT_ONCE)

    @router.get(
        "",
        summary="History of some points, decimated so that extremes stay",
        response_model=HistoryBody,
        responses={200: {"content": {"text/csv": {}, "application/vnd.apache.arrow.stream": {}}}},
    )
    async def some_history(
        points: Points,
        start: Start = "-1h",
        end: End = "now",
        buckets: Annotated[int, Query(ge=1, le=MAX_BUCKETS)] = 1_000,
        columns: Annotated[
            int | None, Query(ge=1, le=MAX_BUCKETS, description="of the screen: no bucket is wider than one; instead of buckets")
        ] = None,
        form: Annotated[Literal["json", "csv", "arrow"] | None, Query(alias="format")] = None,
        accept: Annotated[str, Header()] = "",
    ) -> Response:
        wanted = catalog.some_points(points, MAX_POINTS)
        start_us, end_us = read_range(start, end, clock())
        grid = lay_grid(start_us, end_us, buckets) if columns is None else lay_fine_grid(start_us, end_us, columns)
        if len(wanted) * (buckets if columns is None else grid.buckets) > MAX_CELLS:
            raise bad_request(
                f"{len(wanted)} points in {grid.buckets} buckets are too much for one request; ask for fewer of either"
            )
        table = await history.history([int(point.id) for point in wanted], grid.start_us, grid.end_us, grid.buckets)
        match form or form_of(accept):
            case "csv":
                return csv_response(table, catalog)
            case "arrow":
                return arrow_response(table)
            case _:
                return json_response(table, wanted, grid)

    @router.get("/statistics", summary="Statistics of some points over every raw sample of a range")
    async def statistics(points: Points, start: Start = "-1h", end: End = "now") -> StatisticsBody:
        now = clock()
        wanted = catalog.some_points(points, MAX_POINTS)
        start_us, end_us = read_range(start, end, now)
        end_us = max(min(end_us, now), start_us)
        ids = [int(point.id) for point in wanted]
        table = await history.statistics(ids, start_us, end_us, [hold_us(point) for point in wanted])
        rows = {
            row["point"]: row
            for row in table.set_column(*_as_int(table, "min_time")).set_column(*_as_int(table, "max_time")).to_pylist()
        }
        return StatisticsBody(
            start=iso(start_us),
            end=iso(end_us),
            start_us=start_us,
            end_us=end_us,
            most_samples=MAX_SAMPLES,
            statistics=[_statistics(point, rows.get(int(point.id)), end_us - start_us) for point in wanted],
        )

    @router.get(
        "/samples",
        summary="Raw samples of some points as a file, by time",
        response_class=Response,
        responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}},
    )
    async def samples(
        points: Points, start: Start = "-1h", end: End = "now", form: Annotated[Form, Query(alias="format")] = "csv"
    ) -> Response:
        wanted = catalog.some_points(points, MAX_POINTS)
        start_us, end_us = read_range(start, end, clock())
        ids = [int(point.id) for point in wanted]
        counted = await history.history(ids, start_us, end_us, 1)
        found = int(counted.column("count").to_numpy().sum())
        if found > MAX_SAMPLES:
            raise ApiError(
                413,
                f"these are about {found:,} samples, and a file holds at most {MAX_SAMPLES:,}: "
                "ask for a shorter range or for fewer points",
            )
        name = f"samples-{_file_time(start_us)}-{_file_time(end_us)}.{form}"
        return StreamingResponse(
            export(history.pieces(ids, start_us, end_us), encoder(form, wanted), slots),
            media_type=MEDIA_TYPES[form],
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    @router.get("/events", summary="Events of a range, oldest first")
    async def events(
        start: Start = "-1h",
        end: End = "now",
        sites: Annotated[str, Query(description="names, separated by commas; all where there is none")] = "",
        limit: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = MAX_EVENTS,
    ) -> PastEventsBody:
        start_us, end_us = read_range(start, end, clock())
        names = [catalog.site(name).name for name in sites.split(",") if name]
        table = await history.query(EVENTS, [start_us, end_us, names, limit + 1])
        rows = table.to_pylist()
        found = [PastEventBody(**row, time=iso(row["time_us"])) for row in rows[:limit]]
        return PastEventsBody(is_complete=len(rows) <= limit, events=found)

    return router


EVENTS = """
SELECT epoch_us(time) AS time_us, site, device, kind, severity, text FROM events
WHERE time >= make_timestamptz($1) AND time < make_timestamptz($2) AND (len($3::VARCHAR[]) = 0 OR list_contains($3::VARCHAR[], site))
ORDER BY time LIMIT $4
"""


def read_range(start: str, end: str, now: int) -> tuple[int, int]:
    """A range as people write it, in microseconds."""
    try:
        start_us, end_us = parse_time(start, now), parse_time(end, now)
    except ValueError as error:
        raise bad_request(str(error)) from error
    if not start_us < end_us:
        raise bad_request("from has to lie before to")
    return start_us, end_us


def form_of(accept: str) -> str:
    """The form that an Accept header asks for."""
    if "text/csv" in accept:
        return "csv"
    return "arrow" if "application/vnd.apache.arrow.stream" in accept else "json"


def json_response(table: pa.Table, points: list[Point], grid: Grid) -> Response:
    """History as JSON columns; NaN becomes null."""
    series = split(table, [int(point.id) for point in points])
    columns = ("time", "min", "max", "mean", "last", "count", "severity")
    body = {
        "start": iso(grid.start_us),
        "end": iso(grid.end_us),
        "start_us": grid.start_us,
        "end_us": grid.end_us,
        "bucket_us": grid.bucket_us,
        "series": [
            {"id": int(point.id), "path": point.path, "unit": point.unit}
            | {name: getattr(series[int(point.id)], name).tolist() for name in columns}
            for point in points
        ],
    }
    return Response(msgspec.json.encode(body), media_type="application/json")


def csv_response(table: pa.Table, catalog: Catalog) -> Response:
    """History as CSV, one row a bucket, points by path, times in ISO 8601 UTC."""
    ids = table.column("point").to_pylist()
    paths = pa.array([catalog.point(str(one)).path for one in ids], pa.string())
    times = pa.array([iso(us) for us in table.column("time").cast(pa.int64()).to_pylist()], pa.string())
    for name, column in (("point", paths), ("time", times)):
        table = table.set_column(table.schema.get_field_index(name), name, column)
    sink = io.BytesIO()
    pyarrow.csv.write_csv(table, sink)
    return Response(sink.getvalue(), media_type="text/csv")


def arrow_response(table: pa.Table) -> Response:
    """History as an Arrow IPC stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Response(sink.getvalue(), media_type="application/vnd.apache.arrow.stream")


def _as_int(table: pa.Table, name: str) -> tuple[int, str, pa.ChunkedArray]:
    return table.schema.get_field_index(name), name, table.column(name).cast(pa.int64())


def _statistics(point: Point, row: dict[str, Any] | None, length_us: int) -> StatisticsOfPoint:
    found = row or {}

    def number(name: str) -> float | None:
        value = found.get(name)
        return value if value is not None and math.isfinite(value) else None

    def moment(name: str) -> str | None:
        return None if found.get(name) is None else iso(found[name])

    return StatisticsOfPoint(
        id=int(point.id),
        path=point.path,
        unit=point.unit,
        samples=found.get("samples", 0),
        min=number("min"),
        min_time=moment("min_time"),
        max=number("max"),
        max_time=moment("max_time"),
        mean=number("mean"),
        deviation=number("deviation"),
        integral=number("integral"),
        covered_s=found.get("covered", 0) / 1e6,
        good_percent=100 * found.get("good", 0) / length_us if length_us else 0.0,
    )


def _file_time(us: int) -> str:
    return iso(us)[:19].replace("-", "").replace(":", "") + "Z"
