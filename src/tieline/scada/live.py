"""The live state: the newest sample of every point, in dense columns.

How it works. Each point has a row; rows of one site stand together. A batch is resolved to rows with one binary search, then

- a sample replaces what is held unless it is older (equal times replace, so that a correction with the same time wins);
- of several samples of one point in a batch the newest wins, and the later one of two with the same time;
- a sample from the future holds back others only for `FUTURE_US`: otherwise a device whose clock once jumped ahead would freeze
  its points, with a good quality, until the jump is made up;
- a site can write only its own points: what it sends for others is counted and dropped.

Every batch that changes something takes the next revision and stamps it on the rows that changed, so "what changed since
revision r among my rows" is one comparison. Whether a value is stale is not written to values: it follows from the link's state, so
a lost link marks all of its site's values in the same instant, and a restored one clears them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tieline.config.own_points import is_own
from tieline.model import Event, Point, Quality, Samples, Severity
from tieline.model import severity as severity_of
from tieline.scada.events import EventRing, NumberedEvent
from tieline.scada.links import Link, LinkState, SiteStats

Rows = npt.NDArray[np.intp]

FUTURE_US = 10_000_000
"""How far ahead of the center's clock a sample's time still counts when samples are put into order."""

NEVER = int(Quality.INVALID | Quality.OLD_DATA)
"""Quality of a point of which nothing was ever heard."""


@dataclass(frozen=True, slots=True, eq=False)
class Newest:
    """The newest samples of some points, in columns, in the order in which they were asked for."""

    point: npt.NDArray[np.uint32]
    time: npt.NDArray[np.int64]
    """0 where nothing was ever heard; the value is NaN and the quality invalid then."""
    value: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint16]
    is_stale: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.point)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many values of a site are worth what; a stale one counts as stale only, whatever its quality was."""

    good: int = 0
    questionable: int = 0
    invalid: int = 0
    stale: int = 0


class LiveState:
    """Newest value of every point, state of every link, newest events. Belongs to one thread; takes the time as an argument.

    All times are microseconds since 1970-01-01 UTC by the center's clock, except the samples' own.
    """

    def __init__(
        self,
        points: Sequence[Point],
        *,
        sites: Iterable[str] = (),
        lost_after_s: float = 3.0,
        max_events: int = 1_000,
        started: int = 0,
    ) -> None:
        """`sites` names sites beyond those of the points; `started` is when waiting for heartbeats begins."""
        names = dict.fromkeys([*sites, *(point.site for point in points)])
        self._site_index = {name: index for index, name in enumerate(names)}
        self.points: tuple[Point, ...] = tuple(sorted(points, key=lambda point: self._site_index[point.site]))
        count = len(self.points)
        self.id = np.fromiter((point.id for point in self.points), np.uint32, count)
        self._order = np.argsort(self.id, kind="stable")
        self._sorted_ids = self.id[self._order]
        if np.any(self._sorted_ids[1:] == self._sorted_ids[:-1]):
            raise ValueError("two points have the same id")
        self._is_plant = np.fromiter((not is_own(point) for point in self.points), np.bool_, count)
        self._site_of = np.fromiter((self._site_index[point.site] for point in self.points), np.intp, count)
        silence = np.fromiter((point.reporting.max_silence_s for point in self.points), np.float64, count)
        self._max_age_us = ((1.5 * silence + 5) * 1e6).astype(np.int64)

        self.value = np.full(count, np.nan)
        self.time = np.zeros(count, np.int64)
        self.quality = np.full(count, NEVER, np.uint16)
        self.arrival = np.zeros(count, np.int64)
        self.revision_of = np.zeros(count, np.int64)
        self.revision = 0
        """Grows by one with each batch that changed something."""
        self._now = started
        self._rank = np.full(count, np.iinfo(np.int64).min)
        self._winner = np.full(count, -1, np.int64)

        self._lost_after_us = round(lost_after_s * 1e6)
        self._links = {name: Link(site=name, state=LinkState.WAITING, since=started) for name in names}
        self._is_down = np.ones(len(names), np.bool_)
        self._waiting_since = started
        self.link_revision = 0
        """Grows by one with each link that changes its state."""
        self.events = EventRing(max_events)
        self.on_event: Callable[[Event], None] = lambda _: None
        """Called with each event that the live state itself finds: links that come up, are lost, are restored."""
        self.applied = 0
        """Samples that were taken, whether they were the newest or not."""
        self.unknown = 0
        """Samples of points that are in no list, or that are another site's."""

    # values

    def apply(self, site: str, samples: Samples, now: int) -> int:
        """Takes a batch that came from the site; returns how many points changed."""
        index = self._site_index.get(site)
        if index is None:
            self.unknown += len(samples)
            return 0
        return self._apply(samples, now, index)

    def seed(self, samples: Samples, now: int) -> int:
        """Takes what the historian held last, of any site; stale like everything until the site is heard."""
        return self._apply(samples, now, None)

    def _apply(self, samples: Samples, now: int, site: int | None) -> int:
        rows, is_known = self._resolve(samples.point)
        if site is not None:
            is_known &= self._site_of[rows] == site if len(self.points) else False
        known = int(np.count_nonzero(is_known))
        self.unknown += len(samples) - known
        self.applied += known
        if known < len(samples):
            rows, samples = rows[is_known], samples.take(is_known)
        if not known:
            return 0
        if now < self._now:  # the center's clock was set back: what is newest by the old clock silences nobody
            np.minimum(self._rank, now, out=self._rank)
        self._now = now
        rank = np.minimum(samples.time, now + FUTURE_US)
        np.maximum.at(self._rank, rows, rank)
        wins = np.flatnonzero(rank == self._rank[rows])
        rows = rows[wins]
        self._winner[rows] = -1
        np.maximum.at(self._winner, rows, wins)
        is_last = self._winner[rows] == wins
        rows, samples = rows[is_last], samples.take(wins[is_last])
        changed = (
            (samples.time != self.time[rows])
            | (samples.quality != self.quality[rows])
            | (samples.value.view(np.int64) != self.value[rows].view(np.int64))
        )
        if not changed.all():
            rows, samples = rows[changed], samples.take(changed)
        if not len(rows):
            return 0
        self.value[rows] = samples.value
        self.time[rows] = samples.time
        self.quality[rows] = samples.quality
        self.arrival[rows] = now
        self.revision += 1
        self.revision_of[rows] = self.revision
        return len(rows)

    def _resolve(self, ids: npt.NDArray[np.uint32]) -> tuple[Rows, npt.NDArray[np.bool_]]:
        if not len(self.points):
            return np.zeros(len(ids), np.intp), np.zeros(len(ids), np.bool_)
        found = np.minimum(np.searchsorted(self._sorted_ids, ids), len(self.points) - 1)
        return self._order[found], self._sorted_ids[found] == ids

    def rows(self, ids: Sequence[int] | npt.NDArray[np.uint32]) -> Rows:
        """The rows of these points, in this order. Raises `KeyError` with the first id that no point has."""
        wanted = np.asarray(ids, np.uint32)
        rows, is_known = self._resolve(wanted)
        if not is_known.all():
            raise KeyError(int(wanted[~is_known][0]))
        return rows

    def changed_since(self, revision: int, rows: Rows) -> Rows:
        """Those of the rows that changed after the revision."""
        changed: Rows = rows[self.revision_of[rows] > revision]
        return changed

    def is_stale(self, rows: Rows, now: int) -> npt.NDArray[np.bool_]:
        """True where the site is not heard, or the value is older than its longest silence allows (half as much again and 5 s)."""
        stale: npt.NDArray[np.bool_] = self._is_down[self._site_of[rows]] | (now - self.time[rows] > self._max_age_us[rows])
        return stale

    def newest(self, rows: Rows, now: int) -> Newest:
        """A copy of the newest samples in these rows."""
        return Newest(self.id[rows], self.time[rows], self.value[rows], self.quality[rows], self.is_stale(rows, now))

    def counts(self, now: int) -> dict[str, Counts]:
        """How many values of the plant are good, questionable, invalid or stale, for each site; Tieline's own do not count."""
        sites = len(self._site_index)
        worth = np.where(self.is_stale(np.arange(len(self.points)), now), 3, severity_of(self.quality))
        table = np.bincount((self._site_of * 4 + worth)[self._is_plant], minlength=4 * sites).reshape(sites, 4).tolist()
        return {
            name: Counts(good=good, questionable=questionable, invalid=invalid, stale=stale)
            for name, (good, questionable, invalid, stale) in zip(self._site_index, table, strict=True)
        }

    # links and events

    @property
    def sites(self) -> tuple[str, ...]:
        """The names of all sites."""
        return tuple(self._site_index)

    def link(self, site: str) -> Link:
        """The site's link. Raises `KeyError` where there is no such site."""
        return self._links[site]

    def links(self) -> list[Link]:
        """All links."""
        return list(self._links.values())

    def heartbeat(self, site: str, at: int, stats: SiteStats) -> None:
        """A sign of life from the site, received `at`. One from a site that nobody knows is ignored."""
        link = self._links.get(site)
        if link is None:
            return
        self._links[site] = replace(link, heard=at, stats=stats)
        if link.state is not LinkState.UP:
            was_lost = link.state is LinkState.LOST
            silence = f" after {_seconds(at - link.heard)}" if was_lost and link.heard is not None else ""
            self._set_link(site, LinkState.UP, at)
            kind = "link_restored" if was_lost else "link_up"
            text = f"link restored{silence}" if was_lost else "link is up"
            self._found(Event(time=at, site=site, kind=kind, text=text))

    def tick(self, now: int) -> None:
        """Finds the links that fell silent; call it a few times a second."""
        self._waiting_since = min(self._waiting_since, now)
        for site, link in list(self._links.items()):
            heard = self._waiting_since if link.heard is None else link.heard
            if heard > now:  # the clock was set back: count from here, or it would never be lost
                heard = now
                self._links[site] = replace(link, heard=now)
            if link.state is LinkState.LOST or now - heard <= self._lost_after_us:
                continue
            self._set_link(site, LinkState.LOST, now)
            text = "not heard since start" if link.heard is None else f"link lost, silent for {_seconds(now - heard)}"
            self._found(Event(time=now, site=site, kind="link_lost", severity=Severity.ERROR, text=text))

    def _set_link(self, site: str, state: LinkState, at: int) -> None:
        self._links[site] = replace(self._links[site], state=state, since=at)
        self._is_down[self._site_index[site]] = state is not LinkState.UP
        self.link_revision += 1

    def _found(self, event: Event) -> None:
        self.record(event)
        self.on_event(event)

    def record(self, event: Event) -> int:
        """Keeps an event; returns its number."""
        return self.events.append(event)

    def events_after(self, id: int = 0) -> list[NumberedEvent]:  # noqa: A002 - the field's own name
        """The held events with a larger number, oldest first."""
        return self.events.after(id)


def _seconds(us: int) -> str:
    seconds = us / 1e6
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"
