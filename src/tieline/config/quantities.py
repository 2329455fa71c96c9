"""What is measured and operated at which kind of equipment, with its units: the words of the `quantity` column.

Names follow CIM (IEC 61970-301 `Measurement.measurementType`, written in lower case) where it has one. The first unit of a
quantity is the one in which the rest of Tieline computes; the others are multiples of it.

Sign: power is positive where it is injected into the network, so that a load's is negative. At lines, transformers and switches
it is measured at the first terminal (`from_node`, `high_node`) and positive towards the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tieline.model import PointKind


class EquipmentKind(StrEnum):
    """The kinds of equipment in the electrical model; each has its file `grid/<kind>s.csv` (`grid/switches.csv`, ...)."""

    NODE = "node"
    LINE = "line"
    TRANSFORMER = "transformer"
    SWITCH = "switch"
    SOURCE = "source"
    LOAD = "load"
    SOLAR = "solar"
    STORAGE = "storage"
    SHUNT = "shunt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """Something that can be measured or operated at equipment of some kinds."""

    name: str
    units: Mapping[str, float]
    """Unit: how many of the first unit it is."""
    equipment: frozenset[EquipmentKind]
    kinds: frozenset[PointKind]
    """The kinds of points that such a quantity can be."""
    phases: frozenset[str]
    meaning: str

    @property
    def unit(self) -> str:
        """The unit in which Tieline computes."""
        return next(iter(self.units))


_POWER = {"W": 1.0, "kW": 1e3, "MW": 1e6, "GW": 1e9}
_REACTIVE = {"var": 1.0, "kvar": 1e3, "Mvar": 1e6}
_APPARENT = {"VA": 1.0, "kVA": 1e3, "MVA": 1e6}
_VOLTAGE = {"V": 1.0, "kV": 1e3}
_CURRENT = {"A": 1.0, "kA": 1e3}
_FREQUENCY = {"Hz": 1.0, "mHz": 1e-3}
_TEMPERATURE = {"°C": 1.0, "degC": 1.0}
_PERCENT = {"%": 1.0}
_ENERGY = {"Wh": 1.0, "kWh": 1e3, "MWh": 1e6, "GWh": 1e9}
_IRRADIANCE = {"W/m2": 1.0, "W/m²": 1.0}
_NONE = {"": 1.0, "1": 1.0}

_NODE, _LINE, _TRANSFORMER, _SWITCH = EquipmentKind.NODE, EquipmentKind.LINE, EquipmentKind.TRANSFORMER, EquipmentKind.SWITCH
_LOAD, _SOLAR, _STORAGE = EquipmentKind.LOAD, EquipmentKind.SOLAR, EquipmentKind.STORAGE
_EVERY = frozenset(EquipmentKind)
_TERMINALS = _EVERY - {_NODE}
_RATED = frozenset({_LINE, _TRANSFORMER, _SWITCH})

_WHOLE = frozenset({""})
_THREE = frozenset({"", "ABC", "A", "B", "C"})
_ANALOG = frozenset({PointKind.ANALOG})
_BINARY = frozenset({PointKind.BINARY})
_COUNT = frozenset({PointKind.COUNTER, PointKind.ANALOG})
_SETPOINT = frozenset({PointKind.SETPOINT})
_CONTROL = frozenset({PointKind.CONTROL})


def _index(
    *quantities: tuple[str, Mapping[str, float], frozenset[EquipmentKind], frozenset[PointKind], frozenset[str], str],
) -> Mapping[str, Quantity]:
    return {
        name: Quantity(name=name, units=units, equipment=equipment, kinds=kinds, phases=phases, meaning=meaning)
        for name, units, equipment, kinds, phases, meaning in quantities
    }


MEASURED: Mapping[str, Quantity] = _index(
    ("active_power", _POWER, _TERMINALS, _ANALOG, _THREE, "positive into the network, or from the first terminal to the second"),
    ("reactive_power", _REACTIVE, _TERMINALS, _ANALOG, _THREE, "same direction as active power"),
    ("apparent_power", _APPARENT, _TERMINALS, _ANALOG, _THREE, "without sign"),
    ("power_factor", _NONE, _TERMINALS, _ANALOG, _WHOLE, "active over apparent power, with the sign of the active power"),
    ("voltage", _VOLTAGE, _EVERY, _ANALOG, _THREE | {"AB", "BC", "CA"}, "A, B, C to earth; otherwise between phases"),
    ("current", _CURRENT, _TERMINALS, _ANALOG, _THREE | {"N"}, "without sign; N is the sum of the phases"),
    ("frequency", _FREQUENCY, _EVERY, _ANALOG, _WHOLE, "0 where nothing is energized"),
    ("energy_exported", _ENERGY, _TERMINALS, _COUNT, _WHOLE, "active energy in the positive direction"),
    ("energy_imported", _ENERGY, _TERMINALS, _COUNT, _WHOLE, "active energy in the negative direction"),
    ("loading", _PERCENT, _RATED, _ANALOG, _WHOLE, "current in percent of the rated current"),
    ("switch_position", _NONE, frozenset({_SWITCH}), _BINARY | {PointKind.DOUBLE}, _WHOLE, "binary: 1 is closed"),
    ("trip", _NONE, frozenset({_SWITCH}), _BINARY, _WHOLE, "the protection has opened the switch"),
    ("operations", _NONE, frozenset({_SWITCH}), _COUNT, _WHOLE, "how often the switch has opened"),
    ("tap_position", _NONE, frozenset({_TRANSFORMER}), _ANALOG, _WHOLE, "higher is a higher voltage at the low side"),
    ("tap_operations", _NONE, frozenset({_TRANSFORMER}), _COUNT, _WHOLE, "how often the tap has changed"),
    ("regulation_automatic", _NONE, frozenset({_TRANSFORMER}), _BINARY, _WHOLE, "the tap changer holds its target voltage"),
    ("voltage_setpoint", _VOLTAGE, frozenset({_TRANSFORMER}), _ANALOG, _WHOLE, "target at the low side, between phases"),
    ("oil_temperature", _TEMPERATURE, frozenset({_TRANSFORMER}), _ANALOG, _WHOLE, "top oil (IEC 60076-7)"),
    ("winding_temperature", _TEMPERATURE, frozenset({_TRANSFORMER}), _ANALOG, _WHOLE, "hot spot (IEC 60076-7)"),
    ("loss_of_life", {"h": 1.0, "d": 24.0}, frozenset({_TRANSFORMER}), _COUNT, _WHOLE, "hours aged (IEC 60076-7)"),
    ("cooling_running", _NONE, frozenset({_TRANSFORMER}), _BINARY, _WHOLE, "fans run"),
    ("ambient_temperature", _TEMPERATURE, frozenset({_TRANSFORMER, _SOLAR, _STORAGE}), _ANALOG, _WHOLE, "of the air"),
    ("irradiance", _IRRADIANCE, frozenset({_SOLAR}), _ANALOG, _WHOLE, "on the plane of the modules"),
    ("module_temperature", _TEMPERATURE, frozenset({_SOLAR}), _ANALOG, _WHOLE, "of the photovoltaic cells"),
    ("available_power", _POWER, frozenset({_SOLAR}), _ANALOG, _WHOLE, "what the sun would give without a limit"),
    ("active_power_limit", _POWER, frozenset({_SOLAR}), _ANALOG, _WHOLE, "what may be fed in at the most"),
    ("active_power_setpoint", _POWER, frozenset({_STORAGE}), _ANALOG, _WHOLE, "what is asked of it; positive discharges"),
    ("reactive_power_setpoint", _REACTIVE, frozenset({_SOLAR, _STORAGE}), _ANALOG, _WHOLE, "what is asked of it"),
    ("state_of_charge", _PERCENT, frozenset({_STORAGE}), _ANALOG, _WHOLE, "of the usable capacity"),
    ("stored_energy", _ENERGY, frozenset({_STORAGE}), _ANALOG, _WHOLE, "what can be discharged"),
    ("cell_temperature", _TEMPERATURE, frozenset({_STORAGE}), _ANALOG, _WHOLE, "hottest cell"),
)
"""What points that are read can measure."""

OPERATED: Mapping[str, Quantity] = _index(
    ("switch_position", _NONE, frozenset({_SWITCH}), _CONTROL, _WHOLE, "1 closes, 0 opens"),
    ("trip", _NONE, frozenset({_SWITCH}), _CONTROL, _WHOLE, "0 resets the indication"),
    ("tap_raise", _NONE, frozenset({_TRANSFORMER}), _CONTROL, _WHOLE, "1 steps up, and leaves automatic regulation"),
    ("tap_lower", _NONE, frozenset({_TRANSFORMER}), _CONTROL, _WHOLE, "1 steps down, and leaves automatic regulation"),
    ("tap_position", _NONE, frozenset({_TRANSFORMER}), _SETPOINT, _WHOLE, "steps there, and leaves automatic regulation"),
    ("regulation_automatic", _NONE, frozenset({_TRANSFORMER}), _CONTROL, _WHOLE, "1 automatic, 0 manual"),
    ("voltage_setpoint", _VOLTAGE, frozenset({_TRANSFORMER}), _SETPOINT, _WHOLE, "target at the low side, between phases"),
    ("active_power_limit", _POWER, frozenset({_SOLAR}), _SETPOINT, _WHOLE, "what may be fed in at the most"),
    (
        "active_power",
        _POWER,
        frozenset({_STORAGE}),
        _SETPOINT,
        _WHOLE,
        "positive discharges; its own dispatch rests from then on",
    ),
    ("reactive_power", _REACTIVE, frozenset({_SOLAR, _STORAGE}), _SETPOINT, _WHOLE, "positive raises the voltage"),
)
"""What points that are written can operate. Where `MEASURED` has the same word, that is the feedback."""


def quantity_of(name: str, kind: PointKind) -> Quantity | None:
    """The quantity of that name for points of that kind, read or written; None where there is none."""
    return (OPERATED if kind.is_writable else MEASURED).get(name)
