"""`[automation]` in `site.toml`: what the site's gateway does by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tieline.config.fields import PositiveSeconds, Strict
from tieline.config.site_points import SitePoints
from tieline.model import Point


class AutomationSection(Strict):
    """What the site's gateway does by itself."""

    period_s: PositiveSeconds = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    """What the site's gateway does by itself; `points` are those that it shows."""

    period_s: float
    points: tuple[Point, ...] = ()


def read_automation(points: SitePoints, document: Mapping[str, object]) -> Automation | None:
    """The automation that `[automation]` describes, or None; mistakes become findings, if they are not already."""
    return None
