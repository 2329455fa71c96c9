"""Common data classes (IEC 61850-7-3): which of their attributes is the value, and what kind of point it makes."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, IntEnum

from tieline.model import PointKind
from tieline.protocols.iec61850.scl.templates import AttributeType

CONTROLLABLE = frozenset({"SPC", "DPC", "INC", "ENC", "BSC", "ISC", "APC", "BAC"})

# Of the attributes of a data object those that are its value, each with what stands in for it where it is missing.
_VALUES: tuple[tuple[str, ...], ...] = (
    ("stVal",),
    ("general",),
    ("phsA",),
    ("phsB",),
    ("phsC",),
    ("neut",),
    ("dirGeneral",),
    ("actVal", "frVal"),
    ("cnt",),
    ("valWTr.posVal",),
    ("mag.f", "mag.i", "instMag.f", "instMag.i"),
    ("cVal.mag.f", "cVal.mag.i", "instCVal.mag.f", "instCVal.mag.i"),
    ("mxVal.f", "mxVal.i"),
    ("setMag.f", "setMag.i"),
    ("setVal",),
)
_NUMBERS = frozenset(
    [
        *("INT8", "INT16", "INT24", "INT32", "INT64", "INT128", "INT8U", "INT16U", "INT24U", "INT32U", "INT64U"),
        *("FLOAT32", "FLOAT64", "Enum", "Tcmd"),
    ]
)
_COUNTERS = frozenset({"BCR", "SEC"})
_CONTROL_VALUES = ("Oper.ctlVal", "Oper.ctlVal.f", "Oper.ctlVal.i", "Oper.setMag.f", "Oper.setMag.i")


class Role(Enum):
    """What an attribute is to the point of its data object."""

    VALUE = "value"
    QUALITY = "quality"
    TIME = "time"
    OTHER = "other"


class ControlModel(IntEnum):
    """How a command is carried out (ctlModel; the ordinals are those of IEC 61850-7-3)."""

    STATUS_ONLY = 0
    DIRECT_NORMAL = 1
    SBO_NORMAL = 2
    DIRECT_ENHANCED = 3
    SBO_ENHANCED = 4

    @property
    def needs_select(self) -> bool:
        """Select before operate."""
        return self in {ControlModel.SBO_NORMAL, ControlModel.SBO_ENHANCED}

    @property
    def is_enhanced(self) -> bool:
        """The server reports with a command termination how it ended."""
        return self in {ControlModel.DIRECT_ENHANCED, ControlModel.SBO_ENHANCED}


CONTROL_MODELS = {
    "status-only": ControlModel.STATUS_ONLY,
    "direct-with-normal-security": ControlModel.DIRECT_NORMAL,
    "sbo-with-normal-security": ControlModel.SBO_NORMAL,
    "direct-with-enhanced-security": ControlModel.DIRECT_ENHANCED,
    "sbo-with-enhanced-security": ControlModel.SBO_ENHANCED,
    **{str(model.value): model for model in ControlModel},
}


def is_numeric(b_type: str) -> bool:
    """Whether a value of that basic type can be a sample."""
    return b_type in _NUMBERS or b_type in {"BOOLEAN", "Dbpos"}


def values_among(attributes: Iterable[str]) -> frozenset[str]:
    """Those of a data object's attributes that are its values: `cVal.mag.f` and not `instCVal.mag.f` where both are there."""
    there = set(attributes)
    chosen = (next((path for path in alternatives if path in there), None) for alternatives in _VALUES)
    return frozenset(path for path in chosen if path)


def control_value_among(attributes: Iterable[str]) -> str | None:
    """The attribute by which a data object is operated; None where it cannot be."""
    there = set(attributes)
    return next((path for path in _CONTROL_VALUES if path in there), None)


def role_of(name: str, attribute: AttributeType) -> Role:
    """Quality and time by their basic types: vendors name them differently in data of their own."""
    if attribute.b_type == "Quality":
        return Role.QUALITY
    if attribute.b_type == "Timestamp" and name == "t":
        return Role.TIME
    return Role.OTHER


def kind_of(cdc: str, data_object: str, b_type: str, fc: str) -> PointKind:
    """What a value read, or a setting written, is as a point."""
    if fc == "SP":
        return PointKind.CONTROL if b_type == "BOOLEAN" else PointKind.SETPOINT
    if b_type == "BOOLEAN":
        return PointKind.BINARY
    if b_type == "Dbpos":
        return PointKind.DOUBLE
    is_counter = cdc in _COUNTERS or (cdc == "INS" and data_object.endswith("Cnt"))
    return PointKind.COUNTER if is_counter else PointKind.ANALOG


def control_kind_of(b_type: str) -> PointKind:
    """What a controllable data object is as a point: a switch or step command, or a number."""
    return PointKind.CONTROL if b_type in {"BOOLEAN", "Dbpos", "Tcmd"} else PointKind.SETPOINT
