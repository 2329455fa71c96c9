"""Power over Ethernet (IEEE 802.3 clauses 33 and 145): classes, what the cable takes, and which ports a supply can feed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tieline.config.network import POE_W
from tieline.network.physical.dc import COPPER_PER_K
from tieline.network.result import Given, Input, Result, Verdict, at_least, at_most

_SOURCE = "IEEE 802.3-2022, clauses 33 (classes 0 to 4) and 145 (classes 1 to 8)"
_FIRST_CLASS_OF_FOUR_PAIRS = 5
_AT_20_C = Given(20.0, "default")


@dataclass(frozen=True, slots=True)
class PoeLimits:
    """A class: what the PSE has to provide and what reaches the device, in W, and the PSE's lowest voltage for it."""

    pse_w: float
    pd_w: float
    pse_v: float


_LOWEST_V = (44.0, 44.0, 44.0, 44.0, 50.0, 50.0, 50.0, 52.0, 52.0)
POE: Mapping[int, PoeLimits] = {number: PoeLimits(*powers, _LOWEST_V[number]) for number, powers in POE_W.items()}
"""By class; 0 is served as 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoePort:
    """A port that feeds a device. Ports of lower `priority` numbers are fed first, then in their order."""

    name: str
    poe_class: int
    priority: int = 1
    origin: str = "stated"


def poe_supply(subject: str, ports: Sequence[PoePort], budget_w: Given) -> tuple[Result, ...]:
    """What the ports' classes claim of a supply, in W, and one result for each port: fed, or refused for want of power.

    The budget is given away by class, as a PSE does at power-on, the most important first. A port that no longer fits is refused; a
    smaller one behind it may still be fed.
    """
    left = budget_w.value
    single: list[Result] = []
    order = sorted(range(len(ports)), key=lambda index: ports[index].priority)
    for index in order:
        port = ports[index]
        claim = POE[port.poe_class].pse_w
        is_fed = claim <= left + 1e-9
        single.append(
            Result(
                what="PoE",
                subject=f"{subject} {port.name}",
                value=claim,
                unit="W",
                formula="fed while its class's PSE power is at most what the budget has left, ports by priority, then in order",
                inputs=(
                    Input(name="class", value=port.poe_class, origin=port.origin),
                    Input(name="priority", value=port.priority, origin=port.origin),
                    Input(name="left of the budget", value=left, unit="W", origin=budget_w.origin),
                ),
                source=_SOURCE,
                limit=left,
                margin=left - claim,
                verdict=Verdict.OK if is_fed else Verdict.FAILS,
                note="" if is_fed else "refused: the supply has too little left",
            )
        )
        if is_fed:
            left -= claim
    total = sum(POE[port.poe_class].pse_w for port in ports)
    margin, verdict = at_most(total, budget_w.value)
    whole = Result(
        what="PoE claimed",
        subject=subject,
        value=total,
        unit="W",
        formula="sum of the PSE powers of the classes; margin = budget - sum",
        inputs=(
            Input(name="budget", value=budget_w.value, unit="W", origin=budget_w.origin),
            *(Input(name=f"{port.name}, class {port.poe_class}", value=POE[port.poe_class].pse_w, unit="W") for port in ports),
        ),
        source=_SOURCE,
        limit=budget_w.value,
        margin=margin,
        verdict=verdict,
    )
    return (whole, *single)


def poe_cable(
    subject: str,
    poe_class: int,
    *,
    length_m: Given,
    loop_ohm_per_100m: Given,
    device_w: Given | None = None,
    pse_v: Given | None = None,
    temperature_c: Given = _AT_20_C,
) -> Result:
    """What the PSE has to send so that a device gets its power at the end of a cable, in W, against the class's PSE power.

    `loop_ohm_per_100m` is that of one pair, there and back, at 20 degrees C. The current goes out over one pair and back over another, the
    wires of a pair side by side, hence half of it; classes 5 to 8 use all four pairs, hence a quarter. Without `device_w` the class's
    power at the device is taken.
    """
    limits = POE[poe_class]
    voltage = pse_v or Given(limits.pse_v, f"lowest of a PSE for class {poe_class}, {_SOURCE}")
    device = device_w or Given(limits.pd_w, f"class {poe_class}, {_SOURCE}")
    share = 4 if poe_class >= _FIRST_CLASS_OF_FOUR_PAIRS else 2
    ohm = loop_ohm_per_100m.value * length_m.value / 100 / share * (1 + COPPER_PER_K * (temperature_c.value - 20))
    under = voltage.value**2 - 4 * ohm * device.value
    note = ""
    if under < 0:
        value, note = math.nan, "no current carries that much over this cable: shorten it or use thicker wires"
    elif ohm == 0:
        value = device.value
    else:
        value = voltage.value * (voltage.value - math.sqrt(under)) / (2 * ohm)
    margin, verdict = at_most(value, limits.pse_w)
    # The standard rounds the powers of its classes; a hundredth of a percent is no shortage.
    if margin is not None and -1e-3 * limits.pse_w <= margin < 0:
        verdict = Verdict.OK
    return Result(
        what="PoE sent into the cable",
        subject=subject,
        value=value,
        unit="W",
        formula=(
            f"R = loop resistance * length / {share} * (1 + {COPPER_PER_K} * (temperature - 20)); "
            "sent = V * (V - sqrt(V^2 - 4 * R * device)) / (2 * R); margin = PSE power of the class - sent"
        ),
        inputs=(
            Input(name="class", value=poe_class),
            Input(name="device", value=device.value, unit="W", origin=device.origin),
            Input(name="V", value=voltage.value, unit="V", origin=voltage.origin),
            Input(name="length", value=length_m.value, unit="m", origin=length_m.origin),
            Input(name="loop resistance", value=loop_ohm_per_100m.value, unit="ohm/100 m", origin=loop_ohm_per_100m.origin),
            Input(name="temperature", value=temperature_c.value, unit="C", origin=temperature_c.origin),
            Input(name="R", value=ohm, unit="ohm"),
        ),
        source=_SOURCE,
        limit=limits.pse_w,
        margin=margin,
        verdict=Verdict.FAILS if note else verdict,
        note=note,
    )


def poe_class_of_port(subject: str, poe_class: int, port_class: Given) -> Result:
    """A device's class against the highest that its port feeds."""
    margin, verdict = at_least(POE[int(port_class.value)].pse_w, POE[poe_class].pse_w)
    return Result(
        what="PoE of the port",
        subject=subject,
        value=POE[int(port_class.value)].pse_w,
        unit="W",
        formula="PSE power of the port's class >= PSE power of the device's class",
        inputs=(
            Input(name="class of the port", value=port_class.value, origin=port_class.origin),
            Input(name="class of the device", value=poe_class, origin="catalogue"),
        ),
        source=_SOURCE,
        limit=POE[poe_class].pse_w,
        margin=margin,
        verdict=verdict,
    )
