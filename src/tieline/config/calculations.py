"""`[[calculations]]` in `site.toml`: points that are calculated at the site from others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieline.config.fields import Name, Strict
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints
from tieline.model import Point, Reporting


class CalculationSection(Strict):
    """One calculated point."""

    name: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculation:
    """How one point is calculated."""

    point: Point


def read_calculations(
    points: SitePoints, sections: Sequence[tuple[KeyPath, CalculationSection]], default: Reporting
) -> tuple[Calculation, ...]:
    """The calculations that are right, their points made known to `points`; mistakes become findings."""
    return ()
