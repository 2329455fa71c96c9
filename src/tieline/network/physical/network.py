"""Every physical budget of a described network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from tieline.config.network import Cable, Link, Network, Node, Supply, Transceiver
from tieline.network.physical.battery import CellData, Factors, Period, autonomy, interpolated, required_capacity
from tieline.network.physical.dc import Load, current_at, supply_load, temperature_range
from tieline.network.physical.fiber import (
    FiberPath,
    chromatic_reach,
    least_attenuation,
    link_loss,
    modal_bandwidth,
    received_power,
    receiver_overload,
    stated_reach,
)
from tieline.network.physical.poe import POE, PoePort, poe_cable, poe_class_of_port, poe_supply
from tieline.network.result import Given, Result, Verdict, not_known

_PRIORITIES = {"critical": 1, "high": 2, "low": 3}


def budgets_of(network: Network) -> tuple[Result, ...]:
    """Optical links, PoE, supplies and batteries, temperatures; in the order of the description."""
    return (*optical(network), *power_over_ethernet(network), *supplies(network), *temperatures(network))


def optical(network: Network) -> Iterator[Result]:
    """Both directions of every fiber link."""
    for link in network.links:
        if link.medium != "fiber":
            continue
        if link.cable is None or link.optics_a is None or link.optics_b is None:
            yield not_known(link.name, "optical budget", "its cable, or the transceiver of an end, is not described")
        else:
            yield from _direction(network, link, link.cable, link.optics_a, link.optics_b, f"{link.name} from {link.a.node}")
            yield from _direction(network, link, link.cable, link.optics_b, link.optics_a, f"{link.name} from {link.b.node}")


def _direction(
    network: Network, link: Link, cable: Cable, sender: Transceiver, receiver: Transceiver, subject: str
) -> Iterator[Result]:
    wavelength = str(sender.wavelength_nm)
    measured = link.db_per_km is not None
    stated = cable.db_per_km.get(wavelength)
    per_km = link.db_per_km if measured else stated
    if per_km is None:
        why = f"cable {cable.name} states no attenuation at {wavelength} nm, and the link has no db_per_km"
        yield not_known(subject, "optical budget", why)
        return
    of_cable = f"catalogue, cable {cable.name} at {wavelength} nm"
    of_link = f"links.csv, {link.name}"
    path = FiberPath(
        length_km=Given(link.length_m / 1_000, of_link),
        db_per_km=Given(per_km, of_link if measured else of_cable),
        splices=Given(link.splices, of_link),
        splice_db=Given(cable.splice_db, of_cable),
        connectors=Given(link.connectors, of_link),
        connector_db=Given(cable.connector_db, of_cable),
        attenuator_db=Given(link.extra_db, of_link),
        reserve_db=Given(network.defaults.fiber_margin_db, "network.toml, fiber_margin_db"),
    )
    of_sender, of_receiver = (f"catalogue, {each.name}" for each in (sender, receiver))
    if sender.transmit_min_dbm is not None and receiver.sensitivity_dbm is not None:
        yield received_power(
            subject,
            path,
            transmit_min_dbm=Given(sender.transmit_min_dbm, of_sender),
            sensitivity_dbm=Given(receiver.sensitivity_dbm, of_receiver),
            penalty_db=Given(sender.penalty_db, of_sender),
        )
    elif sender.budget_db is not None:
        yield link_loss(subject, path, Given(sender.budget_db, of_sender))
    else:
        why = f"{sender.name} and {receiver.name} state neither transmit_min_dbm and sensitivity_dbm nor budget_db"
        yield not_known(subject, "least received optical power", why)
    if sender.transmit_max_dbm is not None and receiver.overload_dbm is not None:
        yield receiver_overload(
            subject,
            path,
            transmit_max_dbm=Given(sender.transmit_max_dbm, of_sender),
            overload_dbm=Given(receiver.overload_dbm, of_receiver),
            least_db_per_km=path.db_per_km if measured else least_attenuation(float(wavelength), path.db_per_km),
        )
    else:
        why = f"{sender.name} states no transmit_max_dbm, or {receiver.name} no overload_dbm"
        yield not_known(subject, "greatest received optical power", why)
    yield from _reach(link, cable, sender, path, subject, of_cable, of_sender)


def _reach(
    link: Link, cable: Cable, sender: Transceiver, path: FiberPath, subject: str, of_cable: str, of_sender: str
) -> Iterator[Result]:
    """What the standard states for this pair of transceiver and fiber; where it states nothing, what dispersion allows."""
    wavelength = str(sender.wavelength_nm)
    if cable.name in sender.reach_m:
        yield stated_reach(subject, path.length_km, Given(sender.reach_m[cable.name] / 1_000, of_sender))
    elif wavelength in cable.bandwidth_mhz_km:
        bandwidth = Given(cable.bandwidth_mhz_km[wavelength], of_cable)
        yield modal_bandwidth(subject, path.length_km, speed_mbps=link.speed_mbps, bandwidth_mhz_km=bandwidth)
    elif wavelength in cable.dispersion_ps_nm_km and sender.spectral_width_nm is not None:
        yield chromatic_reach(
            subject,
            path.length_km,
            speed_mbps=link.speed_mbps,
            dispersion_ps_nm_km=Given(cable.dispersion_ps_nm_km[wavelength], of_cable),
            spectral_width_nm=Given(sender.spectral_width_nm, of_sender),
        )
    else:
        why = f"{sender.name} states no reach_m over {cable.name}, and neither bandwidth nor dispersion at {wavelength} nm are known"
        yield not_known(subject, "length within the reach", why)


def _fed(network: Network) -> dict[str, list[Node]]:
    """The devices that each node feeds over PoE."""
    found: dict[str, list[Node]] = {}
    for node in network.nodes:
        if node.powered_by:
            found.setdefault(node.powered_by.partition("/")[0], []).append(node)
    return found


def power_over_ethernet(network: Network) -> Iterator[Result]:
    """The budget of each node that feeds others, its ports, and the cables to the devices."""
    for name, devices in _fed(network).items():
        feeding = network.by_name[name]
        ports = []
        for device in devices:
            port = feeding.port(device.powered_by.partition("/")[2])
            highest = port.poe.highest_class if port.poe else 0
            number = device.model.poe_class if device.model.poe_class is not None else highest
            origin = (
                f"catalogue, {device.model.name}" if device.model.poe_class is not None else "the port's, the device states none"
            )
            priority = _PRIORITIES[port.poe.priority] if port.poe else _PRIORITIES["low"]
            ports.append(PoePort(name=port.name, poe_class=number, priority=priority, origin=origin))
            yield poe_class_of_port(f"{device.powered_by} to {device.name}", number, Given(highest, "ports.csv or catalogue"))
            link = network.link_of.get(device.powered_by)
            if link is None or link.cable is None or link.cable.loop_ohm_per_100m is None:
                why = (
                    "its cable is not described"
                    if link is None or link.cable is None
                    else f"{link.cable.name} states no loop_ohm_per_100m"
                )
                yield not_known(f"{device.powered_by} to {device.name}", "PoE sent into the cable", why)
            else:
                hottest = network.defaults.outdoor_c[1] if device.outdoor else network.defaults.ambient_c[1]
                yield poe_cable(
                    f"{link.name} to {device.name}",
                    number,
                    length_m=Given(link.length_m, f"links.csv, {link.name}"),
                    loop_ohm_per_100m=Given(link.cable.loop_ohm_per_100m, f"catalogue, cable {link.cable.name}"),
                    temperature_c=Given(hottest, "network.toml, highest ambient"),
                )
        if feeding.model.poe_budget_w is not None:
            share = 1 - network.defaults.poe_margin
            kept = f"less {1 - share:.0%} kept free (network.toml, poe_margin)"
            origin = f"catalogue, {feeding.model.name}: {feeding.model.poe_budget_w:g} W, {kept}"
            yield from poe_supply(feeding.name, ports, Given(feeding.model.poe_budget_w * share, origin))


def supplies(network: Network) -> Iterator[Result]:
    """The load of every supply, and of batteries their capacity and autonomy. What has several supplies counts in full for each."""
    fed = _fed(network)
    nodes_of: dict[str, list[Node]] = {}
    supplies_of: dict[str, list[Supply]] = {}
    for node in network.nodes:
        for name in node.supplies if not node.powered_by else ():
            nodes_of.setdefault(name, []).append(node)
    for each in network.supplies:
        for name in each.fed_by:
            supplies_of.setdefault(name, []).append(each)

    @cache
    def loads_of(name: str) -> tuple[Load, ...]:
        alike: dict[tuple[str, float], list[Node]] = {}
        for node in nodes_of.get(name, ()):
            alike.setdefault((node.model.name, node.model.power_w + _poe_w(fed.get(node.name, ()))), []).append(node)
        found = []
        for (model, watts), nodes in alike.items():
            who = nodes[0].name if len(nodes) == 1 else f"{len(nodes)} x {model}"
            origin = f"catalogue, {model}, with what it feeds over PoE" if nodes[0].name in fed else f"catalogue, {model}"
            found.append(Load(who, Given(watts * len(nodes), origin)))
        for other in supplies_of.get(name, ()):
            watts = sum(load.watts.value for load in loads_of(other.name)) / other.efficiency
            found.append(Load(other.name, Given(watts, f"its own load, efficiency {other.efficiency:g}")))
        return tuple(found)

    @cache
    def unstated(name: str) -> frozenset[str]:
        """Models that it feeds whose draw nobody has written."""
        own = frozenset(node.model.name for node in nodes_of.get(name, ()) if not node.model.power_w)
        return own.union(*(unstated(other.name) for other in supplies_of.get(name, ())))

    for supply in network.supplies:
        loads = loads_of(supply.name)
        rated = Given(supply.capacity_w, f"supplies.csv, {supply.name}") if supply.capacity_w is not None else None
        found = [supply_load(supply.name, loads, rated_w=rated)]
        if supply.kind == "battery" and supply.cell is not None:
            found += _battery(supply, sum(load.watts.value for load in loads))
        missing = ", ".join(sorted(unstated(supply.name)))
        for result in found:
            if missing and result.verdict is not Verdict.FAILS:
                note = f"power_w is missing in the catalogue for {missing}: it counts as nothing here"
                yield replace(result, verdict=Verdict.UNKNOWN, note=note)
            else:
                yield result


def _poe_w(devices: Sequence[Node]) -> float:
    return sum(POE[device.model.poe_class].pse_w for device in devices if device.model.poe_class is not None)


def _battery(supply: Supply, watts: float) -> Iterator[Result]:
    cell = supply.cell
    assert cell is not None
    data = CellData(name=cell.name, chemistry=cell.chemistry, capacity_factors=tuple(cell.factors))
    empty_v = supply.cells * cell.end_v if supply.cells else supply.voltage_v * cell.end_v / cell.nominal_v
    current = current_at(empty_v, watts)
    derating = interpolated(cell.temperature_factors, supply.temperature_c) if cell.temperature_factors else 1.0
    factors = Factors(
        temperature=Given(derating, f"catalogue, {cell.name} at {supply.temperature_c:g} C"),
        design_margin=Given(supply.design_margin, f"supplies.csv, {supply.name}"),
        ageing=Given(supply.aging_factor, f"supplies.csv, {supply.name}"),
    )
    installed = Given(supply.capacity_ah, f"supplies.csv, {supply.name}") if supply.capacity_ah is not None else None
    duty = [Period(current + load.current_a, load.minutes) for load in supply.duty]
    required = supply.autonomy_h * 60 if supply.autonomy_h is not None else None
    rest = (required or 0.0) - sum(period.minutes for period in duty)
    if rest > 0 and current > 0:
        duty.append(Period(current, rest))
    if duty:
        yield required_capacity(supply.name, duty, data, installed_ah=installed, factors=factors)
    if installed is not None and current > 0:
        needed = Given(required, f"supplies.csv, {supply.name}") if required is not None else None
        origin = f"{watts:g} W of the network alone at {empty_v:g} V, the end of discharge"
        yield autonomy(supply.name, Given(current, origin), data, installed, required_minutes=needed, factors=factors)


def temperatures(network: Network) -> Iterator[Result]:
    """Every node and transceiver whose temperature range the catalogue knows, against where it stands."""
    for node in network.nodes:
        key = "outdoor_c" if node.outdoor else "ambient_c"
        low, high = getattr(network.defaults, key)
        ambient = Given(low, f"network.toml, {key}"), Given(high, f"network.toml, {key}")
        if node.model.temperature_c is not None:
            yield from temperature_range(
                node.name, rated_c=node.model.temperature_c, ambient_c=ambient, origin=f"catalogue, {node.model.name}"
            )
        seen = set()
        for link in network.links_of[node.name]:
            for port, optics in ((link.a, link.optics_a), (link.b, link.optics_b)):
                if port.node == node.name and optics is not None and optics.temperature_c is not None and optics.name not in seen:
                    seen.add(optics.name)
                    origin = f"catalogue, {optics.name}"
                    subject = f"{node.name}, {optics.name}"
                    yield from temperature_range(subject, rated_c=optics.temperature_c, ambient_c=ambient, origin=origin)
