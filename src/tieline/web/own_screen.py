"""What a site's own screen knows besides values: whether the site reaches the center."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tieline.config import Site
from tieline.model import is_good
from tieline.scada import LiveState

LINK_POINT = "link_up"


class OwnScreen:
    """The screen of one site, without the center."""

    def __init__(self, site: Site, live: LiveState, clock: Callable[[], int]) -> None:
        self._live = live
        self._clock = clock
        self._row = live.rows([point.id for point in site.own_points if point.name == LINK_POINT])

    @property
    def reaches_center(self) -> bool | None:
        """As the site's gateway says; None where it says nothing."""
        newest = self._live.newest(self._row, self._clock())
        if not np.any(is_good(newest.quality) & ~newest.is_stale):
            return None
        return bool(newest.value[0])
