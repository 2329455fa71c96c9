"""The sequence of events as the historian has it: every event once over all pages, the filters, the file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tieline.historian import FILE_NAME, AsyncClient, Historian, HistorianServer
from tieline.model import Batch, Event, Samples
from tieline.model.events import Severity
from tieline.web import create_app
from tieline.web.times import iso

from .world import NOON, World, make_world

EVENTS = [
    Event(
        time=NOON - 60_000_000 * (number // 3),  # three at each moment
        site=("northgate", "millbrook", "sunfield")[number % 3],
        device="rtu-1" if number % 2 else "",
        kind="state_changed" if number % 5 else "device_lost",
        severity=Severity.ERROR if number % 5 == 0 else Severity.INFO,
        text=f"breaker {number}, opened" if number % 5 else f"it's {number} gone",
    )
    for number in range(300)
]


@pytest.fixture
def world() -> World:
    return make_world(lambda: NOON)


@pytest.fixture
def historian(tmp_path: Path, world: World) -> Iterator[Historian]:
    with Historian.open(tmp_path / FILE_NAME, lake=tmp_path / "lake", points=world.utility.points) as opened:
        opened.commit([Batch(site="northgate", incarnation=1, sequence=1, samples=Samples.empty(), events=tuple(EVENTS))])
        yield opened


@pytest.fixture
async def client(tmp_path: Path, historian: Historian, world: World) -> AsyncIterator[httpx.AsyncClient]:
    with HistorianServer(historian):
        async with AsyncClient(tmp_path) as asker:
            app = create_app(world.utility, world.live, asker, clock=world.clock)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as asking:
                yield asking


async def texts(client: httpx.AsyncClient, **query: object) -> list[str]:
    answer = await client.get("/api/events/history", params={"to": iso(NOON + 1), "limit": 2_000, **query})  # type: ignore[dict-item]
    assert answer.status_code == 200, answer.text
    return [event["text"] for event in answer.json()["events"]]


async def test_pages_hold_every_event_once_newest_first(client: httpx.AsyncClient) -> None:
    found, before, pages = [], "", 0
    while True:
        query = {"to": iso(NOON + 1), "limit": "7"} | ({"before": before} if before else {})
        body = (await client.get("/api/events/history", params=query)).json()
        found += body["events"]
        pages += 1
        before = body["before"]
        if before is None:
            break
    assert pages == 43
    assert sorted(event["text"] for event in found) == sorted(event.text for event in EVENTS)
    times = [event["time_us"] for event in found]
    assert times == sorted(times, reverse=True)


async def test_events_are_narrowed_by_all_that_is_asked(client: httpx.AsyncClient) -> None:
    assert await texts(client, site="sunfield") == [event.text for event in EVENTS if event.site == "sunfield"]
    assert len(await texts(client, device="rtu-1")) == 150
    assert len(await texts(client, kind="device_lost", severity="error")) == 60
    assert len(await texts(client, severity=["error", "info"])) == 300
    assert await texts(client, text="GONE it's 100") == ["it's 100 gone"]
    assert len(await texts(client, **{"from": "-10m"})) == 33
    assert (await client.get("/api/events/kinds", params={"to": iso(NOON + 1)})).json() == {
        "kinds": ["device_lost", "state_changed"]
    }


async def test_the_file_holds_the_whole_range(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/events/history", params={"to": iso(NOON + 1), "format": "csv", "site": "northgate"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["text"] for row in rows] == [event.text for event in EVENTS if event.site == "northgate"]
    assert rows[0]["time"] == iso(NOON)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"before": "nonsense"}, "no mark"),
        ({"before": "WzEsMl0="}, "no mark"),
        ({"from": "now", "to": "-1h"}, "before to"),
        ({"text": "a b c d e f g h i j k"}, "too many"),
        ({"severity": "loud"}, "severity"),
    ],
)
async def test_what_is_not_understood_is_refused_in_words(client: httpx.AsyncClient, query: dict[str, str], words: str) -> None:
    answer = await client.get("/api/events/history", params=query)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


async def test_words_that_are_sql_are_words(client: httpx.AsyncClient) -> None:
    assert await texts(client, text="' OR 1=1 --") == []
    assert await texts(client, kind="x'; DROP TABLE points; --") == []


async def test_the_health_tells_whether_the_historian_answers(client: httpx.AsyncClient, historian: Historian) -> None:
    body = (await client.get("/api/health")).json()
    states = {one["name"]: one["is_up"] for one in body["processes"]}
    assert states == {"web": True, "historian": True}
    changes = (await client.get("/api/health/devices")).json()["changes"]
    assert {(one["site"], one["device"]) for one in changes} == {
        (site, "rtu-1") for site in ("northgate", "millbrook", "sunfield")
    }
