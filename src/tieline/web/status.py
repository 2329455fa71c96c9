"""What the live feed says beside values: links, throughput and counts of each site, made once for all viewers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tieline.scada import Counts, Link, LinkState, LiveState

Status = dict[str, object]


class StatusBoard:
    """The status of every site with the revision at which it last changed."""

    def __init__(self, live: LiveState, clock: Callable[[], int], period_s: float = 1.0) -> None:
        self._live = live
        self._clock = clock
        self._period_us = round(period_s * 1e6)
        self._made = 0
        self._link_revision = -1
        self._held: dict[str, tuple[int, Status]] = {}
        self.revision = 0

    def refresh(self) -> None:
        """Brings the board up to date: at once where a link changed its state, otherwise once a period."""
        now = self._clock()
        self._live.tick(now)
        is_due = not 0 <= now - self._made < self._period_us
        if not is_due and self._link_revision == self._live.link_revision:
            return
        self._made = now
        self._link_revision = self._live.link_revision
        counts = self._live.counts(now)
        self.revision += 1
        for link in self._live.links():
            status = status_of(link, counts[link.site])
            if link.site not in self._held or self._held[link.site][1] != status:
                self._held[link.site] = (self.revision, status)

    def changed_since(self, revision: int) -> Iterable[Status]:
        """The sites whose status changed after the revision."""
        return [status for changed, status in self._held.values() if changed > revision]


def status_of(link: Link, counts: Counts) -> Status:
    """A site's status as the live feed carries it."""
    devices = link.stats.devices if link.state is LinkState.UP else {}
    return {
        "site": link.site,
        "link": link.state.value,
        "since": link.since,
        "heard": link.heard,
        "samples_per_s": round(link.stats.samples_per_s, 1),
        "batches_per_s": round(link.stats.batches_per_s, 1),
        "pending_samples": link.stats.pending_samples,
        "spooled_batches": link.stats.spooled_batches,
        "devices_up": sum(device.is_up for device in devices.values()),
        "devices_down": sorted(name for name, device in devices.items() if not device.is_up),
        "good": counts.good,
        "questionable": counts.questionable,
        "invalid": counts.invalid,
        "stale": counts.stale,
    }
