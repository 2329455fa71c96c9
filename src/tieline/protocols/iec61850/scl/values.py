"""The configured values of a logical node: its own, or those of its type."""

from __future__ import annotations

import math

from tieline.protocols.iec61850.scl.ied import LogicalNode
from tieline.protocols.iec61850.scl.quantities import unit_of
from tieline.protocols.iec61850.scl.templates import AttributeType, Templates


class ConfiguredValues:
    """What a file says about the values of one logical node."""

    def __init__(self, templates: Templates, node: LogicalNode) -> None:
        self._templates = templates
        self._type = node.type
        self._own: dict[str, str] = {}
        for each in node.values:
            self._own.setdefault(each.path, each.value)
        self._descriptions = dict(node.descriptions)

    def get(self, path: str) -> str:
        """The value at a path like `Pos.ctlModel`; "" where the file gives none."""
        own = self._own.get(path)
        if own is not None:
            return own
        slot = self._templates.resolve(self._type, path)
        return slot.value or "" if isinstance(slot, AttributeType) else ""

    def number(self, path: str) -> float | None:
        """The number at a path; None where there is none."""
        text = self.get(path)
        try:
            value = float(text) if text and len(text) <= 64 else math.nan
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    def analog(self, path: str) -> float | None:
        """The number of an AnalogueValue, as a floating-point number or as an integer."""
        for part in (f"{path}.f", f"{path}.i", path):
            value = self.number(part)
            if value is not None:
                return value
        return None

    def ordinal(self, path: str) -> int | None:
        """What the word at a path stands for in its enumeration."""
        slot = self._templates.resolve(self._type, path)
        text = self.get(path)
        if not text or not isinstance(slot, AttributeType):
            return None
        return self._templates.ordinal(slot.type, text)

    def unit(self, data_object: str) -> tuple[str, str]:
        """The unit of a data object or of the one it is in, and the words for it that nobody knows."""
        while data_object:
            si_unit, multiplier = self.get(f"{data_object}.units.SIUnit"), self.get(f"{data_object}.units.multiplier")
            if si_unit:
                unit = unit_of(si_unit, multiplier)
                if unit is None:
                    numbers = (self.ordinal(f"{data_object}.units.SIUnit"), self.ordinal(f"{data_object}.units.multiplier"))
                    unit = unit_of(*("" if number is None else str(number) for number in numbers))
                return (unit, "") if unit is not None else ("", f"{multiplier} {si_unit}".strip())
            data_object = data_object.rpartition(".")[0]
        return "", ""

    def description(self, data_object: str) -> str:
        """What the engineer wrote beside the data object, or the file has as its description attribute."""
        outer = data_object.partition(".")[0]
        return (
            self._descriptions.get(outer, "") or self.get(f"{data_object}.d") or self.get(f"{outer}.d") or self.get(f"{outer}.dU")
        )
