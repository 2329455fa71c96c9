"""What an attribute of a logical node measures or operates, in the words of `tieline.config.quantities` (IEC 61850-7-4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tieline.model import PointKind
from tieline.protocols.iec61850.scl import SclPoint


@dataclass(frozen=True, slots=True)
class Meaning:
    """A quantity, and where it is looked for."""

    quantity: str
    phase: str = ""
    is_of_link: bool = False
    """It is of the very piece that the logical node is linked to; otherwise of what the bay has."""
    towards_busbar: bool | None = None
    """Energy that is counted in one direction; None where direction does not matter."""


_POSITION = Meaning("switch_position", is_of_link=True)
_OPERATIONS = Meaning("operations", is_of_link=True)
_TRIP = Meaning("trip")
_PHASES = {"phsA": "A", "phsB": "B", "phsC": "C"}
_MEASURED = {
    "TotW": Meaning("active_power"),
    "TotVAr": Meaning("reactive_power"),
    "TotVA": Meaning("apparent_power"),
    "TotPF": Meaning("power_factor"),
    "Hz": Meaning("frequency"),
    **{f"PPV.phs{phase}": Meaning("voltage", phase) for phase in ("AB", "BC", "CA")},
    **{f"PhV.{name}": Meaning("voltage", phase) for name, phase in _PHASES.items()},
    **{f"A.{name}": Meaning("current", phase) for name, phase in (_PHASES | {"res": "N"}).items()},
    **{f"W.{name}": Meaning("active_power", phase) for name, phase in _PHASES.items()},
    **{f"VAr.{name}": Meaning("reactive_power", phase) for name, phase in _PHASES.items()},
    **{f"VA.{name}": Meaning("apparent_power", phase) for name, phase in _PHASES.items()},
}
_COUNTED = {
    "SupWh": Meaning("energy", towards_busbar=True),
    "DmdWh": Meaning("energy", towards_busbar=False),
}
_SWITCH = {"Pos": _POSITION, "OpCnt": _OPERATIONS}
_TAPS = {
    "TapPos": Meaning("tap_position"),
    "TapChg": Meaning("tap_position"),
    "TapOpCnt": Meaning("tap_operations"),
    "OpCnt": Meaning("tap_operations"),
    "Auto": Meaning("regulation_automatic"),
}
_BY_CLASS: Mapping[str, Mapping[str, Meaning]] = {
    "XCBR": _SWITCH,
    "XSWI": _SWITCH,
    "CSWI": {"Pos": _POSITION},
    "MMXU": _MEASURED,
    "MMTR": _COUNTED,
    "PTRC": {"Tr": _TRIP, "Op": _TRIP},
    "ATCC": _TAPS,
    "YLTC": _TAPS,
    "YPTR": {"HPTmp": Meaning("winding_temperature", is_of_link=True)},
    "SIML": {"Tmp": Meaning("oil_temperature", is_of_link=True)},
    "STMP": {"Tmp": Meaning("oil_temperature", is_of_link=True)},
    "MMET": {"EnvTmp": Meaning("ambient_temperature")},
}
_OPERATED: Mapping[str, Mapping[str, Meaning]] = {
    "CSWI": {"Pos": _POSITION},
    "XCBR": {"Pos": _POSITION},
    "XSWI": {"Pos": _POSITION},
    "ATCC": {"TapPos": Meaning("tap_position"), "Auto": Meaning("regulation_automatic")},
    "YLTC": {"TapPos": Meaning("tap_position")},
}


def meaning_of(point: SclPoint, ln_class: str) -> Meaning | None:
    """What the point is, by its logical node and data object; None where it is nothing that Tieline computes with."""
    data_object = point.reference.partition(".")[2]
    if point.kind.is_writable:
        return _OPERATED.get(ln_class, {}).get(data_object) if point.fc == "CO" else None
    known = _BY_CLASS.get(ln_class)
    if known is None and ln_class.startswith("P") and data_object == "Op":
        known = {"Op": _TRIP}
    meaning = known.get(data_object) if known else None
    # A trip has an attribute for each phase, and is told once.
    if meaning is _TRIP and (point.value != "general" or point.kind is not PointKind.BINARY):
        return None
    return meaning
