"""What goes wrong: each fault begins, lasts, and ends; nobody repairs anything afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.resilience.rig import Rig

_FILL = "filled"
_EXCUSED_S = 3.0
"""A device that is killed may take with it what it showed so shortly before: one that keeps its events in memory has no other place."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`happen` returns when the cause is over; what follows is recovery."""

    name: str
    happen: Callable[[Rig, float], None]
    lasts_s: float = 0.0
    """How long in a short run; a long one draws more."""
    needs: Callable[[Rig], str] = lambda _rig: ""
    """Why it cannot happen on this machine; empty where it can."""
    is_alone: bool = False
    """It does not strike before the utility has recovered from another, nor another before from it."""


def _wan(state: str) -> Callable[[Rig, float], None]:
    def happen(rig: Rig, lasts_s: float) -> None:
        rig.wan.set(state)  # type: ignore[arg-type]
        time.sleep(lasts_s)
        rig.wan.set("up")

    return happen


def _center_wan(rig: Rig, lasts_s: float) -> None:
    rig.center_wan.set("cut")
    time.sleep(lasts_s)
    rig.center_wan.set("up")


def _kill(*names: str) -> Callable[[Rig, float], None]:
    def happen(rig: Rig, _lasts_s: float) -> None:
        for name in names:
            rig.kill(name)

    return happen


def _kill_bus(*names: str) -> Callable[[Rig, float], None]:
    def happen(rig: Rig, _lasts_s: float) -> None:
        for name in names:
            rig.kill_bus(name)

    return happen


def _kill_leader(rig: Rig, _lasts_s: float) -> None:
    os.kill(rig.leader_of_center(), signal.SIGKILL)


def _end_certificates(rig: Rig, lasts_s: float) -> None:
    """All connections of the WAN are made anew when no certificate of the beginning is valid any more."""
    time.sleep(max(0.0, rig.certificate_wait_s()))
    for wan in (rig.wan, rig.center_wan):
        wan.set("cut")
    time.sleep(lasts_s)
    for wan in (rig.wan, rig.center_wan):
        wan.set("up")


def _kill_devices(rig: Rig, _lasts_s: float) -> None:
    line = rig.journal.read().lines
    time.sleep(_EXCUSED_S)
    rig.excused[rig.roles["field"].starts - 1] = line
    rig.kill("field")


def _freeze_devices(rig: Rig, lasts_s: float) -> None:
    """They answer nothing for a while, and their clocks do not know it."""
    os.kill(rig.roles["field"].pid, signal.SIGSTOP)
    time.sleep(lasts_s)
    os.kill(rig.roles["field"].pid, signal.SIGCONT)


def _fill_disk(rig: Rig, lasts_s: float) -> None:
    place = rig.small_disk
    assert place is not None
    with (place / _FILL).open("wb", buffering=0) as file:
        block = bytes(65_536)
        try:
            while True:
                file.write(block)
        except OSError:
            pass
        try:
            while True:
                file.write(b"0")
        except OSError:
            pass
    time.sleep(lasts_s)
    (place / _FILL).unlink()


def _step_clock(seconds: int) -> Callable[[Rig, float], None]:
    def happen(rig: Rig, lasts_s: float) -> None:
        rig.set_clock(seconds)
        time.sleep(lasts_s)

    return happen


def _no_small_disk(rig: Rig) -> str:
    return "" if rig.small_disk is not None else "this machine mounts no tmpfs"


def _no_faketime(rig: Rig) -> str:
    return "" if rig.clock_file is not None else "libfaketime is not installed"


FAULTS: Sequence[Fault] = (
    Fault("WAN of the sites cut", _wan("cut"), 4.0),
    Fault("WAN of the sites a black hole", _wan("silent"), 5.0),
    Fault("WAN of the sites slow", _wan("slow"), 4.0),
    Fault("WAN of the center cut", _center_wan, 3.0),
    Fault("edge gateway killed", _kill("site-north")),
    Fault("edge gateway killed (IEC 61850)", _kill("site-south")),
    Fault("edge's bus server killed", _kill_bus("site-north")),
    Fault("DMZ killed", _kill("dmz")),
    Fault("center killed (historian)", _kill("center")),
    Fault("leader of the center's bus killed", _kill_leader),
    Fault("devices frozen", _freeze_devices, 4.0),
    Fault("devices killed", _kill_devices, is_alone=True),
    Fault("edge's disk full", _fill_disk, 4.0, _no_small_disk),
    Fault("edge's clock steps ahead", _step_clock(90), 3.0, _no_faketime),
    Fault("edge's clock steps back", _step_clock(0), 3.0, _no_faketime),
    Fault("certificates ended and renewed", _end_certificates, 1.0),
)


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path | None]:
    """A disk of its own at the place, which is soon full; None where this machine mounts none."""
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    mounted = shutil.which("mount") is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield place if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=False)


def faketime_library() -> Path | None:
    """libfaketime, where it is installed."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return found[0] if found else None
