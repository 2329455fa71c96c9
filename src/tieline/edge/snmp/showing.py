"""What the points of a node show: one sample of each at every look, in columns.

A value that the agent does not have is invalid with a bad reference; one that is not known at the moment (a rate after a restart, the
neighbor of a port without a link) is the last one, as old data; where another node answers, everything is questionable and inconsistent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import numpy.typing as npt

from tieline.config.snmp import Measure, SnmpDevice, WatchedPort, WatchRow
from tieline.edge.snmp.drift import LLDP_S, DifferenceKind, is_designed, is_firmware, link_s, neighbors_by_interface
from tieline.edge.snmp.drifting import Drifting
from tieline.edge.snmp.identities import Identities
from tieline.edge.snmp.looking import Look
from tieline.edge.snmp.rates import Rates
from tieline.model import Quality, Samples
from tieline.protocols.snmp.view import LldpNeighbor

NO_ANSWER = Quality.INVALID | Quality.OLD_DATA
ABSENT = Quality.INVALID | Quality.BAD_REFERENCE
NOT_NOW = Quality.QUESTIONABLE | Quality.OLD_DATA
OTHER_NODE = Quality.QUESTIONABLE | Quality.INCONSISTENT

Known = float | Quality
"""A value, or why there is none."""


class Showing:
    """The samples of one node."""

    def __init__(self, device: SnmpDevice, identities: Identities) -> None:
        self._device = device
        self._identities = identities
        self._ids = np.array([point.id for point in device.points], np.uint32)
        self._values = np.full(len(device.rows), np.nan)
        self._ports = {port.name: port for port in device.ports}

    def lost(self, time_us: int) -> Samples:
        """The last values, of an agent that does not answer."""
        return self._samples(np.full(len(self._values), NO_ANSWER, np.uint16), time_us)

    def take(self, look: Look, rates: Rates, places: dict[str, int], drifting: Drifting, owed: Collection[str]) -> Samples:
        """What a look shows; `places` are the ports' rows in the rates, `owed` the ports that are owed their power."""
        shown = _Shown(self._device, self._identities, look, rates, places, drifting, owed)
        quality = np.zeros(len(self._values), np.uint16)
        is_other = any(each.kind is DifferenceKind.NODE for each in drifting.current)
        for number, row in enumerate(self._device.rows):
            known = shown.of(row, self._ports.get(row.port))
            if isinstance(known, Quality):
                # Without an earlier value there is nothing to be doubtful about.
                quality[number] = NO_ANSWER if known == NOT_NOW and np.isnan(self._values[number]) else known
            else:
                self._values[number] = known
                quality[number] = OTHER_NODE if is_other and row.measure is not Measure.DRIFT else Quality.GOOD
        return self._samples(quality, look.time_us)

    def lacks_neighbors(self, look: Look) -> bool:
        """Whether a neighbor has not told yet who he is, where a link is up and the agent speaks LLDP."""
        heard = neighbors_by_interface(look.view)
        return bool(look.view.chassis) and any(
            port.neighbor is not None
            and (interface := look.interfaces.get(port.name))
            and interface.is_up
            and interface.index not in heard
            for port in self._device.ports
        )

    def _samples(self, quality: npt.NDArray[np.uint16], time_us: int) -> Samples:
        return Samples(self._ids, np.full(len(self._ids), time_us, np.int64), self._values.copy(), quality)


class _Shown:
    """One look."""

    def __init__(
        self,
        device: SnmpDevice,
        identities: Identities,
        look: Look,
        rates: Rates,
        places: dict[str, int],
        drifting: Drifting,
        owed: Collection[str],
    ) -> None:
        self._device, self._identities, self._look, self._drifting, self._owed = device, identities, look, drifting, owed
        self._rates, self._places = rates, places
        self._neighbors: dict[int, tuple[LldpNeighbor, ...]] = neighbors_by_interface(look.view)
        self._of_node: dict[Measure, Callable[[], float | None]] = {
            Measure.TEMPERATURE_C: lambda: look.view.temperature_c,
            Measure.UPTIME_S: lambda: look.view.system.uptime_s,
            Measure.FIRMWARE: self._firmware,
            Measure.POE_USED_PERCENT: self._poe_used,
            Measure.DRIFT: lambda: float(len(drifting.current)),
        }
        self._of_rates = {
            Measure.IN_PERCENT: rates.in_percent,
            Measure.OUT_PERCENT: rates.out_percent,
            Measure.ERRORS_PER_S: rates.errors_per_s,
            Measure.DISCARDS_PER_S: rates.discards_per_s,
        }

    def of(self, row: WatchRow, port: WatchedPort | None) -> Known:
        """The value of a point."""
        if row.measure is Measure.SUPPLY:
            supplies = self._look.view.supplies
            return float(supplies[row.number - 1].is_good) if 0 < row.number <= len(supplies) else ABSENT
        if port is not None:
            return self._of_port(row.measure, port)
        value = self._of_node[row.measure]()
        return ABSENT if value is None else float(value)

    def _of_port(self, measure: Measure, port: WatchedPort) -> Known:
        interface = self._look.interfaces.get(port.name)
        if measure in {Measure.POE, Measure.POE_W, Measure.POE_SWITCH, Measure.POE_RESTART}:
            return self._of_poe(measure, port)
        if interface is None:
            return ABSENT
        match measure:
            case Measure.LINK:
                return float(interface.is_up)
            case Measure.NEIGHBOR:
                return self._neighbor(port, interface.index)
            case Measure.VIOLATIONS:
                count = self._look.view.violations.get(interface.index)
                return ABSENT if count is None else float(count)
        rate = float(self._of_rates[measure][self._places[port.name]])
        return NOT_NOW if np.isnan(rate) else rate

    def _of_poe(self, measure: Measure, port: WatchedPort) -> Known:
        row = self._look.poe.get(port.name)
        if measure is Measure.POE_RESTART:
            return float(port.name in self._owed)
        if row is None:
            return ABSENT
        if measure is Measure.POE_W:
            return ABSENT if row.power_w is None else row.power_w
        return float(row.is_delivering if measure is Measure.POE else row.is_enabled)

    def _neighbor(self, port: WatchedPort, index: int) -> Known:
        view, interface = self._look.view, self._look.interfaces[port.name]
        if port.neighbor is None or not view.chassis:
            return ABSENT
        heard = self._neighbors.get(index, ())
        if not interface.is_up or (not heard and link_s(view, interface) < LLDP_S):
            return NOT_NOW
        return float(any(is_designed(each, port.neighbor, self._identities) for each in heard))

    def _firmware(self) -> float | None:
        view = self._look.view
        if is_firmware(self._device.firmware, view):
            return 1.0
        return 0.0 if view.firmware else None

    def _poe_used(self) -> float | None:
        groups = self._look.view.poe_groups
        used = sum(group.used_w or 0.0 for group in groups)
        budget = sum(group.budget_w or 0.0 for group in groups) or self._device.poe_budget_w or 0.0
        return 100 * used / budget if budget and any(group.used_w is not None for group in groups) else None
