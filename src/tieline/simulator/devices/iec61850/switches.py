"""The switches that an IED controls, and which of them may move: bay interlocking as its CILO nodes report it (IEC 61850-7-4).

A disconnector or earthing switch may move while every breaker of its logical device is open; a breaker always may.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tieline.protocols.iec61850.scl import Scl, SclPoint
from tieline.simulator.devices.device import Column

OPEN, CLOSED = 1.0, 2.0
_BREAKER = "CBR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A switch with a switch controller (CSWI); the numbers are those of points, in the device."""

    reference: str
    """`LD/CSWI1.Pos`."""
    is_breaker: bool
    is_earthing: bool
    positions: tuple[int, ...]
    """Those that report where it is: of the controller first, then of the switch itself (XCBR, XSWI)."""
    may_open: int | None
    may_close: int | None


class Switches:
    """All switches of an IED."""

    def __init__(self, scl: Scl, points: Sequence[SclPoint]) -> None:
        pieces = {
            f"{substation.name}/{level.name}/{bay.name}/{piece.name}": piece
            for substation in scl.substations
            for level in substation.voltage_levels
            for bay in level.bays
            for piece in bay.equipment
        }
        status = {
            (point.reference.rpartition(".")[0], point.reference.rpartition(".")[2]): number
            for number, point in enumerate(points)
            if point.fc == "ST" and point.value == "stVal"
        }
        self._switches: dict[str, Switch] = {}
        for (node, data_object), number in status.items():
            device, _, name = node.partition("/")
            if data_object != "Pos" or "CSWI" not in name:
                continue
            path = next(iter(points[number].equipment), "")
            piece = pieces.get(path)
            same = [
                other
                for (_, what), other in status.items()
                if what == "Pos" and other != number and path and points[other].equipment[:1] == (path,)
            ]
            interlock = f"{device}/{name.replace('CSWI', 'CILO')}"
            self._switches[f"{node}.Pos"] = Switch(
                reference=f"{node}.Pos",
                is_breaker=piece is not None and piece.type == _BREAKER,
                is_earthing=piece is not None and any(terminal.is_grounded for terminal in piece.terminals),
                positions=(number, *same),
                may_open=status.get((interlock, "EnaOpn")),
                may_close=status.get((interlock, "EnaCls")),
            )

    def find(self, reference: str) -> Switch | None:
        """The switch of a position, `LD/CSWI1.Pos`."""
        return self._switches.get(reference)

    def __iter__(self) -> Iterator[Switch]:
        return iter(self._switches.values())

    @property
    def derived(self) -> frozenset[int]:
        """The points of the interlocking, which follow from positions."""
        found = {number for switch in self._switches.values() for number in (switch.may_open, switch.may_close)}
        return frozenset(number for number in found if number is not None)

    def interlock(self, values: Column) -> None:
        """Sets them."""
        breakers: dict[str, list[float]] = {}
        for switch in self._switches.values():
            if switch.is_breaker:
                breakers.setdefault(switch.reference.partition("/")[0], []).append(values[switch.positions[0]])
        for switch in self._switches.values():
            free = switch.is_breaker or all(each == OPEN for each in breakers.get(switch.reference.partition("/")[0], ()))
            for number in (switch.may_open, switch.may_close):
                if number is not None:
                    values[number] = float(free)
