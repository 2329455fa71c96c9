"""DNP3's object groups as point lists name them, and the rows of such a list (IEEE 1815-2012, annex A)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from tieline.config.rows import PointRow
from tieline.model import PointKind

INT16, INT32 = (-(2.0**15), 2.0**15 - 1), (-(2.0**31), 2.0**31 - 1)
UINT16, UINT32 = (0.0, 2.0**16 - 1), (0.0, 2.0**32 - 1)

_BINARY = frozenset({PointKind.BINARY})
_DOUBLE = frozenset({PointKind.DOUBLE})
_COUNTER = frozenset({PointKind.COUNTER})
_ANALOG = frozenset({PointKind.ANALOG})
_CONTROL = frozenset({PointKind.CONTROL})
_SETPOINT = frozenset({PointKind.SETPOINT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An object group whose objects are points."""

    name: str
    kinds: frozenset[PointKind]
    variations: frozenset[int]
    """Of the static object, or of the command."""
    event_group: int | None = None
    event_variations: frozenset[int] = frozenset()
    event_class: int = 0
    """The class of its events where nobody states one, in the outstations that we are."""
    spans: Mapping[int, tuple[float, float]]
    """Variation: the lowest and highest integer that it holds; floating point is left out."""

    @property
    def is_written(self) -> bool:
        """Whether its objects are commands; what reports the outputs is of another group."""
        return self.event_group is None


_COUNTS = {1: UINT32, 2: UINT16, 5: UINT32, 6: UINT16}
_VALUES = {1: INT32, 2: INT16, 3: INT32, 4: INT16}
_OUTPUTS = {1: INT32, 2: INT16}


def _up_to(last: int) -> frozenset[int]:
    return frozenset(range(1, last + 1))


GROUPS: Mapping[int, Group] = {
    1: Group(
        name="binary input",
        kinds=_BINARY,
        variations=_up_to(2),
        event_group=2,
        event_variations=_up_to(3),
        event_class=1,
        spans={},
    ),
    3: Group(
        name="double-bit binary input",
        kinds=_DOUBLE,
        variations=_up_to(2),
        event_group=4,
        event_variations=_up_to(3),
        event_class=1,
        spans={},
    ),
    10: Group(
        name="binary output status",
        kinds=_BINARY,
        variations=_up_to(2),
        event_group=11,
        event_variations=_up_to(2),
        event_class=1,
        spans={},
    ),
    12: Group(name="control relay output block", kinds=_CONTROL, variations=_up_to(1), spans={}),
    20: Group(
        name="counter",
        kinds=_COUNTER,
        variations=frozenset({1, 2, 5, 6}),
        event_group=22,
        event_variations=frozenset({1, 2, 5, 6}),
        event_class=3,
        spans=_COUNTS,
    ),
    21: Group(
        name="frozen counter",
        kinds=_COUNTER,
        variations=frozenset({1, 2, 5, 6, 9, 10}),
        event_group=23,
        event_variations=frozenset({1, 2, 5, 6}),
        event_class=3,
        spans=_COUNTS | {9: UINT32, 10: UINT16},
    ),
    30: Group(
        name="analog input",
        kinds=_ANALOG,
        variations=_up_to(6),
        event_group=32,
        event_variations=_up_to(8),
        event_class=2,
        spans=_VALUES,
    ),
    31: Group(
        name="frozen analog input",
        kinds=_ANALOG,
        variations=_up_to(8),
        event_group=33,
        event_variations=_up_to(8),
        event_class=2,
        spans=_VALUES | {5: INT32, 6: INT16},
    ),
    40: Group(
        name="analog output status",
        kinds=_ANALOG,
        variations=_up_to(4),
        event_group=42,
        event_variations=_up_to(8),
        event_class=2,
        spans=_OUTPUTS,
    ),
    41: Group(name="analog output", kinds=_SETPOINT, variations=_up_to(4), spans=_OUTPUTS),
}
"""The groups that the points of an outstation can be of."""

STATUS_GROUPS: Mapping[int, int] = {12: 10, 41: 40}
"""Of commands: the group that reports the outputs, under the same index."""


def _check_group(group: int) -> int:
    if group not in GROUPS:
        raise ValueError(f"is not a group of points; write one of {', '.join(map(str, GROUPS))}")
    return group


GroupNumber = Annotated[int, AfterValidator(_check_group)]
Operation = Literal["latch", "trip_close", "pulse"]


class Dnp3Row(PointRow):
    """One row of a DNP3 outstation's point list: the columns of every point list and which object of the outstation it is."""

    model_config = ConfigDict(validate_by_name=True)

    group: GroupNumber
    index: int = Field(ge=0, le=65_535)
    event_class: int | None = Field(
        default=None, validation_alias="class", ge=0, le=3, description="0: no events; empty: what the outstation has"
    )
    variation: int = Field(default=0, ge=0, le=255, description="of the static object or the command; 0: the default")
    event_variation: int = Field(default=0, ge=0, le=255, description="0: the default")
    scale: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)
    operation: Operation = Field(default="latch", description="what a control does")
    on_ms: int = Field(default=100, ge=0, le=2**32 - 1)
    off_ms: int = Field(default=100, ge=0, le=2**32 - 1)
    count: int = Field(default=1, ge=1, le=255, description="how often a pulse is given")

    @property
    def span(self) -> tuple[float, float] | None:
        """The lowest and highest value in engineering units; None where nothing bounds it."""
        raw = GROUPS[self.group].spans.get(self.command_variation if self.kind is PointKind.SETPOINT else self.variation)
        if raw is None:
            return None
        lowest, highest = sorted(limit * self.scale + self.offset for limit in raw)
        return lowest, highest

    @property
    def command_variation(self) -> int:
        """The variation in which a command is sent: 32-bit integers where none is stated, which every analog output takes."""
        return self.variation or 1

    @property
    def step(self) -> float:
        """The difference between two neighboring values; 0 where the outstation chooses the variation, or for floating point."""
        is_whole = self.kind is PointKind.COUNTER or self.span is not None
        return abs(self.scale) if is_whole else 0.0
