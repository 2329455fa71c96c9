"""What goes wrong in a simulated field, and when."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

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
    """A switch trips, or is operated on site."""

    at_s: float = Field(ge=0)
    switch: str
    action: Literal["trip", "open", "close"]


class Scenario(Strict):
    """A script of events, and how often switches trip by chance."""

    seconds_between_trips: float = Field(default=900.0, gt=0, description="mean, over the whole grid; inf for none")
    events: list[DeviceEvent | SwitchEvent] = Field(default_factory=list)


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
