"""Alarms of equipment that is switched off or earthed: the example's network, a real live state, a real alarm service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tieline.cli.alarm_suppression import SETTLE_US, SwitchingSuppression
from tieline.cli.topology_adapter import topology_of
from tieline.config import Utility, read_folder
from tieline.config.alarm_plan import AlarmPlan
from tieline.grid.topology import network_of
from tieline.model import Now, Quality, Samples
from tieline.model.alarms import AlarmKind, AlarmState
from tieline.scada import LiveState, SiteStats
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore

RIDGEWAY = Path(__file__).parents[2] / "src" / "tieline" / "examples" / "ridgeway"
START_US = 1_700_000_000_000_000
S = AlarmState
OPEN, CLOSED = 1.0, 2.0
NORMALLY_OPEN = {"ng-q0", "mb-q2"}


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(RIDGEWAY)


def plan_of(name: str, equipment: str, *states: str) -> AlarmPlan:
    return AlarmPlan(
        id=f"northgate/{name}",
        site="northgate",
        name=name,
        text=name,
        kind=AlarmKind.COMMUNICATION,
        priority=2,
        equipment=equipment,
        suppress_states=frozenset(states),
    )


PLAN = [
    plan_of("line", "ng-harbor", "de-energized", "earthed"),
    plan_of("node", "ng-f2", "de-energized"),
    plan_of("earthed-only", "ng-harbor", "earthed"),
    plan_of("always", "ng-harbor"),
]


class Center:
    """The live state of all sites and the alarms, with a clock of its own; starts again over the same file."""

    def __init__(self, utility: Utility, file: Path) -> None:
        self.utility, self.file = utility, file
        self.network = network_of(utility)
        self.now_us = START_US
        self.start(PLAN)

    def start(self, plan: list[AlarmPlan]) -> None:
        self.live = LiveState(self.utility.points, sites=[site.name for site in self.utility.sites], started=self.now_us)
        self.service = AlarmService(AlarmEngine(plan), AlarmStore(self.file), self.now)
        self.suppression = SwitchingSuppression(plan, topology_of(self.utility, self.live, lambda: self.now_us), self.live)

    def restart(self, plan: list[AlarmPlan]) -> None:
        self.service.close()
        self.start(plan)

    @property
    def now(self) -> Now:
        return Now(self.now_us / 1e6, self.now_us)

    def hear(self) -> None:
        for site in self.live.sites:
            self.live.heartbeat(site, self.now_us, SiteStats())

    def move(self, *, closed: bool = True, quality: int = 0, **switches: float) -> None:
        """All switches stand as they normally do, or these ones only where some are named."""
        for site in self.live.sites:
            told = {}
            for each in self.network.positions:
                point = self.live.points[int(self.live.rows([each.point])[0])]
                name = each.switch.replace("-", "_")
                if point.site != site or (switches and name not in switches):
                    continue
                is_closed = not (each.switch in NORMALLY_OPEN or self.network.is_earthing(each.switch))
                value = switches.get(name, CLOSED if is_closed else OPEN)
                told[each.point] = value if each.is_double else value - 1
            if told:
                samples = Samples.of(list(told), self.now_us, list(told.values()), quality)
                self.live.apply(site, samples, self.now_us)

    def wait(self, seconds: float) -> None:
        self.now_us += round(seconds * 1e6)
        self.hear()
        self.look()

    def look(self) -> None:
        for each in self.suppression.look(self.now_us):
            self.service.suppress(each.ids, "topology", self.now, is_on=each.is_on, reason=each.reason)

    def states(self) -> list[AlarmState]:
        found = {alarm.name: alarm.state for alarm in self.service.snapshot(self.now, everything=True).alarms}
        return [found[each.name] for each in PLAN]


@pytest.fixture
def center(utility: Utility, tmp_path: Path) -> Iterator[Center]:
    made = Center(utility, tmp_path / "alarms.db")
    made.hear()
    made.move()
    made.wait(0)
    yield made
    made.service.close()


def test_what_is_switched_off_has_no_alarms_until_it_is_switched_on_again(center: Center) -> None:
    assert center.states() == [S.NORMAL] * 4
    center.now_us += 1_000_000
    center.move(ng_qf2=OPEN)
    center.wait(0)
    assert center.states() == [S.SUPPRESSED, S.SUPPRESSED, S.NORMAL, S.NORMAL]
    line = center.service.alarm("northgate/line", center.now)
    assert line is not None
    assert line.reason == "ng-harbor is de-energized"
    center.now_us += 1_000_000
    center.move(ng_qf2=CLOSED)
    center.wait(0)
    assert center.states() == [S.NORMAL] * 4
    journal = [(line.trigger, line.by, line.reason) for line in center.service.journal(alarm="northgate/line")]
    assert journal == [
        ("suppress", "topology", "ng-harbor is de-energized"),
        ("unsuppress", "topology", "ng-harbor is energized"),
    ]


@pytest.mark.parametrize(("value", "quality"), [(0.0, 0), (OPEN, Quality.INVALID), (OPEN, Quality.TEST), (np.nan, 0)])
def test_a_state_that_is_not_known_suppresses_nothing(center: Center, value: float, quality: int) -> None:
    center.move(ng_qf2=OPEN)
    center.wait(SETTLE_US / 1e6 + 1)
    assert center.states()[0] is S.SUPPRESSED
    center.now_us += 1_000_000
    center.move(ng_qf2=value, quality=quality)
    center.wait(0)
    assert center.states() == [S.NORMAL] * 4


def test_a_site_that_is_lost_suppresses_nothing(center: Center) -> None:
    center.move(ng_qf2=OPEN)
    center.wait(SETTLE_US / 1e6 + 1)
    center.now_us += 4_000_000
    center.live.tick(center.now_us)
    center.look()
    assert center.states() == [S.NORMAL] * 4


def test_what_is_suppressed_stays_so_over_a_restart_until_positions_are_known(center: Center) -> None:
    center.move(ng_qf2=OPEN)
    center.wait(0)
    center.restart(PLAN)
    center.look()
    assert center.states()[0] is S.SUPPRESSED
    center.wait(1)  # every site is heard, no position yet
    assert center.states()[0] is S.SUPPRESSED
    center.move()
    center.move(ng_qf2=OPEN)
    center.wait(1)
    assert center.states()[:2] == [S.SUPPRESSED, S.SUPPRESSED]
    assert len(center.service.journal(alarm="northgate/line")) == 1
    center.restart(PLAN)
    center.wait(0)
    center.wait(SETTLE_US / 1e6)
    assert center.states() == [S.NORMAL] * 4


def test_an_alarm_that_the_folder_no_longer_suppresses_is_told(center: Center) -> None:
    center.move(ng_qf2=OPEN)
    center.wait(0)
    center.restart([plan_of(each.name, each.equipment) for each in PLAN])
    assert center.states() == [S.NORMAL] * 4
