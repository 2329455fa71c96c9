"""Select before operate: what one master has selected, and what is thereby closed to the others (clause 4.4.4).

A selection holds for the request that follows it with the next sequence number and the same objects, within a time. The outputs it
names are reserved in `Reservations`, which all associations of an outstation share.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tieline.protocols.dnp3.commands import CommandStatus

Output = tuple[int, int]
"""Group and index of an output that is commanded."""


class Reservations:
    """Which outputs are selected by whom until when."""

    def __init__(self) -> None:
        self._holders: dict[Output, tuple[object, float]] = {}

    def is_blocked(self, output: Output, holder: object, monotonic_s: float) -> bool:
        """Whether somebody else holds it."""
        found = self._holders.get(output)
        return found is not None and found[0] is not holder and monotonic_s < found[1]

    def reserve(self, outputs: Collection[Output], holder: object, until_s: float) -> None:
        """From now on nobody else may operate them."""
        self._holders.update(dict.fromkeys(outputs, (holder, until_s)))

    def release(self, holder: object) -> None:
        """They are free again."""
        for output in [output for output, found in self._holders.items() if found[0] is holder]:
            del self._holders[output]


@dataclass(frozen=True, slots=True)
class _Selected:
    objects: bytes
    sequence: int
    until_s: float


class Selection:
    """The one selection of an association."""

    def __init__(self, reservations: Reservations, timeout_s: float) -> None:
        self._reservations = reservations
        self._timeout_s = timeout_s
        self._selected: _Selected | None = None

    def is_blocked(self, output: Output, monotonic_s: float) -> bool:
        """Whether another master has selected this output."""
        return self._reservations.is_blocked(output, self, monotonic_s)

    def select(self, objects: bytes, sequence: int, outputs: Collection[Output], monotonic_s: float) -> None:
        """Takes the place of what was selected before; `objects` are the octets of the request behind its header."""
        self.clear()
        until_s = monotonic_s + self._timeout_s
        self._selected = _Selected(objects, sequence, until_s)
        self._reservations.reserve(outputs, self, until_s)

    def take(self, objects: bytes, sequence: int, monotonic_s: float) -> CommandStatus:
        """Whether these objects may be operated now; the selection is over either way."""
        selected = self._selected
        self.clear()
        if selected is None or sequence != (selected.sequence + 1) % 16 or objects != selected.objects:
            return CommandStatus.NO_SELECT
        if monotonic_s >= selected.until_s:
            return CommandStatus.TIMEOUT
        return CommandStatus.SUCCESS

    def clear(self) -> None:
        """Nothing is selected any more."""
        if self._selected is not None:
            self._selected = None
            self._reservations.release(self)
