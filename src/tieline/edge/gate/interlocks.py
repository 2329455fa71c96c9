"""Interlocks: what has to be so before a point may be operated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tieline.config.calculation_expressions import expression_of
from tieline.config.gate import Interlock
from tieline.edge.image import ProcessImage
from tieline.model import VALIDITY, Point, PointId, in_words
from tieline.rules import Expression, Value


class Interlocks:
    """Evaluates the conditions of a point over the process image as it is."""

    def __init__(self, interlocks: Iterable[Interlock], image: ProcessImage) -> None:
        self._image = image
        self._of: dict[PointId, list[_Condition]] = {}
        for interlock in interlocks:
            rows = {name: image.row(point) for name, point in interlock.inputs.items()}
            kinds = {name: point.kind for name, point in interlock.inputs.items()}
            condition = _Condition(interlock, expression_of(interlock.expression, kinds), rows)
            for point in interlock.points:
                self._of.setdefault(point, []).append(condition)

    def refusal(self, point: PointId, value: float, now_us: int) -> str:
        """Why the point may not get this value; nothing where it may. What is not known to be permitted is not."""
        for condition in self._of.get(point, ()):
            if condition.interlock.when is None or condition.interlock.when == value:
                words = condition.refusal(self._image, now_us)
                if words:
                    return words
        return ""


@dataclass(frozen=True, slots=True)
class _Condition:
    interlock: Interlock
    expression: Expression
    rows: Mapping[str, int]

    def refusal(self, image: ProcessImage, now_us: int) -> str:
        values = {name: Value(float(image.value[row]), int(image.quality[row])) for name, row in self.rows.items()}
        ages = {name: _age_s(int(image.time[row]), now_us) for name, row in self.rows.items()}
        result = self.expression.evaluate(values, ages)
        quality = int(result.quality)
        if quality & VALIDITY:
            bad = [_shown(self.interlock.inputs[name], value) for name, value in values.items() if int(value.quality) & VALIDITY]
            return f"interlocked: whether {self.interlock.text} is not known ({'; '.join(bad) or in_words(quality)})"
        return "" if result.value == 1 else f"interlocked: {self.interlock.text}"


def _age_s(time_us: int, now_us: int) -> float:
    return max(0.0, (now_us - time_us) / 1e6)


def _shown(point: Point, value: Value) -> str:
    return f"{point.device}/{point.name} is {in_words(int(value.quality))}"
