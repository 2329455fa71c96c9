"""Three-valued states as small numbers, so that those of a whole network are columns.

A level is the sum of two bounds, one computed with all unknown switches open and one with all closed: 0 is false in both, 2 is true in
both, 1 is unknown. Reachability only grows with closed switches, so what agrees in these two holds for every assignment between them.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Levels = npt.NDArray[np.int8]


class State(IntEnum):
    """What a node or a piece of equipment is; a larger number is more dangerous to touch."""

    EARTHED = 0
    """De-energized, and connected to earth by a closed earthing switch."""
    DE_ENERGIZED = 1
    """Connected to no source, and not known to be earthed: not safe to touch."""
    UNKNOWN = 2
    """Whether it is energized depends on a switch whose position is not known."""
    ENERGIZED = 3
    FAULT = 4
    """Energized and earthed."""

    @property
    def words(self) -> str:
        """As a person reads it."""
        return {0: "earthed", 1: "de-energized", 2: "unknown", 3: "energized", 4: "energized and earthed"}[self.value]


class Position(IntEnum):
    """A switch's position."""

    OPEN = 0
    CLOSED = 1
    UNKNOWN = 2


_STATES = np.array(
    [
        [State.DE_ENERGIZED, State.DE_ENERGIZED, State.EARTHED],
        [State.UNKNOWN, State.UNKNOWN, State.UNKNOWN],
        [State.ENERGIZED, State.ENERGIZED, State.FAULT],
    ],
    np.int8,
)


def states_of(energized: Levels, earthed: Levels) -> Levels:
    """The states for these levels. Earthing that is not known neither makes a dead part safe nor a live one faulty."""
    found: Levels = _STATES[energized, earthed]
    return found


def known(level: int) -> bool | None:
    """A level as a truth value; None where it is unknown."""
    return (False, None, True)[level]
