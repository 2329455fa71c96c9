from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tieline.historian import FILE_NAME, Historian, Retention
from tieline.model import Batch, Event, Point, PointKind, Samples

DAY = 86_400_000_000
HOUR = 3_600_000_000
MINUTE = 60_000_000
NOW = 20_000 * DAY + 12 * HOUR


class FakeClock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def point(number: int) -> Point:
    site, device = f"site-{number % 3}", f"device-{number % 5}"
    return Point(id=number, site=site, device=device, name=f"point-{number}", kind=PointKind.ANALOG, unit="kW")


POINTS = [point(number) for number in range(1, 21)]


@pytest.fixture
def opened(tmp_path: Path, clock: FakeClock) -> Iterator[Callable[..., Historian]]:
    """Opens the historian of this test, after closing the one before."""
    held: list[Historian] = []

    def again(**settings: object) -> Historian:
        while held:
            held.pop().close()
        settings = {"lake": tmp_path / "lake", "points": POINTS, "retention": Retention(), "clock": clock} | settings
        held.append(Historian.open(tmp_path / FILE_NAME, **settings))  # type: ignore[arg-type]
        return held[-1]

    yield again
    for historian in held:
        historian.close()


@pytest.fixture
def historian(opened: Callable[..., Historian]) -> Historian:
    return opened()


def batch(
    sequence: int, time: int = NOW, rows: int = 10, *, site: str = "site-0", incarnation: int = 7, events: int = 0
) -> Batch:
    """Rows of points 1, 2, 3 ... a second apart; their values name sequence and row."""
    place = np.arange(rows)
    samples = Samples.of(place % 20 + 1, time + place * 1_000_000, sequence * 1000.0 + place)
    happened = tuple(Event(time=time, site=site, kind="tested", text=f"{sequence}/{each}") for each in range(events))
    return Batch(site=site, incarnation=incarnation, sequence=sequence, samples=samples, events=happened)


def rows_of(historian: Historian, statement: str, parameters: object = None) -> list[tuple[object, ...]]:
    with historian.reader() as reader:
        table = reader.query(statement, parameters).read_all()  # type: ignore[arg-type]
    return [tuple(row.values()) for row in table.to_pylist()]


def count(historian: Historian) -> int:
    (number,) = rows_of(historian, "SELECT count(*) FROM samples")[0]
    assert isinstance(number, int)
    return number
