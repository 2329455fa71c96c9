"""`tieline watch` against a real center: which points it shows, and what each value is worth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tieline.model import ConfigError

from .center import Terminals, terminals

pytestmark = pytest.mark.system


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Terminals]:
    async with terminals(tmp_path) as made:
        yield made


async def test_the_values_of_a_site_or_a_pattern_are_shown_once(at: Terminals) -> None:
    lise = at.token_of("lise", ["viewer"])
    points = list(at.world.utility.points)
    site, device = points[0].site, points[0].device
    shown = await at.types("watch", site, "--once", token=lise)
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert lines[0].split() == ["point", "value", "unit", "quality", "age"]
    assert [line.split()[0] for line in lines[1:]] == [point.path for point in points if point.site == site]

    begin = points[0].name[:3]
    some = await at.types("watch", f"{site}/{device}/{begin}*", "--once", token=lise)
    alike = [point.path for point in points if point.path.startswith(f"{site}/{device}/{begin}")]
    assert 0 < len(alike) < len(points)
    assert [line.split()[0] for line in some.output.splitlines()[1:]] == alike

    everything = await at.types("watch", "--once", token=lise)
    assert len(everything.output.splitlines()) == 1 + len(points)


async def test_a_value_shows_its_number_its_unit_and_whether_it_is_stale(at: Terminals) -> None:
    lise = at.token_of("lise", ["viewer"])
    point = next(point for point in at.world.utility.points if point.unit)
    row = at.world.live.rows([point.id])
    path, value, unit, *more = (await at.types("watch", point.path, "--once", token=lise)).output.splitlines()[1].split()
    assert (path, unit) == (point.path, point.unit)
    assert float(value) == pytest.approx(at.world.live.value[row][0], abs=0.05)
    assert "stale" not in more
    at.world.live.tick(at.world.clock() + 60_000_000)
    after = (await at.types("watch", point.path, "--once", token=lise)).output
    assert "stale" in after


async def test_a_pattern_that_is_like_no_point_is_refused(at: Terminals) -> None:
    refused = await at.types("watch", "nowhere/*", "--once", token=at.token_of("lise", ["viewer"]))
    assert isinstance(refused.exception, ConfigError)
    assert "no point is like 'nowhere/*'" in str(refused.exception)
