"""The switching state as control asks for it: computed from what the live state holds at the moment of the question."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tieline.config import Utility
from tieline.grid.topology import Effect, Network, Topology, Verdict, network_of
from tieline.model import PointId
from tieline.scada import LiveState
from tieline.scada.control import Switching


class FreshTopology:
    """Answers of the topology, never older than the live state; belongs to the event loop that writes the live state."""

    def __init__(self, topology: Topology, live: LiveState, now_us: Callable[[], int]) -> None:
        known = np.isin(topology.network.points, live.id)
        self.network = topology.network
        self._rows = live.rows(topology.network.points[known])
        self._topology = topology
        self._live = live
        self._now_us = now_us

    def refresh(self) -> Topology:
        """The topology with every position and voltage as it is now."""
        newest = self._live.newest(self._rows, self._now_us())
        self._topology.update(newest.point, newest.value, newest.quality, newest.is_stale)
        return self._topology

    def position(self, switch: str, /) -> bool | None:
        """True closed, False open, None not known."""
        return self.refresh().position(switch)

    def would_earth_live(self, switch: str, /) -> Verdict:
        """Whether closing this earthing switch leaves what is live alone."""
        return self.refresh().would_earth_live(switch)

    def would_energize(self, switch: str, /) -> Effect:
        """Whether closing leaves what is earthed without voltage."""
        return self.refresh().would_energize(switch)

    def would_parallel(self, switch: str, /) -> Verdict:
        """Whether closing neither closes a ring nor joins two live parts."""
        return self.refresh().would_parallel(switch)

    def synchrocheck_needed(self, switch: str, /) -> Verdict:
        """Whether closing joins no two live parts."""
        return self.refresh().synchrocheck_needed(switch)

    def would_deenergize(self, switch: str, /) -> Effect:
        """Whether opening leaves everything live that is."""
        return self.refresh().would_deenergize(switch)


def topology_of(utility: Utility, live: LiveState, now_us: Callable[[], int]) -> FreshTopology:
    """The switching state of the utility's network."""
    return FreshTopology(Topology(network_of(utility)), live, now_us)


def switching_of(fresh: FreshTopology) -> Switching:
    """What control is handed of it."""
    return Switching(state=fresh, switch_of=lambda point: switch_of(fresh.network, point))


def switch_of(network: Network, point: PointId) -> str | None:
    """The switch that a point tells the position of or operates; None for any other point."""
    return network.switch_of(int(point)) or None
