"""A role's own state as samples and as metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.config.folders import UTILITY, findings_of, write
from tieline.config.exposition import Exposition
from tieline.config.own_points import CENTER, DMZ, device_points, edge_points, is_own, metrics_of, role_points
from tieline.io import SystemClock
from tieline.model import Quality, UnavailableError, is_good
from tieline.observe import LoopLag, ProcessState, Rate, Sampler, disk_of, memory_mb, serve_metrics

SITE = """\
[[devices]]
name = "{device}"
protocol = "modbus"
points = "points/rtu.csv"
connection = {{ kind = "tcp", host = "10.0.0.1" }}
polls = {{ fast = 1 }}
"""
POINTS = "name,kind,unit,table,address,encoding,scale,low,high,deadband,poll,bit\np,analog,MW,input_register,1,int16,1,,,,fast,\n"


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def now_us(self) -> int:
        return int(self.now * 1e6)


def sampler_of(time: Time) -> Sampler:
    return Sampler(edge_points("x", []), time.now_us, time.monotonic)


def values_of(sampler: Sampler) -> dict[str, tuple[float, int]]:
    samples = sampler.sample()
    names = {int(point.id): point.name for point in sampler.points}
    rows = zip(samples.point.tolist(), samples.value.tolist(), samples.quality.tolist(), strict=True)
    return {names[number]: (value, quality) for number, value, quality in rows}


def test_every_own_point_has_a_sample_and_what_is_not_known_is_invalid() -> None:
    sampler = sampler_of(Time())
    sampler.add(lambda: {"cpu_percent": 12.5, "memory_mb": float("nan")})
    values = values_of(sampler)
    assert len(values) == len(sampler.points)
    assert values["cpu_percent"] == (12.5, 0)
    assert values["memory_mb"][1] & int(Quality.INVALID)
    assert values["link_up"][1] & int(Quality.INVALID)


def test_a_value_that_was_put_becomes_unknown_when_nobody_puts_it_again() -> None:
    time = Time()
    sampler = sampler_of(time)
    sampler.put({"link_up": 1.0})
    assert values_of(sampler)["link_up"] == (1.0, 0)
    time.now += 5.1
    assert not is_good(np.array([values_of(sampler)["link_up"][1]], np.uint16)).any()


def test_a_measure_that_fails_leaves_the_others_alone() -> None:
    def broken() -> Mapping[str, float]:
        raise OSError("no such disk")

    sampler = sampler_of(Time())
    sampler.add(broken, lambda: {"cpu_percent": 1.0})
    assert values_of(sampler)["cpu_percent"] == (1.0, 0)


def test_a_rate_is_that_of_the_time_since_the_last_look_and_survives_a_counter_that_begins_anew() -> None:
    time, count = Time(), [100.0]
    rate = Rate("r", lambda: count[0], time.monotonic)
    assert rate() == {}
    time.now, count[0] = 102.0, 120.0
    assert rate() == {"r": 10.0}
    time.now, count[0] = 103.0, 5.0
    assert rate() == {}
    time.now, count[0] = 104.0, 7.0
    assert rate() == {"r": 2.0}


def test_process_and_disk_are_measured(tmp_path: Path) -> None:
    state = ProcessState()()
    assert state["memory_mb"] == pytest.approx(memory_mb(), rel=0.2)
    assert state["uptime_s"] >= 0
    disk = disk_of(tmp_path)
    assert disk["disk_free_mb"] > 0
    assert 0 < disk["disk_used_percent"] <= 100
    with pytest.raises(OSError, match="absent"):
        disk_of(tmp_path / "absent")


async def test_a_blocked_event_loop_shows_in_its_lag() -> None:
    import time as clock

    lag = LoopLag()
    watching = asyncio.create_task(lag.run())
    await asyncio.sleep(0.01)
    clock.sleep(0.3)  # somebody blocks
    async with asyncio.timeout(5):
        while (worst := lag()["loop_lag_ms"]) < 100:
            await asyncio.sleep(0.01)
    assert worst < 5_000
    watching.cancel()


def test_no_two_own_points_have_one_name_and_each_has_a_metric_with_a_right_name() -> None:
    points = [*edge_points("x", []), *device_points("x", "rtu-1", is_polled=True), *role_points(CENTER), *role_points(DMZ)]
    assert len({point.path for point in points}) == len(points) == len({point.id for point in points})
    assert all(is_own(point) for point in points)
    metrics = metrics_of(points, [("x", "rtu-1")])
    assert len(metrics) == len(points)
    for point, metric in metrics:
        assert metric.name.startswith("tieline_")
        assert metric.name.endswith("_total") == metric.is_counter
        assert not metric.name.endswith(("_ms", "_mb", "_percent", "_days")), point.path
        assert point.unit in {"", "s", "ms", "MB", "%", "d", "1/s"}
        assert metric.device == ("rtu-1" if point.name.startswith("rtu-1") else "")


def test_every_own_point_and_its_metric_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/health.md").read_text()
    points = [*edge_points("x", []), *device_points("x", "d", is_polled=True), *role_points(CENTER), *role_points(DMZ)]
    for point, metric in metrics_of(points, [("x", "d")]):
        assert f"| `{point.name.replace('d_', '<device>_', 1) if metric.device else point.name}` |" in page
        assert f"| `{metric.name}` |" in page


def test_metrics_are_in_base_units_with_labels_and_leave_out_what_is_not_known() -> None:
    exposition = Exposition([*edge_points("x", []), *device_points("x", "rtu-1")], [("x", "rtu-1")])
    text = exposition.text_of({"link_round_trip_ms": 25.0, "rtu-1_errors": 3.0, "spool_mb": 2.0}).decode()
    assert 'tieline_link_round_trip_seconds{site="x"} 0.025\n' in text
    assert 'tieline_device_errors_total{site="x",device="rtu-1"} 3.0\n' in text
    assert 'tieline_spool_bytes{site="x"} 2000000.0\n' in text
    assert "# TYPE tieline_device_errors_total counter\n" in text
    assert "tieline_link_up" not in text


def test_a_prometheus_server_can_read_the_metrics() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    points = [*edge_points("x", []), *edge_points("y", []), *device_points("x", "rtu-1")]
    exposition = Exposition(points, [("x", "rtu-1")])
    families = list(text_string_to_metric_families(exposition.text([1.0] * len(exposition.points)).decode()))
    assert sum(len(family.samples) for family in families) == len(points)


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer


async def test_metrics_are_served_and_nothing_else_is() -> None:
    from tieline.cli.run import free_port

    port = free_port()
    serving = asyncio.create_task(serve_metrics(port, lambda: b"tieline_x 1\n"))
    async with asyncio.timeout(10):
        while True:
            try:
                good = await ask(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                break
            except ConnectionError:
                await asyncio.sleep(0.01)
    assert good.startswith(b"HTTP/1.1 200 OK\r\n")
    assert good.endswith(b"\r\n\r\ntieline_x 1\n")
    assert (await ask(port, b"GET /etc/passwd HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 404")
    assert await ask(port, b"\x00" * 20_000) == b""
    with pytest.raises(UnavailableError, match=f"port {port} for metrics cannot be had"):
        await serve_metrics(port, bytes)
    serving.cancel()


def folder_with(path: Path, site: str, device: str) -> Path:
    files = {
        "utility.toml": UTILITY.replace("alpha", site),
        f"sites/{site}/site.toml": SITE.format(device=device),
        f"sites/{site}/points/rtu.csv": POINTS,
    }
    return write(path, files)


@pytest.mark.parametrize("name", ["center", "dmz"])
def test_no_site_can_have_the_name_of_a_role(tmp_path: Path, name: str) -> None:
    findings = findings_of(folder_with(tmp_path, name, "rtu-1"))
    assert any("no site can be named like" in finding.problem and finding.value == name for finding in findings)


@pytest.mark.parametrize("name", ["tieline", "calc", "automation"])
def test_no_device_can_have_a_name_that_tieline_uses(tmp_path: Path, name: str) -> None:
    findings = findings_of(folder_with(tmp_path, "alpha", name))
    assert [finding.where for finding in findings if "Tieline itself uses the name" in finding.problem] == ["devices[0].name"]


def test_the_clock_of_the_system_fits_a_sampler() -> None:
    clock = SystemClock()
    samples = Sampler(role_points(DMZ), clock.now_us, clock.monotonic).sample()
    assert abs(int(samples.time[0]) - clock.now_us()) < 10_000_000
