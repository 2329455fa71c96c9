"""The states of an alarm: the table in the reference is the table in the code, and the engine follows it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tieline.model import Now, Point, PointKind, RefusedError
from tieline.model.alarms import AlarmState
from tieline.scada.alarms.machine import LATCHED_RETURN, STATES, TABLE, Refused, Special, Target, Trigger

from .plans import Bench, bench, point, state_plan

PAGE = (Path(__file__).parents[3] / "docs/reference/alarms.md").read_text()
S = AlarmState


def words(target: Target) -> str:
    match target:
        case AlarmState():
            return str(target)
        case Special():
            return "resumes" if target is Special.RESUME else "stays"
        case Refused():
            return "refused"


def documented() -> dict[str, list[str]]:
    """Trigger: the states that follow, in the order of the states, as the page has them."""
    header, *_ = [line for line in PAGE.splitlines() if line.startswith("| before |")]
    rows = PAGE[PAGE.index(header) :].split("\n\n")[0].splitlines()
    cells = [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows]
    triggers = cells[0][1:]
    states = [row[0] for row in cells[2:]]
    assert states == [str(state) for state in STATES]
    return {trigger: [row[column] for row in cells[2:]] for column, trigger in enumerate(triggers, 1)}


def test_the_table_of_the_reference_is_the_table_of_the_code() -> None:
    code = {trigger.name.lower(): [words(target) for target in row] for trigger, row in TABLE.items()}
    ordinary = code.pop("return")
    latching = [words(target) for target in LATCHED_RETURN]
    code["return"] = [a if a == b else f"{a}; latching: {b}" for a, b in zip(ordinary, latching, strict=True)]
    assert documented() == code


def test_every_refusal_of_the_table_is_documented() -> None:
    refusals = {target.why for row in TABLE.values() for target in row if isinstance(target, Refused)}
    assert {why for why in refusals if why not in PAGE} == set()


MAINTENANCE = 9
Step = Callable[[Bench], object]


def on(bench: Bench) -> object:
    return bench.read(1, 1)


def off(bench: Bench) -> object:
    return bench.read(1, 0)


def request(name: str, **more: object) -> Step:
    def ask(bench: Bench) -> object:
        done = getattr(bench.engine, name)(["alpha/a1"], "anna", bench.now, **more)
        if done.refused:
            raise RefusedError(done.refused["alpha/a1"])
        return done

    return ask


acknowledge, reset, unshelve, put_back = (request(name) for name in ("acknowledge", "reset", "unshelve", "put_back"))
shelve = request("shelve", minutes=10, reason="noisy")
take_out = request("take_out", reason="new relay")


def suppress(bench: Bench) -> object:
    return bench.read(MAINTENANCE, 1)


def unsuppress(bench: Bench) -> object:
    return bench.read(MAINTENANCE, 0)


def expire(bench: Bench) -> object:
    return bench.wait(600)


WAYS: dict[AlarmState, tuple[bool, tuple[Step, ...]]] = {
    S.NORMAL: (False, ()),
    S.UNACKNOWLEDGED: (False, (on,)),
    S.ACKNOWLEDGED: (False, (on, acknowledge)),
    S.RETURNED: (False, (on, off)),
    S.LATCHED_UNACKNOWLEDGED: (True, (on, off)),
    S.LATCHED_ACKNOWLEDGED: (True, (on, off, acknowledge)),
    S.SHELVED: (False, (shelve,)),
    S.SUPPRESSED: (False, (suppress,)),
    S.OUT_OF_SERVICE: (False, (take_out,)),
}
"""State: whether the alarm has to latch to get there, and how it gets there."""

DOING: dict[Trigger, Step] = {
    Trigger.RAISE: on,
    Trigger.RETURN: off,
    Trigger.ACKNOWLEDGE: acknowledge,
    Trigger.RESET: reset,
    Trigger.SHELVE: shelve,
    Trigger.UNSHELVE: unshelve,
    Trigger.EXPIRE: expire,
    Trigger.SUPPRESS: suppress,
    Trigger.UNSUPPRESS: unsuppress,
    Trigger.TAKE_OUT: take_out,
    Trigger.PUT_BACK: put_back,
}


def switch() -> Point:
    return point(MAINTENANCE, kind=PointKind.BINARY)


CASES = [
    pytest.param(state, trigger, latching, id=f"{trigger.name.lower()} while {state}" + (", latching" if latching else ""))
    for state in STATES
    for trigger in Trigger
    for latching in (False, True)
    if latching or not WAYS[state][0]  # only alarms that latch get there
    if not (latching and state is S.RETURNED)  # and those never do
]


@pytest.mark.parametrize(("state", "trigger", "latching"), CASES)
def test_the_engine_does_what_the_table_says(state: AlarmState, trigger: Trigger, latching: bool) -> None:
    way = WAYS[state][1]
    made = bench(state_plan(1, latched=latching, suppress="out", suppress_inputs={"out": switch()}))
    for step in way:
        step(made)
    assert made.state() is state
    row = LATCHED_RETURN if latching and trigger is Trigger.RETURN else TABLE[trigger]
    target = row[STATES.index(state)]
    if isinstance(target, Refused):
        before = made.alarm()
        with pytest.raises(RefusedError, match=re.escape(target.why)):
            DOING[trigger](made)
        assert made.alarm() == before
        return
    DOING[trigger](made)
    match target:
        case Special.STAYS:
            assert made.state() is state
        case Special.RESUME:
            assert made.state() is S.NORMAL  # its condition does not hold, and nothing else holds it back
        case _:
            assert made.state() is target


@pytest.mark.parametrize(
    ("hold", "release"), [(shelve, unshelve), (shelve, expire), (suppress, unsuppress), (take_out, put_back)]
)
@pytest.mark.parametrize("latching", [False, True])
def test_an_alarm_that_is_held_back_no_longer_is_new_where_its_condition_holds(
    hold: Step, release: Step, *, latching: bool
) -> None:
    made = bench(state_plan(1, latched=latching, suppress="out", suppress_inputs={"out": switch()}))
    on(made)
    acknowledge(made)
    hold(made)
    release(made)
    assert made.state() is S.UNACKNOWLEDGED
    assert made.alarm().acknowledged_by == ""


def test_the_strongest_of_those_that_hold_it_back_is_its_state() -> None:
    made = bench(state_plan(1, suppress="out", suppress_inputs={"out": switch()}))
    for step, state in (
        (shelve, S.SHELVED),
        (suppress, S.SUPPRESSED),
        (take_out, S.OUT_OF_SERVICE),
        (on, S.OUT_OF_SERVICE),
        (put_back, S.SUPPRESSED),
        (unsuppress, S.SHELVED),
        (expire, S.UNACKNOWLEDGED),
    ):
        step(made)
        assert made.state() is state


def test_shelving_that_is_over_while_something_else_holds_it_back_is_over() -> None:
    made = bench(state_plan(1))
    for step in (shelve, take_out, expire, put_back):
        step(made)
    assert made.state() is S.NORMAL


def test_a_clock_that_is_set_back_does_not_prolong_shelving() -> None:
    made = bench(state_plan(1))
    shelve(made)
    made.now = Now(made.now.monotonic_s + 601, made.now.utc_us - 3_600_000_000)
    made.engine.tick(made.now)
    assert made.state() is S.NORMAL


@pytest.mark.parametrize(
    ("plan", "minutes", "reason", "why"),
    [
        ({}, 481, "noisy", "480 minutes at the most, not for 481"),
        ({}, 0, "noisy", "480 minutes at the most"),
        ({}, float("nan"), "noisy", "480 minutes at the most"),
        ({}, 10, " ", "a reason is needed"),
        ({"shelvable": False}, 10, "noisy", "it cannot be shelved by its design"),
    ],
)
def test_shelving_needs_a_time_a_reason_and_leave(plan: dict[str, object], minutes: float, reason: str, why: str) -> None:
    made = bench(state_plan(1, **plan))
    done = made.engine.shelve(["alpha/a1"], "anna", made.now, minutes=minutes, reason=reason)
    assert why in done.refused["alpha/a1"]
    assert made.state() is S.NORMAL
