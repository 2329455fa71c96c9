"""Part (u): the audit. Durable appends on the disk of the working directory, and verification of a million records.

Beside them a hash chain is written as the audit was kept before: a line, synced, and a head, synced, for each record.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.result import Result, show
from tieline.io import SystemClock
from tieline.model.audit import Draft
from tieline.security.audit import AuditLog, verify

ONE, WRITERS, EACH, BATCH, BATCHES = 3_000, 64, 200, 1_000, 100
ENTRIES = 1_000_000


def run() -> list[Result]:
    """Everything of the audit."""
    return [*single(), *appends(), *verification()]


def draft(number: int) -> Draft:
    """A record as commands make them."""
    detail = {"id": f"c-{number:08d}", "value": number / 8, "origin": "center/ada", "wanted": "as planned"}
    return Draft(actor="ada", action="command", target=f"northgate/rtu-1/tap{number % 50}", detail=detail, outcome="released")


@contextmanager
def folder() -> Iterator[Path]:
    """On the disk of the working directory, and not in memory."""
    made = Path(tempfile.mkdtemp(prefix=".bench-audit-", dir=Path.cwd()))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def single() -> list[Result]:
    """One writer: a record in the log, then the same in a chain, by turns, because a disk is not the same from one second to the next."""
    own, chained = list[float](), list[float]()
    with folder() as place, folder() as beside, closing(AuditLog.open(place, "northgate", SystemClock())) as log:
        chain = Chain(beside)
        for number in range(ONE):
            begun = time.perf_counter()
            log.append_many([draft(number)])
            between = time.perf_counter()
            chain.append(str(draft(number)).encode())
            own.append(between - begun)
            chained.append(time.perf_counter() - between)
    return [*_latency("one writer", own), *_latency("a hash chain, one writer", chained)]


class Chain:
    """A line and a head for each record, both synced."""

    def __init__(self, place: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT
        self._lines, self._head = os.open(place / "lines", flags), os.open(place / "head", flags)
        self._size, self._number, self._previous = 0, 0, "0" * 64

    def append(self, text: bytes) -> None:
        """One more record."""
        self._number += 1
        self._previous = hashlib.sha256(self._previous.encode() + text).hexdigest()
        self._size += os.pwrite(self._lines, text + self._previous.encode() + b"\n", self._size)
        os.fsync(self._lines)
        os.pwrite(self._head, f"{self._number:016d} {self._previous}".encode(), 0)
        os.fsync(self._head)


def appends() -> list[Result]:
    """Many writers at once, and batches."""
    with folder() as place, closing(AuditLog.open(place, "northgate", SystemClock())) as log:

        def work() -> None:
            for number in range(EACH):
                log.append_many([draft(number)])

        threads = [threading.Thread(target=work) for _ in range(WRITERS)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        many_s = time.perf_counter() - begun
        begun = time.perf_counter()
        for _ in range(BATCHES):
            log.append_many([draft(number) for number in range(BATCH)])
        batch_s = time.perf_counter() - begun
        assert verify(place).is_intact
    return [
        _rate(f"{WRITERS} writers", WRITERS * EACH / many_s),
        _rate("batches of 1,000", BATCHES * BATCH / batch_s),
    ]


def verification() -> list[Result]:
    """Of a million records, all of them there."""
    with folder() as place:
        with closing(AuditLog.open(place, "northgate", SystemClock())) as log:
            for first in range(0, ENTRIES, 10_000):
                log.append_many([draft(number) for number in range(first, first + 10_000)])
        size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        begun = time.perf_counter()
        verdict = verify(place)
        verified_s = time.perf_counter() - begun
        assert verdict.is_intact
        assert verdict.records == ENTRIES
        begun = time.perf_counter()
        AuditLog.open(place, "northgate", SystemClock()).close()
        opened_s = time.perf_counter() - begun
    return [
        Result(part="u", name="verification of 1 M records", value=verified_s, unit="s"),
        Result(part="u", name="opening a log of 1 M records", value=opened_s * 1e3, unit="ms"),
        Result(part="u", name="on the disk", value=size / ENTRIES, unit="B a record"),
    ]


def _latency(name: str, times: list[float]) -> list[Result]:
    ordered = sorted(times)
    return [
        _rate(name, len(times) / sum(times)),
        Result(part="u", name=f"{name}, p50", value=ordered[len(times) // 2] * 1e3, unit="ms"),
        Result(part="u", name=f"{name}, p99", value=ordered[len(times) * 99 // 100] * 1e3, unit="ms"),
    ]


def _rate(name: str, value: float) -> Result:
    return Result(part="u", name=name, value=value, unit="durable appends/s")


if __name__ == "__main__":
    show(run())
    sys.exit()
