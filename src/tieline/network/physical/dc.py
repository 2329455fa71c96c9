"""DC supplies: the load on them, the drop in their cables, and the temperatures that equipment is made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieline.network.result import Given, Input, Result, Verdict, at_most

COPPER_PER_K = 0.00393
"""Rise of copper's resistance with temperature, relative to that at 20 degrees C (IEC 60228, annex B)."""
_LOSSLESS = Given(1.0, "none stated")
_NO_RISE = Given(0.0, "none stated")


@dataclass(frozen=True, slots=True)
class Load:
    """What a supply feeds, in W."""

    name: str
    watts: Given


def supply_load(subject: str, loads: Sequence[Load], *, rated_w: Given | None, efficiency: Given = _LOSSLESS) -> Result:
    """What a supply has to give, in W, against what it is rated for. `efficiency` is that of converters in between."""
    total = sum(load.watts.value for load in loads) / efficiency.value
    margin, verdict = at_most(total, rated_w.value if rated_w else None)
    inputs = [Input(name=load.name, value=load.watts.value, unit="W", origin=load.watts.origin) for load in loads]
    inputs.append(Input(name="efficiency", value=efficiency.value, origin=efficiency.origin))
    if rated_w:
        inputs.append(Input(name="rated", value=rated_w.value, unit="W", origin=rated_w.origin))
    return Result(
        what="load of the supply",
        subject=subject,
        value=total,
        unit="W",
        formula="load = sum of the greatest draws / efficiency; margin = rated - load",
        inputs=tuple(inputs),
        source="conservation of energy; the draws are the catalogue's",
        limit=rated_w.value if rated_w else None,
        margin=margin,
        verdict=verdict,
    )


def current_at(voltage_v: float, watts: float) -> float:
    """Current of a constant power at a voltage, in A; the lowest voltage of a battery gives the greatest."""
    return watts / voltage_v


def temperature_range(
    subject: str,
    *,
    rated_c: tuple[float, float],
    ambient_c: tuple[Given, Given],
    rise_k: Given = _NO_RISE,
    origin: str = "stated",
) -> Sequence[Result]:
    """The coldest and the hottest that equipment meets, in degrees C, against the range that `origin` says it is made for.

    `rise_k` is by how much the inside of its cabinet is warmer (sun, losses); it counts for the hottest only.
    """
    coldest, hottest = ambient_c
    found = []
    for what, value, limit, given, margin in (
        ("lowest temperature", coldest.value, rated_c[0], coldest, coldest.value - rated_c[0]),
        ("highest temperature", hottest.value + rise_k.value, rated_c[1], hottest, rated_c[1] - hottest.value - rise_k.value),
    ):
        inputs = [Input(name="ambient", value=given.value, unit="C", origin=given.origin)]
        if what.startswith("highest"):
            inputs.append(Input(name="rise in the cabinet", value=rise_k.value, unit="K", origin=rise_k.origin))
        inputs.append(Input(name="rated", value=limit, unit="C", origin=origin))
        found.append(
            Result(
                what=what,
                subject=subject,
                value=value,
                unit="C",
                formula="ambient + rise in the cabinet <= rated" if len(inputs) == 3 else "ambient >= rated",
                inputs=tuple(inputs),
                source="IEC 60870-2-2 (classes of ambient temperature); the equipment's own range",
                limit=limit,
                margin=margin,
                verdict=Verdict.OK if margin >= 0 else Verdict.FAILS,
            )
        )
    return found
