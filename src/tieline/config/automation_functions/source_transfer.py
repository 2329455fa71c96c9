"""`kind = "source_transfer"`: automatic bus transfer, main and standby or main, tie, main (ANSI device 83)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tieline.config.automation_functions.references import Breaker, BreakerSection, Measured, References, named
from tieline.config.fields import Name, PositiveSeconds, Seconds
from tieline.config.function_base import FunctionBase, FunctionPlan, Shown
from tieline.config.lines import KeyPath
from tieline.config.site_points import SitePoints
from tieline.model import Point, PointKind


class SupplySection(BreakerSection):
    """An incoming supply with its breaker."""

    name: Name = Field(description="in events")
    voltage: list[str] = Field(min_length=1, max_length=3, description="of the supply, between phases, before the breaker")
    trip: list[str] = Field(default_factory=list, description="binary: overcurrent protection has tripped or picked up")
    bus_voltage: str | None = Field(default=None, description="of the busbar behind the breaker; it has to decay before closing")


class SourceTransferSection(FunctionBase):
    """A source transfer as it is written."""

    kind: Literal["source_transfer"]
    arrangement: Literal["main_standby", "main_tie_main"] = Field(
        description="one busbar with two supplies, or two busbars with a supply each and a tie"
    )
    supplies: list[SupplySection] = Field(min_length=2, max_length=2, description="the first is preferred in main_standby")
    tie: BreakerSection | None = Field(default=None, description="between the two busbars")
    dead_below_kv: float = Field(gt=0, allow_inf_nan=False, description="all voltages of a supply below it: the supply is lost")
    dead_delay_s: PositiveSeconds = Field(default=1.0, description="lost for so long; longer than protection needs for a fault")
    healthy_above_kv: float = Field(gt=0, allow_inf_nan=False, description="all voltages of a supply above it: it is healthy")
    healthy_below_kv: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="and below that")
    healthy_delay_s: PositiveSeconds = Field(default=3.0, description="for so long before it may take over")
    residual_below_kv: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="bus_voltage to close; default dead_below_kv"
    )
    dead_time_s: Seconds = Field(default=0.5, description="between seeing the one breaker open and closing the other, at least")
    switch_timeout_s: PositiveSeconds = Field(default=5.0, description="in which a breaker is seen to have moved")
    retransfer: Literal["automatic", "manual"] = Field(default="automatic", description="back once the supply has returned")
    retransfer_delay_s: PositiveSeconds = Field(default=300.0, description="the returned supply is healthy for so long before")
    retry_s: PositiveSeconds = Field(default=60.0, description="after a command that was refused")
    most_transfers_an_hour: int = Field(default=4, ge=1, le=100, description="more lock it out")
    block: str | None = Field(default=None, description="binary: blocks while it is on")
    reset: str | None = Field(default=None, description="binary: releases a lockout as it rises")


SHOWN = (
    Shown(
        name="state",
        description="0 observing, 1 blocked, 2 normal, 3 supply lost, 4 opening, 5 waiting to close, 6 closing, 7 transferred, "
        "8 not ready, 9 locked out",
    ),
    Shown(name="transferred", kind=PointKind.BINARY, description="fed by other than the normal supply, by this function"),
    Shown(name="transfers", description="since the beginning"),
    Shown(name="remaining", unit="s", description="until a breaker is operated"),
    Shown(name="blocked", kind=PointKind.BINARY, description="something keeps it from working"),
    Shown(name="locked_out", kind=PointKind.BINARY, description="rests until it is reset"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """An incoming supply."""

    name: str
    breaker: Breaker
    voltage: tuple[Measured, ...]
    trip: tuple[Point, ...]
    bus_voltage: Measured | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTransferPlan(FunctionPlan):
    """A source transfer as it was understood."""

    section: SourceTransferSection
    supplies: tuple[Supply, Supply]
    tie: Breaker | None
    block: Point | None
    reset: Point | None

    @property
    def breakers(self) -> tuple[Breaker, ...]:
        """Those of the two supplies, then the tie."""
        mains = tuple(supply.breaker for supply in self.supplies)
        return mains if self.tie is None else (*mains, self.tie)


def read_source_transfer(points: SitePoints, key: KeyPath, section: SourceTransferSection) -> SourceTransferPlan | None:
    """The plan, or None and findings."""
    refs = References(points, key)
    supplies = [_read_supply(refs, ("supplies", index), supply) for index, supply in enumerate(section.supplies)]
    tie = refs.breaker(("tie",), section.tie) if section.tie is not None else None
    block, reset = refs.state(("block",), section.block), refs.state(("reset",), section.reset)
    _check_arrangement(refs, section)
    _check_levels(refs, section)
    one, other = supplies
    if one is None or other is None or not refs.is_sound:
        return None
    breakers = (one.breaker, other.breaker, tie) if tie is not None else (one.breaker, other.breaker)
    measured = [*one.voltage, *other.voltage, one.bus_voltage, other.bus_voltage]
    return SourceTransferPlan(
        name=section.name,
        acts=section.acts,
        reads=named([*measured, *(breaker.position for breaker in breakers), *one.trip, *other.trip, block, reset]),
        writes=named([breaker.control for breaker in breakers]),
        shown=SHOWN,
        section=section,
        supplies=(one, other),
        tie=tie,
        block=block,
        reset=reset,
    )


def _read_supply(refs: References, path: KeyPath, section: SupplySection) -> Supply | None:
    breaker = refs.breaker(path, section)
    voltage = refs.all_measured((*path, "voltage"), section.voltage, "voltage")
    found = [refs.state((*path, "trip", index), name) for index, name in enumerate(section.trip)]
    bus_voltage = refs.measured((*path, "bus_voltage"), section.bus_voltage, "voltage")
    if breaker is None:
        return None
    trip = tuple(one for one in found if one is not None)
    return Supply(name=section.name, breaker=breaker, voltage=voltage, trip=trip, bus_voltage=bus_voltage)


def _check_arrangement(refs: References, section: SourceTransferSection) -> None:
    has_tie = section.arrangement == "main_tie_main"
    refs.require(has_tie or section.tie is None, ("tie",), "main_standby has no tie", "remove it, or write main_tie_main")
    refs.require(not has_tie or section.tie is not None, ("tie",), "is missing", "name control and position of the tie breaker")
    names = [supply.name for supply in section.supplies]
    refs.require(names[0] != names[1], ("supplies", 1, "name"), "is taken by the other supply", "choose another", value=names[1])
    places: list[tuple[KeyPath, BreakerSection]] = [(("supplies", index), one) for index, one in enumerate(section.supplies)]
    places += [(("tie",), section.tie)] if section.tie is not None else []
    for column in ("control", "position"):
        seen: list[str] = []
        for path, breaker in places:
            name = getattr(breaker, column)
            refs.require(name not in seen, (*path, column), "is that of another breaker", "name each breaker once", value=name)
            seen.append(name)


def _check_levels(refs: References, section: SourceTransferSection) -> None:
    refs.require(
        section.dead_below_kv < section.healthy_above_kv,
        ("dead_below_kv",),
        f"is not below healthy_above_kv {section.healthy_above_kv:g}",
        "lower it, for example to half of the nominal voltage",
        value=section.dead_below_kv,
    )
    refs.require(
        section.healthy_below_kv is None or section.healthy_below_kv > section.healthy_above_kv,
        ("healthy_below_kv",),
        f"is not above healthy_above_kv {section.healthy_above_kv:g}",
        "raise it",
        value=section.healthy_below_kv,
    )
    refs.require(
        section.residual_below_kv is None or section.residual_below_kv < section.healthy_above_kv,
        ("residual_below_kv",),
        f"is not below healthy_above_kv {section.healthy_above_kv:g}",
        "write about a quarter of the nominal voltage",
        value=section.residual_below_kv,
    )
    refs.require(
        section.retransfer_delay_s >= section.healthy_delay_s,
        ("retransfer_delay_s",),
        f"is shorter than healthy_delay_s {section.healthy_delay_s:g}",
        "raise it; minutes are usual",
        value=section.retransfer_delay_s,
    )
