# ruff: noqa: S608 (every name and number put into SQL here is our own)
"""What a device has reported twice: once to a gateway that stored it and died before it could confirm, and once to its successor.

A sample is a repeat where one with the same point, time, value and quality is stored and the time is the device's own; an event where
one that is the same in everything is. Only *suspect* batches are looked at: those whose gateway says that they may repeat, and
those of a gateway that has a successor here already, whose batches overtook them. So it does not matter in which order the two arrive.

Nor does it with what the center has fetched from what a site has kept: that may come, or may have come, by itself, or is fetched twice.
All samples of a fetched batch are looked at, and of the batches that come later those that are not newer than what was fetched last.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tieline.historian import schema
from tieline.historian.schema import DAY_US, Catalog
from tieline.model import Batch, Event, Quality, Samples

if TYPE_CHECKING:
    import duckdb

Mask = npt.NDArray[np.bool_]

MOST_DAYS = 16
"""Times are looked up day by day; where devices claim more days at once than these, all are looked up in one go."""

_ROW = np.dtype([("point", "<u4"), ("time", "<i8"), ("value", "<u8"), ("quality", "<u2")])


def may_repeat(batch: Batch, *, is_suspect: bool, fetched_us: int | None) -> Mask:
    """Which samples of a batch may be stored already; up to `fetched_us`, samples of its site were fetched."""
    if batch.is_fetched:
        return np.ones(len(batch.samples), np.bool_)
    candidates = np.zeros(len(batch.samples), np.bool_)
    if fetched_us is not None:
        candidates |= batch.samples.time <= fetched_us
    if is_suspect:
        candidates |= (batch.samples.quality & np.uint16(Quality.DEVICE_TIME)) != 0
    return candidates


def repeated_samples(cursor: duckdb.DuckDBPyConnection, samples: Samples, is_candidate: Mask) -> Mask:
    """Which of the candidates are stored already, or come before among these."""
    is_repeat = np.zeros(len(samples), np.bool_)
    candidates = np.flatnonzero(is_candidate)
    if not len(candidates):
        return is_repeat
    is_repeat[candidates] = _are_among(samples, is_candidate, candidates)
    catalog = schema.load_catalog(cursor)
    local = Catalog(parts=catalog.parts)  # the lake has days that are closed; a store that cannot be reached holds nothing up
    days = samples.time[candidates] // DAY_US
    groups = [candidates[days == day] for day in np.unique(days)]
    for rows in groups if len(groups) <= MOST_DAYS else [candidates]:
        is_repeat[rows[_are_stored(cursor, local, samples.take(rows))]] = True
    return is_repeat


def _are_among(samples: Samples, is_candidate: Mask, candidates: npt.NDArray[np.intp]) -> Mask:
    """Which of the candidates equal a sample before them, or one that is no candidate."""
    order = np.concatenate([np.flatnonzero(~is_candidate), candidates])
    rows = np.empty(len(order), _ROW)
    ordered = samples.take(order)
    rows["point"], rows["time"], rows["quality"] = ordered.point, ordered.time, ordered.quality
    rows["value"] = np.ascontiguousarray(ordered.value).view(np.uint64)
    _, first, which = np.unique(rows, return_index=True, return_inverse=True)
    is_later: Mask = first[which] != np.arange(len(order))
    return is_later[len(order) - len(candidates) :]


def _are_stored(cursor: duckdb.DuckDBPyConnection, catalog: Catalog, samples: Samples) -> npt.NDArray[np.intp]:
    first, last = int(samples.time.min()), int(samples.time.max())
    within = catalog.within(first, last + 1)
    if not within:
        return np.zeros(0, np.intp)
    where = f"WHERE time BETWEEN make_timestamptz({first}) AND make_timestamptz({last})"
    where += f" AND point BETWEEN {samples.point.min()} AND {samples.point.max()}"
    columns = samples.to_arrow().append_column("place", _places(len(samples)))
    cursor.register("candidates", columns)
    try:
        found = cursor.execute(
            f"SELECT c.place FROM candidates c SEMI JOIN ({schema.raw_scan(within, where)}) s "
            f"ON c.point = s.point AND c.time = s.time AND c.value = s.value AND c.quality = s.quality"
        ).fetchnumpy()["place"]
    finally:
        with suppress(Exception):
            cursor.unregister("candidates")
    return np.asarray(found, np.intp)


def _places(count: int) -> object:
    import pyarrow as pa

    return pa.array(np.arange(count))


def without_repeats(
    cursor: duckdb.DuckDBPyConnection, certain: Sequence[Event], suspect: Sequence[Event]
) -> tuple[list[Event], int]:
    """The events that are to be stored, and how many are not."""
    if not suspect:
        return list(certain), 0
    times = [event.time for event in suspect]
    rows = cursor.execute(
        "SELECT epoch_us(time), site, device, kind, severity, text FROM store.event "
        "WHERE time BETWEEN make_timestamptz($1) AND make_timestamptz($2)",
        [_possible(min(times)), _possible(max(times))],
    ).fetchall()
    known = {*rows, *map(_row, certain)}
    kept = list(certain)
    for event in suspect:
        if _row(event) not in known:
            known.add(_row(event))
            kept.append(event)
    return kept, len(certain) + len(suspect) - len(kept)


def _possible(time_us: int) -> int:
    return min(max(time_us, schema.EARLIEST_US), schema.LATEST_US)


def _row(event: Event) -> tuple[int, str, str, str, str, str]:
    return _possible(event.time), event.site, event.device, event.kind, str(event.severity), event.text
