"""Keeps what comes and goes from flooding a site's events: a function's faults are told so often, then counted."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from tieline.edge.automation.function import Notice

MOST_A_WINDOW = 10
WINDOW_S = 600.0
RESTRAINED = frozenset({"function_fault", "function_recovered", "rule_fault", "rule_fault_over"})
"""Kinds that tell of a state which may change with every scan; whatever else a function says is always told."""


class Restraint:
    """Each of those kinds is worth so many notices of a function in ten minutes; the next one tells how many were left out."""

    def __init__(self) -> None:
        self._begun_s: dict[tuple[str, str], float] = {}
        self._told: dict[tuple[str, str], int] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    def admitted(self, function: str, notices: Iterable[Notice], monotonic_s: float) -> Iterator[Notice]:
        """Those notices of the function that are told at this time."""
        for notice in notices:
            if notice.kind not in RESTRAINED:
                yield notice
                continue
            key = (function, notice.kind)
            if monotonic_s - self._begun_s.get(key, -WINDOW_S) >= WINDOW_S:
                self._begun_s[key], self._told[key] = monotonic_s, 0
            if self._told[key] >= MOST_A_WINDOW:
                self._left_out[key] = self._left_out.get(key, 0) + 1
                continue
            self._told[key] += 1
            left_out = self._left_out.pop(key, 0)
            suffix = f" ({left_out} such events were left out)" if left_out else ""
            yield dataclasses.replace(notice, text=f"{notice.text}{suffix}")
