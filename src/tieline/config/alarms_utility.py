"""`[alarms]` in `utility.toml`: how long the journal is kept, and the alarms of what the center and the DMZ say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import Field, model_validator

from tieline.config.alarm_plan import AlarmPlan
from tieline.config.fields import Seconds, Strict
from tieline.config.own_points import CENTER, DMZ, ROLES
from tieline.model import Point
from tieline.model.alarms import AlarmKind

HIGH, VERY_HIGH, LOW = AlarmKind.HIGH, AlarmKind.HIGH_HIGH, AlarmKind.LOW
_AREA = "tieline"


class UtilityAlarms(Strict):
    """The section."""

    keep_days: int = Field(default=400, ge=1, le=36_500, description="lines of the journal are kept for so long")
    most_mb: int = Field(default=4_096, ge=64, description="the journal and the states of all alarms take so much at the most")
    own: bool = Field(default=True, description="whether alarms are made of what the center and the DMZ say of themselves")
    disk_percent: float = Field(default=85.0, gt=0, le=100)
    disk_full_percent: float = Field(default=95.0, gt=0, le=100)
    stream_percent: float = Field(default=50.0, gt=0, le=100)
    stream_full_percent: float = Field(default=85.0, gt=0, le=100)
    certificate_days: float = Field(default=30.0, ge=0)
    delay_s: Seconds = Field(default=60.0, description="from a measurement to its commit")

    @model_validator(mode="after")
    def _is_in_order(self) -> UtilityAlarms:
        if self.disk_full_percent <= self.disk_percent:
            raise ValueError("disk_full_percent is not above disk_percent")
        if self.stream_full_percent <= self.stream_percent:
            raise ValueError("stream_full_percent is not above stream_percent")
        return self


@dataclass(frozen=True, slots=True)
class _Own:
    name: str
    point: str
    kind: AlarmKind
    priority: int
    limit: str
    """The key of the section that has it."""
    hysteresis: float
    on_delay_s: float
    consequence: str
    response: str


_EVERY_ROLE = (
    _Own(
        *("disk", "disk_used_percent", HIGH, 2, "disk_percent", 1.0, 60.0),
        "The disk is full soon; then nothing more is stored",
        "Free space, or shorten the retention",
    ),
    _Own(
        *("disk_full", "disk_used_percent", VERY_HIGH, 1, "disk_full_percent", 1.0, 10.0),
        "Nothing is stored any more: history, alarms and audit stop",
        "Free space at once",
    ),
    _Own(
        *("certificate", "certificate_left_days", LOW, 3, "certificate_days", 1.0, 0.0),
        "The role is refused by all others after that",
        "Find out why it was not renewed; see the log",
    ),
)
_AT_CENTER = (
    _Own(
        *("stream", "stream_percent", HIGH, 2, "stream_percent", 10.0, 10.0),
        "The historian does not follow; live values stay fresh for now",
        "Look at the historian's log and its disk",
    ),
    _Own(
        *("stream_full", "stream_percent", VERY_HIGH, 1, "stream_full_percent", 5.0, 10.0),
        "The center takes nothing from the sites any more; they store it themselves",
        "Look at the historian's log and its disk; restart it",
    ),
    _Own(
        *("delay", "ingest_delay_s", HIGH, 3, "delay_s", 0.0, 30.0),
        "The history is behind",
        "Look at the load of the center",
    ),
)


def own_alarms(role: str, points: Iterable[Point], section: UtilityAlarms) -> Iterator[AlarmPlan]:
    """The alarms of what a role without a site says of itself, and of whether the DMZ is heard."""
    if not section.own:
        return
    title = ROLES[role]
    if role == DMZ:
        yield AlarmPlan(
            id=f"{role}/link",
            site=role,
            name="link",
            text=f"{title} is not heard",
            kind=AlarmKind.COMMUNICATION,
            priority=1,
            on_delay_s=5.0,
            area=_AREA,
            consequence="No site is heard; they store what they measure",
            response="Look at the machine and the network of the DMZ",
        )
    by_name = {point.name: point for point in points}
    for own in (*_EVERY_ROLE, *(_AT_CENTER if role == CENTER else ())):
        point = by_name[own.point]
        limit: float = getattr(section, own.limit)
        yield AlarmPlan(
            id=f"{role}/{own.name}",
            site=role,
            device=point.device,
            point=point,
            name=own.name,
            text=f"{title}: {point.description[0].lower()}{point.description[1:]}: {'low' if own.kind is LOW else 'high'}",
            kind=own.kind,
            priority=own.priority,
            limit=limit,
            hysteresis=own.hysteresis,
            on_delay_s=own.on_delay_s,
            area=_AREA,
            consequence=own.consequence,
            response=own.response,
        )
