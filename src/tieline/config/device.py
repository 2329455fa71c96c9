"""A device as the rest of Tieline sees it, whatever its protocol."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.config.maintenance import MaintenanceSection
from tieline.config.rows import PointRow
from tieline.model import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device of a site; each protocol adds what it needs to reach it. `rows[i]` says where `points[i]` stands in it."""

    site: str
    name: str
    protocol: str
    description: str
    rows: tuple[PointRow, ...]
    points: tuple[Point, ...]
    maintenance: tuple[MaintenanceSection, ...] = ()
    """Services for remote access besides the protocol."""

    @property
    def path(self) -> str:
        """`site/device`."""
        return f"{self.site}/{self.name}"
