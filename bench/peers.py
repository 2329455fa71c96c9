"""The historian's peers, each a process of its own on loopback: InfluxDB 1.6 and VictoriaMetrics, as Debian ships them.

Both get what their manuals recommend for speed: persistent connections, two senders at a time, bodies encoded beforehand. Their
answers are timed until the last byte has arrived, and not decoded within the time.
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from tieline.cli.run import free_port
from tieline.model import Samples

DAY_MS, HOUR_MS = 86_400_000, 3_600_000


class _Http:
    """Persistent connections to a server on loopback, two of them to send."""

    def __init__(self, port: int) -> None:
        self._connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=600) for _ in range(2)]

    def ask(self, method: str, path: str, body: bytes | None = None, which: int = 0) -> bytes:
        connection = self._connections[which]
        connection.request(method, path, body)
        with connection.getresponse() as response:
            answer = response.read()
            if response.status >= 300:
                raise RuntimeError(f"{path[:80]}: {response.status} {answer[:300]!r}")
        return answer

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def send_all(self, path: str, bodies: Sequence[bytes]) -> None:
        def work(which: int) -> None:
            for body in bodies[which::2]:
                self.ask("POST", path, body, which)

        threads = [threading.Thread(target=work, args=(which,)) for which in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class VictoriaMetrics:
    """Fed in Prometheus text, the fastest of its formats for samples that arrive point after point."""

    name = "VictoriaMetrics"
    durability = "not synced"
    program = "/usr/bin/victoria-metrics"

    def __init__(self, port: int) -> None:
        self._http = _Http(port)

    @classmethod
    def arguments(cls, folder: Path, port: int) -> list[str]:
        flags = ["retentionPeriod=100y", "search.latencyOffset=0s", "search.maxSamplesPerQuery=2000000000", "loggerLevel=ERROR"]
        flags += [f"storageDataPath={folder}", f"httpListenAddr=127.0.0.1:{port}", "search.maxQueryDuration=10m"]
        return [cls.program, *(f"-{flag}" for flag in flags)]

    def is_up(self) -> bool:
        return self._http.ask("GET", "/health") == b"OK"

    def encode(self, samples: Samples) -> bytes:
        rows = zip(samples.point.tolist(), samples.value.tolist(), (samples.time // 1000).tolist(), strict=True)
        return "\n".join([f'v{{p="{point}"}} {value!r} {at}' for point, value, at in rows]).encode()

    def send(self, bodies: Sequence[bytes]) -> None:
        self._http.send_all("/api/v1/import/prometheus", bodies)

    def close(self) -> None:
        self._http.close()

    def settle(self) -> None:
        self._http.ask("GET", "/internal/force_flush")
        self._http.ask("GET", "/internal/force_merge")
        idle = 0
        while idle < 3:
            text = self._http.ask("GET", "/metrics").decode()
            active = [line for line in text.splitlines() if line.startswith("vm_active_merges") and not line.endswith(" 0")]
            idle = 0 if active else idle + 1
            time.sleep(0.5)

    def newest(self) -> bytes:
        return self._get("query", query="last_over_time(v[30h])", time=self._end / 1000)

    def raw(self, point: int, start: int, end: int) -> bytes:
        query = urlencode({"match[]": f'v{{p="{point}"}}', "start": start / 1000, "end": (end - 1) / 1000})
        return self._http.ask("GET", f"/api/v1/export?{query}")

    def trend(self, points: Sequence[int], start: int, end: int, buckets: int) -> bytes:
        width = (end - start) // buckets
        chosen = "|".join(map(str, points))
        query = f'aggr_over_time(("min_over_time", "max_over_time", "avg_over_time"), v{{p=~"{chosen}"}}[{width}ms])'
        times = {"start": (start + width - 1) / 1000, "end": (end - 1) / 1000, "step": f"{width}ms", "nocache": 1}
        return self._get("query_range", query=query, **times)

    def hourly(self, start: int, end: int) -> bytes:
        query = "sum(sum_over_time(v[1h])) / sum(count_over_time(v[1h]))"
        times = {"start": (start + HOUR_MS - 1) / 1000, "end": (end - 1) / 1000, "step": "1h", "nocache": 1}
        return self._get("query_range", query=query, **times)

    def ends(self, end: int) -> None:
        self._end = end

    def _get(self, what: str, **parameters: Any) -> bytes:
        return self._http.ask("POST", f"/api/v1/{what}?{urlencode(parameters)}")

    def read_newest(self, body: bytes) -> dict[int, float]:
        return {int(each["metric"]["p"]): float(each["value"][1]) for each in json.loads(body)["data"]["result"]}

    def read_raw(self, body: bytes) -> list[tuple[int, float]]:
        series = [json.loads(line) for line in body.splitlines()]
        return sorted((at, value) for each in series for at, value in zip(each["timestamps"], each["values"], strict=True))

    def read_trend(self, body: bytes, start: int, width: int) -> dict[tuple[int, int], tuple[float, float]]:
        bands: dict[str, dict[tuple[int, int], float]] = {}
        for each in json.loads(body)["data"]["result"]:
            for at, value in each["values"]:
                bucket = (round(at * 1000) - start) // width
                bands.setdefault(each["metric"]["rollup"], {})[int(each["metric"]["p"]), bucket] = float(value)
        return {key: (low, bands["max_over_time"][key]) for key, low in bands["min_over_time"].items()}

    def read_hourly(self, body: bytes) -> dict[int, float]:
        found = {}
        for at, value in json.loads(body)["data"]["result"][0]["values"]:
            found[round(at * 1000) // HOUR_MS * HOUR_MS] = float(value)
        return found


class InfluxDB:
    """Fed in line protocol, the only format it has."""

    name = "InfluxDB 1.6"
    durability = "write-ahead log synced"
    program = "/usr/bin/influxd"

    def __init__(self, port: int) -> None:
        self._http = _Http(port)
        self._end = 0

    @classmethod
    def arguments(cls, folder: Path, port: int) -> list[str]:
        config = folder / "influxdb.conf"
        config.write_text(
            f"""
reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
cache-max-memory-size = "4g"
cache-snapshot-memory-size = "100m"
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
max-body-size = 0
[logging]
level = "error"
[monitor]
store-enabled = false
"""
        )
        return [cls.program, "run", "-config", str(config)]

    def is_up(self) -> bool:
        self._http.ask("POST", f"/query?{urlencode({'q': 'CREATE DATABASE b'})}")
        return True

    def encode(self, samples: Samples) -> bytes:
        rows = zip(samples.point.tolist(), samples.value.tolist(), (samples.time // 1000).tolist(), strict=True)
        return "\n".join([f"v,p={point} v={value!r} {at}" for point, value, at in rows]).encode()

    def send(self, bodies: Sequence[bytes]) -> None:
        self._http.send_all("/write?db=b&precision=ms", bodies)

    def close(self) -> None:
        self._http.close()

    def settle(self) -> None:
        """Its snapshots and compactions go on as they come; there is nothing to ask for."""
        time.sleep(5)

    def ends(self, end: int) -> None:
        self._end = end

    def newest(self) -> bytes:
        return self._get("SELECT last(v) FROM v GROUP BY p")

    def raw(self, point: int, start: int, end: int) -> bytes:
        return self._get(f"SELECT v FROM v WHERE p = '{point}' AND time >= {start}ms AND time < {end}ms")

    def trend(self, points: Sequence[int], start: int, end: int, buckets: int) -> bytes:
        width = (end - start) // buckets
        chosen = "|".join(map(str, points))
        return self._get(
            f"SELECT min(v), max(v), mean(v) FROM v WHERE p =~ /^({chosen})$/ AND time >= {start}ms AND time < {end}ms "
            f"GROUP BY time({width}ms, {start % width}ms), p fill(none)"
        )

    def hourly(self, start: int, end: int) -> bytes:
        return self._get(f"SELECT mean(v) FROM v WHERE time >= {start}ms AND time < {end}ms GROUP BY time(1h) fill(none)")

    def _get(self, query: str) -> bytes:
        return self._http.ask("GET", f"/query?{urlencode({'db': 'b', 'epoch': 'ms', 'q': query})}")

    def _series(self, body: bytes) -> list[dict[str, Any]]:
        series: list[dict[str, Any]] = json.loads(body)["results"][0].get("series", [])
        return series

    def read_newest(self, body: bytes) -> dict[int, float]:
        return {int(each["tags"]["p"]): float(each["values"][0][1]) for each in self._series(body)}

    def read_raw(self, body: bytes) -> list[tuple[int, float]]:
        return [(at, value) for each in self._series(body) for at, value in each["values"]]

    def read_trend(self, body: bytes, start: int, width: int) -> dict[tuple[int, int], tuple[float, float]]:
        return {
            (int(each["tags"]["p"]), (at - start) // width): (low, high)
            for each in self._series(body)
            for at, low, high, _ in each["values"]
        }

    def read_hourly(self, body: bytes) -> dict[int, float]:
        return {at: float(value) for each in self._series(body) for at, value in each["values"]}


@contextmanager
def started(kind: type[VictoriaMetrics | InfluxDB]) -> Iterator[VictoriaMetrics | InfluxDB | None]:
    """The peer, running on a folder of its own; `None` where it is not installed."""
    if shutil.which(kind.program) is None:
        yield None
        return
    folder, port = Path(tempfile.mkdtemp(prefix="tieline-bench-")), free_port()
    process = subprocess.Popen(kind.arguments(folder, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        peer = _when_up(kind, port, process)
        yield peer
        peer.close()
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _when_up(kind: type[VictoriaMetrics | InfluxDB], port: int, process: subprocess.Popen[bytes]) -> VictoriaMetrics | InfluxDB:
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            peer = kind(port)
            if peer.is_up():
                return peer
            peer.close()
        time.sleep(0.1)
    raise RuntimeError(f"{kind.program} does not come up")


def close_enough(ours: dict[Any, Any], theirs: dict[Any, Any]) -> bool:
    """Whether two answers have the same keys and, to nine digits, the same numbers."""
    if ours.keys() != theirs.keys():
        return False
    return bool(np.allclose([ours[key] for key in ours], [theirs[key] for key in ours], rtol=1e-9, atol=1e-9))
