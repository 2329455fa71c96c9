from __future__ import annotations

from pathlib import Path

import pytest

from bench.compression import FILE, Outcome, Series, outcomes, read

PAGE = Path(__file__).parents[3] / "docs/reference/processing.md"


@pytest.fixture(scope="module")
def series() -> Series:
    if not FILE.is_file():
        pytest.skip(f"{FILE.name} is not there")
    return read()


@pytest.fixture(scope="module")
def everything(series: Series) -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in outcomes(series, "everything", 0.0)}


@pytest.mark.parametrize(("way", "percent"), [("deadband", 2.0), ("percent band", 5.0), ("swinging door", 5.0)])
def test_what_is_drawn_of_a_transformer_stays_within_what_is_permitted_and_costs_less(
    series: Series, everything: dict[str, Outcome], way: str, percent: float
) -> None:
    page = PAGE.read_text()
    for outcome in outcomes(series, way, percent):
        assert 0 < outcome.largest_error <= outcome.permitted_error * (1 + 1e-9)
        assert outcome.octets < everything[outcome.name].octets
        assert everything[outcome.name].reported == outcome.samples
        assert _beginning(outcome) in page, "the published table is out of date"
        assert f" | {outcome.largest_error:.4g} | {outcome.permitted_error:.4g} |" in page


def _beginning(outcome: Outcome) -> str:
    return f"| {outcome.name} | {outcome.way} {outcome.percent:g} % | {outcome.samples:,} | {outcome.reported:,} | "
