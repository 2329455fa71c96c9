"""Looks at an agent: what changes each time, neighbors and what the node consists of seldom, or when there is reason to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tieline.config.snmp import SnmpDevice, WatchedPort
from tieline.edge.snmp.matching import match_interfaces, match_poe
from tieline.edge.snmp.rates import COUNTERS, Reading
from tieline.io import Clock
from tieline.model import RefusedError
from tieline.protocols.snmp.values import Oid, Table, Value
from tieline.protocols.snmp.view import (
    IF_OPER,
    INVENTORY_COLUMNS,
    SCALARS,
    STATE_COLUMNS,
    SYS_NAME,
    TOPOLOGY_COLUMNS,
    AgentView,
    Interface,
    PoePort,
    poe_set,
    read_view,
)

if TYPE_CHECKING:
    from tieline.edge.snmp.session import SnmpSession

INVENTORY_EVERY = 10
TOPOLOGY_EVERY = 10
TOPOLOGY_AFTER_CHANGE = 4
"""After a change of a link, neighbors are asked for in so many looks: whoever is put in needs a while to tell who he is."""


class Look:
    """What one look has found, laid over the design."""

    def __init__(self, device: SnmpDevice, view: AgentView, time_s: float, time_us: int, *, has_topology: bool) -> None:
        self.view = view
        self.time_s = time_s
        self.time_us = time_us
        self.has_topology = has_topology
        """Whether neighbors were asked for."""
        self.interfaces = match_interfaces(device.ports, view.interfaces)
        self.poe = match_poe(device, view, self.interfaces)

    def links(self) -> dict[int, tuple[bool, int]]:
        """What changes when something is plugged in or out, by ifIndex."""
        return {each.index: (each.is_up, each.last_change) for each in self.view.interfaces.values()}

    def reading(self, ports: Sequence[WatchedPort]) -> Reading:
        """Their counters, in the order of the ports."""
        rows = [_counters(self.interfaces.get(port.name)) for port in ports]
        found = [self.interfaces.get(port.name) for port in ports]
        return Reading(
            time_s=self.time_s,
            uptime_ticks=self.view.system.uptime_ticks or 0,
            counters=np.array([[value or 0 for value in row] for row in rows], np.uint64).reshape(len(ports), COUNTERS),
            bits=np.array([_bits(row, each) for row, each in zip(rows, found, strict=True)], np.uint8).reshape(
                len(ports), COUNTERS
            ),
            discontinuity_ticks=np.array([0 if each is None else each.discontinuity for each in found], np.int64),
            speed_mbps=np.array(
                [np.nan if each is None or each.speed_mbps is None else each.speed_mbps for each in found], np.float64
            ),
        )


class Looker:
    """One agent, with what it said the last time of what seldom changes."""

    def __init__(self, device: SnmpDevice, session: Callable[[], Awaitable[SnmpSession]], clock: Clock) -> None:
        """`session` gives the session to ask in; it raises `TielineError` where there can be none."""
        self._device = device
        self._session = session
        self._clock = clock
        self._table: Table = {}
        self._columns: tuple[Oid, ...] = STATE_COLUMNS
        self._known: frozenset[Oid] = frozenset()
        """Rows of the interfaces when it was asked what it consists of."""
        self._looks = 0
        self._ask_topology = 0
        self._last: Look | None = None

    @property
    def last(self) -> Look | None:
        """The newest look; None before the first, and after the agent was lost."""
        return self._last

    def forget(self) -> None:
        """It may be another agent, or changed, when it answers again."""
        self._last = None
        self._looks = 0

    def ask_neighbors(self) -> None:
        """The next look asks for them."""
        self._ask_topology = max(self._ask_topology, 1)

    def ask_all(self) -> None:
        """The next look asks for neighbors and for what the node consists of."""
        self._looks = 0

    async def look(self) -> Look:
        """One look. Raises what the session raises."""
        is_first = self._looks == 0
        has_topology = is_first or self._ask_topology > 0 or self._looks % TOPOLOGY_EVERY == 0
        has_inventory = is_first or self._looks % INVENTORY_EVERY == 0
        asked: tuple[Oid, ...] = STATE_COLUMNS if has_inventory else self._columns
        if has_topology and self._device.has_lldp:
            asked += TOPOLOGY_COLUMNS
        if has_inventory:
            asked += INVENTORY_COLUMNS
        session = await self._session()
        scalars = await session.get(SCALARS)
        cells = await session.walk(asked)
        time_s, time_us = self._clock.monotonic(), self._clock.now_us()
        self._table |= cells
        if has_inventory:
            # What the agent does not have is not asked for until the next time.
            self._columns = tuple(column for column in STATE_COLUMNS if cells[column])
            self._known = frozenset(cells[IF_OPER])
        look = Look(self._device, self._view(scalars), time_s, time_us, has_topology=has_topology)
        before, self._last = self._last, look
        self._looks += 1
        self._ask_topology = max(0, self._ask_topology - 1)
        if before is not None and before.links() != look.links():
            self._ask_topology = TOPOLOGY_AFTER_CHANGE
            if not has_topology:
                return await self.look()
        if not has_inventory and (has_started(before, look) or cells.get(IF_OPER, {}).keys() != self._known):
            self.ask_all()
            return await self.look()
        return look

    async def read_poe(self, port: PoePort) -> PoePort:
        """How a port's power is now. Raises what the session raises, and `RefusedError` where another node answers than before."""
        cells = await (await self._session()).get([SYS_NAME, port.admin_oid, port.detection_oid])
        last = self._last
        if last is not None and (name := read_view(cells, {}).system.name) != last.view.system.name:
            raise RefusedError(f"{self._device.path}: {name or 'somebody without a name'} answers there now; nothing is switched")
        rows: Table = {name[:-2]: {name[-2:]: value} for name, value in cells.items() if name != SYS_NAME}
        return next(iter(read_view({}, rows).poe_ports), PoePort(group=port.group, number=port.number))

    async def set_poe(self, port: PoePort, *, is_on: bool) -> None:
        """Switches a port's power. Raises what the session raises."""
        await (await self._session()).set(poe_set(port, is_on))

    def _view(self, scalars: dict[Oid, Value]) -> AgentView:
        return read_view(scalars, self._table)


def has_started(before: Look | None, after: Look) -> bool:
    """Whether the agent's engine has begun anew between the two."""
    return before is not None and before.view.system.boots != after.view.system.boots


def _counters(interface: Interface | None) -> tuple[int | None, ...]:
    if interface is None:
        return (None,) * COUNTERS
    return (
        interface.in_octets,
        interface.out_octets,
        interface.in_errors,
        interface.out_errors,
        interface.in_discards,
        interface.out_discards,
    )


def _bits(counters: Sequence[int | None], interface: Interface | None) -> list[int]:
    wide = 64 if interface is not None and interface.is_hc else 32
    return [0 if value is None else wide if column < 2 else 32 for column, value in enumerate(counters)]
