"""One measured figure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A figure as it goes into the table and the JSON file; `part` is the letter of the measurement."""

    part: str
    name: str
    value: float | None
    unit: str
    detail: str = ""
