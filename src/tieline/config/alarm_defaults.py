"""Alarms that are made where nobody has described any: what is worth a person's attention at every site.

Each device and the site's own link get a communication alarm, trips of the protection a state alarm, what detection finds an
event alarm. Whether these are right for a utility is for its alarm engineers to say (ISA-18.2 clause 9, rationalization):
`alarms.csv` replaces them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tieline.config.alarm_events import EVENT_OF
from tieline.config.alarm_plan import AlarmPlan
from tieline.config.detection import PointDetection
from tieline.model import Point, PointKind
from tieline.model.alarms import AlarmKind

LINK = "link"
COMMUNICATION = "communication"
TRIP = "trip"

_EVENT_WORDS = {
    "limit_exceeded": "beyond a limit",
    "rate_exceeded": "moves too fast",
    "value_stuck": "is stuck",
    "flatline": "has lost its unrest",
    "spike": "has jumped for one sample",
    "data_missing": "sends nothing",
    "disagreement": "disagrees with others",
    "unusual_value": "does not fit its neighbors",
}
_KIND_WORDS = {
    AlarmKind.HIGH_HIGH: "very high",
    AlarmKind.HIGH: "high",
    AlarmKind.LOW: "low",
    AlarmKind.LOW_LOW: "very low",
    AlarmKind.DEVIATION: "deviates",
    AlarmKind.RATE: "moves too fast",
    AlarmKind.STATE: "abnormal",
    AlarmKind.QUALITY: "bad quality",
}


def text_of(kind: AlarmKind, device: str, point: Point | None, event: str = "") -> str:
    """What people read of an alarm that nobody has described."""
    what = (point.description or f"{device}/{point.name}") if point else device or "site"
    if kind is AlarmKind.COMMUNICATION:
        return f"{device} does not answer" if device else "site is not heard"
    if kind is AlarmKind.EVENT:
        return f"{what}: {_EVENT_WORDS.get(event, event.replace('_', ' '))}"
    if kind is AlarmKind.STATE and point is not None and point.quantity == TRIP:
        return what
    return f"{what}: {_KIND_WORDS[kind]}"


def default_alarms(
    site: str, devices: Iterable[str], points: Iterable[Point], detection: Iterable[PointDetection]
) -> Iterator[AlarmPlan]:
    """The alarms of a site that nobody has described."""
    kind = AlarmKind.COMMUNICATION
    yield AlarmPlan(id=f"{site}/{LINK}", site=site, name=LINK, text=text_of(kind, "", None), kind=kind, priority=2)
    for device in devices:
        yield AlarmPlan(
            id=f"{site}/{COMMUNICATION}/{device}",
            site=site,
            device=device,
            name=COMMUNICATION,
            text=text_of(kind, device, None),
            kind=kind,
            priority=2,
        )
    for point in points:
        if point.quantity == TRIP and point.kind is PointKind.BINARY:
            yield _of_point(point, TRIP, AlarmKind.STATE, priority=2, abnormal=frozenset({1}))
    for each in detection:
        event = EVENT_OF[type(each.looks_for)]
        yield _of_point(each.point, event, AlarmKind.EVENT, priority=3, event=event)


def _of_point(
    point: Point, name: str, kind: AlarmKind, *, priority: int, abnormal: frozenset[int] = frozenset(), event: str = ""
) -> AlarmPlan:
    return AlarmPlan(
        id=f"{point.site}/{name}/{point.device}/{point.name}",
        site=point.site,
        device=point.device,
        point=point,
        name=name,
        text=text_of(kind, point.device, point, event),
        kind=kind,
        priority=priority,
        abnormal=abnormal,
        event=event,
        equipment=point.equipment,
    )
