"""From a device of the utility folder to a master's settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tieline.config.dnp3 import Dnp3Device
from tieline.config.dnp3_points import GROUPS
from tieline.protocols.dnp3.master import (
    ClassAssignment,
    EventPoll,
    FreezePlan,
    MasterSettings,
    TimeSynchronization,
)
from tieline.protocols.dnp3.measurements import POINT_TYPES

_SYNCHRONIZATION = {
    "lan": TimeSynchronization.LAN,
    "non_lan": TimeSynchronization.NON_LAN,
    "off": TimeSynchronization.OFF,
}


def settings_of(device: Dnp3Device, *, holds_confirmations: bool = False) -> MasterSettings:
    """How a master treats the outstation that the device is."""
    connection, polls = device.connection, device.polls
    return MasterSettings(
        timeout_s=connection.timeout_s,
        retries=connection.retries,
        unsolicited_classes=frozenset(device.unsolicited),
        time_synchronization=_SYNCHRONIZATION[device.time_synchronization],
        integrity_period_s=polls.integrity_s,
        event_polls=tuple(_event_polls(device)),
        freeze=FreezePlan(period_s=device.freeze_counters_s) if device.freeze_counters_s else None,
        class_assignments=tuple(_assignments(device)) if device.assign_classes else (),
        deadbands=tuple(_deadbands(device)) if device.write_deadbands else (),
        holds_confirmations=holds_confirmations,
        max_fragment=connection.max_fragment,
    )


def reports_events(device: Dnp3Device) -> bool:
    """Whether events are asked for, or may come unasked, in a way that keeps values up to date."""
    polls = device.polls
    return bool(device.unsolicited) or any((polls.events_s, polls.class_1_s, polls.class_2_s, polls.class_3_s))


def event_delay_s(device: Dnp3Device) -> float:
    """How long an event may take until it is here: what was not contradicted for so long was true."""
    if device.unsolicited:
        return 2.0
    polls = device.polls
    return 2.0 + max(polls.events_s, polls.class_1_s, polls.class_2_s, polls.class_3_s)


def _event_polls(device: Dnp3Device) -> Iterator[EventPoll]:
    polls = device.polls
    if polls.events_s:
        yield EventPoll(period_s=polls.events_s)
    for number, period_s in ((1, polls.class_1_s), (2, polls.class_2_s), (3, polls.class_3_s)):
        if period_s:
            yield EventPoll(classes=frozenset({number}), period_s=period_s)


def _assignments(device: Dnp3Device) -> Iterator[ClassAssignment]:
    chosen: dict[tuple[int, int], list[int]] = {}
    for row in device.rows:
        if row.event_class is not None and not GROUPS[row.group].is_written:
            chosen.setdefault((row.event_class, row.group), []).append(row.index)
    for (event_class, group), indexes in sorted(chosen.items()):
        kind, _ = POINT_TYPES[group]
        yield ClassAssignment(point_class=event_class, kind=kind, ranges=tuple(ranges_of(indexes)))


def ranges_of(indexes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of consecutive indexes."""
    first = last = None
    for index in sorted(indexes):
        if last is not None and index == last + 1:
            last = index
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = index
    if first is not None and last is not None:
        yield first, last


def _deadbands(device: Dnp3Device) -> Iterator[tuple[int, float]]:
    for row, point in zip(device.rows, device.points, strict=True):
        if row.group == 30:
            yield row.index, point.reporting.deadband / abs(row.scale)
