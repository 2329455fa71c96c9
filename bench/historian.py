"""Part (d): the historian beside InfluxDB and VictoriaMetrics: ingest and four queries on the same samples.

20,000 points report by exception for 26 hours, 0.5 % of the samples up to ten minutes late, 8 % with the value that they had
before. Ours is asked over its socket by `AsyncClient`, as the web asks it; the peers over HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import uvloop

from bench.peers import DAY_MS, HOUR_MS, InfluxDB, VictoriaMetrics, close_enough, started
from bench.result import Result
from tieline.historian import FILE_NAME, AsyncClient, Historian, HistorianServer, open_asker
from tieline.model import Batch, Point, PointKind, Samples, derive_point_id

BATCH_ROWS = 50_000
POINTS = 20_000
HOURS = 26
BUCKETS = 1_000
TOGETHER = 4
"""Batches in one commit: while one runs, the consumer gathers what arrives. The peers have as many under way, on two connections."""
SLICE = 20
"""Batches that are encoded for a peer before they are sent, so that encoding is outside of the time and memory bounded."""

QUESTIONS = {
    "newest": "newest of all points",
    "raw": "one point, one hour, raw",
    "trend": "50 points, one day, 1,000 buckets",
    "hourly": "hourly mean of everything",
}


@dataclass(frozen=True, slots=True)
class Workload:
    """The samples in order of arrival, their points, and what is asked of them."""

    samples: Samples
    points: list[Point]
    start: int
    end: int

    def batches(self) -> Iterator[Samples]:
        for first in range(0, len(self.samples), BATCH_ROWS):
            yield self.samples.take(slice(first, first + BATCH_ROWS))

    @property
    def one(self) -> int:
        return self.points[777].id

    def others(self, number: int) -> list[int]:
        return [point.id for point in self.points[5000 : 5000 + 97 * number : 97]]

    @property
    def fifty(self) -> list[int]:
        return [point.id for point in self.points[1000:1050]]


def make_workload(rows: int, seed: int = 1) -> Workload:
    """A workload of about so many samples; no two of them have the same point and millisecond, which the peers would merge."""
    random = np.random.default_rng(seed)
    end = int(time.time()) // 86_400 * DAY_MS - DAY_MS + 2 * HOUR_MS
    start = end - HOURS * HOUR_MS
    paths = [(f"site-{i % 20}", f"device-{i % 200}", f"point-{i}") for i in range(POINTS)]
    points = [
        Point(id=derive_point_id("/".join(path)), site=path[0], device=path[1], name=path[2], kind=PointKind.ANALOG, unit="kW")
        for path in paths
    ]
    which = random.integers(0, POINTS, rows)
    arrival = np.sort(random.integers(start, end, rows))
    is_late = random.random(rows) < 0.005
    time_ms = np.maximum(arrival - np.where(is_late, random.integers(0, 600_000, rows), 0), start)
    level = random.uniform(10, 500, POINTS)[which]
    value = np.round(np.where(random.random(rows) < 0.08, level, level + random.normal(size=rows)), 2)
    _, kept = np.unique(which.astype(np.int64) << 40 | time_ms - start, return_index=True)
    kept.sort()
    ids = np.array([point.id for point in points], np.uint32)
    columns = ids[which[kept]], time_ms[kept] * 1000, value[kept], np.zeros(len(kept), np.uint16)
    return Workload(Samples(*columns), points, start, end)


Answers = dict[str, dict[object, object]]


async def _ours(load: Workload, repeats: int, results: list[Result]) -> Answers:
    folder = Path(tempfile.mkdtemp(prefix="tieline-bench-"))
    batches = [
        Batch(site="bench", incarnation=1, sequence=number, samples=samples) for number, samples in enumerate(load.batches(), 1)
    ]
    historian = Historian.open(folder / FILE_NAME, lake=folder / "lake", points=load.points, clock=lambda: load.end * 1000)
    try:
        historian.start_care(period_s=1.0)
        began, cpu = time.perf_counter(), time.process_time()
        for first in range(0, len(batches), TOGETHER):
            historian.commit(batches[first : first + TOGETHER])
        committed = time.perf_counter() - began
        historian.maintain(fully=True)
        settled, cpu = time.perf_counter() - began, time.process_time() - cpu
        rows = len(load.samples)
        detail = f"until the last commit of {TOGETHER} batches is synced; sorting goes on meanwhile and after"
        results.append(Result(part="d", name="Tieline: ingest", value=rows / committed, unit="rows/s", detail=detail))
        detail = f"until all is sorted as well; {cpu / rows * 1e6:.2f} CPU s per million rows"
        results.append(Result(part="d", name="Tieline: ingest and sort", value=rows / settled, unit="rows/s", detail=detail))
        historian.close()
        results.append(_size(folder, rows))
        command = [sys.executable, "-m", "bench.historian", "--serve", str(folder), str(load.end * 1000)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            server.stdout.readline()
            async with AsyncClient(folder) as client:
                answers = await _our_answers(client, load, repeats, results)
            assert server.stdin is not None
            server.stdin.close()
        return answers
    finally:
        historian.close()
        shutil.rmtree(folder)


def _size(folder: Path, rows: int) -> Result:
    with open_asker(folder) as asker:
        used = "SELECT used_blocks * block_size AS used FROM pragma_database_size()"
        used_bytes = asker.query(used).read_all()["used"][0].as_py()
    on_disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    detail = f"in use, rollup included; {on_disk / rows:.1f} with the free space that sorting leaves and the next day fills"
    return Result(part="d", name="Tieline: disk", value=used_bytes / rows, unit="B/sample", detail=detail)


def serve(folder: Path, now: int) -> None:
    """The historian as a process of its own, until its standard input closes."""
    with Historian.open(folder / FILE_NAME, lake=folder / "lake", clock=lambda: now) as historian, HistorianServer(historian):
        print("ready", flush=True)
        sys.stdin.read()


async def _our_answers(client: AsyncClient, load: Workload, repeats: int, results: list[Result]) -> Answers:
    end, day = load.end * 1000, load.end - DAY_MS
    hour = end - 2 * HOUR_MS * 1000
    hourly = "SELECT time_bucket(INTERVAL 1 HOUR, time) AS hour, sum(sum) / sum(count) AS mean FROM rollup GROUP BY hour"
    asks: dict[str, tuple[str, Callable[[], Awaitable[pa.Table]]]] = {
        "newest": ("SQL over the socket", lambda: client.query("SELECT * FROM newest")),
        "raw": ("samples() over the socket", lambda: client.samples([load.one], hour, hour + HOUR_MS * 1000)),
        "trend": ("history() over the socket", lambda: client.history(load.fifty, day * 1000, end, BUCKETS)),
        "hourly": ("SQL on the rollup, over the socket", lambda: client.query(hourly)),
    }
    found = {}
    for question, (how, ask) in asks.items():
        times = []
        for _ in range(repeats + 1):
            began = time.perf_counter()
            found[question] = await ask()
            times.append(time.perf_counter() - began)
        results.append(_answered("Tieline", question, times, how))
    times = []
    for point in load.others(repeats):
        began = time.perf_counter()
        await client.samples([point], hour, hour + HOUR_MS * 1000)
        times.append(time.perf_counter() - began)
    results.append(_asked_anew("Tieline", times))
    ids = {(point.site, point.device, point.name): point.id for point in load.points}
    newest = found["newest"].to_pydict()
    keys = zip(newest["site"], newest["device"], newest["point"], strict=True)
    trend, width = found["trend"].to_pydict(), DAY_MS // BUCKETS
    buckets = [(_ms(at) - day) // width for at in trend["time"]]
    return {
        "newest": dict(zip((ids[key] for key in keys), newest["value"], strict=True)),
        "raw": dict(zip(map(_ms, found["raw"]["time"].to_pylist()), found["raw"]["value"].to_pylist(), strict=True)),
        "trend": dict(zip(zip(trend["point"], buckets, strict=True), zip(trend["min"], trend["max"], strict=True), strict=True)),
        "hourly": dict(zip(map(_ms, found["hourly"]["hour"].to_pylist()), found["hourly"]["mean"].to_pylist(), strict=True)),
    }


def _theirs(kind: type[VictoriaMetrics | InfluxDB], load: Workload, repeats: int, results: list[Result], ours: Answers) -> None:
    with started(kind) as peer:
        if peer is None:
            results.append(
                Result(part="d", name=kind.name, value=None, unit="", detail=f"skipped: {kind.program} is not installed")
            )
            return
        peer.ends(load.end)
        took, held = 0.0, []
        batches = list(load.batches())
        for number, samples in enumerate(batches, 1):
            held.append(peer.encode(samples))
            if len(held) == SLICE or number == len(batches):
                began = time.perf_counter()
                peer.send(held)
                took += time.perf_counter() - began
                held = []
        rate = len(load.samples) / took
        results.append(Result(part="d", name=f"{kind.name}: ingest", value=rate, unit="rows/s", detail=peer.durability))
        peer.settle()
        day, hour = load.end - DAY_MS, load.end - 2 * HOUR_MS
        width = DAY_MS // BUCKETS
        asks: dict[str, tuple[Callable[[], bytes], Callable[[bytes], object]]] = {
            "newest": (peer.newest, peer.read_newest),
            "raw": (lambda: peer.raw(load.one, hour, hour + HOUR_MS), lambda body: dict(peer.read_raw(body))),
            "trend": (
                lambda: peer.trend(load.fifty, day, load.end, BUCKETS),
                lambda body: peer.read_trend(body, day, width),
            ),
            "hourly": (lambda: peer.hourly(load.start, load.end), peer.read_hourly),
        }
        for question, (ask, read) in asks.items():
            times = []
            for _ in range(repeats + 1 if took < 60 else 4):
                began = time.perf_counter()
                body = ask()
                times.append(time.perf_counter() - began)
            answer = read(body)
            assert isinstance(answer, dict)
            if not close_enough(ours[question], answer):
                raise RuntimeError(f"{kind.name} answers {QUESTIONS[question]!r} otherwise than we do")
            results.append(_answered(kind.name, question, times, "HTTP"))
        times = []
        for point in load.others(repeats):
            began = time.perf_counter()
            peer.raw(point, hour, hour + HOUR_MS)
            times.append(time.perf_counter() - began)
        results.append(_asked_anew(kind.name, times))


def _answered(who: str, question: str, times: list[float], how: str) -> Result:
    first, *again = times
    detail = f"{how}; median of {len(again)}; {first * 1000:.1f} the first time"
    return Result(part="d", name=f"{who}: {QUESTIONS[question]}", value=median(again) * 1000, unit="ms", detail=detail)


def _asked_anew(who: str, times: list[float]) -> Result:
    """The question that a cache of series does not help with."""
    detail = f"another point each time, none asked for before; median of {len(times)}"
    return Result(part="d", name=f"{who}: one point, one hour, raw, anew", value=median(times) * 1000, unit="ms", detail=detail)


def _ms(at: object) -> int:
    return round(at.timestamp() * 1000)  # type: ignore[attr-defined]


def run(rows: int = 15_000_000, *, repeats: int = 15, peers: bool = True) -> list[Result]:
    """All figures; raises where a peer's answer is not ours."""
    load = make_workload(rows)
    results: list[Result] = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the web runs
        ours = runner.run(_ours(load, repeats, results))
    if peers:
        for kind in (VictoriaMetrics, InfluxDB):
            _theirs(kind, load, repeats, results, ours)
    return results


def main() -> None:
    """Prints the table and writes the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=15_000_000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--json", type=Path, default=Path("bench-historian.json"))
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(Path(asked.serve[0]), int(asked.serve[1]))
        return
    results = run(asked.rows, repeats=asked.repeats, peers=not asked.no_peers)
    for result in results:
        value = "-" if result.value is None else f"{result.value:,.2f}"
        print(f"{result.name:52} {value:>16} {result.unit:9} {result.detail}")
    asked.json.write_text(json.dumps([asdict(result) for result in results], indent=2) + "\n")


if __name__ == "__main__":
    main()
