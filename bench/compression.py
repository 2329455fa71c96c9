"""Part (k): what goes up of a real series, and how far what can be drawn from it is beside what was measured.

The series are seven measurements of a transformer (ETT-h1: Zhou et al., "Informer", AAAI 2021), one sample an hour for two years: oil
temperature (OT) and the useful and useless loads of three sides (HUFL ... LULL). They are taken poll by poll, as a site would, and what
`Reporting` chooses is encoded poll by poll, as the site's stream gets it. Between reported samples the value is drawn as it is for
each way: held for bands, straight lines for swinging doors. Silence and intervals are a day at the most.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.result import Result
from tieline.bus import encode_batch
from tieline.config.processing import PointProcessing, PointReporting, SwingingDoor
from tieline.edge.processing.reporting import Reporting
from tieline.model import Batch, Now, Point, PointId, PointKind, Samples

FILE = Path(__file__).parents[2] / "shared" / "data" / "ett" / "ETTh1.csv"
DAY_S = 86_400.0
WAYS = ("everything", "deadband", "percent band", "swinging door")
PERCENTS = (1.0, 2.0, 5.0)

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Series:
    """Columns of measurements at common times (microseconds, UTC)."""

    names: list[str]
    time: npt.NDArray[np.int64]
    values: Values
    """One row a time, one column a name."""

    @property
    def spans(self) -> Values:
        """From the lowest to the highest value of each column."""
        return np.ptp(self.values, axis=0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one way of reporting makes of one column."""

    way: str
    percent: float
    name: str
    samples: int
    reported: int
    octets: int
    largest_error: float
    """In the unit of the column."""
    permitted_error: float


def read(file: Path = FILE) -> Series:
    """The series of a file whose first column is the time."""
    with file.open(newline="") as lines:
        header, *rows = csv.reader(lines)
    time = np.array([row[0] for row in rows], dtype="datetime64[us]").astype(np.int64)
    return Series(header[1:], time, np.array([row[1:] for row in rows], dtype=np.float64))


def outcomes(series: Series, way: str, percent: float) -> list[Outcome]:
    """What a way of reporting makes of each column; the percentage is of the span, of percent bands that of the value."""
    spans, count = series.spans, len(series.time)
    found = []
    for name, span, values, reported in zip(series.names, spans, series.values.T, _reported(series, way, percent), strict=True):
        drawn = _drawn(reported, series.time, is_line=way == "swinging door")
        permitted = 0.0 if way == "everything" else percent / 100 * span
        if way == "percent band":
            permitted = percent / 100 * float(np.abs(values).max())
        error = float(np.abs(drawn - values).max())
        found.append(Outcome(way, percent, name, count, len(reported), _octets(reported), error, permitted))
    return found


def _reporting(way: str, percent: float, span: float) -> PointReporting:
    band = percent / 100 * span
    match way:
        case "everything":
            return PointReporting(report="everything", deadband=0.0, max_silence_s=DAY_S)
        case "deadband":
            return PointReporting(report="exceptions", deadband=band, max_silence_s=DAY_S)
        case "percent band":
            return PointReporting(report="exceptions", deadband=0.0, percent_of_value=percent, max_silence_s=DAY_S)
    door = SwingingDoor(deviation=band, max_interval_s=DAY_S)
    return PointReporting(report="exceptions", deadband=0.0, max_silence_s=DAY_S, door=door)


def _reported(series: Series, way: str, percent: float) -> list[Samples]:
    """What goes up of each column, poll by poll and tick by tick."""
    points = [
        Point(id=PointId(number), site="a", device="b", name=name.lower(), kind=PointKind.ANALOG)
        for number, name in enumerate(series.names)
    ]
    plan = [
        PointProcessing(point=point, reporting=_reporting(way, percent, float(span)))
        for point, span in zip(points, series.spans, strict=True)
    ]
    reporting, ids = Reporting(points, plan), np.arange(len(points), dtype=np.uint32)
    good, parts = np.zeros(len(points), np.uint16), []
    for at, values in zip(series.time.tolist(), series.values, strict=True):
        parts.append(reporting.select(Samples(ids, np.full(len(points), at), values, good)))
        parts.append(reporting.tick(Now(at / 1e6, at)))
    whole = Samples.concatenate([*parts, reporting.flush()])
    return [whole.take(whole.point == number) for number in range(len(points))]


def _drawn(reported: Samples, time: npt.NDArray[np.int64], *, is_line: bool) -> Values:
    if is_line:
        return np.interp(time, reported.time, reported.value)
    return reported.value[np.searchsorted(reported.time, time, side="right") - 1]


def _octets(reported: Samples) -> int:
    """Each sample as a batch of its own: polls are an hour apart."""
    singles = (reported.take(slice(at, at + 1)) for at in range(len(reported)))
    batches = (Batch(site="a", incarnation=1 << 60, sequence=at, samples=one) for at, one in enumerate(singles, 1))
    return sum(len(encode_batch(batch)) for batch in batches)


def measured(series: Series, names: Sequence[str] = ()) -> list[Outcome]:
    """Every way at every setting, for the columns that are named or all."""
    settings = [("everything", 0.0), *((way, percent) for way in WAYS[1:] for percent in PERCENTS)]
    found = [outcome for way, percent in settings for outcome in outcomes(series, way, percent)]
    return [outcome for outcome in found if not names or outcome.name in names]


def table(found: Sequence[Outcome]) -> str:
    """As Markdown."""
    every = {outcome.name: outcome.octets for outcome in found if outcome.way == "everything"}
    lines = [
        "| column | way | samples | reported | octets | of everything | largest error | permitted |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for outcome in sorted(found, key=lambda outcome: list(every).index(outcome.name)):
        way = outcome.way if outcome.way == "everything" else f"{outcome.way} {outcome.percent:g} %"
        lines.append(
            f"| {outcome.name} | {way} | {outcome.samples:,} | {outcome.reported:,} | {outcome.octets:,} "
            f"| {outcome.octets / every[outcome.name]:.1%} | {outcome.largest_error:.4g} | {outcome.permitted_error:.4g} |"
        )
    return "\n".join(lines)


def run() -> list[Result]:
    """For each way and setting the octets of all columns against everything."""
    if not FILE.is_file():
        return [Result(part="k", name="real series", value=None, unit="", detail=f"{FILE.name} is not there")]
    found = measured(read())
    every = sum(outcome.octets for outcome in found if outcome.way == "everything")
    results = []
    for way in WAYS[1:]:
        for percent in PERCENTS:
            mine = [outcome for outcome in found if (outcome.way, outcome.percent) == (way, percent)]
            worst = max(outcome.largest_error / outcome.permitted_error for outcome in mine)
            reported, octets = sum(outcome.reported for outcome in mine), sum(outcome.octets for outcome in mine)
            detail = f"{reported:,} samples, {octets:,} octets; largest error {worst:.0%} of what is permitted"
            results.append(
                Result(part="k", name=f"{way} {percent:g} %", value=100 * octets / every, unit="% of everything", detail=detail)
            )
    return results


def main() -> None:
    """`python -m bench.compression [COLUMN ...]`: the table, column by column."""
    print(table(measured(read(), sys.argv[1:])))


if __name__ == "__main__":
    main()
