"""The master: one association with one outstation, as a session without I/O (IEEE 1815-2012, clauses 4 and 5).

`Master` says what the application may ask; settings, events and results are values.
"""

from tieline.protocols.dnp3.master.association import MasterCounters
from tieline.protocols.dnp3.master.events import (
    Answers,
    BufferOverflowed,
    DutyRefused,
    IinChanged,
    MasterEvent,
    Measured,
    Restarted,
    StartedUp,
    TaskDone,
    Unanswered,
    Unreadable,
)
from tieline.protocols.dnp3.master.file_reading import FileAccess
from tieline.protocols.dnp3.master.master import Master
from tieline.protocols.dnp3.master.settings import ClassAssignment, EventPoll, FreezePlan, MasterSettings, TimeSynchronization
from tieline.protocols.dnp3.master.tasks import Outcome, Rank, Result

__all__ = [
    "Answers",
    "BufferOverflowed",
    "ClassAssignment",
    "DutyRefused",
    "EventPoll",
    "FileAccess",
    "FreezePlan",
    "IinChanged",
    "Master",
    "MasterCounters",
    "MasterEvent",
    "MasterSettings",
    "Measured",
    "Outcome",
    "Rank",
    "Restarted",
    "Result",
    "StartedUp",
    "TaskDone",
    "TimeSynchronization",
    "Unanswered",
    "Unreadable",
]
