"""What happens to samples at a site, from the drivers to what goes up; synchronous, and without a clock of its own.

    take -> Chain -> limits -> ProcessImage -> Detection -> Calculations -> takers (presenters, the local store)
                                                                        `-> Reporting -> on the way up

Everything sees the same samples: processed, qualified, with the calculated ones behind those that they follow from. Only what goes up is
thinned out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tieline.config import Site
from tieline.edge.detection import Detection
from tieline.edge.image import ProcessImage
from tieline.edge.processing.calculations import Calculations
from tieline.edge.processing.chain import Chain
from tieline.edge.processing.reporting import Reporting
from tieline.edge.states import StateChanges
from tieline.model import Event, Now, Samples

Take = Callable[[Samples], None]


class Pipeline:
    """One site's; `take` what devices measure, `add` what arises in the gateway itself, `tick` ten times a second."""

    def __init__(self, site: Site, *, forward: Take, on_event: Callable[[Event], None]) -> None:
        points = list(site.points)
        self.image = ProcessImage(points)
        self.takers: list[Take] = []
        """Those who want everything, qualified; synchronous, and never blocking."""
        self._chain = Chain(site.processing)
        self._calculations = Calculations(site.calculations, points)
        self._detection = Detection(site.detection, self.image)
        self._reporting = Reporting(points, site.processing)
        self._states = StateChanges([*site.measured_points, *(each.point for each in site.calculations)])
        self._forward = forward
        self._on_event = on_event

    def take(self, samples: Samples) -> None:
        """What devices measure. Every point has to be one of the site's: `ValueError` otherwise."""
        self.add(self._chain.take(samples))

    def add(self, samples: Samples) -> None:
        """What needs no processing: the gateway's own points, those of its automation."""
        if not len(samples):
            return
        samples = self._see(samples)
        calculated = self._calculations.take(samples, self.image)
        if len(calculated):
            samples = Samples.concatenate([samples, self._see(calculated)])
        self._hand_out(samples)

    def tick(self, now: Now) -> None:
        """What is due by the time: held-back changes, windows that are over, findings about silence."""
        self.add(self._chain.tick(now))
        calculated = self._calculations.tick(now)
        if len(calculated):
            self._hand_out(self._see(calculated))
        for event in self._detection.tick(now):
            self._on_event(event)
        self._send(self._reporting.tick(now))

    def flush(self) -> None:
        """Nothing more will come: what was held back until it is clear goes up now."""
        self._send(self._reporting.flush())

    def remember(self) -> dict[str, Any]:
        """What has to outlive the process."""
        return {"chain": self._chain.remember(), "calculations": self._calculations.remember()}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on from there."""
        for name, part in (("chain", self._chain), ("calculations", self._calculations)):
            if isinstance(held := state.get(name), dict):
                part.recall(held)

    def _see(self, samples: Samples) -> Samples:
        samples = self._reporting.qualify(samples)
        for event in self._detection.take(samples, self.image.update(samples)):
            self._on_event(event)
        return samples

    def _hand_out(self, samples: Samples) -> None:
        for take in self.takers:
            take(samples)
        self._send(self._reporting.select(samples))

    def _send(self, reported: Samples) -> None:
        if len(reported):
            self._forward(reported)
            for event in self._states.of(reported):
                self._on_event(event)
