"""Own points as Prometheus metrics, in its text format (version 0.0.4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from tieline.config.own_points import metrics_of
from tieline.model import Point


class Exposition:
    """The metrics of those of the points that are a role's own; `devices` are the (site, name) of all devices."""

    def __init__(self, points: Iterable[Point], devices: Iterable[tuple[str, str]]) -> None:
        self._metrics = sorted(metrics_of(points, devices), key=lambda pair: (pair[1].name, pair[0].site, pair[1].device))
        self.points = tuple(point for point, _ in self._metrics)

    def text_of(self, values: Mapping[str, float]) -> bytes:
        """The metrics of one role, with its values by the names of its own points."""
        return self.text([values.get(point.name, math.nan) for point in self.points])

    def text(self, values: Sequence[float]) -> bytes:
        """The metrics with these values of `points`; what is not a finite number is left out."""
        lines: list[str] = []
        rows = zip(self._metrics, values, strict=True)
        for name, group in groupby(rows, key=lambda row: row[0][1].name):
            held = [(point, metric, float(value)) for (point, metric), value in group if math.isfinite(value)]
            if held:
                metric = held[0][1]
                lines += [f"# HELP {name} {metric.description}", f"# TYPE {name} {'counter' if metric.is_counter else 'gauge'}"]
                lines += [
                    f"{name}{{{_labels(point.site, metric.device)}}} {value * metric.factor!r}" for point, metric, value in held
                ]
        return "".join(f"{line}\n" for line in lines).encode()


def _labels(site: str, device: str) -> str:
    return f'site="{site}",device="{device}"' if device else f'site="{site}"'
