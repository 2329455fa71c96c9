"""`/api/events/history`: the sequence of events as the historian has it, newest first, in pages or as one file.

A page ends with a mark of its last event; the next one begins after it, however many new events have come meanwhile. Two events that
differ in nothing are one to this order: of such a pair at the edge of two pages the second is left out.
"""

from __future__ import annotations

import csv
import io
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from tieline.model.events import Severity
from tieline.web.api import ERRORS
from tieline.web.catalog import Catalog
from tieline.web.errors import bad_request
from tieline.web.history import History
from tieline.web.history_routes import End, Start, read_range
from tieline.web.times import iso

MOST_EVENTS = 2_000
MOST_WORDS = 10
EXPORT_ROWS = 20_000
COLUMNS = ("time", "site", "device", "kind", "severity", "text")


class PastEvent(BaseModel):
    """An event of the past."""

    time: str
    time_us: int
    site: str
    device: str
    kind: str
    severity: Severity
    text: str


class EventPageBody(BaseModel):
    """Events, newest first."""

    events: list[PastEvent]
    before: str | None = Field(description="ask with it for what comes after these; null where nothing does")


class KindsBody(BaseModel):
    """What happened, in the words for machines."""

    kinds: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events are wanted; times are microseconds since 1970-01-01 UTC, empty is everything."""

    start: int
    end: int
    site: str = ""
    device: str = ""
    kind: str = ""
    severities: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def statement(self, after: list[Any] | None, limit: int) -> tuple[str, list[Any]]:
        """SQL and its parameters for the first events, or for those that come after the one with these (time, site, ... text)."""
        held: list[Any] = [self.start, self.end]
        clauses = ["time >= make_timestamptz($1)", "time < make_timestamptz($2)"]

        def place(value: Any) -> str:
            held.append(value)
            return f"${len(held)}"

        exact = {"site": self.site, "device": self.device, "kind": self.kind}
        clauses += [f"{name} = {place(value)}" for name, value in exact.items() if value]
        if self.severities:
            clauses.append(f"list_contains({place(list(self.severities))}::VARCHAR[], severity)")
        clauses += [f"contains(lower(concat_ws(' ', site, device, kind, text)), {place(word.lower())})" for word in self.words]
        if after is not None:
            marks = [f"make_timestamptz({place(after[0])})", *(place(value) for value in after[1:])]
            clauses.append(f"(time, site, device, kind, text) < ({', '.join(marks)})")
        statement = (
            "SELECT epoch_us(time) AS time_us, site, device, kind, severity, text FROM events "  # noqa: S608 - only our own words
            f"WHERE {' AND '.join(clauses)} "
            f"ORDER BY time DESC, site DESC, device DESC, kind DESC, text DESC LIMIT {limit:d}"
        )
        return statement, held


def event_router(catalog: Catalog, history: History, clock: Callable[[], int]) -> APIRouter:
    """All routes under `/api/events/`; the newest ones of the live state are at `/api/events`."""
    router = APIRouter(prefix="/api/events", responses=ERRORS)

    @router.get(
        "/history",
        summary="Events of the past, newest first, in pages or as one file",
        response_model=EventPageBody,
        responses={200: {"content": {"text/csv": {}}}},
    )
    async def past_events(
        start: Start = "-24h",
        end: End = "now",
        site: str = "",
        device: str = "",
        kind: str = "",
        severity: Annotated[list[Severity] | None, Query()] = None,
        text: Annotated[str, Query(description="every word has to occur in site, device, kind or text", max_length=200)] = "",
        before: Annotated[str, Query(description="of an earlier page", max_length=2_000)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_EVENTS)] = 500,
        form: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
    ) -> EventPageBody | StreamingResponse:
        if site:
            catalog.site(site)
        begin, until = read_range(start, end, clock())
        words = tuple(text.split())
        if len(words) > MOST_WORDS:
            raise bad_request(f"text: {len(words)} words are too many; give at most {MOST_WORDS}")
        wanted = EventQuery(
            start=begin, end=until, site=site, device=device, kind=kind, severities=tuple(severity or ()), words=words
        )
        if form == "csv":
            first = await _page(history, wanted, None, EXPORT_ROWS)  # what is wrong is said before the file begins
            headers = {"content-disposition": 'attachment; filename="events.csv"'}
            return StreamingResponse(_lines(history, wanted, first), media_type="text/csv", headers=headers)
        rows = await _page(history, wanted, _read_mark(before), limit + 1)
        found = [PastEvent(**row, time=iso(row["time_us"])) for row in rows[:limit]]
        return EventPageBody(events=found, before=_mark(rows[limit - 1]) if len(rows) > limit else None)

    @router.get("/kinds", summary="Which kinds of events there were")
    async def kinds(start: Start = "-30d", end: End = "now") -> KindsBody:
        begin, until = read_range(start, end, clock())
        table = await history.query(
            "SELECT DISTINCT kind FROM events WHERE time >= make_timestamptz($1) AND time < make_timestamptz($2) ORDER BY kind",
            [begin, until],
        )
        return KindsBody(kinds=table.column("kind").to_pylist())

    return router


async def _page(history: History, wanted: EventQuery, after: list[Any] | None, limit: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await history.query(*wanted.statement(after, limit))).to_pylist()
    return rows


async def _lines(history: History, wanted: EventQuery, rows: list[dict[str, Any]]) -> AsyncIterator[str]:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(COLUMNS)
    while True:
        for row in rows:
            writer.writerow([iso(row["time_us"]), *(row[name] for name in COLUMNS[1:])])
        yield sink.getvalue()
        sink.seek(0)
        sink.truncate()
        if len(rows) < EXPORT_ROWS:
            return
        rows = await _page(history, wanted, _key(rows[-1]), EXPORT_ROWS)


def _key(row: dict[str, Any]) -> list[Any]:
    return [row[name] for name in ("time_us", "site", "device", "kind", "text")]


def _mark(row: dict[str, Any]) -> str:
    return urlsafe_b64encode(msgspec.json.encode(_key(row))).decode()


def _read_mark(mark: str) -> list[Any] | None:
    if not mark:
        return None
    try:
        time, *rest = msgspec.json.decode(urlsafe_b64decode(mark), type=tuple[int, str, str, str, str])
    except ValueError as error:
        raise bad_request("before: it is no mark of an earlier page") from error
    if not 0 <= time < 2**53:
        raise bad_request("before: it is no mark of an earlier page")
    return [time, *rest]
