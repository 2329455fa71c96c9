"""Part (l): 500 calculated points of all kinds over 2,000 measured ones, at 20,000 samples a second.

Every measured point has a sample every 100 ms, in ten batches a second as devices are polled, so that every calculation is due ten times
a second: 100 sums of ten points, 100 expressions in five texts, 100 windows of a minute, 50 energies, 50 demands, 50 three-phase
quantities, 25 durations, 25 counts of operations. A minute of the station passes in fake time as fast as it can. What is told is the CPU
time of this process for each second of the station, of the calculations alone.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.result import Result
from tieline.config import Site, read_folder
from tieline.edge.image import ProcessImage
from tieline.edge.processing.calculations import Calculations
from tieline.model import Now, PointKind, Samples

POINTS = 2_000
SECONDS = 60
PERIOD_US = 100_000
BEGIN_US = 1_767_225_600_000_000

UTILITY = """\
name = "Bench"
zones = [
  { name = "stations", kind = "substation", sites = ["alpha"] }, { name = "dmz", kind = "dmz" },
  { name = "center", kind = "control_center" },
]
conduits = [
  { source = "stations", target = "dmz", reason = "telemetry" }, { source = "center", target = "dmz", reason = "telemetry" },
]
"""
SITE = """\
[[devices]]
name = "m"
protocol = "modbus"
connection = { transport = "tcp", host = "10.1.1.11" }
polls = { normal = 0.1 }
"""
TEXTS = (
    "x + 2.0 * y",
    "SQRT(x * x + y * y)",
    "x > 10.0 AND y < 5.0",
    "MAX(x, y) - MIN(x, y)",
    "x / (y + 1.0)",
)


def calculations() -> Iterator[str]:
    """The tables of `site.toml`."""

    def table(name: str, function: str, keys: str) -> str:
        return f'[[calculations]]\nname = "{name}"\nfunction = "{function}"\n{keys}\n'

    for number in range(100):
        members = ", ".join(f'"m/p{10 * number + place}"' for place in range(10))
        yield table(f"sum{number}", "sum", f"of = [{members}]")
        inputs = f'inputs = {{ x = "m/p{number}", y = "m/p{number + 100}" }}'
        yield table(f"expression{number}", "expression", f'expression = "{TEXTS[number % 5]}"\n{inputs}')
        yield table(f"window{number}", "window", f'of = "m/p{number + 200}"\nwindow_s = 60\naggregate = "mean"')
    for number in range(50):
        yield table(f"energy{number}", "energy", f'of = "m/p{number + 300}"')
        yield table(f"demand{number}", "demand", f'of = "m/p{number + 400}"\nwindow_s = 900\nsubinterval_s = 60')
        phases = ", ".join(f'"m/p{number + place + 500}"' for place in range(3))
        yield table(f"phases{number}", "three_phase", f'show = "active_power"\nactive_power = [{phases}]')
    for number in range(25):
        yield table(f"duration{number}", "duration", f'of = "m/b{number}"\nstate = "on"')
        yield table(f"operations{number}", "operations", f'of = "m/b{number}"')


def station() -> Site:
    """A site with all of them."""
    rows = [f"p{number},analog,kW,input_register,{2 * number},float32,normal\n" for number in range(POINTS - 25)]
    rows += [f"b{number},binary,,discrete_input,{number},,normal\n" for number in range(25)]
    with tempfile.TemporaryDirectory() as folder:
        points = Path(folder) / "sites" / "alpha" / "points" / "m.csv"
        points.parent.mkdir(parents=True)
        points.write_text("name,kind,unit,table,address,type,poll\n" + "".join(rows))
        points.parents[1].joinpath("site.toml").write_text(SITE + "".join(calculations()))
        Path(folder).joinpath("utility.toml").write_text(UTILITY)
        return read_folder(Path(folder)).site("alpha")


def run() -> list[Result]:
    """All of it."""
    site = station()
    image, calculated = ProcessImage(site.points), Calculations(site.calculations, site.points)
    measured = list(site.measured_points)
    ids = np.array([point.id for point in measured], np.uint32)
    is_binary = np.array([point.kind is PointKind.BINARY for point in measured])
    random = np.random.default_rng(5)
    quality = np.zeros(len(ids), np.uint16)
    spent_s = 0.0
    results = 0
    longest_s = 0.0
    for step in range(SECONDS * 10):
        at = BEGIN_US + step * PERIOD_US
        value = np.where(is_binary, random.integers(0, 2, len(ids)), random.normal(20, 5, len(ids)))
        samples = Samples(ids, np.full(len(ids), at), value, quality)
        image.update(samples)
        began = time.process_time()
        found = (calculated.take(samples, image), calculated.tick(Now(monotonic_s=at / 1e6, utc_us=at)))
        took_s = time.process_time() - began
        spent_s += took_s
        longest_s = max(longest_s, took_s)
        results += sum(map(len, found))
    share = 100 * spent_s / SECONDS
    offered = len(ids) * 10
    detail = f"{len(site.calculations)} calculations, {offered:,} samples/s in, {results / SECONDS:,.0f} results/s out"
    return [
        Result(part="l", name="calculations, all kinds", value=share, unit="% of a core", detail=detail),
        Result(part="l", name="calculations, longest turn", value=longest_s * 1e3, unit="ms", detail="windows closed in it"),
    ]
