"""The points in which Tieline's own roles say how they are."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.config.device import Device
from tieline.model import Point

OWN_DEVICE = "tieline"
"""The device to which a role's own points belong."""


def edge_points(site: str, devices: Sequence[Device]) -> tuple[Point, ...]:
    """The points of a site's gateway."""
    return ()
