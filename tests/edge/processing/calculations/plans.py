"""Calculations as the configuration makes them of a text, and the means to run them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.config.folders import UTILITY, write
from tieline.config import Site, read_folder
from tieline.edge.image import ProcessImage
from tieline.edge.processing.calculations import Calculations
from tieline.model import Now, Point, Samples

S = 1_000_000
T0 = 1_767_225_600 * S
"""2026-01-01 00:00:00 UTC."""

SITE = """\
[[devices]]
name = "m"
protocol = "modbus"
connection = { transport = "tcp", host = "10.1.1.11" }
polls = { normal = 1.0 }

"""

HEADER = "name,kind,unit,table,address,type,poll\n"


def read_site(calculations: str, points: Iterable[str]) -> Site:
    """`points` are `name kind unit`; a calculation is written as in `site.toml`."""
    rows = []
    for number, described in enumerate(points):
        name, kind, unit = [*described.split(), ""][:3]
        table = "discrete_input" if kind == "binary" else "input_register"
        rows.append(f"{name},{kind},{unit},{table},{2 * number},{'' if kind == 'binary' else 'float32'},normal\n")
    with TemporaryDirectory() as folder:
        files = {"utility.toml": UTILITY, "sites/alpha/site.toml": SITE + calculations}
        files["sites/alpha/points/m.csv"] = HEADER + "".join(rows)
        return read_folder(write(Path(folder), files)).site("alpha")


class Station:
    """A site's calculations with its image, in fake time."""

    def __init__(self, calculations: str, points: Iterable[str]) -> None:
        self.site = read_site(calculations, points)
        self.points = {f"{point.device}/{point.name}": point for point in self.site.points}
        self.restart()

    def restart(self, state: dict[str, object] | None = None) -> None:
        """As after a start of the process."""
        self.image = ProcessImage(self.site.points)
        self.calculations = Calculations(self.site.calculations, self.site.points)
        if state is not None:
            self.calculations.recall(state)

    def point(self, name: str) -> Point:
        return self.points[name if "/" in name else f"m/{name}"]

    def samples(self, *rows: tuple[str, float, float] | tuple[str, float, float, int]) -> Samples:
        """Rows of name, seconds after `T0`, value, and quality if it is not good."""
        return Samples.of(
            [self.point(row[0]).id for row in rows],
            [T0 + round(row[1] * S) for row in rows],
            [row[2] for row in rows],
            [row[3] if len(row) > 3 else 0 for row in rows],
        )

    def take(self, *rows: tuple[str, float, float] | tuple[str, float, float, int]) -> Samples:
        return self.feed(self.samples(*rows))

    def feed(self, samples: Samples) -> Samples:
        self.image.update(samples)
        results = self.calculations.take(samples, self.image)
        self.image.update(results)
        return results

    def tick(self, at_s: float) -> Samples:
        results = self.calculations.tick(Now(monotonic_s=1000 + at_s, utc_us=T0 + round(at_s * S)))
        self.image.update(results)
        return results

    def of(self, results: Samples, name: str) -> list[tuple[float, float, int]]:
        """What came of a calculated point: seconds after `T0`, value, quality."""
        mine = results.take(results.point == self.point(f"calc/{name}").id)
        times = ((mine.time - T0) / S).tolist()
        return list(zip(times, mine.value.tolist(), mine.quality.tolist(), strict=True))
