"""What `/metrics` says of the web itself, in Prometheus text format."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from tieline.config import Utility
from tieline.config.exposition import Exposition
from tieline.model import is_good
from tieline.scada import LiveState


class WebMetrics:
    """Counters and gauges of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.viewers = Gauge("tieline_web_viewers", "Viewers connected to the live feed", registry=self.registry)
        self.frames = Counter("tieline_web_frames", "Binary frames sent to viewers", registry=self.registry)
        self.values = Counter("tieline_web_values", "Values sent to viewers", registry=self.registry)
        self.bytes = Counter("tieline_web_bytes", "Bytes sent to viewers, without framing", registry=self.registry)
        self.messages = Counter("tieline_web_messages", "Text messages sent to viewers", registry=self.registry)
        self.refused = Counter("tieline_web_refused", "Viewers sent away: too many, or a bad message", registry=self.registry)
        self.dropped = Counter("tieline_web_dropped", "Viewers dropped because they took nothing", registry=self.registry)
        self.points = Gauge("tieline_live_points", "Points in the live state", registry=self.registry)
        self.applied = Gauge("tieline_live_samples_applied", "Samples taken by the live state", registry=self.registry)
        self.unknown = Gauge("tieline_live_samples_unknown", "Samples of points in no list", registry=self.registry)

    def respond(self, more: bytes = b"") -> Response:
        """All metrics as text, and more of them."""
        return Response(generate_latest(self.registry) + more, media_type=CONTENT_TYPE_LATEST)


class OwnMetrics:
    """The own points of all roles that a live state knows, as metrics; those that are not good and fresh are left out."""

    def __init__(self, utility: Utility, live: LiveState, clock: Callable[[], int]) -> None:
        self._live = live
        self._clock = clock
        devices = [(site.name, device.name) for site in utility.sites for device in site.devices]
        self._exposition = Exposition(utility.points, devices)
        self._rows = live.rows([point.id for point in self._exposition.points])

    def exposition(self) -> bytes:
        """Their text."""
        newest = self._live.newest(self._rows, self._clock())
        known = is_good(newest.quality) & ~newest.is_stale
        return self._exposition.text(np.where(known, newest.value, np.nan).tolist())
