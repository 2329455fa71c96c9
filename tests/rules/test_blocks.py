"""The function blocks of IEC 61131-3 against truth tables and timing diagrams, in fake time."""

from __future__ import annotations

import pytest

from tieline.model import Now, Quality
from tieline.rules import Program, Running, Type, Value

BITS = {"a": Type.BOOL, "b": Type.BOOL}
INVALID = int(Quality.INVALID)


def block(declared: str, call: str, outputs: str = "Q") -> Running:
    """A program that calls one block, and gives its outputs as outputs of the same names."""
    names = outputs.split()
    kinds = {"Q": Type.BOOL, "Q1": Type.BOOL, "ET": Type.TIME, "CV": Type.REAL}
    text = f"VAR k : {declared}; END_VAR k({call}); " + " ".join(f"o{name} := k.{name};" for name in names)
    return Program.parse(text, BITS, {f"o{name}": kinds[name] for name in names}).start()


def given(running: Running, second: float, a: float, b: float = 0, quality: int = 0) -> list[float]:
    """The outputs of a scan."""
    found = running.scan(Now(1_000.0 + second, 0), {"a": Value(a, quality), "b": Value(b, 0)})
    assert {value.quality for value in found.values()} == {quality}
    return [float(value.value) for value in found.values()]


@pytest.mark.parametrize(
    ("declared", "call", "both"),
    [("SR", "S1 := a, R := b", 1), ("RS", "S := a, R1 := b", 0)],
)
def test_a_latch_keeps_and_one_input_wins(declared: str, call: str, both: int) -> None:
    running = block(declared, call, "Q1")
    steps = [(0, 0, 0), (1, 0, 1), (0, 0, 1), (0, 1, 0), (0, 0, 0), (1, 1, both), (0, 0, both), (0, 1, 0), (1, 1, both)]
    assert [given(running, 0, a, b) for a, b, _ in steps] == [[q] for _, _, q in steps]


def test_edges_last_one_call() -> None:
    clock = [1, 1, 0, 0, 1, 0, 1, 1]
    rising, falling = block("R_TRIG", "CLK := a"), block("F_TRIG", "CLK := a")
    assert [given(rising, 0, bit) for bit in clock] == [[q] for q in [1, 0, 0, 0, 1, 0, 1, 0]]
    assert [given(falling, 0, bit) for bit in clock] == [[q] for q in [0, 0, 1, 0, 0, 1, 0, 0]]
    assert given(block("F_TRIG", "CLK := a"), 0, 0) == [1], "the standard's first call counts as an edge"


def test_an_up_counter_counts_rising_edges_until_it_is_reset() -> None:
    running = block("CTU", "CU := a, R := b, PV := 2", "Q CV")
    steps = [(0, 0), (1, 0), (1, 0), (0, 0), (1, 0), (0, 0), (1, 0), (0, 1), (1, 1), (1, 0), (0, 0), (1, 0)]
    counts = [0, 1, 1, 1, 2, 2, 3, 0, 0, 0, 0, 1]
    assert [given(running, 0, a, b) for a, b in steps] == [[count >= 2, count] for count in counts]


def test_a_down_counter_counts_from_what_was_loaded() -> None:
    running = block("CTD", "CD := a, LD := b, PV := 2", "Q CV")
    steps = [(0, 0), (0, 1), (1, 0), (0, 0), (1, 0), (0, 0), (1, 0), (1, 1)]
    counts = [0, 2, 1, 1, 0, 0, -1, 2]
    assert [given(running, 0, a, b) for a, b in steps] == [[count <= 0, count] for count in counts]


def test_an_on_delay_waits_for_its_time() -> None:
    running = block("TON", "IN := a, PT := T#5s", "Q ET")
    steps = [(0, 0, 0, 0), (1, 1, 0, 0), (3, 1, 0, 2), (5.9, 1, 0, 4.9), (6, 1, 1, 5), (9, 1, 1, 5), (10, 0, 0, 0), (11, 1, 0, 0)]
    steps += [(15, 1, 0, 4), (15.5, 0, 0, 0), (16, 1, 0, 0), (21, 1, 1, 5)]
    assert [given(running, second, a) for second, a, _, _ in steps] == [[q, pytest.approx(et)] for _, _, q, et in steps]


def test_an_off_delay_stays_for_its_time() -> None:
    running = block("TOF", "IN := a, PT := T#5s", "Q ET")
    steps = [(0, 0, 0, 0), (1, 1, 1, 0), (2, 0, 1, 0), (4, 0, 1, 2), (6.9, 0, 1, 4.9), (7, 0, 0, 5), (9, 0, 0, 5)]
    steps += [(10, 1, 1, 0), (11, 0, 1, 0), (13, 1, 1, 0), (14, 0, 1, 0), (18, 0, 1, 4), (19, 0, 0, 5)]
    assert [given(running, second, a) for second, a, _, _ in steps] == [[q, pytest.approx(et)] for _, _, q, et in steps]


def test_a_pulse_lasts_its_time_whatever_the_input_does() -> None:
    running = block("TP", "IN := a, PT := T#5s", "Q ET")
    steps = [(0, 0, 0, 0), (1, 1, 1, 0), (2, 0, 1, 1), (3, 1, 1, 2), (4, 0, 1, 3), (6, 0, 0, 0), (7, 0, 0, 0)]
    steps += [(8, 1, 1, 0), (12, 1, 1, 4), (13, 1, 0, 5), (15, 1, 0, 5), (16, 0, 0, 0), (17, 1, 1, 0)]
    assert [given(running, second, a) for second, a, _, _ in steps] == [[q, pytest.approx(et)] for _, _, q, et in steps]


@pytest.mark.parametrize("declared", ["TON", "TOF", "TP"])
@pytest.mark.parametrize("preset", ["T#0s", "T#-1s"])
def test_a_timer_without_time_does_not_wait(declared: str, preset: str) -> None:
    running = block(declared, f"IN := a, PT := {preset}", "Q ET")
    assert given(running, 0, 1) == [declared != "TP", 0]
    assert given(running, 0, 0) == [0, 0]


def test_a_timer_of_a_thousand_scans_is_no_scan_late() -> None:
    running = block("TON", "IN := a, PT := T#100s")
    found = [given(running, scan / 10, 1) for scan in range(1_002)]
    assert found.index([1]) in {1_000, 1_001}
    assert found[1_001] == [1]


@pytest.mark.parametrize(("declared", "late"), [("TON", [0, 1]), ("TOF", [1, 0]), ("TP", [1, 0])])
def test_no_time_passes_for_a_timer_while_its_input_is_bad(declared: str, late: list[int]) -> None:
    running = block(declared, "IN := a, PT := T#5s")
    given(running, 0, 1)
    level = 0 if declared == "TOF" else 1
    before = given(running, 1, level)
    given(running, 3, level)
    assert given(running, 4, 1 - level, quality=INVALID) == before
    assert given(running, 60, 1 - level, quality=INVALID) == before
    assert given(running, 61, level) == before
    elapsed = 2 if declared == "TOF" else 3
    assert given(running, 61 + 4.9 - elapsed, level) == [late[0]]
    assert given(running, 61 + 5.1 - elapsed, level) == [late[1]]


def test_a_bad_input_counts_nothing() -> None:
    running = block("CTU", "CU := a, R := b, PV := 9", "CV")
    assert given(running, 0, 1) == [1]
    assert given(running, 0, 0, quality=INVALID) == [1]
    assert given(running, 0, 1) == [1], "what was bad was no edge"


def test_an_input_that_a_call_leaves_out_keeps_its_value() -> None:
    text = "VAR k : TON; END_VAR IF b THEN k(PT := T#2s, IN := FALSE); END_IF; k(IN := a); z := k.Q;"
    running = Program.parse(text, BITS, {"z": Type.BOOL}).start()
    assert given(running, 0, 1) == [1]
    assert given(running, 1, 1, 1) == [0]
    assert given(running, 2.9, 1) == [0]
    assert given(running, 3, 1) == [1]


def test_a_block_that_is_called_in_a_bad_condition_waits() -> None:
    text = "VAR k : TON; END_VAR IF NOT b THEN k(IN := a, PT := T#5s); END_IF; z := k.Q;"
    running = Program.parse(text, BITS, {"z": Type.BOOL}).start()

    def run(second: float, quality: int) -> Value:
        return running.scan(Now(second, 0), {"a": Value(1, 0), "b": Value(0, quality)})["z"]

    assert run(0, 0) == Value(0, 0)
    assert run(4, 0) == Value(0, 0)
    assert run(6, INVALID) == Value(0, INVALID)
    assert run(100, 0) == Value(0, 0)
    assert run(100.9, 0) == Value(0, 0)
    assert run(101.1, 0) == Value(1, 0)
