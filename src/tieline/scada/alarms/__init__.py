"""Alarms by ISA-18.2 and IEC 62682: raised, told, answered, kept."""

from tieline.scada.alarms.engine import AlarmEngine
from tieline.scada.alarms.floods import Flood
from tieline.scada.alarms.machine import TABLE, Trigger
from tieline.scada.alarms.metrics import BadActor, Metrics
from tieline.scada.alarms.service import AlarmService, Changed, Done, Permits, Requester, by_roles
from tieline.scada.alarms.store import AlarmStore, JournalEntry

__all__ = [
    "TABLE",
    "AlarmEngine",
    "AlarmService",
    "AlarmStore",
    "BadActor",
    "Changed",
    "Done",
    "Flood",
    "JournalEntry",
    "Metrics",
    "Permits",
    "Requester",
    "Trigger",
    "by_roles",
]
