"""Alarms as viewers get them, made from the columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from tieline.model import Now, Quality
from tieline.model.alarms import Alarm, AlarmState
from tieline.scada.alarms.conditions import Rows
from tieline.scada.alarms.engine import AlarmEngine
from tieline.scada.alarms.machine import STATES


def alarms_of(engine: AlarmEngine, rows: Rows, now: Now) -> tuple[Alarm, ...]:
    """The alarms in these rows as they stand."""
    columns = {name: column.tolist() for name, column in _columns(engine, rows, now).items()}
    made = []
    for place, row in enumerate(rows.tolist()):
        plan = engine.plan[row]
        values = {name: column[place] for name, column in columns.items()}
        state, value = STATES[values.pop("state")], values.pop("value")
        made.append(
            Alarm(
                id=plan.id,
                site=plan.site,
                device=plan.device,
                point=plan.point.name if plan.point else "",
                name=plan.name,
                text=plan.text,
                kind=plan.kind,
                priority=plan.priority,
                state=state,
                value=None if value != value else value,
                reason=_reason(engine, row, state),
                unit=plan.point.unit if plan.point else "",
                limit=plan.limit,
                group=plan.group,
                area=plan.area,
                equipment=plan.equipment,
                consequence=plan.consequence,
                response=plan.response,
                **values,
            )
        )
    return tuple(made)


def _columns(engine: AlarmEngine, rows: Rows, now: Now) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    """Those fields of an alarm that change."""
    standing = engine.standing
    return {
        "state": standing.state[rows],
        "is_active": engine.delays.is_active[rows],
        "raised": standing.raised[rows],
        "raised_received": standing.raised_received[rows],
        "has_device_time": (standing.raised_quality[rows] & int(Quality.DEVICE_TIME)) != 0,
        "returned": standing.returned[rows],
        "acknowledged": standing.acknowledged[rows],
        "acknowledged_by": standing.acknowledged_by[rows],
        "value": standing.value[rows],
        "quality": standing.quality[rows],
        "shelved_until": standing.shelved_until[rows],
        "shelved_by": standing.shelved_by[rows],
        "out_of_service_by": standing.out_by[rows],
        "is_first_out": engine.first_out.is_marked[rows],
        "is_chattering": standing.chatters(now.utc_us)[rows],
        "is_stale": standing.is_old(engine.delays.is_active, now.utc_us)[rows],
        "is_communication_lost": engine.is_lost[rows],
        "count": standing.count[rows],
        "revision": standing.revision[rows],
    }


def _reason(engine: AlarmEngine, row: int, state: AlarmState) -> str:
    """Why it is held back."""
    standing = engine.standing
    match state:
        case AlarmState.OUT_OF_SERVICE:
            return str(standing.out_reason[row])
        case AlarmState.SUPPRESSED:
            return str(standing.suppressed_reason[row]) if standing.is_suppressed_by_logic[row] else engine.plan[row].suppress
        case AlarmState.SHELVED:
            return str(standing.shelved_reason[row])
        case _:
            return ""
