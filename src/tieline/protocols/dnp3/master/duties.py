"""The table of what a master does on its own account, from its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tieline.protocols.dnp3.master.agenda import Duty
from tieline.protocols.dnp3.master.clock_setting import synchronize
from tieline.protocols.dnp3.master.settings import EVENT_CLASSES, EventPoll, FreezePlan, MasterSettings, TimeSynchronization
from tieline.protocols.dnp3.master.tasks import (
    Rank,
    Steps,
    assign_classes,
    clear_restart,
    freeze_and_read,
    read_classes,
    set_unsolicited,
    write_deadbands,
)


def duties_of(settings: MasterSettings, classes_to_scan: Callable[[], Iterable[int]]) -> list[Duty]:
    """All duties; `classes_to_scan` says which classes the outstation indicates events of."""
    duties = [
        Duty(rank=Rank.CLEAR_RESTART, steps=clear_restart),
        Duty(
            rank=Rank.INTEGRITY,
            steps=lambda: read_classes((0, 1, 2, 3)),
            at_link_up=True,
            at_restart=settings.integrity_on_restart,
            period_s=settings.integrity_period_s,
        ),
        Duty(rank=Rank.SCAN_EVENTS, steps=lambda: read_classes(classes_to_scan())),
    ]
    if settings.disable_unsolicited_at_start:
        duties.append(_at_start(Rank.DISABLE_UNSOLICITED, lambda: set_unsolicited(False, EVENT_CLASSES)))
    if settings.time_synchronization is not TimeSynchronization.OFF:
        duties.append(Duty(rank=Rank.SYNCHRONIZE_TIME, steps=lambda: synchronize(settings.time_synchronization)))
    if settings.class_assignments:
        duties.append(_at_start(Rank.ASSIGN_CLASSES, lambda: assign_classes(settings.class_assignments)))
    if settings.deadbands:
        duties.append(_at_start(Rank.WRITE_DEADBANDS, lambda: write_deadbands(settings.deadbands, settings.deadband_variation)))
    if settings.unsolicited_classes:
        duties.append(_at_start(Rank.ENABLE_UNSOLICITED, lambda: set_unsolicited(True, settings.unsolicited_classes)))
    duties += [_poll(poll) for poll in settings.event_polls]
    if settings.freeze is not None:
        duties.append(_freeze(settings.freeze))
    return duties


def _at_start(rank: Rank, steps: Callable[[], Steps]) -> Duty:
    return Duty(rank=rank, steps=steps, at_link_up=True, at_restart=True)


def _poll(poll: EventPoll) -> Duty:
    return Duty(rank=Rank.POLL_EVENTS, steps=lambda: read_classes(poll.classes), period_s=poll.period_s)


def _freeze(plan: FreezePlan) -> Duty:
    return Duty(rank=Rank.FREEZE, steps=lambda: freeze_and_read(clear=plan.clear), period_s=plan.period_s)
