"""A computed figure with everything that a person needs to check it: formula, inputs with their origin, source, limit, margin, verdict."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_SHOWN = 2
"""Digits that a figure is shown with at the least."""


class Verdict(StrEnum):
    """What a figure means for the design."""

    OK = "ok"
    FAILS = "fails"
    UNKNOWN = "unknown"
    """Something needed for the verdict is missing; `note` says what."""
    INFORMATION = "information"
    """There is no limit for it."""


@dataclass(frozen=True, slots=True)
class Given:
    """A figure with where it came from: the catalogue, a row of the folder, a default of a standard."""

    value: float
    origin: str = "stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input of a formula, under the symbol or the words that the formula uses."""

    name: str
    value: float | str
    unit: str = ""
    origin: str = ""

    def __str__(self) -> str:
        value = self.value if isinstance(self.value, str) else shown(self.value) if self.unit else f"{self.value:g}"
        text = f"{self.name} = {value} {self.unit}".rstrip()
        return f"{text} ({self.origin})" if self.origin else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One computed figure. `value` and `limit` share `unit`; a negative margin is what is missing."""

    what: str
    """For example `optical power budget`."""
    subject: str
    """What it is of: the name of a link, a switch, a service."""
    value: float
    """NaN where it cannot be computed; `note` says why."""
    unit: str
    formula: str
    """In words and symbols, with the names of `inputs`."""
    inputs: tuple[Input, ...]
    source: str
    """Standard, with the clause where it is certain, or the work that proves it."""
    limit: float | None = None
    margin: float | None = None
    verdict: Verdict
    note: str = ""

    @property
    def margin_unit(self) -> str:
        """That of a difference: dB between two powers in dBm."""
        return "dB" if self.unit == "dBm" else self.unit

    def lines(self) -> Iterator[str]:
        """As it stands in a report: the figure, then formula, inputs and source, indented."""
        value = "not known" if math.isnan(self.value) else f"{shown(self.value)} {self.unit}".rstrip()
        head = f"{self.subject}: {self.what} {value}"
        if self.limit is not None:
            head += f", limit {shown(self.limit)} {self.unit}".rstrip()
        if self.margin is not None:
            head += f", margin {shown(self.margin)} {self.margin_unit}".rstrip()
        yield f"{head}: {self.verdict.value}"
        if self.note:
            yield f"  {self.note}"
        yield f"  formula: {self.formula}"
        if self.inputs:
            yield f"  with: {'; '.join(map(str, self.inputs))}"
        yield f"  source: {self.source}"

    def __str__(self) -> str:
        return "\n".join(self.lines())


def not_known(subject: str, what: str, why: str) -> Result:
    """A figure that nobody can compute, and what is missing."""
    return Result(
        what=what,
        subject=subject,
        value=math.nan,
        unit="",
        formula="none without what is missing",
        inputs=(),
        source="none",
        verdict=Verdict.UNKNOWN,
        note=why,
    )


def at_most(value: float, limit: float | None) -> tuple[float | None, Verdict]:
    """Margin and verdict of a figure that may not exceed `limit`."""
    return _judged(None if limit is None else limit - value)


def at_least(value: float, limit: float | None) -> tuple[float | None, Verdict]:
    """Margin and verdict of a figure that may not fall below `limit`."""
    return _judged(None if limit is None else value - limit)


def _judged(margin: float | None) -> tuple[float | None, Verdict]:
    if margin is None:
        return None, Verdict.INFORMATION
    if math.isnan(margin):
        return None, Verdict.UNKNOWN
    # A hundredth of a millionth is rounding, not a design fault: 13 - 4 * 0.1 - 12.6 is no shortage.
    return margin, Verdict.OK if margin >= -1e-8 else Verdict.FAILS


def shown(value: float) -> str:
    """Two decimals, or as many as two digits need; thousands with commas."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.2f}" if math.isfinite(value) else ("not known" if math.isnan(value) else "unbounded")
    decimals = max(2, _SHOWN - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(decimals, 9)}f}"
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.rstrip('0'):0<2}"
