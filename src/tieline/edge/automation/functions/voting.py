"""One value from up to three measurements of the same: 2 of 3 where there are three, otherwise all have to be good and agree."""

from __future__ import annotations

import math
from collections.abc import Sequence

_MOST_MISSING = 1


def agree(values: Sequence[float], tolerance: float) -> float:
    """The agreed value; NaN where too many are NaN, or where they differ by more than the tolerance.

    Of three good ones that is the median, if another is close to it: the median is below a threshold exactly where two of three are.
    """
    good = sorted(value for value in values if not math.isnan(value))
    spare = _MOST_MISSING if len(values) > 2 else 0
    if not good or len(good) < len(values) - spare:
        return math.nan
    middle = good[len(good) // 2]
    if len(good) < 3:
        return sum(good) / len(good) if good[-1] - good[0] <= tolerance else math.nan
    return middle if min(middle - good[0], good[-1] - middle) <= tolerance else math.nan
