"""What the events of a scenario do to the plant."""

from __future__ import annotations

from typing import assert_never

from tieline.config.quantities import EquipmentKind
from tieline.simulator.plant import Plant
from tieline.simulator.scenario import (
    DeviceEvent,
    FaultEvent,
    GenerationEvent,
    LoadEvent,
    PlantEvent,
    SourceEvent,
    SwitchEvent,
)


class _Repair(FaultEvent):
    """The end of a short circuit."""


def happen(plant: Plant, event: PlantEvent) -> None:
    """Does to the plant what the event says."""
    match event:
        case SwitchEvent():
            _switch(plant, event)
        case SourceEvent(action="voltage", voltage_pu=float(voltage_pu)):
            plant.set_source_voltage(event.source, voltage_pu)
        case SourceEvent():
            plant.feed(event.source, feeding=event.action == "return")
        case LoadEvent():
            plant.scale_load(event.load, event.factor, over_s=event.over_s)
        case GenerationEvent():
            plant.lose_generation(event.lost_mw * 1e6)
        case _Repair():
            plant.repair(event.fault)
        case FaultEvent():
            plant.fault(event.fault)
        case _:
            assert_never(event)


def _switch(plant: Plant, event: SwitchEvent) -> None:
    match event.action:
        case "trip":
            plant.trip(event.switch)
        case "jam" | "free":
            plant.jam(event.switch, jammed=event.action == "jam")
        case "open" | "close":
            plant.operate(event.switch, "switch_position", float(event.action == "close"))


def reversal_of(event: DeviceEvent | PlantEvent) -> DeviceEvent | PlantEvent | None:
    """What ends an event that lasts for a while; None for those that do not."""
    match event:
        case DeviceEvent(for_s=float(for_s)):
            return DeviceEvent(at_s=event.at_s + for_s, device=event.device, behavior="normal")
        case GenerationEvent(for_s=float(for_s)):
            return GenerationEvent(at_s=event.at_s + for_s, lost_mw=-event.lost_mw)
        case FaultEvent(for_s=float(for_s)):
            return _Repair(at_s=event.at_s + for_s, fault=event.fault)
        case _:
            return None


def part_of(event: PlantEvent) -> tuple[EquipmentKind, str] | None:
    """The equipment that an event happens to, by kind and name; None where it happens to the system."""
    match event:
        case SwitchEvent():
            return EquipmentKind.SWITCH, event.switch
        case SourceEvent():
            return EquipmentKind.SOURCE, event.source
        case LoadEvent():
            return EquipmentKind.LOAD, event.load
        case FaultEvent():
            return EquipmentKind.NODE, event.fault
        case GenerationEvent():
            return None
        case _:
            assert_never(event)
