"""A utility, its live state, a historian that makes up its samples, and the web server over them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from fastapi import FastAPI

from tieline.config import (
    Device,
    DmzSection,
    ModbusDevice,
    ReportingSection,
    RetentionSection,
    Site,
    TcpConnection,
    Utility,
    ZoneSection,
)
from tieline.config.utility import CenterSection
from tieline.historian.statistics import Statistics
from tieline.model import Point, PointKind, Quality, Reporting, Samples, UnavailableError, derive_point_id
from tieline.scada import DeviceStats, LiveState, SiteStats
from tieline.web import create_app, listen, serve
from tieline.web.app import wall_clock
from tieline.web.viewers import FeedLimits

NOON = 1_795_000_000_000_000
"""Some moment in 2026, for tests with a clock of their own."""

Row = tuple[str, PointKind, str, str, str, float, float]

A, B, D, C = PointKind.ANALOG, PointKind.BINARY, PointKind.DOUBLE, PointKind.COUNTER


def feeder(number: int) -> list[Row]:
    tag, name = f"f{number:02d}", f"Feeder {number}"
    return [
        (f"{tag}-position", D, "", f"{name} circuit breaker", "switch_position", 0, 3),
        (f"{tag}-p", A, "MW", f"{name} active power", "active_power", -20, 20),
        (f"{tag}-q", A, "MVAr", f"{name} reactive power", "reactive_power", -10, 10),
        (f"{tag}-i-a", A, "A", f"{name} current, phase A", "current", 0, 800),
        (f"{tag}-i-b", A, "A", f"{name} current, phase B", "current", 0, 800),
        (f"{tag}-i-c", A, "A", f"{name} current, phase C", "current", 0, 800),
        (f"{tag}-earth", B, "", f"{name} earthing switch", "switch_position", 0, 1),
        (f"{tag}-energy", C, "MWh", f"{name} energy delivered", "energy", 0, 1e9),
        (f"{tag}-trip", B, "", f"{name} protection trip", "", 0, 1),
    ]


def transformer(number: int) -> list[Row]:
    tag, name = f"t{number}", f"Transformer {number}"
    return [
        (f"{tag}-p", A, "MW", f"{name} active power", "active_power", -63, 63),
        (f"{tag}-q", A, "MVAr", f"{name} reactive power", "reactive_power", -40, 40),
        (f"{tag}-u-hv", A, "kV", f"{name} voltage, 110 kV side", "voltage", 90, 125),
        (f"{tag}-u-mv", A, "kV", f"{name} voltage, 20 kV side", "voltage", 18, 22),
        (f"{tag}-oil", A, "°C", f"{name} top oil temperature", "temperature", -20, 120),
        (f"{tag}-winding", A, "°C", f"{name} winding temperature", "temperature", -20, 140),
        (f"{tag}-tap", A, "", f"{name} tap position", "tap_position", 1, 19),
        (f"{tag}-hv-cb", D, "", f"{name} 110 kV circuit breaker", "switch_position", 0, 3),
        (f"{tag}-mv-cb", D, "", f"{name} 20 kV circuit breaker", "switch_position", 0, 3),
        (f"{tag}-fans", B, "", f"{name} fans", "", 0, 1),
    ]


BUSBAR: list[Row] = [
    ("busbar-u", A, "kV", "20 kV busbar voltage", "voltage", 18, 22),
    ("busbar-f", A, "Hz", "Frequency", "frequency", 47, 53),
    ("station-p", A, "MW", "Station active power", "active_power", -80, 80),
]


def inverter(number: int) -> list[Row]:
    tag, name = f"inv{number:02d}", f"Inverter {number}"
    return [
        (f"{tag}-p", A, "kW", f"{name} active power", "active_power", 0, 1500),
        (f"{tag}-temperature", A, "°C", f"{name} cabinet temperature", "temperature", -20, 90),
        (f"{tag}-on", B, "", f"{name} running", "", 0, 1),
    ]


PLANT: list[Row] = [
    ("plant-p", A, "MW", "Plant active power", "active_power", 0, 20),
    ("irradiance", A, "W/m²", "Irradiance in the module plane", "irradiance", 0, 1400),
    ("soc", A, "%", "Battery state of charge", "state_of_charge", 0, 100),
    ("battery-p", A, "MW", "Battery active power", "active_power", -5, 5),
    ("battery-cb", D, "", "Battery circuit breaker", "switch_position", 0, 3),
]


def make_device(site: str, name: str, description: str, rows: Sequence[Row]) -> Device:
    points = tuple(
        Point(
            id=derive_point_id(f"{site}/{name}/{tag}"),
            site=site,
            device=name,
            name=tag,
            kind=kind,
            unit=unit,
            description=text,
            quantity=quantity,
            low=low,
            high=high,
            reporting=Reporting(deadband=0.01 if kind is A else 0.0, max_silence_s=10.0),
        )
        for tag, kind, unit, text, quantity, low, high in rows
    )
    connection = TcpConnection(host="127.0.0.1", port=502)
    return ModbusDevice(
        site=site,
        name=name,
        protocol="modbus",
        description=description,
        connection=connection,
        polls={"fast": 1.0},
        rows=(),
        points=points,
    )


def make_site(name: str, title: str, kind: str, latitude: float, longitude: float, devices: Sequence[Device]) -> Site:
    return Site(
        name=name,
        title=title,
        kind=kind,
        latitude=latitude,
        longitude=longitude,
        reporting=ReportingSection(),
        devices=tuple(devices),
    )


def make_utility() -> Utility:
    """Two substations and a plant with about 300 points."""
    sites = []
    for name, title, at, feeders in (
        ("millbrook", "Millbrook", (54.91, -1.74), 8),
        ("northgate", "Northgate", (55.04, -1.62), 12),
    ):
        half = feeders // 2
        devices = [
            make_device(name, "rtu-1", "Transformers and busbar", [*BUSBAR, *transformer(1), *transformer(2)]),
            make_device(name, "rtu-2", "Feeders, first section", [row for n in range(1, half + 1) for row in feeder(n)]),
            make_device(
                name, "rtu-3", "Feeders, second section", [row for n in range(half + 1, feeders + 1) for row in feeder(n)]
            ),
        ]
        sites.append(make_site(name, title, "substation", *at, devices))
    devices = [
        make_device("sunfield", "ppc", "Plant controller", PLANT),
        make_device("sunfield", "inverters", "String inverters", [row for n in range(1, 13) for row in inverter(n)]),
    ]
    sites.append(make_site("sunfield", "Sunfield solar", "plant", 54.98, -1.41, devices))
    return Utility(
        folder=Path(),
        name="Ridgeway",
        dmz=DmzSection(),
        center=CenterSection(),
        retention=RetentionSection(),
        zones=tuple(ZoneSection(name=site.name, kind="substation", sites=[site.name]) for site in sites),
        conduits=(),
        people=(),
        sites=tuple(sites),
    )


def value_of(point: Point, time_us: int) -> float:
    """What the point measures at that time: the same for the historian and the live state."""
    seed = point.id % 997
    if point.kind is PointKind.DOUBLE:
        return {0: 1.0, 1: 0.0}.get(seed % 13, 2.0)
    if point.kind in {PointKind.BINARY, PointKind.CONTROL}:
        return float(seed % 7 == 0)
    if point.kind is PointKind.COUNTER:
        return float(seed * 100 + time_us // 60_000_000 % 100_000)
    low, high = point.low or 0.0, point.high or 1.0
    seconds = time_us / 1e6
    slow = math.sin(seconds / (1_900 + seed) + seed)
    fast = math.sin(seconds / 7 + seed) * 0.012 + math.sin(seconds / 1.7 + 2 * seed) * 0.006
    share = {"voltage": 0.55 + 0.03 * slow, "frequency": 0.5 + 0.01 * slow}.get(point.quantity, 0.5 + 0.3 * slow)
    return low + (high - low) * (share + fast * (0.1 if point.quantity in {"voltage", "frequency"} else 1.0))


SECOND = 1_000_000


@dataclass(eq=False)
class MadeUpHistory:
    """A historian with a sample of every point each second, back to `begin`; implements `tieline.web.History`."""

    utility: Utility
    clock: Callable[[], int]
    begin: int = 0
    is_down: bool = False
    asked: list[tuple[list[int], int, int, int]] = field(default_factory=list)

    async def history(self, points: Sequence[int], start_us: int, end_us: int, buckets: int) -> pa.Table:
        self.asked.append((list(points), start_us, end_us, buckets))
        if self.is_down:
            raise UnavailableError("the historian does not answer; it is started again")
        by_id = {int(point.id): point for point in self.utility.points}
        width = (end_us - start_us) // buckets
        rows: dict[str, list[float]] = {name: [] for name in ("point", "time", "min", "max", "mean", "last", "count", "severity")}
        for point in sorted(points):
            for start in range(max(start_us, self.begin), min(end_us, self.clock()), width):
                values = [value_of(by_id[point], start + k * width // 5) for k in range(5)]
                is_bad = (start // 60_000_000 + point) % 97 == 0
                columns = (point, start, min(values), max(values), sum(values) / 5, values[-1], 5, 1 if is_bad else 0)
                for name, value in zip(rows, columns, strict=True):
                    rows[name].append(value)
        return pa.table(
            {
                "point": pa.array(np.array(rows["point"], np.uint32)),
                "time": pa.array(np.array(rows["time"], np.int64)).view(pa.timestamp("us", "UTC")),
                **{name: pa.array(np.array(rows[name], np.float64)) for name in ("min", "max", "mean", "last")},
                "count": pa.array(np.array(rows["count"], np.int64)),
                "severity": pa.array(np.array(rows["severity"], np.uint8)),
            }
        )

    def samples(self, points: Sequence[int], start_us: int, end_us: int) -> Samples:
        """Every raw sample, by point and time: one each second."""
        if self.is_down:
            raise UnavailableError("the historian does not answer; it is started again")
        by_id = {int(point.id): point for point in self.utility.points}
        first = -(-max(start_us, self.begin) // SECOND) * SECOND
        times = range(first, min(end_us, self.clock()), SECOND)
        rows = [(point, time, value_of(by_id[point], time)) for point in sorted(points) for time in times]
        return Samples.of([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])

    async def statistics(self, points: Sequence[int], start_us: int, end_us: int, holds_us: Sequence[int]) -> pa.Table:
        found = Statistics(start_us, end_us, dict(zip(points, holds_us, strict=True)))
        found.take(self.samples(points, max(start_us, end_us - 600 * SECOND), end_us))
        columns = found.columns()
        table = pa.table(
            {name: pa.array(np.ma.getdata(column), mask=np.ma.getmaskarray(column)) for name, column in columns.items()}
        )
        for name in ("min_time", "max_time"):
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, table.column(name).cast(pa.timestamp("us", "UTC")))
        return table

    async def pieces(self, points: Sequence[int], start_us: int, end_us: int) -> AsyncIterator[pa.Table]:
        for start in range(start_us, end_us, 60 * SECOND):
            samples = self.samples(points, start, min(start + 60 * SECOND, end_us))
            yield pa.Table.from_batches([samples.to_arrow()])

    async def query(self, statement: str, parameters: Sequence[Any] | None = None) -> pa.Table:
        """What happened is not made up."""
        names = ("time_us", "site", "device", "kind", "severity", "text")
        return pa.table({name: pa.array([], pa.int64() if name == "time_us" else pa.string()) for name in names})


class PlayedField:
    """Sites that send values and heartbeats into the live state, as fast as asked; each can fall silent."""

    def __init__(self, utility: Utility, live: LiveState, clock: Callable[[], int]) -> None:
        self.utility = utility
        self.live = live
        self.clock = clock
        self.silent: set[str] = set()
        self.qualities: dict[int, int] = {}
        self.down: set[str] = set()

    def stats_of(self, site: Site) -> SiteStats:
        devices = {
            device.name: DeviceStats(is_up=device.path not in self.down, polls=1_200, errors=3, round_trip_ms=2.4)
            for device in site.devices
        }
        points = len(list(site.points))
        return SiteStats(samples_per_s=points * 0.93, batches_per_s=10.0, pending_samples=12, spooled_batches=1, devices=devices)

    def step(self) -> None:
        """One round: each site that is not silent sends all its points."""
        now = self.clock()
        for site in self.utility.sites:
            if site.name in self.silent:
                continue
            points = list(site.points)
            values = [value_of(point, now) for point in points]
            qualities = [self.qualities.get(int(point.id), int(Quality.DEVICE_TIME)) for point in points]
            self.live.apply(site.name, Samples.of([point.id for point in points], now - 80_000, values, qualities), now)
            self.live.heartbeat(site.name, now, self.stats_of(site))
        self.live.tick(now)

    async def play(self, period_s: float = 0.25) -> None:
        while True:
            self.step()
            await asyncio.sleep(period_s)


@dataclass(eq=False)
class World:
    """Everything a web test touches."""

    utility: Utility
    live: LiveState
    history: MadeUpHistory
    field: PlayedField
    clock: Callable[[], int]

    def id_of(self, path: str) -> int:
        return next(int(point.id) for point in self.utility.points if point.path == path)

    def app(self, **limits: float) -> FastAPI:
        return create_app(self.utility, self.live, self.history, clock=self.clock, limits=FeedLimits(**limits))  # type: ignore[arg-type]


def make_world(clock: Callable[[], int] = wall_clock, *, history_s: float = 7 * 86_400) -> World:
    utility = make_utility()
    live = LiveState(utility.points, started=clock())
    history = MadeUpHistory(utility, clock, begin=clock() - round(history_s * 1e6))
    return World(utility, live, history, PlayedField(utility, live, clock), clock)


@asynccontextmanager
async def serving(world: World, *, app: FastAPI | None = None, **limits: float) -> AsyncIterator[str]:
    """The address of a real server over the world."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    task = asyncio.create_task(serve(app or world.app(**limits), listener=listener))
    try:
        yield f"127.0.0.1:{port}"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
