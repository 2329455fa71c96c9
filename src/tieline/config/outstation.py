"""The outstations that Tieline itself is: points of a site, presented to a SCADA master that is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from tieline.config.dnp3 import Dnp3Connection, LinkAddress
from tieline.config.dnp3_points import GROUPS
from tieline.config.fields import Name, Strict
from tieline.model import Point, PointKind

PRESENTED: dict[int, frozenset[PointKind]] = {
    1: frozenset({PointKind.BINARY, PointKind.CONTROL}),
    3: frozenset({PointKind.DOUBLE}),
    10: frozenset({PointKind.BINARY, PointKind.CONTROL}),
    20: frozenset({PointKind.COUNTER}),
    30: frozenset({PointKind.ANALOG, PointKind.SETPOINT}),
    40: frozenset({PointKind.ANALOG, PointKind.SETPOINT}),
}
"""The groups in which points are presented, and the kinds of points that fit each."""


def _check_masters(masters: tuple[int, ...]) -> tuple[int, ...]:
    for position, master in enumerate(masters):
        if master in masters[:position]:
            raise ValueError(f"names {master} twice; name each master once")
    return masters


def _check_point(point: str) -> str:
    if point.count("/") != 1:
        raise ValueError("is not of the form device/name; name the device and the point in it, for example rtu-1/p")
    return point


def _check_group(group: int) -> int:
    if group not in PRESENTED:
        raise ValueError(f"is not a group that points are presented in; write one of {', '.join(map(str, PRESENTED))}")
    return group


class OutstationRow(Strict):
    """One row of an outstation's list: which point of the site is which object. Sent is (value - offset) / scale."""

    model_config = ConfigDict(validate_by_name=True)

    point: Annotated[str, AfterValidator(_check_point)] = Field(description="device/name of the same site")
    group: Annotated[int, AfterValidator(_check_group)]
    index: int = Field(ge=0, le=65_535)
    event_class: int | None = Field(default=None, validation_alias="class", ge=0, le=3)
    variation: int = Field(default=0, ge=0, le=255)
    event_variation: int = Field(default=0, ge=0, le=255)
    deadband: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="in the point's unit")
    scale: float = Field(default=1.0, allow_inf_nan=False)
    offset: float = Field(default=0.0, allow_inf_nan=False)

    @property
    def assigned_class(self) -> int:
        """The class of its events: what the row says, or 1 for states, 2 for analog values, 3 for counters."""
        return GROUPS[self.group].event_class if self.event_class is None else self.event_class


@dataclass(frozen=True, slots=True, kw_only=True)
class Outstation:
    """An outstation that the site's gateway is; `rows[i]` says which object `points[i]` is."""

    site: str
    name: str
    description: str
    outstation: int
    masters: tuple[int, ...]
    connection: Dnp3Connection
    unsolicited: bool
    event_buffer: int
    rows: tuple[OutstationRow, ...]
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        """`site/outstation`."""
        return f"{self.site}/{self.name}"


class OutstationSection(Strict):
    """One outstation that the site's gateway is."""

    name: Name
    description: str = ""
    points: str | None = Field(default=None, description="its list, relative to the site; outstations/<name>.csv by default")
    outstation: LinkAddress
    masters: Annotated[tuple[LinkAddress, ...], AfterValidator(_check_masters)] = Field(
        min_length=1, description="who may ask; each has events of its own"
    )
    connection: Dnp3Connection
    unsolicited: bool = Field(default=True, description="a master may enable unsolicited responses")
    event_buffer: int = Field(default=10_000, ge=1, le=10_000_000, description="events kept for each class and master")

    def to_outstation(self, site: str, rows: Sequence[OutstationRow], points: Sequence[Point]) -> Outstation:
        """The outstation that the section and its list describe."""
        return Outstation(
            site=site,
            name=self.name,
            description=self.description,
            outstation=self.outstation,
            masters=self.masters,
            connection=self.connection,
            unsolicited=self.unsolicited,
            event_buffer=self.event_buffer,
            rows=tuple(rows),
            points=tuple(points),
        )
