"""REST: every route, the filters, and the one shape of errors."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

import tieline
from tieline.config import read_folder
from tieline.model import Event, Quality, Samples
from tieline.web.catalog import Catalog
from tieline.web.history import lay_grid
from tieline.web.times import iso, parse_time

from .world import NOON, World

POWER = "northgate/rtu-1/t1-p"


async def test_sites_tell_link_counts_and_throughput(world: World, client: httpx.AsyncClient) -> None:
    world.field.down.add("northgate/rtu-3")
    world.field.step()
    body = (await client.get("/api/sites")).json()
    assert body["utility"] == "Ridgeway"
    northgate = next(site for site in body["sites"] if site["name"] == "northgate")
    assert northgate["link"]["state"] == "up"
    assert northgate["link"]["heard"] == iso(NOON)
    assert northgate["link"]["spooled_batches"] == 1
    assert (northgate["devices"], northgate["devices_up"], northgate["points"]) == (3, 2, 131)
    assert northgate["values"] == {"good": 131, "questionable": 0, "invalid": 0, "stale": 0}
    assert (await client.get("/api/sites/northgate")).json() == northgate


async def test_key_points_are_one_of_each_important_quantity(world: World, client: httpx.AsyncClient) -> None:
    site = (await client.get("/api/sites/northgate")).json()
    quantities = [(await client.get(f"/api/points/{one}")).json()["quantity"] for one in site["key_points"]]
    assert quantities == ["active_power", "voltage", "frequency", "reactive_power"]


async def test_devices_of_a_site_that_is_not_heard_are_neither_up_nor_down(world: World, client: httpx.AsyncClient) -> None:
    devices = (await client.get("/api/devices", params={"site": "sunfield"})).json()["devices"]
    assert [(device["name"], device["is_up"], device["polls"]) for device in devices] == [
        ("ppc", None, None),
        ("inverters", None, None),
    ]
    world.field.step()
    one = (await client.get("/api/devices/sunfield/ppc")).json()
    assert (one["is_up"], one["polls"], one["errors"], one["points"]) == (True, 1_200, 3, 5)
    assert len((await client.get("/api/devices")).json()["devices"]) == 8


async def test_points_are_filtered_by_site_device_kind_and_every_word(client: httpx.AsyncClient) -> None:
    async def found(**query: object) -> tuple[int, list[str]]:
        body = (await client.get("/api/points", params=query)).json()  # type: ignore[arg-type]
        return body["total"], [point["path"] for point in body["points"]]

    assert (await found(site="northgate", device="rtu-1", kind="double"))[1] == [
        "northgate/rtu-1/t1-hv-cb",
        "northgate/rtu-1/t1-mv-cb",
        "northgate/rtu-1/t2-hv-cb",
        "northgate/rtu-1/t2-mv-cb",
    ]
    assert await found(text="NORTHGATE oil 2") == (1, ["northgate/rtu-1/t2-oil"])
    assert await found(text="no such thing") == (0, [])
    total, first = await found(limit=10)
    assert (total, len(first)) == (267, 10)
    assert (await found(limit=10, offset=260))[1] != first
    assert len((await found(limit=10, offset=260))[1]) == 7


async def test_a_point_is_found_by_path_and_by_id(world: World, client: httpx.AsyncClient) -> None:
    point = (await client.get(f"/api/points/{POWER}")).json()
    assert point["id"] == world.id_of(POWER)
    assert (point["unit"], point["decimals"], point["max_silence_s"], point["is_straight"]) == ("MW", 2, 10.0, False)
    assert (await client.get(f"/api/points/{point['id']}")).json() == point


async def test_newest_values_carry_quality_in_words_and_age(world: World, client: httpx.AsyncClient) -> None:
    never = (await client.get(f"/api/values/{POWER}")).json()
    assert (never["value"], never["time"], never["age_s"], never["is_stale"]) == (None, None, None, True)
    assert never["quality_words"] == "invalid, old data"
    world.field.qualities[world.id_of(POWER)] = int(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE)
    world.field.step()
    value = (await client.get(f"/api/values/{world.id_of(POWER)}")).json()
    assert (value["quality"], value["quality_words"]) == (11, "questionable, out of range")
    assert (value["age_s"], value["time"], value["is_stale"]) == (0.08, iso(NOON - 80_000), False)


async def test_newest_values_come_by_site_device_or_list(world: World, client: httpx.AsyncClient) -> None:
    world.field.step()
    site = (await client.get("/api/values", params={"site": "sunfield"})).json()
    assert site["total"] == len(site["values"]) == 41
    device = (await client.get("/api/values", params={"site": "sunfield", "device": "ppc"})).json()
    assert [value["path"].split("/")[2] for value in device["values"]] == [
        "plant-p",
        "irradiance",
        "soc",
        "battery-p",
        "battery-cb",
    ]
    some = (await client.get("/api/values", params={"points": f"sunfield/ppc/soc,{world.id_of(POWER)}"})).json()
    assert [value["path"] for value in some["values"]] == ["sunfield/ppc/soc", POWER]


async def test_a_lost_link_makes_the_values_of_its_site_stale(world: World, client: httpx.AsyncClient) -> None:
    world.field.step()
    world.live.tick(NOON + 4_000_000)
    assert (await client.get(f"/api/values/{POWER}")).json()["is_stale"]
    assert (await client.get("/api/sites/northgate")).json()["values"] == {
        "good": 0,
        "questionable": 0,
        "invalid": 0,
        "stale": 131,
    }


async def test_a_value_that_is_no_number_is_null(world: World, client: httpx.AsyncClient) -> None:
    world.live.apply("northgate", Samples.of(world.id_of(POWER), NOON, float("nan"), Quality.INVALID), NOON)
    assert (await client.get(f"/api/values/{POWER}")).json()["value"] is None


async def test_history_comes_in_columns_on_a_readable_grid(world: World, client: httpx.AsyncClient) -> None:
    points = f"{POWER},northgate/rtu-1/t1-oil"
    body = (await client.get("/api/history", params={"points": points, "from": "-1h", "buckets": 100})).json()
    assert body["bucket_us"] == 60_000_000
    assert body["start_us"] % body["bucket_us"] == body["end_us"] % body["bucket_us"] == 0
    assert body["start_us"] <= NOON - 3_600_000_000 < NOON <= body["end_us"]
    assert [series["path"] for series in body["series"]] == points.split(",")
    for series in body["series"]:
        columns = [series[name] for name in ("time", "min", "max", "mean", "last", "count", "severity")]
        assert {len(column) for column in columns} == {len(series["time"])}
        assert series["time"] == sorted(series["time"])
        assert all(low <= high for low, high in zip(series["min"], series["max"], strict=True))
    asked = world.history.asked[-1]
    assert asked[1:] == (body["start_us"], body["end_us"], (body["end_us"] - body["start_us"]) // 60_000_000)


async def test_history_of_a_range_without_samples_is_empty(client: httpx.AsyncClient) -> None:
    query = {"points": POWER, "from": "2001-01-01T00:00:00Z", "to": "2001-01-02T00:00:00Z"}
    series = (await client.get("/api/history", params=query)).json()["series"]
    assert [(one["path"], one["time"], one["min"]) for one in series] == [(POWER, [], [])]


async def test_history_comes_as_csv_and_as_arrow_too(client: httpx.AsyncClient) -> None:
    query = {"points": POWER, "from": "-10m", "buckets": "10"}
    csv = await client.get("/api/history", params=query, headers={"accept": "text/csv"})
    assert csv.headers["content-type"].startswith("text/csv")
    header, first, *rest = csv.text.splitlines()
    assert header == '"point","time","min","max","mean","last","count","severity"'
    assert first.startswith(f'"{POWER}","2026-')
    arrow = await client.get("/api/history", params={**query, "format": "arrow"})
    table = pa.ipc.open_stream(io.BytesIO(arrow.content)).read_all()
    assert table.num_rows == len(rest) + 1
    assert table.schema.field("time").type == pa.timestamp("us", "UTC")


async def test_events_come_newest_first(world: World, client: httpx.AsyncClient) -> None:
    for number in range(3):
        site = "northgate" if number else "sunfield"
        world.live.record(Event(time=NOON + number, site=site, device="rtu-1", kind="device_lost", text=f"event {number}"))
    body = (await client.get("/api/events")).json()
    assert body["newest_id"] == 3
    assert [event["text"] for event in body["events"]] == ["event 2", "event 1", "event 0"]
    assert body["events"][0] == {
        "id": 3,
        "time": iso(NOON + 2),
        "site": "northgate",
        "device": "rtu-1",
        "kind": "device_lost",
        "severity": "info",
        "text": "event 2",
    }
    later = (await client.get("/api/events", params={"after": 1, "site": "northgate", "limit": 1})).json()
    assert [event["id"] for event in later["events"]] == [3]


@pytest.mark.parametrize(
    ("path", "status", "kind", "words"),
    [
        ("/api/sites/nowhere", 404, "not_found", "there is no site 'nowhere'"),
        ("/api/devices?site=nowhere", 404, "not_found", "nowhere"),
        ("/api/devices/northgate/x", 404, "not_found", "there is no device 'x' at northgate"),
        ("/api/points/northgate/rtu-1/x", 404, "not_found", "name it site/device/name or by its id"),
        ("/api/points/99999999999999999999999999999", 404, "not_found", "there is no point"),
        ("/api/points?kind=odd", 400, "bad_request", "kind: input should be 'analog'"),
        ("/api/points?limit=0", 400, "bad_request", "limit: "),
        ("/api/values?points=,", 400, "bad_request", "at least one point"),
        ("/api/history", 400, "bad_request", "points: field required"),
        (f"/api/history?points={POWER}&from=yesterday", 400, "bad_request", "'yesterday' is no time"),
        (f"/api/history?points={POWER}&from=now", 400, "bad_request", "from has to lie before to"),
        (f"/api/history?points={POWER}&from=-999999999w", 400, "bad_request", "is no time"),
        (f"/api/history?points={POWER}&buckets=100001", 400, "bad_request", "buckets: "),
        ("/api/nothing", 404, "not_found", "there is nothing at /api/nothing"),
        ("/nothing", 404, "not_found", "there is nothing at /nothing"),
        ("/static/nothing.js", 404, "not_found", "there is nothing at /static/nothing.js"),
        ("/static/../app.py", 404, "not_found", "there is nothing"),
    ],
)
async def test_every_error_has_the_same_shape(client: httpx.AsyncClient, path: str, status: int, kind: str, words: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert sorted(answer.json()["error"]) == ["kind", "message"]
    assert answer.json()["error"]["kind"] == kind
    assert words in answer.json()["error"]["message"]


async def test_other_methods_are_refused_in_the_same_shape(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/sites")
    assert (answer.status_code, answer.json()["error"]["kind"]) == (405, "method_not_allowed")


async def test_a_historian_that_is_away_is_said_in_words(world: World, client: httpx.AsyncClient) -> None:
    world.history.is_down = True
    answer = await client.get("/api/history", params={"points": POWER})
    assert answer.status_code == 503
    assert answer.json() == {"error": {"kind": "unavailable", "message": "the historian does not answer; it is started again"}}


async def test_an_error_of_ours_shows_no_traceback(world: World, client: httpx.AsyncClient) -> None:
    async def fail(*_: object) -> pa.Table:
        raise RuntimeError("secret")

    world.history.history = fail  # type: ignore[method-assign]
    answer = await client.get("/api/history", params={"points": POWER})
    assert (answer.status_code, answer.json()["error"]["kind"]) == (500, "internal")
    assert "secret" not in answer.text


async def test_the_interface_describes_itself_and_docs_tell_of_each_route(client: httpx.AsyncClient) -> None:
    description = (await client.get("/openapi.json")).json()
    reference = (Path(__file__).parents[2] / "docs/reference/web.md").read_text()
    assert description["info"]["title"] == "Tieline"
    for path in description["paths"]:
        assert path.replace("{reference}", "{point}") in reference
    assert description["paths"]["/api/history"]["get"]["responses"]["503"]
    assert (await client.get("/docs")).status_code == 404


async def test_metrics_and_health_are_told(world: World, client: httpx.AsyncClient) -> None:
    world.field.step()
    metrics = (await client.get("/metrics")).text
    assert "tieline_live_points 267.0" in metrics
    assert "tieline_live_samples_applied 267.0" in metrics
    assert "tieline_web_viewers 0.0" in metrics
    assert (await client.get("/healthz")).json()["status"] == "ok"
    reference = (Path(__file__).parents[2] / "docs/reference/web.md").read_text()
    named = {line.split()[2] for line in metrics.splitlines() if line.startswith("# HELP tieline") and "_created" not in line}
    assert {name for name in named if f"`{name}`" not in reference} == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOON),
        ("-1h", NOON - 3_600_000_000),
        ("now-90s", NOON - 90_000_000),
        ("-1.5m", NOON - 90_000_000),
        ("-2w", NOON - 14 * 86_400_000_000),
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T01:00:01.000007+01:00", 1_000_007),
        ("1970-01-01T01:00:01 01:00", 1_000_000),
        ("1970-01-02", 86_400_000_000),
        ("1970-01-01 00:00:01", 1_000_000),
    ],
)
def test_times_are_read_as_people_write_them(text: str, expected: int) -> None:
    assert parse_time(text, NOON) == expected


@pytest.mark.parametrize("text", ["", "1h", "-1y", "tomorrow", "-", "2026-13-01"])
def test_what_is_no_time_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_time(text, NOON)


@pytest.mark.parametrize(
    ("span_s", "width_us"), [(0.001, 1), (10, 10_000), (3_600, 4_000_000), (86_400, 120_000_000), (604_800, 900_000_000)]
)
def test_a_grid_has_at_most_two_buckets_more_than_asked_for(span_s: float, width_us: int) -> None:
    grid = lay_grid(NOON - round(span_s * 1e6), NOON, 1_000)
    assert grid.bucket_us == width_us
    assert grid.start_us % width_us == grid.end_us % width_us == 0
    assert grid.start_us <= NOON - round(span_s * 1e6)
    assert grid.end_us >= NOON
    assert grid.buckets <= 1_002


async def test_json_has_no_numbers_that_json_does_not_know(world: World, client: httpx.AsyncClient) -> None:
    async def nothing_finite(points: list[int], *_: object) -> pa.Table:
        nothing = pa.array([None], pa.float64())
        return pa.table(
            {
                "point": pa.array(points, pa.uint32()),
                "time": pa.array([NOON]).view(pa.timestamp("us", "UTC")),
                **dict.fromkeys(("min", "max", "mean", "last"), nothing),
                "count": pa.array([0]),
                "severity": pa.array([2], pa.uint8()),
            }
        )

    world.history.history = nothing_finite  # type: ignore[assignment, method-assign]
    answer = await client.get("/api/history", params={"points": POWER})
    series = json.loads(answer.text, parse_constant=lambda name: pytest.fail(name))["series"][0]
    assert (series["min"], series["severity"]) == ([None], [2])


def test_decimals_follow_the_register_the_deadband_and_the_span() -> None:
    utility = read_folder(Path(tieline.__file__).parent / "examples" / "ridgeway")
    catalog = Catalog(utility)
    decimals = {point.path: catalog.decimals(point) for point in catalog.points}
    assert decimals["northgate/tm-1/tap_position"] == 0
    assert decimals["northgate/rtu-1/t1_hv_position"] == 0
    assert decimals["northgate/rtu-1/f1_energy"] == 0
    assert decimals["northgate/rtu-1/hv_frequency"] == 3
    assert decimals["northgate/rtu-1/t1_hv_current_a"] == 1


async def test_points_are_asked_for_by_path_or_id_in_one_request(client: httpx.AsyncClient, world: World) -> None:
    soc = world.id_of("sunfield/ppc/soc")
    body = (await client.get("/api/points", params={"points": f"northgate/rtu-1/t1-p,{soc}"})).json()
    assert [point["path"] for point in body["points"]] == ["northgate/rtu-1/t1-p", "sunfield/ppc/soc"]
    assert (await client.get("/api/points", params={"points": "northgate/rtu-1/t1-p,1"})).status_code == 404
