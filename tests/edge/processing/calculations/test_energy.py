from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.model import Quality

from .plans import Station

GOOD = 0
INVALID = int(Quality.INVALID)
INCOMPLETE = int(Quality.QUESTIONABLE | Quality.INACCURATE)
H = 3600.0


def energy(name: str = "e", **keys: object) -> str:
    text = f'[[calculations]]\nname = "{name}"\nfunction = "energy"\nof = "m/p"\n'
    return text + "".join(f"{key} = {value!r}\n" for key, value in keys.items())


def station(**keys: object) -> Station:
    return Station(energy(**keys), ["p analog MW"])


def test_energy_is_the_area_below_the_power() -> None:
    alpha = station(unit="kWh")
    found = alpha.of(alpha.take(("p", 0, 2.0), ("p", H, 4.0), ("p", 1.5 * H, 4.0)), "e")
    assert found == [(0, 0.0, GOOD), (H, pytest.approx(3000.0), GOOD), (1.5 * H, pytest.approx(5000.0), GOOD)]


def test_held_power_counts_up_to_the_next_sample() -> None:
    alpha = station(interpolation="hold")
    assert alpha.of(alpha.take(("p", 0, 2.0), ("p", H, 4.0)), "e")[-1] == (H, pytest.approx(2.0), GOOD)


@pytest.mark.parametrize(("direction", "expected"), [("injection", 0.5), ("withdrawal", 2.0), ("net", -1.5)])
def test_each_direction_has_its_part_where_the_power_turns(direction: str, expected: float) -> None:
    alpha = station(direction=direction)
    assert alpha.of(alpha.take(("p", 0, 2.0), ("p", 1.5 * H, -4.0)), "e")[-1] == (1.5 * H, pytest.approx(expected), GOOD)


def test_energy_that_cannot_be_known_is_not_made_up() -> None:
    alpha = station(max_gap_s=H)
    rows = [
        ("p", 0, 1.0),
        ("p", H, 1.0),
        ("p", 2.5 * H, 1.0),
        ("p", 3 * H, math.nan, INVALID),
        ("p", 3.5 * H, 1.0),
        ("p", 4 * H, 1.0),
    ]
    found = alpha.of(alpha.take(*rows), "e")  # type: ignore[arg-type]
    assert [value for _, value, _ in found] == pytest.approx([0, 1, 1, 1, 1, 1.5])
    assert [quality for _, _, quality in found] == [GOOD, GOOD, INCOMPLETE, INCOMPLETE, INCOMPLETE, GOOD]


def test_questionable_power_gives_questionable_energy() -> None:
    alpha = station()
    found = alpha.of(alpha.take(("p", 0, 1.0), ("p", H, 1.0, int(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE))), "e")
    assert found[-1] == (H, 1.0, int(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE))


def test_a_sample_that_comes_after_a_newer_one_is_counted_and_left_out() -> None:
    alpha = station()
    alpha.take(("p", 0, 1.0), ("p", H, 1.0))
    assert len(alpha.take(("p", 0.5 * H, 100.0, int(Quality.DEVICE_TIME)))) == 0
    assert alpha.calculations.late == 1
    assert alpha.of(alpha.take(("p", 2 * H, 1.0)), "e") == [(2 * H, 2.0, GOOD)]


def test_energy_goes_on_after_a_restart() -> None:
    alpha = station()
    alpha.take(("p", 0, 1.0), ("p", H, 1.0))
    alpha.tick(H)
    alpha.restart(alpha.calculations.remember())
    assert alpha.of(alpha.take(("p", H + 50, 1.0)), "e") == [(H + 50, pytest.approx(1 + 50 / H), GOOD)]
    alpha.tick(H + 50)
    alpha.restart(alpha.calculations.remember())
    assert alpha.of(alpha.take(("p", H + 500, 1.0)), "e") == [(H + 500, pytest.approx(1 + 50 / H), INCOMPLETE)]
    assert alpha.of(alpha.take(("p", H + 536, 1.0)), "e") == [(H + 536, pytest.approx(1 + 86 / H), GOOD)]


def test_energy_of_another_source_or_direction_does_not_go_on() -> None:
    alpha, beta = station(), station(direction="withdrawal")
    alpha.take(("p", 0, 1.0), ("p", H, 1.0))
    beta.restart(alpha.calculations.remember())
    assert beta.of(beta.take(("p", H + 1, 1.0)), "e") == [(H + 1, 0.0, GOOD)]


def test_energy_is_remembered_whatever_its_unit_and_level_become() -> None:
    alpha = station()
    alpha.take(("p", 0, 1.0), ("p", H, 1.0))
    more = '[[calculations]]\nname = "x"\nfunction = "sum"\nof = ["calc/e"]\n'
    beta = Station(more + energy(unit="kWh", description="of the feeder"), ["p analog MW"])
    beta.restart(alpha.calculations.remember())
    assert beta.of(beta.take(("p", H, 1.0)), "e") == [(H, 1000.0, GOOD)]


powers = st.lists(st.tuples(st.integers(1, 4000), st.floats(-100, 100), st.sampled_from([GOOD, GOOD, INVALID])), max_size=20)
BOTH = tuple(
    Station(energy("injection") + energy("withdrawal", direction="withdrawal") + energy("net", direction="net"), ["p analog MW"])
    for _ in range(2)
)


@given(powers, st.lists(st.integers(0, 20), max_size=4))
@settings(max_examples=50)
def test_energy_is_that_of_brute_force_and_depends_neither_on_batches_nor_on_restarts(
    rows: list[tuple[int, float, int]], cuts: list[int]
) -> None:
    alpha, beta = BOTH
    times = itertools.accumulate(step for step, _, _ in rows)
    stamped = [("p", float(at), value, quality) for at, (_, value, quality) in zip(times, rows, strict=True)]
    if not stamped:
        return
    alpha.restart()
    beta.restart()
    names = ("injection", "withdrawal", "net")
    whole = alpha.take(*stamped)
    edges = sorted({0, len(stamped), *(min(cut, len(stamped)) for cut in cuts)})
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in names}
    for begin, end in itertools.pairwise(edges):
        part = beta.take(*stamped[begin:end])
        for name in names:
            found[name] += beta.of(part, name)
        beta.restart(beta.calculations.remember())
    assert found == {name: alpha.of(whole, name) for name in names}
    totals = dict.fromkeys(names, 0.0)
    for (_, one, before, quality), (_, two, after, worse) in itertools.pairwise(stamped):
        if quality == worse == GOOD:
            steps = 10_000
            area = [(before + (after - before) * (each + 0.5) / steps) * (two - one) / steps / H for each in range(steps)]
            totals["injection"] += sum(each for each in area if each > 0)
            totals["withdrawal"] -= sum(each for each in area if each < 0)
            totals["net"] += sum(area)
    for name in names:
        assert found[name][-1][1] == pytest.approx(totals[name], rel=1e-4, abs=1e-3)
