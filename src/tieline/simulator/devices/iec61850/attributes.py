"""What a point of a device is in the data of its server: the attribute with its value, and those with quality and time beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from open61850.data import BitStringData, BoolData, FloatData, IECData, IntData, StructureData, TimestampData, UIntData
from open61850.mms.pdu import ObjectName
from open61850.mms.types import PrimitiveType
from open61850.server.model import IedModel, Node

from tieline.model import PointKind
from tieline.protocols.iec61850.scl import SclPoint
from tieline.simulator.devices.iec61850.data import object_name

_QUALITY_BITS = 13
_INSTANT = {"mag": "instMag", "cVal": "instCVal"}
_LOWER, _HIGHER = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """Where one point goes."""

    values: tuple[tuple[ObjectName, Node], ...]
    """The attribute, and others that say the same: the instantaneous value beside one with a deadband, the switch beside its controller."""
    qualities: tuple[ObjectName, ...]
    times: tuple[ObjectName, ...]

    def show(self, data: IedModel, number: float, quality: IECData, time: TimestampData) -> None:
        """Puts a value as the device counts, a quality and a time into the data; readers are to be kept out meanwhile."""
        for name, node in self.values:
            data.set(name, encode(node, number))
        for name in self.qualities:
            data.set(name, quality)
        for name in self.times:
            data.set(name, time)

    @property
    def leaf(self) -> Node:
        """The attribute with the value."""
        return self.values[0][1]


def find_attribute(data: IedModel, point: SclPoint, *, others: Sequence[str] = ()) -> Attribute | None:
    """The attribute of a point and its twins; `others` are references of more data objects that say the same, `LD/XCBR1.Pos`.

    None where the data has no such attribute that holds a number.
    """
    node_path = point.reference.partition(".")[0]
    names = [(object_name(point.object_reference, point.fc), True)]
    head, _, tail = point.value.partition(".")
    if head in _INSTANT:
        names.append((object_name(f"{point.reference}.{_INSTANT[head]}.{tail}", point.fc), False))
    values: list[tuple[ObjectName, Node]] = []
    qualities: list[ObjectName] = []
    times: list[ObjectName] = []
    for name, is_first in names:
        node = data.node(name)
        if node is None or not isinstance(node.mms_type, PrimitiveType) or node.mms_type.kind not in _KINDS:
            if is_first:
                return None
            continue
        values.append((name, node))
    beside = [(f"{node_path}.{path}", kept) for path, kept in ((point.quality, qualities), (point.time, times)) if path]
    for other in others:
        name = object_name(f"{other}.{point.value}", point.fc)
        node = data.node(name)
        if node is not None and node.mms_type == values[0][1].mms_type:
            values.append((name, node))
            beside += [(f"{other}.q", qualities), (f"{other}.t", times)]
    for reference, kept in beside:
        name = object_name(reference, point.fc)
        if data.node(name) is not None:
            kept.append(name)
    return Attribute(values=tuple(values), qualities=tuple(qualities), times=tuple(times))


_KINDS = {"boolean", "integer", "unsigned", "float", "bit-string"}


def encode(node: Node, number: float) -> IECData:
    """A number as the attribute holds it; what does not fit goes to the nearest limit, what is none is 0 where there is no NaN."""
    mms_type = node.mms_type
    assert isinstance(mms_type, PrimitiveType)
    size = mms_type.size or 0
    if mms_type.kind == "float":
        return FloatData(number, double=size == 64)
    if number != number:  # NaN
        number = 0.0
    match mms_type.kind:
        case "boolean":
            return BoolData(number >= 0.5)
        case "bit-string":
            width = abs(size)
            unused = -width % 8
            whole = min(max(round(number), 0), (1 << width) - 1)
            return BitStringData((whole << unused).to_bytes((width + 7) // 8, "big"), unused)
        case "unsigned":
            return UIntData(_clip(number, 0, (1 << size) - 1))
        case _:
            return IntData(_clip(number, -(1 << size - 1), (1 << size - 1) - 1))


def _clip(number: float, low: int, high: int) -> int:
    return low if number <= low else high if number >= high else round(number)


def encode_quality(quality: int) -> BitStringData:
    """`tieline.model.Quality` as the attribute of IEC 61850-7-3 goes over the wire."""
    bits = sum(1 << 15 - place for place in range(_QUALITY_BITS) if quality >> place & 1)
    return BitStringData(bits.to_bytes(2, "big"), 16 - _QUALITY_BITS)


def decode_number(value: IECData, kind: PointKind) -> float | None:
    """What a client writes or commands; None for what is no number. Of a step command, 1 is higher and 0 lower."""
    match value:
        case StructureData(members=members) if members:
            return decode_number(members[0], kind)
        case BoolData(value=flag):
            return float(flag)
        case IntData(value=number) | UIntData(value=number):
            return float(number)
        case FloatData(value=real):
            return real
        case BitStringData(value=octets, unused_bits=unused) if octets:
            code = int.from_bytes(octets, "big") >> unused
            return {_LOWER: 0.0, _HIGHER: 1.0}.get(code) if kind is PointKind.CONTROL else float(code)
        case _:
            return None
