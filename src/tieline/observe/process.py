"""How the process and its machine are: processor, memory, disk, delay of the event loop."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

MB = 1_000_000
_PAGE = resource.getpagesize()
_BEAT_S = 0.1


def memory_mb(pid: int | None = None) -> float:
    """Resident memory of a process, ours by default. Raises `OSError` where there is no such process."""
    pages = Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()[1]
    return int(pages) * _PAGE / MB


class ProcessState:
    """Measures this process from one call to the next."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._started = self._at = monotonic()
        self._cpu_s = time.process_time()

    def __call__(self) -> Mapping[str, float]:
        """Uptime, processor time since the last call, memory."""
        now, cpu_s = self._monotonic(), time.process_time()
        elapsed = now - self._at
        values = {"uptime_s": now - self._started, "memory_mb": memory_mb()}
        if elapsed > 0:
            values["cpu_percent"] = 100 * (cpu_s - self._cpu_s) / elapsed
        self._at, self._cpu_s = now, cpu_s
        return values


class LoopLag:
    """How late the event loop wakes up. `run` it beside what it watches."""

    def __init__(self) -> None:
        self._worst_s = 0.0

    def __call__(self) -> Mapping[str, float]:
        """The longest delay since the last call."""
        worst_s, self._worst_s = self._worst_s, 0.0
        return {"loop_lag_ms": 1e3 * worst_s}

    async def run(self) -> None:
        """Watches until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _BEAT_S
            await asyncio.sleep(_BEAT_S)
            self._worst_s = max(self._worst_s, loop.time() - due)


def disk_of(folder: Path) -> Mapping[str, float]:
    """Free and used space of the disk that holds the folder. Raises `OSError`."""
    usage = shutil.disk_usage(folder)
    used = usage.total - usage.free
    return {"disk_free_mb": usage.free / MB, "disk_used_percent": 100 * used / max(usage.total, 1)}


class Rate:
    """How much a counter grows in a second, from one call to the next."""

    def __init__(self, name: str, count: Callable[[], float], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._count = count
        self._monotonic = monotonic
        self._before: tuple[float, float] | None = None

    def __call__(self) -> Mapping[str, float]:
        """The rate under its name; nothing the first time, and where the counter began anew."""
        now = (self._monotonic(), self._count())
        before, self._before = self._before, now
        if before is None or now[0] <= before[0] or now[1] < before[1]:
            return {}
        return {self._name: (now[1] - before[1]) / (now[0] - before[0])}
