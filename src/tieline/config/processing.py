"""`[[processing]]` in `site.toml`: what is done to the samples of points before they are reported, and what goes up of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from tieline.config.fields import Strict
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints
from tieline.model import Point


class ProcessingSection(Strict):
    """What is done to the samples of some points."""

    points: list[str] = Field(min_length=1, description="device/name, with * and ? for any characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class PointProcessing:
    """What is done to the samples of one point."""

    point: Point


def read_processing(points: SitePoints, sections: Sequence[tuple[KeyPath, ProcessingSection]]) -> tuple[PointProcessing, ...]:
    """What the sections say for each point that they name; mistakes become findings."""
    return ()
