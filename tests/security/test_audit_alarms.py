"""What people do with alarms is in the audit before it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.scada.alarms.plans import START_US, state_plan
from tests.security.audit_world import open_log
from tieline.model import Batch, LocalError, Now, Quality, RefusedError, Samples
from tieline.model.alarms import AlarmState
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore, Requester
from tieline.security.audit import AuditLog

ADA = Requester(name="ada", roles=frozenset({"operator"}))
EVE = Requester(name="eve", roles=frozenset({"viewer"}))
NOW = Now(100.0, START_US)


@dataclass
class Desk:
    service: AlarmService
    audit: AuditLog

    def states(self) -> dict[str, AlarmState]:
        return {alarm.id: alarm.state for alarm in self.service.snapshot(NOW).alarms}

    def recorded(self) -> list[tuple[str, str, str, str, object]]:
        return [
            (record.actor, record.action, record.target, record.outcome, record.detail["reason"])
            for record in self.audit.since(0)
        ]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Three alarms that stand."""
    audit = open_log(tmp_path / "audit", "center")
    store = AlarmStore(tmp_path / "alarms.db")
    with closing(AlarmService(AlarmEngine([state_plan(n) for n in (1, 2, 3)]), store, NOW, record=audit.append_many)) as service:
        samples = Samples.of([1, 2, 3], NOW.utc_us, 1.0, Quality.DEVICE_TIME)
        service.take([Batch(site="alpha", incarnation=1, sequence=1, samples=samples)], NOW)
        yield Desk(service, audit)
    audit.close()


def test_whatever_is_done_and_whoever_may_not_is_recorded_with_the_reason(desk: Desk) -> None:
    assert set(desk.states().values()) == {AlarmState.UNACKNOWLEDGED}
    desk.service.acknowledge(["alpha/a1", "alpha/a2"], ADA, NOW, reason="seen")
    desk.service.shelve(["alpha/a1"], ADA, NOW, minutes=30, reason="test")
    desk.service.unshelve(["alpha/a1"], ADA, NOW)
    with pytest.raises(RefusedError):
        desk.service.acknowledge(["alpha/a3"], EVE, NOW)
    assert desk.recorded()[:4] == [
        ("ada", "alarm_acknowledge", "alpha/a1", "granted", "seen"),
        ("ada", "alarm_acknowledge", "alpha/a2", "granted", "seen"),
        ("ada", "alarm_shelve", "alpha/a1", "granted", "test (30 min)"),
        ("ada", "alarm_unshelve", "alpha/a1", "granted", ""),
    ]
    assert desk.recorded()[4][:4] == ("eve", "alarm_acknowledge", "alpha/a3", "refused")


def test_what_cannot_be_recorded_is_not_done(desk: Desk) -> None:
    desk.audit.close()
    with pytest.raises(LocalError, match="the audit is closed"):
        desk.service.acknowledge(["alpha/a1"], ADA, NOW)
    assert desk.states()["alpha/a1"] is AlarmState.UNACKNOWLEDGED
