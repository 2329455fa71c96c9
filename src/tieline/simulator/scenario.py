"""What goes wrong in a simulated field, and when."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from tieline.config.fields import Strict
from tieline.model import ConfigError
from tieline.simulator.devices.behavior import Behavior


class DeviceEvent(Strict):
    """A device changes its manners, for a while or for good."""

    at_s: float = Field(ge=0, description="simulated seconds after the start")
    device: str = Field(description="site/device")
    behavior: Literal["normal", "silent", "slow", "refusing", "gone"]
    delay_s: float = Field(default=1.0, ge=0, description="of a slow device")
    exception: int = Field(default=4, ge=1, le=255, description="of a refusing device")
    for_s: float | None = Field(default=None, gt=0, description="then it is normal again")

    @property
    def manners(self) -> Behavior:
        """The behavior that begins."""
        return Behavior(manner=self.behavior, delay_s=self.delay_s, exception=self.exception)


class SwitchEvent(Strict):
    """A switch trips, is operated on site, or does not move any more."""

    at_s: float = Field(ge=0)
    switch: str
    action: Literal["trip", "open", "close", "jam", "free"]


class SourceEvent(Strict):
    """A source of the external network is lost, returns, or changes its voltage."""

    at_s: float = Field(ge=0)
    source: str
    action: Literal["lose", "return", "voltage"]
    voltage_pu: float | None = Field(default=None, gt=0.5, lt=1.5, description="behind its impedance, from then on")

    @model_validator(mode="after")
    def _voltage_fits(self) -> Self:
        if (self.action == "voltage") != (self.voltage_pu is not None):
            raise ValueError("voltage_pu belongs to the action voltage, and to no other")
        return self


class LoadEvent(Strict):
    """A load becomes so many times what its habits are."""

    at_s: float = Field(ge=0)
    load: str
    factor: float = Field(ge=0, allow_inf_nan=False)
    over_s: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="along a ramp")


class GenerationEvent(Strict):
    """Generation is lost somewhere in the system, for a while or for good, and the frequency falls."""

    at_s: float = Field(ge=0)
    lost_mw: float = Field(allow_inf_nan=False, description="negative for a surplus")
    for_s: float | None = Field(default=None, gt=0, description="then it is back")


class FaultEvent(Strict):
    """A short circuit at a node, which protection clears."""

    at_s: float = Field(ge=0)
    fault: str = Field(description="the node")
    for_s: float | None = Field(default=None, gt=0, description="then it is repaired")


class LinkEvent(Strict):
    """A link of the communications network is cut, for a while or until it is restored; it is down at both ends."""

    at_s: float = Field(ge=0)
    link: str
    action: Literal["cut", "restore"] = "cut"
    for_s: float | None = Field(default=None, gt=0, description="then it is restored")


class DuctEvent(Strict):
    """Everything that runs through a duct of the communications network is cut."""

    at_s: float = Field(ge=0)
    duct: str
    action: Literal["cut", "restore"] = "cut"
    for_s: float | None = Field(default=None, gt=0, description="then it is restored")


class SupplyEvent(Strict):
    """A supply of the communications network is lost, and all that it feeds alone."""

    at_s: float = Field(ge=0)
    supply: str
    action: Literal["lose", "return"] = "lose"
    for_s: float | None = Field(default=None, gt=0, description="then it returns")


class CableSwapEvent(Strict):
    """Somebody exchanges the cables of two ports; the same event again puts them back."""

    at_s: float = Field(ge=0)
    cable_swap: tuple[str, str] = Field(description="node/port, twice")
    for_s: float | None = Field(default=None, gt=0, description="then they are put back")


class PortErrorsEvent(Strict):
    """A port receives bad frames."""

    at_s: float = Field(ge=0)
    port_errors: str = Field(description="node/port")
    per_s: float = Field(ge=0, allow_inf_nan=False, description="frames a second from then on")
    for_s: float | None = Field(default=None, gt=0, description="then there are none any more")


class FirmwareEvent(Strict):
    """A watched node runs another firmware."""

    at_s: float = Field(ge=0)
    firmware: str = Field(description="the node")
    version: str = Field(min_length=1, max_length=64, description="what it says from then on")


class SystemSection(Strict):
    """The power system to which the network belongs when generation is lost."""

    rated_mva: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="default: the peaks of all loads together"
    )
    inertia_s: float = Field(default=4.0, gt=0, le=100, description="inertia constant H")
    damping: float = Field(default=1.5, ge=0, le=20, description="percent of load for a percent of frequency")
    droop_percent: float = Field(default=5.0, gt=0, le=100, description="of the governors")
    governor_s: float = Field(default=6.0, gt=0, le=600, description="lag of the governors")
    reserve_percent: float = Field(default=5.0, ge=0, le=100, description="of rated_mva, that governors can add")


PlantEvent = SwitchEvent | SourceEvent | LoadEvent | GenerationEvent | FaultEvent
NetworkEvent = LinkEvent | DuctEvent | SupplyEvent | CableSwapEvent | PortErrorsEvent | FirmwareEvent
Event = DeviceEvent | PlantEvent | NetworkEvent


class Scenario(Strict):
    """A script of events, and how often switches trip by chance."""

    seconds_between_trips: float = Field(default=900.0, gt=0, description="mean, over the whole grid; inf for none")
    system: SystemSection = Field(default_factory=SystemSection, description="what shares a loss of generation")
    events: list[Event] = Field(default_factory=list)


QUIET = Scenario(seconds_between_trips=math.inf)
"""Nothing goes wrong."""


def read_scenario(path: Path) -> Scenario:
    """The scenario of a TOML file. Raises `ConfigError`."""
    try:
        return Scenario.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {place}: {first['msg'].lower()}") from error
