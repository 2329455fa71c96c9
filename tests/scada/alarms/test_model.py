"""The engine against a plain model of one alarm after another, over any order of samples, requests, time and restarts."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tieline.model import Batch, Now, PointKind, Quality, RefusedError, Samples
from tieline.model.alarms import AlarmState
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore, Requester

from .plans import SECOND, START_US, point, state_plan

ON_DELAY_S = {1: 0, 2: 0, 3: 3}
OFF_DELAY_S = {1: 0, 2: 0, 3: 5}
LATCHES = {2}
SUPPRESSED = {1, 2}
MAINTENANCE = 9
MOST_SHELVE_MIN = 8 * 60
ANNA = Requester(name="anna", roles=frozenset({"operator", "engineer"}))
NUMBERS = st.sampled_from([1, 2, 3])
PLAN = [
    state_plan(
        number,
        on_delay_s=float(ON_DELAY_S[number]),
        off_delay_s=float(OFF_DELAY_S[number]),
        latched=number in LATCHES,
        **(
            {"suppress": "out", "suppress_inputs": {"out": point(MAINTENANCE, kind=PointKind.BINARY)}}
            if number in SUPPRESSED
            else {}
        ),
    )
    for number in (1, 2, 3)
]


@dataclass
class PlainAlarm:
    """What the standard says of one alarm, in ifs; times in whole seconds."""

    number: int
    seen: bool = False
    since: int = 0
    active: bool = False
    acknowledged: bool = True
    latched: bool = False
    shelved_until: int | None = None
    suppressed: bool = False
    out: bool = False
    raised: int = 0

    @property
    def is_held(self) -> bool:
        return self.out or self.suppressed or self.shelved_until is not None

    @property
    def state(self) -> AlarmState:
        if self.out:
            return AlarmState.OUT_OF_SERVICE
        if self.suppressed:
            return AlarmState.SUPPRESSED
        if self.shelved_until is not None:
            return AlarmState.SHELVED
        if self.active:
            return AlarmState.ACKNOWLEDGED if self.acknowledged else AlarmState.UNACKNOWLEDGED
        if self.latched:
            return AlarmState.LATCHED_ACKNOWLEDGED if self.acknowledged else AlarmState.LATCHED_UNACKNOWLEDGED
        return AlarmState.NORMAL if self.acknowledged else AlarmState.RETURNED

    def see(self, *, seen: bool, now: int) -> None:
        if seen != self.seen:
            self.seen, self.since = seen, now
        self.pass_time(now)

    def pass_time(self, now: int) -> None:
        delay = (ON_DELAY_S if self.seen else OFF_DELAY_S)[self.number]
        if self.seen == self.active or now - self.since < delay:
            return
        self.active = self.seen
        if self.active:
            self.raised += 1
        if self.is_held:
            return
        if self.active:
            self.acknowledged = False
            self.latched = self.number in LATCHES

    def expire(self, now: int) -> None:
        if self.shelved_until is not None and now >= self.shelved_until:
            self.unhold(shelved=True)

    def hold(self) -> None:
        self.acknowledged, self.latched = True, False

    def unhold(self, *, shelved: bool = False, suppressed: bool = False, out: bool = False) -> None:
        self.shelved_until = None if shelved else self.shelved_until
        self.suppressed = False if suppressed else self.suppressed
        self.out = False if out else self.out
        if not self.is_held:
            self.acknowledged = not self.active
            self.latched = self.active and self.number in LATCHES


class AlarmsMatchTheModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.seconds = 0
        self.sequence = 0
        self.model = {number: PlainAlarm(number) for number in (1, 2, 3)}
        self.start()

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @property
    def now(self) -> Now:
        return Now(500.0 + self.seconds, START_US + self.seconds * SECOND)

    def start(self) -> None:
        self.store = AlarmStore(self.folder / "alarms.sqlite")
        self.service = AlarmService(AlarmEngine(PLAN), self.store, self.now)

    def send(self, point: int, value: float, quality: int) -> None:
        self.sequence += 1
        samples = Samples.of(point, self.now.utc_us, value, quality)
        batch = Batch(site="alpha", incarnation=7, sequence=self.sequence, samples=samples)
        self.service.take([batch], self.now)
        assert self.service.take([batch], self.now) == 0

    @initialize()
    def is_in_service(self) -> None:
        self.send(MAINTENANCE, 0, 0)

    @rule(number=NUMBERS, is_abnormal=st.booleans())
    def sample(self, number: int, is_abnormal: bool) -> None:
        self.send(number, float(is_abnormal), 0)
        self.model[number].see(seen=is_abnormal, now=self.seconds)

    @rule(number=NUMBERS, is_abnormal=st.booleans())
    def invalid_sample(self, number: int, is_abnormal: bool) -> None:
        self.send(number, float(is_abnormal), int(Quality.INVALID))
        self.model[number].pass_time(self.seconds)

    @rule(seconds=st.sampled_from([1, 2, 4, 60]))
    def wait(self, seconds: int) -> None:
        self.seconds += seconds
        self.service.tick(self.now)
        for alarm in self.model.values():
            alarm.pass_time(self.seconds)
            alarm.expire(self.seconds)

    @rule(value=st.sampled_from([0.0, 1.0]), quality=st.sampled_from([0, int(Quality.INVALID)]))
    def maintenance(self, value: float, quality: int) -> None:
        self.send(MAINTENANCE, value, quality)
        is_on = value == 1 and quality == 0
        for number in SUPPRESSED:
            alarm = self.model[number]
            if is_on and not alarm.suppressed:
                alarm.suppressed = True
                alarm.hold()
            elif not is_on and alarm.suppressed:
                alarm.unhold(suppressed=True)

    def ask(self, name: str, number: int, *, may: bool, **more: object) -> bool:
        request = partial(getattr(self.service, name), [f"alpha/a{number}"], ANNA, self.now, **more)
        if may:
            assert request().ids == (f"alpha/a{number}",)
        else:
            with pytest.raises(RefusedError):
                request()
        return may

    @rule(number=NUMBERS)
    def acknowledge(self, number: int) -> None:
        alarm = self.model[number]
        if self.ask("acknowledge", number, may=not alarm.is_held and not alarm.acknowledged):
            alarm.acknowledged = True

    @rule(number=NUMBERS)
    def reset(self, number: int) -> None:
        alarm = self.model[number]
        may = not alarm.is_held and not alarm.active and alarm.latched and alarm.acknowledged
        if self.ask("reset", number, may=may):
            alarm.latched = False

    @rule(
        number=NUMBERS,
        minutes=st.sampled_from([1, 2, MOST_SHELVE_MIN, MOST_SHELVE_MIN + 1]),
        reason=st.sampled_from(["", "noisy"]),
    )
    def shelve(self, number: int, minutes: int, reason: str) -> None:
        alarm = self.model[number]
        may = bool(reason) and minutes <= MOST_SHELVE_MIN and not alarm.suppressed and not alarm.out
        if self.ask("shelve", number, may=may, minutes=minutes, reason=reason):
            alarm.shelved_until = self.seconds + 60 * minutes
            alarm.hold()

    @rule(number=NUMBERS)
    def unshelve(self, number: int) -> None:
        alarm = self.model[number]
        if self.ask("unshelve", number, may=alarm.state is AlarmState.SHELVED):
            alarm.unhold(shelved=True)

    @rule(number=NUMBERS)
    def take_out(self, number: int) -> None:
        alarm = self.model[number]
        if self.ask("take_out", number, may=not alarm.out, reason="new relay"):
            alarm.out = True
            alarm.hold()

    @rule(number=NUMBERS)
    def put_back(self, number: int) -> None:
        alarm = self.model[number]
        if self.ask("put_back", number, may=alarm.out):
            alarm.unhold(out=True)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.start()
        for alarm in self.model.values():
            alarm.expire(self.seconds)

    @invariant()
    def they_agree(self) -> None:
        for number, alarm in self.model.items():
            found = self.service.alarm(f"alpha/a{number}", self.now)
            assert found is not None
            assert (found.state, found.is_active, found.count) == (alarm.state, alarm.active, alarm.raised)
            assert (found.shelved_until != 0) == (alarm.shelved_until is not None)

    @invariant()
    def those_that_stand_are_shown(self) -> None:
        shown = {alarm.id for alarm in self.service.snapshot(self.now).alarms}
        assert shown == {f"alpha/a{number}" for number, alarm in self.model.items() if alarm.state is not AlarmState.NORMAL}


TestAlarms = AlarmsMatchTheModel.TestCase
TestAlarms.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
