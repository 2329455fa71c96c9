"""Control asks the real switching state of the example before it closes a breaker."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from tieline.config import read_folder
from tieline.grid.topology import Topology, network_of
from tieline.model import Now, Point, PointKind
from tieline.model.control import Standing
from tieline.scada import LiveState, SiteStats
from tieline.scada.control import Switching
from tieline.scada.control.checks import Checks
from tieline.scada.control.tags import Tags
from tieline.scada.control.values import Values

from .scene import ADA

STANDBY = "millbrook/q02/ctrl-cswi1-pos-command"


class Example:
    """The example with every switch in its normal position."""

    def __init__(self) -> None:
        utility = read_folder(Path(str(files("tieline.examples") / "ridgeway")))
        self.network = network_of(utility)
        self.topology = Topology(self.network)
        points = list(utility.plant_points)
        self.points = {point.path: point for point in points}
        live = LiveState(utility.points, sites=[site.name for site in utility.sites], started=1)
        for site in utility.sites:
            live.heartbeat(site.name, 1, SiteStats())
        switching = Switching(state=self.topology, switch_of=self.network.switch_of)
        self.checks = Checks(utility.control, points, live, Values(live), Tags(points), switching)
        assert utility.grid is not None
        self._normal = {switch.name: switch.normal == "closed" for switch in utility.grid.switches}

    def show_normal(self) -> None:
        told = [point for point in self.points.values() if self.network.switch_of(point.id) and not point.kind.is_writable]
        values = np.array([self._position(point) for point in told])
        ids = np.array([point.id for point in told], np.uint32)
        self.topology.update(ids, values, np.zeros(len(told), np.uint16), np.zeros(len(told), np.bool_))

    def _position(self, point: Point) -> float:
        switch = self.network.switch_of(point.id) or ""
        is_closed = self._normal.get(switch, "/QB" in switch)  # of the SCL file: disconnectors closed, earthing switches open
        return float(is_closed) + (1.0 if point.kind is PointKind.DOUBLE else 0.0)

    def words(self, name: str, value: float, standing: Standing) -> list[str]:
        path = name if "/" in name else f"northgate/rtu-1/{name}"
        verdicts = self.checks.verdicts(ADA, self.points[path].id, value, Now(0, 1))
        return [f"{verdict.check}: {verdict.words}" for verdict in verdicts if verdict.standing is standing]


@pytest.fixture(scope="module")
def example() -> Example:
    return Example()


def test_closing_is_refused_while_positions_are_not_known() -> None:
    against = Example().words(STANDBY, 1, Standing.REFUSED)
    assert [words.partition(":")[0] for words in against] == ["earthing", "parallel"]
    assert all("is not known" in words for words in against)


def test_closing_a_ring_is_refused_with_the_reason(example: Example) -> None:
    example.show_normal()
    assert example.words(STANDBY, 1, Standing.REFUSED) == [
        "parallel: closing mb-q2 closes a loop: both its sides are energized by one island"
    ]


def test_the_coupler_closes_a_loop_only_where_the_sections_voltages_are_known_to_be_near(example: Example) -> None:
    example.show_normal()
    assert example.words("coupler_command", 1, Standing.NOTED) == [
        "parallel: closing ng-q0 closes a loop: both its sides are energized by one island"
    ]
    (words,) = example.words("coupler_command", 1, Standing.REFUSED)
    assert words.startswith("interlock: interlocked: “the sections' voltages differ or one is dead” cannot be ruled out")


def test_opening_says_who_loses_supply(example: Example) -> None:
    example.show_normal()
    assert example.words("f2_command", 0, Standing.REFUSED) == []
    (words,) = example.words("f2_command", 0, Standing.NOTED)
    assert words.startswith("supply: opening ng-qf2 de-energizes harbor-load")


def test_what_moves_no_switch_is_not_judged(example: Example) -> None:
    checks = example.checks.verdicts(ADA, example.points["northgate/rtu-1/f2_trip_reset"].id, 0, Now(0, 1))
    assert {verdict.check for verdict in checks}.isdisjoint({"earthing", "parallel", "supply"})
