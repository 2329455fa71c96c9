"""Hand-over and hand-back: who may act when, what is told, and what survives a restart."""

from __future__ import annotations

from pathlib import Path

from tieline.edge.automation.function import Action, Request
from tieline.edge.automation.handover import Handover, Mode
from tieline.model import Now

from .plant import SETPOINT, Scripted, plan_of, running


class Link:
    """A hand-over that is asked every second whether the center is there."""

    def __init__(self, **settings: float) -> None:
        default = {"handover_delay_s": 10, "handback_delay_s": 60, "most_per_hour": 3}
        self.handover = Handover(**(default | settings))  # type: ignore[arg-type]
        self.s = 100.0
        self.told: list[str] = []

    def now(self) -> Now:
        return Now(self.s, round(self.s * 1e6))

    def be(self, is_reachable: bool, seconds: int) -> Mode:
        for _ in range(seconds):
            notice = self.handover.update(self.now(), is_reachable=is_reachable)
            if notice is not None:
                self.told.append(notice.kind)
            self.s += 1
        return self.handover.mode


def test_at_the_start_only_what_acts_always_acts() -> None:
    link = Link()
    assert link.be(False, 5) is Mode.STARTING
    assert [link.handover.may_act(acts) for acts in ("always", "connected", "isolated")] == [True, False, False]


def test_a_center_that_is_there_at_the_start_is_no_event() -> None:
    link = Link()
    assert link.be(True, 3) is Mode.CONNECTED
    assert link.told == []
    assert [link.handover.may_act(acts) for acts in ("always", "connected", "isolated")] == [True, True, False]


def test_a_center_that_is_not_there_at_the_start_is_lost_after_the_delay() -> None:
    link = Link()
    assert link.be(False, 10) is Mode.STARTING
    assert link.be(False, 1) is Mode.ISOLATED
    assert link.told == ["automation_handover"]
    assert [link.handover.may_act(acts) for acts in ("always", "connected", "isolated")] == [True, False, True]


def test_a_short_outage_changes_nothing() -> None:
    link = Link()
    link.be(True, 3)
    link.be(False, 10)
    assert link.be(True, 20) is Mode.CONNECTED
    assert link.told == []


def test_a_short_return_changes_nothing() -> None:
    link = Link()
    link.be(False, 11)
    link.be(True, 60)
    link.be(False, 1)
    assert link.be(True, 60) is Mode.ISOLATED
    assert link.be(True, 1) is Mode.CONNECTED
    assert link.told == ["automation_handover", "automation_handback"]


def test_after_the_permitted_number_the_site_stays_alone_until_an_hour_has_passed() -> None:
    link = Link()
    for _ in range(3):
        link.be(True, 61)
        link.be(False, 11)
    first = 100 + 61 + 10
    assert link.be(True, 1_000) is Mode.ISOLATED
    assert link.told.count("automation_handover") == 3
    assert link.told[-1] == "automation_handback_delayed"
    assert link.told.count("automation_handback_delayed") == 1
    link.be(True, int(first + 3600 - link.s))
    assert link.handover.mode is Mode.ISOLATED
    assert link.be(True, 1) is Mode.CONNECTED


def test_a_site_that_was_alone_is_alone_after_a_restart() -> None:
    before = Link()
    before.be(False, 30)
    kept = before.handover.remember(before.now())
    after = Link()
    after.handover.recall(kept)
    assert after.be(False, 1) is Mode.ISOLATED
    assert after.be(True, 61) is Mode.CONNECTED
    assert after.told == ["automation_handback"]


def test_a_restart_does_not_forget_how_often_it_was_handed_over() -> None:
    before = Link(most_per_hour=1)
    before.be(False, 30)
    after = Link(most_per_hour=1)
    after.handover.recall(before.handover.remember(before.now()))
    assert after.be(True, 100) is Mode.ISOLATED
    assert after.told == ["automation_handback_delayed"]


def test_what_is_remembered_before_the_first_scan_is_what_was_recalled() -> None:
    before = Link()
    before.be(False, 11)
    kept = before.handover.remember(before.now())
    after = Link()
    after.handover.recall(kept)
    assert after.handover.remember(after.now()) == kept


def test_a_damaged_memory_is_ignored() -> None:
    link = Link()
    link.handover.recall({"mode": 7, "ages": ["x", None, -1, 1e9]})
    assert link.be(True, 2) is Mode.CONNECTED


async def test_functions_act_when_they_may_and_observe_otherwise(tmp_path: Path) -> None:
    functions = [Scripted(name) for name in ("alone", "with", "ever")]
    plans = [plan_of("alone", "isolated"), plan_of("with", "connected"), plan_of("ever")]
    async with running(tmp_path, plans, functions, handover_delay_s=3.0, handback_delay_s=5.0) as plant:
        await plant.scan(3)
        plant.is_center_there = False
        await plant.scan(6)
        plant.is_center_there = True
        await plant.scan(7)
        assert functions[0].seen == [False] * 6 + [True] * 8 + [False] * 2
        assert functions[1].seen == [False] + [True] * 5 + [False] * 8 + [True] * 2
        assert functions[2].seen == [True] * 16
        assert plant.told == ["automation_handover", "automation_handback"]


async def test_hand_over_is_shown_and_in_the_audit(tmp_path: Path) -> None:
    plans = [plan_of("alone", "isolated")]
    async with running(tmp_path, plans, [Scripted("alone")], handover_delay_s=3.0) as plant:
        await plant.scan(1)
        assert plant.own("isolated")[1] != 0, "not known yet"
        await plant.scan(2)
        assert (plant.own("isolated"), plant.own("alone_acting")) == ((0, 0), (0, 0))
        plant.is_center_there = False
        await plant.scan(4)
        assert (plant.own("isolated"), plant.own("alone_acting")) == ((1, 0), (1, 0))
        record = plant.audit.since(0)[0]
        assert (record.actor, record.action, record.detail["mode"]) == ("automation", "automation_handover", "isolated")


async def test_what_is_remembered_comes_back(tmp_path: Path) -> None:
    plans = [plan_of("a", "isolated")]
    async with running(tmp_path, plans, [Scripted("a")], handover_delay_s=3.0) as plant:
        plant.is_center_there = False
        await plant.scan(5)
        kept = plant.automation.remember()
    function = Scripted("a")
    async with running(tmp_path, plans, [function], handover_delay_s=3.0, clock=plant.clock) as plant:
        plant.automation.recall(kept)
        plant.is_center_there = False
        await plant.scan(1)
        assert (function.recalled, function.seen) == ({"scans": 5}, [True])
        assert plant.told == []


async def test_commands_of_two_lives_are_told_apart(tmp_path: Path) -> None:
    """An id that came again would be answered with the earlier outcome, and nothing would be done."""
    act = Scripted("a", lambda *_: Action(requests=(Request(point=SETPOINT, value=1.0, reason=""),)))
    async with running(tmp_path, [plan_of("a")], [act]) as plant:
        await plant.scan(2)
    async with running(tmp_path, [plan_of("a")], [act], clock=plant.clock) as plant:
        await plant.scan(2)
        assert len(plant.device.written) == 2
