"""Whose a point is: what a site brings of the points of another is not stored, whatever the bus lets through."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import structlog

from tieline.model import Batch, Samples
from tieline.model.lookup import Lookup

Mask = npt.NDArray[np.bool_]

log = structlog.get_logger()


class Owners:
    """The sites of all points that are described; points that are not may be anybody's."""

    def __init__(self, rows: Iterable[tuple[int, str]] = ()) -> None:
        """`rows` are ids with their sites."""
        ordered = sorted(rows)
        self._numbers: dict[str, int] = {}
        owners = [self._numbers.setdefault(site, len(self._numbers)) for _, site in ordered]
        self._owner = np.array([*owners, -1], np.int32)  # the last is found for the row -1
        self._lookup = Lookup(np.array([number for number, _ in ordered], np.uint32))
        self._told: set[str] = set()

    def own(self, batch: Batch) -> Samples:
        """The samples of the batch without those of other sites' points; the first of a site is logged."""
        samples = batch.samples
        owner = self._owner[self._lookup.rows(samples.point)]
        is_own: Mask = (owner < 0) | (owner == self._numbers.get(batch.site, -2))
        if is_own.all():
            return samples
        if batch.site not in self._told:
            self._told.add(batch.site)
            log.error("site reports points of others", site=batch.site, samples=int(np.count_nonzero(~is_own)))
        return samples.take(is_own)
