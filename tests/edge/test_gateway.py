"""What a gateway does with its drivers and presenters before it meets a bus; see tests/system for the rest."""

from __future__ import annotations

import random
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from tieline.config import read_folder
from tieline.edge.drivers import make_drivers
from tieline.edge.gateway import Gateway
from tieline.io import SystemClock
from tieline.model import Quality, Samples


class Mirror:
    def __init__(self) -> None:
        self.taken: list[Samples] = []

    def take(self, samples: Samples) -> None:
        self.taken.append(samples)

    async def run(self) -> None:
        return


async def test_every_sample_goes_upward_with_limits_applied_and_before_deadbands(tmp_path: Path) -> None:
    utility = read_folder(Path(str(files("tieline.examples") / "ridgeway")))
    site = utility.site("northgate")
    limited = next(point for point in site.points if point.high is not None)
    assert limited.high is not None
    mirror = Mirror()
    hand_over: list[Any] = []

    def capture(on_samples: Any, on_event: Any, settle: Any) -> list[Any]:
        hand_over.append(on_samples)
        return []

    client = cast("Any", None)  # a gateway that does not run publishes nothing
    Gateway(site, client, capture, folder=tmp_path, make_presenters=lambda _: [mirror], clock=SystemClock(), rng=random.Random(1))
    for time in (1, 2):
        hand_over[0](Samples.of([limited.id], [time], [limited.high + 1]))
    assert [int(samples.quality[0]) for samples in mirror.taken] == [int(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE)] * 2


def test_every_device_of_a_folder_gets_its_driver() -> None:
    utility = read_folder(Path(str(files("tieline.examples") / "ridgeway")))
    for site in utility.sites:
        drivers = make_drivers(site, lambda _: None, lambda _: None, clock=SystemClock())
        assert sorted(driver.device.path for driver in drivers) == sorted(device.path for device in site.devices)
