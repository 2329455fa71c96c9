"""What the field needs from a simulated device, whatever it speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tieline.config.field import Place
from tieline.model import Point
from tieline.simulator.devices.behavior import Behavior

Column = npt.NDArray[np.float64]

WriteNote = Callable[[int, float], None]
"""Told of each value that a master writes: the point's number in the device and the value in engineering units."""

ShowNote = Callable[[int | None], None]
"""Told whenever the device shows its values anew: the time that it gives them, microseconds since 1970; None where it gives none."""


class Watch(Protocol):
    """Whether those who ask a device have got what some of its points stand at."""

    @property
    def is_read(self) -> bool:
        """Whether everybody has who asks at all, and somebody does."""
        ...

    def renew(self) -> None:
        """New values are about to be published: nobody has got them yet."""
        ...

    def end(self) -> None:
        """Looks no longer."""
        ...


class SimulatedDevice(Protocol):
    """One device of a utility folder: its values and its manners."""

    behavior: Behavior
    on_write: WriteNote | None
    on_show: ShowNote | None

    @property
    def path(self) -> str:
        """`site/device`."""
        ...

    @property
    def points(self) -> tuple[Point, ...]:
        """What it measures and takes."""
        ...

    @property
    def feedback(self) -> frozenset[int]:
        """The numbers of points that report what was written to others."""
        ...

    @property
    def values(self) -> Column:
        """What the points stand at, in engineering units; they change with `publish` and `change`."""
        ...

    def number(self, name: str) -> int:
        """A point's number in the device. Raises `LocalError` where there is no such point."""
        ...

    def publish(self, values: Column) -> None:
        """New values for all points, in their order; masters see all of them or none."""
        ...

    def change(self, values: Mapping[str, float]) -> None:
        """New values for some points; masters see all of them or none. It costs as much as `publish`: change many at once."""
        ...

    def watch(self, numbers: Sequence[int], on_read: Callable[[], None]) -> Watch:
        """Looks who gets these points from now on and calls whenever somebody has got all of them, or has gone.

        One at a time. Raises `ConfigError` for points that nobody can be seen to get.
        """
        ...


class Endpoint(Protocol):
    """Where devices are served."""

    @property
    def devices(self) -> Sequence[SimulatedDevice]:
        """Who answers there."""
        ...

    @property
    def place(self) -> Place:
        """Where that is, once started."""
        ...

    async def start(self) -> None:
        """Serves. Raises `UnavailableError` where that cannot be."""
        ...

    async def stop(self) -> None:
        """Breaks all connections and serves no more; `start` begins again at the same place."""
        ...

    async def follow(self) -> None:
        """The behavior of a device has changed."""
        ...
