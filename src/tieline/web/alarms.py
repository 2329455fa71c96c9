"""`/api/alarms`: the list, its journal and figures, and what people do with alarms."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from tieline.bus.scada import ActOnAlarms, AlarmAction, ListAlarms, ReadJournal, ReadMetrics, ScadaClient
from tieline.model import in_words
from tieline.model.alarms import Alarm, AlarmKind, AlarmState
from tieline.web.api import ERRORS
from tieline.web.asking import Who, ask, moment
from tieline.web.history_routes import read_range
from tieline.web.times import iso

MOST_IDS = 500
MOST_LINES = 5_000
LARGEST = 2**63 - 1


class AlarmBody(BaseModel):
    """An alarm as it stands."""

    id: str
    site: str
    device: str
    point: str
    name: str
    text: str
    kind: AlarmKind
    priority: int = Field(description="1 critical, 2 high, 3 medium, 4 low")
    state: AlarmState
    is_active: bool = Field(description="the condition holds now, also where the alarm is shelved or suppressed")
    raised: str | None = Field(description="when the condition came, by the device's clock where it has one")
    raised_received: str | None = Field(description="when the center knew")
    has_device_time: bool
    returned: str | None
    acknowledged: str | None
    acknowledged_by: str
    value: float | None
    unit: str
    quality: int
    quality_words: str
    limit: float | None
    shelved_until: str | None
    shelved_by: str
    out_of_service_by: str
    reason: str
    group: str
    is_first_out: bool
    is_chattering: bool
    is_stale: bool = Field(description="active for more than 24 hours")
    is_communication_lost: bool
    count: int
    area: str
    equipment: str
    consequence: str
    response: str
    revision: int


class AlarmsBody(BaseModel):
    """Alarms."""

    incarnation: int
    revision: int = Field(description="ask with it, and with the incarnation, for what changed since")
    is_whole: bool = Field(description="these are all there are; what was known before is to be forgotten")
    is_complete: bool = Field(description="false where more wait: ask again at once, with `after` too")
    after: str = Field(description="the last alarm of the revision that is here; empty where it is complete")
    alarms: list[AlarmBody]


class ActionName(StrEnum):
    """What can be done with alarms."""

    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    OUT_OF_SERVICE = "out-of-service"
    IN_SERVICE = "in-service"


_ACTIONS: dict[ActionName, AlarmAction] = {
    ActionName.ACKNOWLEDGE: "acknowledge",
    ActionName.RESET: "reset",
    ActionName.SHELVE: "shelve",
    ActionName.UNSHELVE: "unshelve",
    ActionName.OUT_OF_SERVICE: "take_out",
    ActionName.IN_SERVICE: "put_back",
}


class ActionBody(BaseModel):
    """With which alarms, and why."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(min_length=1, max_length=MOST_IDS)
    reason: str = Field(default="", max_length=200, description="required to shelve, and to take out of service")
    minutes: float = Field(default=60.0, gt=0, le=7 * 24 * 60, description="for shelving")


class DoneBody(BaseModel):
    """With which alarms it was done, and why not with the others."""

    ids: list[str]
    refused: dict[str, str]


class LineBody(BaseModel):
    """A line of the journal."""

    sequence: int
    alarm: str
    trigger: str
    before: AlarmState
    after: AlarmState
    time: str | None
    has_device_time: bool
    received: str | None
    value: float | None
    quality: int
    by: str
    reason: str


class JournalBody(BaseModel):
    """Lines of the journal, oldest first."""

    newest: int = Field(description="the last line's sequence; ask for what comes after it")
    lines: list[LineBody]


class FiguresBody(BaseModel):
    """The figures of ISA-18.2 clause 16, by their names; times in them are microseconds since 1970-01-01 UTC."""

    start: str
    end: str
    figures: dict[str, Any]


def alarm_router(scada: ScadaClient | None, clock: Callable[[], int]) -> APIRouter:
    """All routes under `/api/alarms`."""
    router = APIRouter(prefix="/api/alarms", responses=ERRORS)

    @router.get("", summary="Alarms that stand, or that changed")
    async def alarms(
        site: str | None = None,
        state: Annotated[list[AlarmState] | None, Query()] = None,
        priority: Annotated[list[int] | None, Query()] = None,
        kind: AlarmKind | None = None,
        text: str = "",
        since: Annotated[int, Query(ge=-1, le=LARGEST, description="a revision of an earlier answer")] = -1,
        incarnation: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
        after: Annotated[str, Query(description="of an earlier answer that was not complete")] = "",
        everything: Annotated[bool, Query(description="also those that are normal")] = False,
    ) -> AlarmsBody:
        found = await ask(scada, ListAlarms(since=since, incarnation=incarnation, after=after, everything=everything))
        words = text.lower().split()
        wanted = [
            alarm
            for alarm in found.alarms
            if (site is None or alarm.site == site)
            and (not state or alarm.state in state)
            and (not priority or alarm.priority in priority)
            and (kind is None or alarm.kind is kind)
            and all(word in f"{alarm.id} {alarm.text} {alarm.equipment} {alarm.area}".lower() for word in words)
        ]
        return AlarmsBody(
            incarnation=found.incarnation,
            revision=found.revision,
            is_whole=found.is_whole,
            is_complete=found.is_complete,
            after=found.after,
            alarms=[alarm_body(alarm) for alarm in wanted],
        )

    @router.get("/journal", summary="What happened to alarms")
    async def journal(
        start: Annotated[str, Query(alias="from")] = "-24h",
        end: Annotated[str, Query(alias="to")] = "now",
        alarm: str = "",
        after: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_LINES)] = 1_000,
    ) -> JournalBody:
        begin, until = read_range(start, end, clock())
        table = await ask(scada, ReadJournal(begin=begin, end=until, alarm=alarm, after=after, most=limit))
        lines = [_line(row) for row in table.rows]
        return JournalBody(newest=lines[-1].sequence if lines else after, lines=lines)

    @router.get("/metrics", summary="How well the alarms serve their operators (ISA-18.2 clause 16)")
    async def metrics(
        start: Annotated[str, Query(alias="from")] = "-24h",
        end: Annotated[str, Query(alias="to")] = "now",
        operators: Annotated[int, Query(ge=1, le=1_000)] = 1,
    ) -> FiguresBody:
        begin, until = read_range(start, end, clock())
        found = await ask(scada, ReadMetrics(begin=begin, end=until, operators=operators))
        return FiguresBody(start=iso(begin), end=iso(until), figures=found.values)

    @router.post("/{action}", summary="Does something with some alarms")
    async def act(action: ActionName, body: ActionBody, who: Who) -> DoneBody:
        done = await ask(
            scada,
            ActOnAlarms(who=who, action=_ACTIONS[action], ids=tuple(body.ids), reason=body.reason, minutes=body.minutes),
        )
        return DoneBody(ids=list(done.ids), refused=done.refused)

    return router


def alarm_body(alarm: Alarm) -> AlarmBody:
    """An alarm as the API shows it."""
    plain = msgspec.to_builtins(alarm)
    times = ("raised", "raised_received", "returned", "acknowledged", "shelved_until")
    plain |= {name: moment(plain[name]) for name in times}
    return AlarmBody(
        **{
            **plain,
            "value": alarm.value if alarm.value is not None and math.isfinite(alarm.value) else None,
            "quality_words": in_words(alarm.quality),
        }
    )


def _line(row: dict[str, Any]) -> LineBody:
    value = row["value"]
    is_number = isinstance(value, float | int) and math.isfinite(value)
    times = {name: moment(row[name]) for name in ("time", "received")}
    return LineBody(**{**row, **times, "value": value if is_number else None})
