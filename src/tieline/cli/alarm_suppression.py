"""Suppression by design through the switching state: what is switched off or earthed has no alarms where the folder says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from tieline.cli.topology_adapter import FreshTopology
from tieline.config.alarms import AlarmPlan
from tieline.grid.topology import State, Topology
from tieline.io import Clock
from tieline.model import Now, UnavailableError
from tieline.scada import LinkState, LiveState
from tieline.scada.alarm_desk import AlarmDesk
from tieline.scada.alarms import AlarmService

log = structlog.get_logger()

TOPOLOGY = "topology"
"""Who suppresses by the switching state."""
LOOK_S = 0.25
SETTLE_US = 10_000_000
"""After a start, a state that is not known leaves everything as it was for so long: the newest positions may be on their way."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be suppressed, or no longer, and why."""

    ids: tuple[str, ...]
    is_on: bool
    reason: str


class SwitchingSuppression:
    """Decides which alarms the switching state suppresses; belongs to the event loop that writes the live state."""

    def __init__(self, plan: Iterable[AlarmPlan], fresh: FreshTopology, live: LiveState) -> None:
        alike: dict[tuple[str, frozenset[str]], list[str]] = {}
        for each in plan:
            if each.suppress_states:
                alike.setdefault((each.equipment, each.suppress_states), []).append(each.id)
        self._alike = {key: tuple(ids) for key, ids in alike.items()}
        self._fresh = fresh
        self._live = live
        self._decided: dict[tuple[str, frozenset[str]], bool] = {}
        self._revision = -1
        self._settling_until: int | None = None
        self._is_settled = False

    def look(self, now_us: int) -> list[Decision]:
        """What has to be done since the last look; nothing until every site is heard or known to be lost."""
        if not self._alike or any(link.state is LinkState.WAITING for link in self._live.links()):
            return []
        topology = self._fresh.refresh()
        has_settled = self._settle(now_us)
        if topology.revision == self._revision and not has_settled:
            return []
        self._revision = topology.revision
        decisions = []
        for key, ids in self._alike.items():
            name, states = key
            words = _state_of(topology, name)
            if words == State.UNKNOWN.words and not self._is_settled:
                continue
            is_on = words in states
            if self._decided.get(key) is not is_on:
                self._decided[key] = is_on
                decisions.append(Decision(ids, is_on, f"{name} is {words}"))
        return decisions

    def _settle(self, now_us: int) -> bool:
        """Whether the time is over just now in which positions may be on their way."""
        if self._settling_until is None:
            self._settling_until = now_us + SETTLE_US
        if self._is_settled or now_us < self._settling_until:
            return False
        self._is_settled = True
        return True

    async def follow(self, alarms: AlarmDesk, clock: Clock) -> None:
        """Looks a few times a second, and has the alarms do what follows, until cancelled."""
        while True:
            decisions = self.look(clock.now_us())
            if decisions:
                try:
                    await alarms.do(partial(_suppress, decisions))
                except UnavailableError as error:  # it is done, and written with whatever is written next
                    log.error("alarms cannot be stored", reason=str(error))
            await asyncio.sleep(LOOK_S)


def _suppress(decisions: Sequence[Decision], service: AlarmService, now: Now) -> None:
    for each in decisions:
        service.suppress(each.ids, TOPOLOGY, now, is_on=each.is_on, reason=each.reason)


def _state_of(topology: Topology, name: str) -> str:
    """The state of a node or a piece of equipment in words; unknown where a voltage contradicts it, or the network does not have it."""
    network, columns = topology.network, topology.columns
    node = network.find_node(name)
    if node is not None:
        return State.UNKNOWN.words if columns.is_doubtful[node] else State(int(columns.node_state[node])).words
    piece = network.find_piece(name)
    if piece is None or network.at(columns.is_doubtful)[piece]:
        return State.UNKNOWN.words
    return State(int(columns.piece_state[piece])).words
