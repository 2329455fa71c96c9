"""Commands of Tieline as processes, and waiting for what they bring about."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from tieline.historian import QueryError, query
from tieline.model import UnavailableError


class Processes:
    """Commands of Tieline started by a test; those still alive at its end are ended by their own ids."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []

    def start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """Starts `tieline` with these arguments; its output goes to a file of the test."""
        output = (self._folder / f"output-{len(self._started)}.txt").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "tieline", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._started.append((process, output))
        return process

    def said_by(self, process: subprocess.Popen[bytes]) -> str:
        """What the process has written so far."""
        number = [started for started, _ in self._started].index(process)
        return (self._folder / f"output-{number}.txt").read_text(errors="replace")

    def end(self) -> None:
        """Ends all of them."""
        for process, _ in reversed(self._started):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process, output in self._started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            output.close()


def run(*arguments: str | Path, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Runs `tieline` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tieline", *map(str, arguments)], capture_output=True, text=True, timeout=timeout_s, check=False
    )


def asked(data: Path, sql: str) -> list[dict[str, Any]]:
    """The center's historian's answer, as `tieline query` gets it but without the start of a process; nothing while it has none."""
    try:
        rows: list[dict[str, Any]] = query(data / "center" / "historian", sql).read_all().to_pylist()
    except (UnavailableError, QueryError):
        return []
    return rows


def eventually(check: Callable[[], bool], *, within_s: float = 60.0, every_s: float = 0.05) -> None:
    """Waits for a condition that other processes bring about; a check that starts processes itself is to leave them the machine."""
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every_s)


def process_of(data: Path, *words: str, without: str = "") -> int:
    """The id of the living process with this data directory and these words in its command; 0 where there is none."""
    wanted = {str(data).encode(), *(word.encode() for word in words)}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                line = set((entry / "cmdline").read_bytes().split(b"\0"))
                if wanted <= line and without.encode() not in line - {b""}:
                    return int(entry.name)
    return 0


def processes_with(text: str) -> list[str]:
    """The command lines of living processes that contain a text."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if text in line:
                    found.append(line)
    return found
