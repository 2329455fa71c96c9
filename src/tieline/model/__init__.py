"""The vocabulary that every part of Tieline shares: points, samples, quality, events, commands."""

from tieline.model.audit import AuditRecord
from tieline.model.batches import Batch, Purpose
from tieline.model.commands import Command, Outcome, Result
from tieline.model.errors import (
    ConfigError,
    LocalError,
    RefusedError,
    RemoteError,
    TielineError,
    UnavailableError,
)
from tieline.model.events import Event, Severity
from tieline.model.now import Now
from tieline.model.points import Point, PointId, PointKind, Reporting, derive_point_id
from tieline.model.quality import STATUS, VALIDITY, Quality, in_words, is_good, severity
from tieline.model.samples import Samples, arrow_schema
from tieline.model.single_line import EquipmentType, SingleLine

__all__ = [
    "STATUS",
    "VALIDITY",
    "AuditRecord",
    "Batch",
    "Command",
    "ConfigError",
    "EquipmentType",
    "Event",
    "LocalError",
    "Now",
    "Outcome",
    "Point",
    "PointId",
    "PointKind",
    "Purpose",
    "Quality",
    "RefusedError",
    "RemoteError",
    "Reporting",
    "Result",
    "Samples",
    "Severity",
    "SingleLine",
    "TielineError",
    "UnavailableError",
    "arrow_schema",
    "derive_point_id",
    "in_words",
    "is_good",
    "severity",
]
