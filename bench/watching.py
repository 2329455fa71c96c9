"""Part (y): CPU time of watching the example's network: whole looks of the drivers, from the question to samples and differences.

The agents are the simulator's, in another process: SNMPv3 with SHA-256 and AES-128, with counters, LLDP, PoE, supplies and sensors. Counted
is the process of the drivers alone; one core.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path

from bench.result import Result
from tieline.config import read_folder
from tieline.config.field import FIELD_FILE, read_book, relocate
from tieline.config.snmp import SnmpDevice
from tieline.edge.drivers.snmp import SnmpDriver, snmp_drivers
from tieline.edge.snmp.keys import keys_of
from tieline.io import SystemClock
from tieline.security.network_keys import make_keys

LOOKS = 20
START_S = 60.0


def run() -> list[Result]:
    """The figures."""
    with tempfile.TemporaryDirectory() as place, _simulated(Path(place)) as devices:
        return asyncio.run(_measure(devices, Path(place)))


@contextmanager
def _simulated(data: Path) -> Iterator[Sequence[SnmpDevice]]:
    folder = Path(str(files("tieline.examples") / "ridgeway"))
    utility = read_folder(folder)
    watched = [device for site in utility.sites for device in site.devices if isinstance(device, SnmpDevice)]
    list(make_keys(data, [device.name for device in watched]))
    command = [sys.executable, "-m", "tieline", "simulate", str(folder), "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_S
        while not (data / FIELD_FILE).exists():
            if time.monotonic() > end or process.poll() is not None:
                raise RuntimeError("the simulator does not start")
            time.sleep(0.1)
        moved = relocate(utility, read_book(data / FIELD_FILE))
        yield [device for site in moved.sites for device in site.devices if isinstance(device, SnmpDevice)]
    finally:
        process.terminate()
        process.wait(30)


async def _measure(devices: Sequence[SnmpDevice], data: Path) -> list[Result]:
    made = snmp_drivers(
        devices, on_samples=lambda _: None, on_event=lambda _: None, clock=SystemClock(), keys=partial(keys_of, data)
    )
    first = [await _look_ms(driver) for driver in made]
    later = {driver.device.name: [await _look_ms(driver) for _ in range(LOOKS)] for driver in made}
    largest = max(made, key=lambda driver: len(driver.device.ports)).device
    ports = sum(len(driver.device.ports) for driver in made)
    points = sum(len(driver.device.points) for driver in made)
    every = [spent for spents in later.values() for spent in spents]
    return [
        Result(part="y", name=f"watching, {what}", value=value, unit="ms CPU", detail=detail)
        for what, value, detail in (
            ("the first look at a node", sum(first) / len(first), "keys made, everything asked"),
            (
                "a look at a node",
                sum(every) / len(every),
                f"{len(made)} nodes, {ports} ports, {points} points, {LOOKS} looks at each",
            ),
            ("a look at the largest node", sum(later[largest.name]) / LOOKS, f"{len(largest.ports)} ports"),
        )
    ]


async def _look_ms(driver: SnmpDriver) -> float:
    begin = time.process_time()
    if not await driver.look():
        raise RuntimeError(f"{driver.device.path}: {driver.problem}")
    return (time.process_time() - begin) * 1e3
