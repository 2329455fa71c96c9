"""What the events of a scenario do to the plant and to the communications network."""

from __future__ import annotations

from typing import assert_never

from tieline.config.network import Network
from tieline.config.quantities import EquipmentKind
from tieline.model import ConfigError
from tieline.simulator.communications import Communications
from tieline.simulator.plant import Plant
from tieline.simulator.scenario import (
    CableSwapEvent,
    DeviceEvent,
    DuctEvent,
    Event,
    FaultEvent,
    FirmwareEvent,
    GenerationEvent,
    LinkEvent,
    LoadEvent,
    NetworkEvent,
    PlantEvent,
    PortErrorsEvent,
    SourceEvent,
    SupplyEvent,
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


def happen_in_network(network: Communications, event: NetworkEvent, now_s: float) -> None:
    """Does to the communications network what the event says."""
    match event:
        case LinkEvent():
            network.cut(event.link, now_s, is_cut=event.action == "cut")
        case DuctEvent():
            network.cut_duct(event.duct, now_s, is_cut=event.action == "cut")
        case SupplyEvent():
            network.lose_supply(event.supply, now_s, is_lost=event.action == "lose")
        case CableSwapEvent(cable_swap=(one, other)):
            network.swap(one, other, now_s)
        case PortErrorsEvent():
            network.disturb(event.port_errors, event.per_s, now_s)
        case FirmwareEvent():
            network.load_firmware(event.firmware, event.version, now_s)
        case _:
            assert_never(event)


def reversal_of(event: Event) -> Event | None:
    """What ends an event that lasts for a while; None for those that do not."""
    match event:
        case DeviceEvent(for_s=float(for_s)):
            return DeviceEvent(at_s=event.at_s + for_s, device=event.device, behavior="normal")
        case GenerationEvent(for_s=float(for_s)):
            return GenerationEvent(at_s=event.at_s + for_s, lost_mw=-event.lost_mw)
        case FaultEvent(for_s=float(for_s)):
            return _Repair(at_s=event.at_s + for_s, fault=event.fault)
        case LinkEvent(for_s=float(for_s), action="cut"):
            return LinkEvent(at_s=event.at_s + for_s, link=event.link, action="restore")
        case DuctEvent(for_s=float(for_s), action="cut"):
            return DuctEvent(at_s=event.at_s + for_s, duct=event.duct, action="restore")
        case SupplyEvent(for_s=float(for_s), action="lose"):
            return SupplyEvent(at_s=event.at_s + for_s, supply=event.supply, action="return")
        case CableSwapEvent(for_s=float(for_s)):
            return CableSwapEvent(at_s=event.at_s + for_s, cable_swap=event.cable_swap)
        case PortErrorsEvent(for_s=float(for_s)):
            return PortErrorsEvent(at_s=event.at_s + for_s, port_errors=event.port_errors, per_s=0)
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


def check_network_event(event: NetworkEvent, network: Network) -> None:
    """Raises `ConfigError` for a part that the communications network does not have."""
    names: tuple[str, ...]
    match event:
        case LinkEvent():
            noun, names, known = "link", (event.link,), {link.name for link in network.links}
        case DuctEvent():
            noun, names, known = "duct", (event.duct,), {duct.name for duct in network.ducts}
        case SupplyEvent():
            noun, names, known = "supply", (event.supply,), set(network.supply_by_name)
        case CableSwapEvent():
            noun, names, known = "linked port", event.cable_swap, set(network.link_of)
        case PortErrorsEvent():
            noun, names, known = "linked port", (event.port_errors,), set(network.link_of)
        case FirmwareEvent():
            noun, names, known = "node", (event.firmware,), set(network.by_name)
        case _:
            assert_never(event)
    for name in names:
        if name not in known:
            raise ConfigError(f"the scenario names a {noun} {name}; network/ has {', '.join(sorted(known)) or 'none'}")
