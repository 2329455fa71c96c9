"""`sites/<site>/alarms.csv`: the master alarm database of a site (ISA-18.2 clause 6, IEC 62682 clause 6), one row an alarm or a
family."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tieline.config.fields import Name, Seconds, Strict
from tieline.model.alarms import AlarmKind

MOST_SHELVE_MIN = 7 * 24 * 60

Number = Annotated[float, Field(allow_inf_nan=False)]


class AlarmRow(Strict):
    """One row; what fits together is checked beside it, so that every mistake of a row is told at once."""

    name: Name
    point: str = Field(
        default="",
        description="device/name, with * and ? for any characters; for communication and event also a device; empty is the site itself",
    )
    type: AlarmKind
    limit: Number | None = Field(default=None, description="in the point's unit; of a rate, a second")
    hysteresis: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.0, description="so far behind the limit it returns"
    )
    reference: str = Field(default="", description="device/name of the point that a deviation is measured from")
    state: str = Field(
        default="", description="abnormal states of a binary or double point, separated by |; invalid or questionable"
    )
    event: str = Field(default="", description="kind of the events, for example value_stuck")
    on_delay_s: Seconds = Field(default=0.0, description="the condition holds for so long before it is an alarm")
    off_delay_s: Seconds = Field(default=0.0, description="the condition is gone for so long before the alarm returns")
    priority: int = Field(ge=1, le=4, description="1 critical, 2 high, 3 medium, 4 low")
    latched: bool = Field(default=False, description="stays until it is reset")
    group: str = Field(default="", max_length=64, description="of the alarms of one group the first is marked")
    area: str = Field(default="", max_length=64)
    equipment: str = Field(default="", max_length=64, description="the point's where left out")
    description: str = Field(default="", description="what people read; made from the point where left out")
    consequence: str = Field(default="", description="what happens where nobody acts")
    response: str = Field(default="", description="what to do")
    suppress: str = Field(default="", description="expression; the alarm is suppressed while it is TRUE")
    suppress_inputs: str = Field(default="", description="name = device/name, separated by ;")
    suppress_states: str = Field(
        default="",
        description="switching states of its equipment in which it is suppressed: de-energized, earthed, separated by |",
    )
    shelvable: bool = True
    most_shelve_min: float = Field(
        default=480.0, gt=0, le=MOST_SHELVE_MIN, description="it can be shelved for so long at the most"
    )


class AlarmsSection(Strict):
    """`[alarms]` in `site.toml`."""

    defaults: bool | None = Field(
        default=None, description="whether alarms are made that no row describes; where left out, only without alarms.csv"
    )
