"""Part (s): how long a single-line diagram takes, from the connectivity to the SVG.

Stations are made up: a double busbar with so many bays (two disconnectors, breaker, instrument transformers, earthing switch), and a
feeder in sections with a switch and a load each, a lateral in every seventh. The layout is computed once for each site and kept by the
web server; what is measured here is what the first one who opens the page waits for.
"""

from __future__ import annotations

import statistics
import time

from bench.result import Result
from tests.grid.diagram.drawn_stations import double_busbar, radial_feeder
from tieline.grid.diagram import draw, svg_of
from tieline.model import SingleLine

TIMES = 5


def measure(name: str, station: SingleLine) -> list[Result]:
    """Layout and SVG of one station, the median of some."""
    layouts: list[float] = []
    texts: list[float] = []
    for _ in range(TIMES):
        began = time.perf_counter()
        drawing = draw(station)
        laid = time.perf_counter()
        svg = svg_of(drawing)
        texts.append((time.perf_counter() - laid) * 1e3)
        layouts.append((laid - began) * 1e3)
    detail = f"{len(drawing.elements):,} elements, {drawing.width:,.0f} x {drawing.height:,.0f}"
    return [
        Result(part="s", name=f"{name}: layout", value=statistics.median(layouts), unit="ms", detail=detail),
        Result(part="s", name=f"{name}: SVG", value=statistics.median(texts), unit="ms", detail=f"{len(svg) / 1e3:,.0f} kB"),
    ]


def run() -> list[Result]:
    """A large station, a long feeder, and a thousand elements."""
    stations = {
        "double busbar, 60 bays": double_busbar(60),
        "feeder of 300 sections": radial_feeder(300),
        "double busbar, 135 bays": double_busbar(135),
    }
    return [result for name, station in stations.items() for result in measure(name, station)]


if __name__ == "__main__":
    from bench.result import show

    show(run())
