"""Programs, scan by scan, in fake time."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.model import Now, Quality
from tieline.rules import Fault, Program, Running, Type, Value

INVALID, QUESTIONABLE = int(Quality.INVALID), int(Quality.QUESTIONABLE)
FAULT = INVALID | int(Quality.OVERFLOW)
TEST, OLD = int(Quality.TEST), int(Quality.OLD_DATA)
INPUTS = {"u": Type.REAL, "p": Type.BOOL, "q": Type.BOOL}
OUTPUTS = {"y": Type.REAL, "z": Type.BOOL}


def program(text: str) -> Running:
    """The text, with those outputs that it assigns."""
    return Program.parse(text, INPUTS, {name: kind for name, kind in OUTPUTS.items() if f"{name} :=" in text}).start()


def scan(running: Running, second: float = 0.0, **given: float | tuple[float, int]) -> dict[str, tuple[float, int]]:
    """One scan; inputs are good unless a quality is given."""
    inputs = {
        name: Value(*one) if isinstance(one, tuple) else Value(one, 0)
        for name, one in {"u": 0.0, "p": 0, "q": 0, **given}.items()
    }
    return {name: (value, int(quality)) for name, (value, quality) in running.scan(Now(second, 0), inputs).items()}  # type: ignore[misc]


def test_statements_run_in_order_and_variables_are_kept() -> None:
    running = program("VAR n : REAL := 10; END_VAR n := n + u; y := n; n := n + 1;")
    assert scan(running, u=1) == {"y": (11, 0)}
    assert scan(running, u=1) == {"y": (13, 0)}


def test_each_start_has_variables_of_its_own() -> None:
    parsed = Program.parse("VAR n : REAL; END_VAR n := n + 1; y := n;", INPUTS, {"y": Type.REAL})
    first, second = parsed.start(), parsed.start()
    scan(first)
    assert scan(first) == {"y": (2, 0)}
    assert scan(second) == {"y": (1, 0)}


def test_variables_start_with_their_initial_value_or_nothing() -> None:
    text = "VAR a, b : REAL := -(2 + 1); c : BOOL := TRUE; d : TIME := T#5s; e : REAL; END_VAR y := a + b + SEL(c, 0, 10) + d / T#1s + e;"
    assert scan(program(text)) == {"y": (9, 0)}


@pytest.mark.parametrize(("p", "q", "y"), [(1, 0, 1), (1, 1, 1), (0, 1, 2), (0, 0, 3)])
def test_the_first_condition_that_holds_chooses_the_branch(p: int, q: int, y: float) -> None:
    running = program("if p then y := 1; elsif q then y := 2; else y := 3; end_if;")
    assert scan(running, p=p, q=q) == {"y": (y, 0)}


def test_only_what_was_assigned_in_the_scan_is_told() -> None:
    running = program("IF p THEN y := u; END_IF; z := q;")
    assert scan(running, u=5) == {"z": (0, 0)}
    assert scan(running, u=5, p=1) == {"y": (5, 0), "z": (0, 0)}
    assert scan(running, u=6) == {"z": (0, 0)}


def test_an_output_can_be_read_and_is_invalid_until_it_was_assigned() -> None:
    running = program("z := GOOD(y); IF p THEN y := y + 1; END_IF; IF q THEN y := 5; END_IF;")
    assert scan(running) == {"z": (0, 0)}
    assert scan(running, p=1) == {"z": (0, 0), "y": (1, INVALID)}
    assert scan(running, q=1) == {"z": (0, 0), "y": (5, 0)}
    assert scan(running, p=1) == {"z": (1, 0), "y": (6, 0)}


def test_the_quality_of_inputs_goes_to_the_outputs() -> None:
    running = program("y := u * 2; z := p AND q;")
    assert scan(running, u=(3, QUESTIONABLE | OLD), p=(1, INVALID), q=0) == {"y": (6, QUESTIONABLE | OLD), "z": (0, 0)}


def test_time_bits_do_not_reach_the_outputs() -> None:
    assert scan(program("y := u;"), u=(3, 0xE000 | TEST)) == {"y": (3, TEST)}


def test_details_of_a_good_condition_reach_what_it_chose() -> None:
    running = program(
        "VAR n : REAL; t : TON; END_VAR IF p THEN n := 1; t(IN := TRUE); ELSE y := 2; END_IF; IF GOOD(u) THEN y := n; z := t.Q; END_IF;"
    )
    assert scan(running, p=(1, TEST)) == {"y": (1, TEST), "z": (1, TEST)}
    assert scan(running, p=(0, 0), u=(0, INVALID)) == {"y": (2, 0)}


def test_an_input_that_is_missing_is_invalid() -> None:
    ((name, value),) = program("y := u;").scan(Now(0.0, 0), {}).items()
    assert name == "y"
    assert math.isnan(float(value.value))
    assert value.quality == INVALID


def test_a_bad_condition_decides_nothing_and_what_it_could_have_set_is_held() -> None:
    running = program("IF p THEN y := u; ELSIF q THEN z := TRUE; ELSE z := FALSE; END_IF;")
    assert scan(running, p=1, u=5) == {"y": (5, 0)}
    assert scan(running, q=1) == {"z": (1, 0)}
    assert scan(running, p=(1, INVALID), u=9) == {"y": (5, INVALID), "z": (1, INVALID)}
    assert scan(running, p=0, q=(0, QUESTIONABLE | OLD)) == {"y": (5, QUESTIONABLE | OLD), "z": (1, QUESTIONABLE | OLD)}
    assert scan(running, p=1, u=9) == {"y": (9, 0), "z": (1, 0)}, (
        "what was held and is not assigned is told once more, good again"
    )
    assert scan(running, p=1, u=9) == {"y": (9, 0)}


def test_what_is_held_is_doubtful_to_the_statements_behind_it() -> None:
    running = program("VAR n : REAL := 1; END_VAR IF p THEN n := 2; END_IF; y := n; IF q THEN n := 7; END_IF;")
    assert scan(running, p=(1, INVALID)) == {"y": (1, INVALID)}
    assert scan(running) == {"y": (1, 0)}
    assert scan(running, p=(1, INVALID), q=1) == {"y": (1, INVALID)}
    assert scan(running) == {"y": (7, 0)}, "what was assigned behind the hold counts"


def test_holds_within_holds_end_with_the_scan() -> None:
    text = (
        "VAR n : REAL := 1; END_VAR IF p THEN n := 2; END_IF; IF GOOD(n) OR TRUE THEN IF q THEN n := 3; END_IF; END_IF; y := n;"
    )
    running = program(text)
    assert scan(running, p=(1, QUESTIONABLE), q=(1, INVALID | OLD)) == {"y": (1, INVALID | OLD)}
    assert scan(running) == {"y": (1, 0)}


def test_a_bad_value_stays_bad_until_it_is_assigned_anew() -> None:
    running = program("VAR n : REAL; END_VAR IF p THEN n := u; END_IF; y := n;")
    assert scan(running, p=1, u=(4, INVALID)) == {"y": (4, INVALID)}
    assert scan(running) == {"y": (4, INVALID)}
    assert scan(running, p=1, u=5) == {"y": (5, 0)}


def test_faults_are_told_with_their_place_and_the_program_goes_on() -> None:
    running = program("y := 1\n  + 1 / (u - 2);\nz := SQRT(u) > 1;")
    result = scan(running, u=2)
    assert math.isnan(result["y"][0])
    assert result["y"][1] == FAULT
    assert result["z"] == (1, 0)
    assert running.faults == (Fault(2, 5, "division by zero, or the result is too large: 1 / (u - 2)"),)
    scan(running, u=-1)
    assert running.faults == (Fault(3, 6, "the result is not defined or too large: SQRT(u)"),)
    scan(running, u=1)
    assert running.faults == ()


def test_what_cannot_matter_raises_no_fault() -> None:
    running = program(
        "y := SEL(u = 0, 1 / u, 0) + VALID_OR(0, 1 / u); z := u <> 0 AND 1 / u > 2; IF u <> 0 THEN y := 1 / u; END_IF;"
    )
    assert scan(running, u=0) == {"y": (0, 0), "z": (0, 0)}
    assert running.faults == ()


def test_an_accumulator_survives_bad_samples_if_it_is_written_so() -> None:
    running = program("VAR n : REAL; END_VAR n := n + VALID_OR(u, 0); y := n;")
    assert scan(running, u=1) == {"y": (1, 0)}
    assert scan(running, u=(math.nan, INVALID)) == {"y": (1, 0)}
    assert scan(running, u=1) == {"y": (2, 0)}


def test_the_age_of_an_input_is_known_to_programs() -> None:
    parsed = Program.parse("z := AGE(u) > T#10s; y := u;", INPUTS, OUTPUTS)
    assert (parsed.names, parsed.aged, parsed.outputs) == ({"u"}, {"u"}, {"y", "z"})
    running = parsed.start()
    inputs = {"u": Value(1.0, 0)}
    assert running.scan(Now(0.0, 0), inputs, {"u": 11.0})["z"] == Value(1.0, 0)
    assert running.scan(Now(0.0, 0), inputs, {"u": 9.0})["z"] == Value(0.0, 0)
    assert running.scan(Now(0.0, 0), inputs)["z"] == Value(0.0, FAULT)


LATCH = """
VAR slow : TON; count : CTU; n : REAL; since : TIME := T#1s; seen : BOOL; END_VAR
slow(IN := p, PT := T#10s);
count(CU := q, PV := 2);
n := n + u;
seen := seen OR q;
IF slow.Q THEN y := n + count.CV; END_IF;
z := seen AND count.Q;
"""


def test_what_is_remembered_is_recalled_without_a_bump() -> None:
    first, whole = program(LATCH), program(LATCH)
    for second in range(8):
        given = {"u": 1.5, "p": 1, "q": second % 2}
        assert scan(first, second, **given) == scan(whole, second, **given)
    state = json.loads(json.dumps(first.remember()))
    second = program(LATCH)
    second.recall(state)
    for later in range(8, 14):
        given = {"u": 1.5, "p": 1, "q": 0}
        assert scan(second, later + 100_000, **given) == (found := scan(whole, later - 1, **given)), later
        assert ("y" in found) is (later >= 11)


def test_what_is_remembered_during_a_hold_is_what_was_before_it() -> None:
    running = program("VAR n : REAL := 1; END_VAR IF p THEN n := 2; END_IF; y := n;")
    scan(running, p=(1, INVALID))
    again = program("VAR n : REAL := 5; END_VAR IF p THEN n := 2; END_IF; y := n;")
    again.recall(running.remember())
    assert scan(again) == {"y": (1, 0)}


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"variables": None, "blocks": 3},
        {"variables": {"n": ["REAL"], "seen": ["REAL", 1.0, 0], "other": ["REAL", 1.0, 0], 5: [1, 2, 3]}},
        {"variables": {"n": ["REAL", "7", 0], "since": ["TIME", math.inf, 0]}},
        {"variables": {"n": ["REAL", math.nan, 0]}},
        {"variables": {"n": ["REAL", 1.0, -1]}},
        {"variables": {"n": ["REAL", 10**400, 0]}},
        {"blocks": {"slow": ["TOF", [1.0, 9.0, 1.0], [[1.0, 0.0], [5.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]]}},
        {"blocks": {"slow": ["TON", [1.0, 9.0], [[1.0, 0.0], [5.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]]}},
        {"blocks": {"slow": ["TON", [1.0, math.nan, 1.0], [[1.0, 0.0], [5.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]]}},
        {"blocks": {"slow": ["TON", [1.0, 9.0, 1.0], [[1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]]}},
        {"blocks": {"slow": ["TON", [1.0, 9.0, 1.0], [[1.0, 0.0], "ab"], [[1.0, 0.0], [0.0, 0.0]]]}},
    ],
)
def test_a_state_that_does_not_fit_is_left_out(state: dict[str, Any]) -> None:
    running, fresh = program(LATCH), program(LATCH)
    running.recall(state)
    assert running.remember() == fresh.remember()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["REAL", "BOOL", "TON", "CTU", "n"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["variables", "blocks", "n", "slow", "count"]), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["variables", "blocks"]), JSON))
def test_any_state_can_be_recalled_and_the_program_runs(state: dict[str, Any]) -> None:
    running = program(LATCH)
    running.recall(state)
    for second in range(3):
        scan(running, second, u=1, p=1, q=1)


def test_a_program_tells_its_text() -> None:
    assert str(Program.parse("y := 1;", {}, {"y": Type.REAL})) == "y := 1;"
