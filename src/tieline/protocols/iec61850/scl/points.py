"""From the data model of an IED to points: what can be read, set and operated, and where its quality and time are.

Theory of operation. A data set member is data of a logical node with one functional constraint. Its attributes are worked out from the
type (`members`); those that are the value of their common data class become points. Quality and time are the attributes of type
Quality and Timestamp beside the value, or those of the data object around it; in a report they may come with another member of
the same data set, so each has its own place. Controllable data objects give a second point, which commands are addressed to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tieline.model import PointKind
from tieline.protocols.iec61850.scl.common_data_classes import (
    CONTROL_MODELS,
    CONTROLLABLE,
    ControlModel,
    Role,
    control_kind_of,
    control_value_among,
    kind_of,
)
from tieline.protocols.iec61850.scl.control_blocks import DataSet
from tieline.protocols.iec61850.scl.document import Scl
from tieline.protocols.iec61850.scl.findings import Findings, SclFinding
from tieline.protocols.iec61850.scl.ied import Ied, LogicalDevice, LogicalNode
from tieline.protocols.iec61850.scl.members import Part
from tieline.protocols.iec61850.scl.templates import DOType, EnumType, Templates
from tieline.protocols.iec61850.scl.values import ConfiguredValues

MOST_POINTS = 200_000
"""Of one IED."""
_MOST_PARTS = 4_000_000
"""Attributes looked at for one IED."""
_READ = ("ST", "MX")
_SETTINGS = ("SP",)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the values of a data set: the member, and the way down through its structures."""

    member: int
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data set in which a point comes."""

    data_set: str
    """`LD/LLN0.ds1`."""
    value: Slot
    quality: Slot | None
    time: Slot | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How a data object is operated."""

    model: ControlModel | None
    """None where the file does not say: the server knows."""
    b_type: str
    """Of the control value."""
    sbo_timeout_ms: int | None = None
    operate_timeout_ms: int | None = None
    step: float | None = None
    has_operate_time: bool = False
    """Time-activated operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SclPoint:
    """A point as the file describes it."""

    ied: str
    ld_inst: str
    logical_node: str
    """`Q0CSWI1`."""
    reference: str
    """Of the (sub) data object, `MB1CTRL/Q0CSWI1.Pos`."""
    fc: str
    cdc: str
    kind: PointKind
    value: str
    """The attribute below `reference`: `stVal`, `cVal.mag.f`, `Oper.ctlVal`."""
    b_type: str
    enum: EnumType | None = None
    quality: str = ""
    """Below the logical node, `A.phsA.q`; empty where it has none."""
    time: str = ""
    unit: str = ""
    scale: float = 1.0
    """What the number on the wire is multiplied with, before `offset` is added, to be in the unit (sVC of integers, pulsQty)."""
    offset: float = 0.0
    low: float | None = None
    high: float | None = None
    control: Control | None = None
    description: str = ""
    equipment: tuple[str, ...] = ()
    """Paths in the substation section, the most particular first."""
    sources: tuple[Source, ...] = ()
    """The data sets in which it comes."""
    line: int = 0
    """Of the member of the first data set, otherwise of the logical node."""

    @property
    def object_reference(self) -> str:
        """`MB1CTRL/Q0CSWI1.Pos.stVal`."""
        return f"{self.reference}.{self.value}"

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from every other point of the IED."""
        return self.object_reference, self.fc


@dataclass(frozen=True, slots=True, kw_only=True)
class IedPoints:
    """The points of an IED, in the order of its data sets, then of its logical nodes."""

    points: tuple[SclPoint, ...]
    findings: tuple[SclFinding, ...]


def points_of(scl: Scl, ied: Ied, *, beyond_data_sets: bool = False, most_findings: int = 200) -> IedPoints:
    """The points of an IED: members of its data sets, and every data object that can be operated.

    With `beyond_data_sets` also what no data set has: every status, measured value and setting of its logical nodes.
    """
    return _Collection(scl, ied, Findings(scl.file, most_findings)).run(beyond_data_sets)


@dataclass(frozen=True, slots=True)
class _Place:
    """A logical node with what is needed of it again and again."""

    device: LogicalDevice
    node: LogicalNode
    values: ConfiguredValues
    equipment: tuple[str, ...]

    @property
    def path(self) -> str:
        return f"{self.device.name}/{self.node.name}"


class _Collection:
    def __init__(self, scl: Scl, ied: Ied, findings: Findings) -> None:
        self._scl = scl
        self._ied = ied
        self._findings = findings
        self._templates: Templates = scl.templates
        self._members = scl.members
        self._points: dict[tuple[str, str], SclPoint] = {}
        self._places: dict[tuple[str, str], _Place] = {}
        self._parts = 0
        self._is_full = False

    def run(self, beyond_data_sets: bool) -> IedPoints:
        for device in self._ied.devices():
            for node in device.nodes:
                for data_set in node.data_sets:
                    self._take_data_set(f"{device.name}/{node.name}.{data_set.name}", data_set)
        for device in self._ied.devices():
            for node in device.nodes:
                place = self._place(device.inst, node.name)
                if place is not None:
                    self._take_node(place, beyond_data_sets)
        if self._is_full:
            self._findings.add(
                f"has more than {MOST_POINTS:,} points; the rest is left out",
                "correct its types or data sets",
                line=self._ied.line,
                path=f"SCL/IED[{self._ied.name}]",
            )
        return IedPoints(points=tuple(self._points.values()), findings=tuple(self._findings))

    def _place(self, ld_inst: str, ln_name: str) -> _Place | None:
        key = (ld_inst, ln_name)
        place = self._places.get(key)
        node = self._scl.nodes(self._ied).get(key)
        if place is None and node is not None:
            equipment = self._scl.equipment(self._ied.name, ld_inst, ln_name)
            device = self._scl.devices(self._ied)[ld_inst]
            place = self._places[key] = _Place(device, node, ConfiguredValues(self._templates, node), equipment)
        return place

    def _take_data_set(self, reference: str, data_set: DataSet) -> None:
        """All members at first, because the quality of one may come with another."""
        found: list[tuple[int, _Place, Part, int]] = []
        slots: dict[tuple[str, str, Role], Slot] = {}
        for index, (member, line) in enumerate(zip(data_set.members, data_set.lines, strict=True)):
            place = self._place(member.ld_inst, member.ln_name)
            if place is None or member.index is not None:
                continue
            parts = self._members.parts(place.node.type, member.do_name, member.da_name, member.fc)
            for part in self._measured(parts):
                if part.role is Role.VALUE:
                    found.append((index, place, part, line))
                elif part.role is not Role.OTHER:
                    slots.setdefault((place.path, part.data_object, part.role), Slot(index, part.position))
        for index, place, part, line in found:
            source = Source(
                data_set=reference,
                value=Slot(index, part.position),
                quality=_nearest(slots, place.path, part.data_object, Role.QUALITY),
                time=_nearest(slots, place.path, part.data_object, Role.TIME),
            )
            self._add(place, part, source, line)

    def _take_node(self, place: _Place, beyond_data_sets: bool) -> None:
        known = self._templates.ln_types.get(place.node.type)
        for slot in known.members if known else ():
            do_type = self._templates.do_types.get(slot.type)
            if do_type is None:
                continue
            if beyond_data_sets:
                for fc in (*_READ, *_SETTINGS):
                    for part in self._measured(self._members.parts(place.node.type, slot.name, "", fc)):
                        if part.role is Role.VALUE:
                            self._add(place, part, None, place.node.line)
            if do_type.cdc in CONTROLLABLE:
                self._add_control(place, slot.name, do_type)

    def _measured(self, parts: Iterable[Part]) -> Iterator[Part]:
        """The parts, until there have been too many."""
        for part in parts:
            self._parts += 1
            if self._parts > _MOST_PARTS or len(self._points) >= MOST_POINTS:
                self._is_full = True
                return
            yield part

    def _add(self, place: _Place, part: Part, source: Source | None, line: int) -> None:
        reference = f"{place.path}.{part.data_object}"
        key = (f"{reference}.{part.attribute}", part.fc)
        known = self._points.get(key)
        if known is not None:
            if source is not None:
                self._points[key] = replace(known, sources=(*known.sources, source))
            return
        values = place.values
        unit, unknown = values.unit(part.data_object)
        if unknown:
            self._findings.warn(
                "the unit is not one of IEC 61850-7-3", "correct SIUnit or multiplier", line=line, path=reference, value=unknown
            )
        scale, offset = _scale(values, part.data_object, part.cdc, part.attribute)
        self._points[key] = SclPoint(
            ied=self._ied.name,
            ld_inst=place.device.inst,
            logical_node=place.node.name,
            reference=reference,
            fc=part.fc,
            cdc=part.cdc,
            kind=kind_of(part.cdc, part.data_object, part.b_type, part.fc),
            value=part.attribute,
            b_type=part.b_type,
            enum=self._templates.enum_types.get(part.enum_type),
            quality=self._beside(place, part.data_object, part.fc, Role.QUALITY),
            time=self._beside(place, part.data_object, part.fc, Role.TIME),
            unit=unit,
            scale=scale,
            offset=offset,
            low=_limit(values, part.data_object, ("rangeC.min", "minVal")),
            high=_limit(values, part.data_object, ("rangeC.max", "maxVal")),
            description=values.description(part.data_object) or place.node.description,
            equipment=place.equipment,
            sources=(source,) if source else (),
            line=line,
        )

    def _beside(self, place: _Place, data_object: str, fc: str, role: Role) -> str:
        """The quality or time attribute of a data object with the same functional constraint, or of the one around it."""
        while data_object:
            for part in self._members.parts(place.node.type, data_object, "", fc):
                if part.role is role and part.data_object == data_object and not part.is_array:
                    return part.path
            data_object = data_object.rpartition(".")[0]
        return ""

    def _add_control(self, place: _Place, name: str, do_type: DOType) -> None:
        parts = [part for part in self._members.parts(place.node.type, name, "", "CO") if part.data_object == name]
        value = control_value_among(part.attribute for part in parts)
        text = place.values.get(f"{name}.ctlModel")
        model = CONTROL_MODELS.get(text)
        if text and model is None:
            ordinal = place.values.ordinal(f"{name}.ctlModel")
            model = CONTROL_MODELS.get(str(ordinal))
            if model is None:
                self._findings.add(
                    "there is no such control model",
                    "write for example sbo-with-enhanced-security",
                    line=place.node.line,
                    path=f"{place.path}.{name}.ctlModel",
                    value=text,
                )
        if model is ControlModel.STATUS_ONLY:
            return
        if value is None:
            if model is not None:
                self._findings.warn(
                    f"has the control model {text} and no Oper to control it with",
                    "add Oper to its DOType, or write status-only",
                    line=place.node.line,
                    path=f"{place.path}.{name}",
                )
            return
        if self._is_full:
            return
        part = next(part for part in parts if part.attribute == value)
        unit, _ = place.values.unit(name)
        scale, offset = _scale(place.values, name, do_type.cdc, value)
        timeouts = [place.values.number(f"{name}.{which}") for which in ("sboTimeout", "operTimeout")]
        sbo, operate = (None if each is None else int(each) for each in timeouts)
        reference = f"{place.path}.{name}"
        self._points[f"{reference}.{value}", "CO"] = SclPoint(
            ied=self._ied.name,
            ld_inst=place.device.inst,
            logical_node=place.node.name,
            reference=reference,
            fc="CO",
            cdc=do_type.cdc,
            kind=control_kind_of(part.b_type),
            value=value,
            b_type=part.b_type,
            enum=self._templates.enum_types.get(part.enum_type),
            unit=unit,
            scale=scale,
            offset=offset,
            low=_limit(place.values, name, ("minVal",)),
            high=_limit(place.values, name, ("maxVal",)),
            control=Control(
                model=model,
                b_type=part.b_type,
                sbo_timeout_ms=sbo,
                operate_timeout_ms=operate,
                step=place.values.analog(f"{name}.stepSize"),
                has_operate_time=any(each.attribute == "Oper.operTm" for each in parts),
            ),
            description=place.values.description(name) or place.node.description,
            equipment=place.equipment,
            line=place.node.line,
        )


def _nearest(slots: dict[tuple[str, str, Role], Slot], node: str, data_object: str, role: Role) -> Slot | None:
    while data_object:
        slot = slots.get((node, data_object, role))
        if slot is not None:
            return slot
        data_object = data_object.rpartition(".")[0]
    return None


def _scale(values: ConfiguredValues, data_object: str, cdc: str, attribute: str) -> tuple[float, float]:
    """Factor and offset of an integer; of a counter what a pulse stands for."""
    if cdc == "BCR":
        return values.number(f"{data_object}.pulsQty") or 1.0, 0.0
    if attribute.endswith(".i"):
        return values.number(f"{data_object}.sVC.scaleFactor") or 1.0, values.number(f"{data_object}.sVC.offset") or 0.0
    return 1.0, 0.0


def _limit(values: ConfiguredValues, data_object: str, names: Iterable[str]) -> float | None:
    return next((found for name in names if (found := values.analog(f"{data_object}.{name}")) is not None), None)
