"""Alarms of the communications network that are made where nobody has described any: each says what differs from the design."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tieline.config.alarm_defaults import COMMUNICATION, text_of
from tieline.config.alarm_plan import AlarmPlan
from tieline.config.snmp import Measure, SnmpDevice
from tieline.model.alarms import AlarmKind

LASTING_S = 60.0
"""Traffic in bursts is normal; what lasts longer is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alarm:
    name: str
    words: str
    """After what it is about: `ng-acc port 16 to ng-fw: the link is down`."""
    priority: int
    limit: float | None = None
    """None for a state, of which 0 is abnormal."""
    hysteresis: float = 0.0
    on_delay_s: float = 0.0
    response: str = ""


def _state(name: str, words: str, priority: int, response: str) -> _Alarm:
    return _Alarm(name=name, words=words, priority=priority, response=response)


def _high(
    name: str, words: str, priority: int, limit: float, response: str, *, hysteresis: float, lasting: bool = True
) -> _Alarm:
    return _Alarm(
        name=name,
        words=words,
        priority=priority,
        limit=limit,
        hysteresis=hysteresis,
        on_delay_s=LASTING_S if lasting else 0.0,
        response=response,
    )


_FULL = "find out what sends so much; compare with the utilization in the network's report"
_ALARMS: Mapping[Measure, _Alarm] = {
    Measure.LINK: _state("link_down", "the link is down", 2, "see what still works without it, then look at cable and far end"),
    Measure.SUPPLY: _state("supply_lost", "has no power", 2, "restore it: the next failure may stop the node"),
    Measure.NEIGHBOR: _state(
        "neighbor_wrong", "another neighbor than designed", 3, "see what is plugged in there, and who did that"
    ),
    Measure.FIRMWARE: _state(
        "firmware_wrong", "another firmware than designed", 3, "find out who changed it; correct it or nodes.csv"
    ),
    Measure.POE: _state("poe_off", "delivers no power", 3, "look whether the device is there; restart it by the port's power"),
    Measure.IN_PERCENT: _high("utilization", "received more than 80 % of what the link carries", 3, 80.0, _FULL, hysteresis=5.0),
    Measure.OUT_PERCENT: _high("utilization", "sends more than 80 % of what the link carries", 3, 80.0, _FULL, hysteresis=5.0),
    Measure.ERRORS_PER_S: _high(
        "frame_errors",
        "frames with errors",
        3,
        0.1,
        "look at cable, connectors, transceivers and the duplex mode",
        hysteresis=0.05,
    ),
    Measure.DRIFT: _high(
        "drift",
        "differs from the design",
        4,
        0.5,
        "correct what was changed, or the description of it",
        hysteresis=0.0,
        lasting=False,
    ),
}


def watch_alarms(device: SnmpDevice) -> Iterator[AlarmPlan]:
    """The alarms of a watched node, that it does not answer among them."""
    yield AlarmPlan(
        id=f"{device.site}/{COMMUNICATION}/{device.name}",
        site=device.site,
        device=device.name,
        name=COMMUNICATION,
        text=text_of(AlarmKind.COMMUNICATION, device.name, None),
        kind=AlarmKind.COMMUNICATION,
        priority=2,
    )
    for row, point in zip(device.rows, device.points, strict=True):
        alarm = _ALARMS.get(row.measure)
        if alarm is not None:
            about = point.description.rpartition(": ")[0]
            yield AlarmPlan(
                id=f"{point.site}/{alarm.name}/{point.device}/{point.name}",
                site=point.site,
                device=point.device,
                point=point,
                name=alarm.name,
                text=f"{about}: {alarm.words}",
                kind=AlarmKind.STATE if alarm.limit is None else AlarmKind.HIGH,
                priority=alarm.priority,
                limit=alarm.limit,
                hysteresis=alarm.hysteresis,
                abnormal=frozenset({0}) if alarm.limit is None else frozenset(),
                on_delay_s=alarm.on_delay_s,
                response=alarm.response,
            )
