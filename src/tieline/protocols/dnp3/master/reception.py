"""What the blocks of a response hold: measurements with their times, other objects, and what nobody understands."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.protocols.dnp3.application import Fragment, ObjectBlock
from tieline.protocols.dnp3.measurements import POINT_TYPES, CommonTime, Measurements, PointType, common_time, decode


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """A response's blocks, sorted; each kind in the order of the fragment."""

    measurements: list[Measurements]
    others: list[ObjectBlock]
    unreadable: list[str]


def content_of(fragment: Fragment) -> Content:
    """Sorts the blocks, and counts relative times from the common time of occurrence before them (annex A.24)."""
    found = Content([], [], [])
    common: CommonTime | None = None
    for block in fragment.blocks:
        is_common, common_now = block.group == 51, common_time(block)
        if is_common:
            common = common_now
            continue
        if block.group not in POINT_TYPES:
            found.others.append(block)
            continue
        measurements = _decode(block, common)
        if measurements is None:
            found.unreadable.append(f"{block} with qualifier {block.qualifier:02X}")
        elif len(measurements):
            found.measurements.append(measurements)
    return found


def _decode(block: ObjectBlock, common: CommonTime | None) -> Measurements | None:
    if (block.strings is not None) != (POINT_TYPES[block.group][0] is PointType.OCTET_STRING):
        return None  # a length before each object, where the objects have one size
    return decode(block, common)
