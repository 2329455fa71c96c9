"""The utility as real processes, and somebody who starts again what ends, as a machine's own supervisor does (`Restart=always`)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Self

from cryptography import x509

from tests.resilience.truth import Journal
from tests.resilience.utility import SITES, write_folder, write_recording
from tests.resilience.wan import Relay
from tieline.bus import connected, streams
from tieline.cli.run import free_port, issue_all
from tieline.config import read_folder
from tieline.historian import query
from tieline.model import UnavailableError, subjects
from tieline.security.identity import Authority

RESTART_S = 1.0
_POLL_S = 0.1
_END_TIMEOUT_S = 20.0


@dataclass(slots=True, eq=False)
class Role:
    """One process of Tieline; it is started again a second after it has ended."""

    name: str
    arguments: Callable[[], Sequence[str | Path]]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    ended_at: float | None = None
    on_start: Callable[[], None] | None = None
    _output: IO[bytes] | None = None

    def start(self) -> None:
        if self.on_start is not None:
            self.on_start()
        if self._output is None:
            self._output = self.log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tieline", *map(str, self.arguments())],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **self.environment},
        )
        self.starts += 1
        self.ended_at = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def keep(self) -> None:
        """Starts it again when it is time."""
        if self.process is None or self.process.poll() is None:
            return
        if self.ended_at is None:
            self.ended_at = time.monotonic()
        elif time.monotonic() - self.ended_at >= RESTART_S:
            self.start()

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self._output is not None:
            self._output.close()


class Rig:
    """Use as a context manager: everything runs, and the historian has something of every point."""

    def __init__(
        self,
        place: Path,
        *,
        seconds: float,
        center: str = "",
        small_disk: Path | None = None,
        faketime: Path | None = None,
        certificate_life_s: float | None = None,
    ) -> None:
        """`seconds` is how long the devices change at the most; north keeps its data on the small disk and has a clock that can be set."""
        self._certificate_life_s = certificate_life_s
        self.place = place
        self.data = place / "data"
        self.folder = place / "utility"
        self.historian = self.data / "center" / "historian"
        self.journal = Journal(place / "journal.jsonl")
        self.excused: dict[int, int] = {}
        """Runs of the devices that were killed, and the line of the journal before which everything had arrived."""
        self._seconds = seconds
        write_folder(self.folder, center=center)
        self._dmz_port, self._hmi_port = free_port(), free_port()
        self.wan = Relay(self._dmz_port)
        self.center_wan = Relay(self._dmz_port)
        self.roles = {
            "field": self._role("field", self._simulate),
            "dmz": self._role("dmz", lambda: [*self._run(self._dmz_port), "--dmz"]),
            "center": self._role(
                "center", lambda: [*self._run(self.center_wan.port), "--center", "--no-login", "--port", str(self._hmi_port)]
            ),
            **{f"site-{site}": self._role(f"site-{site}", self._site(site)) for site in SITES},
        }
        self.small_disk = small_disk
        self.clock_file: Path | None = None
        if faketime is not None:
            self.clock_file = place / "clock"
            self.set_clock(0)
            self.roles["site-north"].environment = {
                "LD_PRELOAD": str(faketime),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock_file),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            }
        self.roles["field"].on_start = self._record
        self._ends = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._guard = threading.Lock()

    def __enter__(self) -> Self:
        self.data.mkdir(parents=True, exist_ok=True)
        if self._certificate_life_s is not None:
            (self.data / "authority").mkdir(mode=0o700)
            (self.data / "authority" / "life").write_text(f"{self._certificate_life_s:g}\n")
        issue_all(read_folder(self.folder), self.data)
        self.first_certificates_end = self._certificates_end()
        for role in self.roles.values():
            role.start()
        self._keeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._keeper.join(20)
        for role in reversed(self.roles.values()):
            role.end()
        self.wan.close()
        self.center_wan.close()

    # What faults need

    def kill(self, name: str) -> None:
        """SIGKILL of a role's process; its children end with it."""
        os.kill(self.roles[name].pid, signal.SIGKILL)

    def kill_bus(self, name: str) -> None:
        """SIGKILL of the bus server of a role."""
        os.kill(self.children(name, "nats-server")[0], signal.SIGKILL)

    def set_clock(self, ahead_s: int) -> None:
        """North's gateway takes its clock to be so much ahead, within a second or two."""
        assert self.clock_file is not None
        temporary = self.clock_file.with_suffix(".new")
        temporary.write_text(f"+{ahead_s}s\n" if ahead_s >= 0 else f"{ahead_s}s\n")
        temporary.replace(self.clock_file)

    def children(self, name: str, program: str) -> list[int]:
        """The processes of a role that run this program."""
        found = []
        pids = Path(f"/proc/{self.roles[name].pid}/task/{self.roles[name].pid}/children").read_text().split()
        for pid in map(int, pids):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
            if Path(command.decode()).name == program:
                found.append(pid)
        return found

    def certificate_wait_s(self) -> float:
        """How long until no certificate of the beginning is valid any more."""
        return (self.first_certificates_end - datetime.now(UTC)).total_seconds()

    def _certificates_end(self) -> datetime:
        files = (self.data / "authority" / "roles").glob("*.crt")
        return max(x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc for file in files)

    def leader_of_center(self) -> int:
        """The process id of the bus server that leads the center's stream."""
        name = asyncio.run(self._leader())
        folder = self.data / "center" / name.replace("center", "bus")
        for pid in self.children("center", "nats-server"):
            if str(folder / "nats-server.json").encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        raise LookupError(f"{name} does not run")

    async def _leader(self) -> str:
        found = sorted((self.data / "center").glob("bus*/ports/*.ports"))
        ports = [int(json.loads(file.read_text())["nats"][0].rsplit(":", 1)[1]) for file in found]
        credentials = Authority.open(self.data / "authority").credentials("center", hosts=["127.0.0.1", "localhost"])
        async with connected(ports, credentials) as client:
            while True:
                with suppress(UnavailableError):
                    answer = await streams.api(client, f"$JS.API.STREAM.INFO.{subjects.CENTER_STREAM}", {})
                    if leader := answer.get("cluster", {}).get("leader"):
                        return str(leader)
                await asyncio.sleep(0.1)

    def ask(self, statement: str) -> list[dict[str, object]] | None:
        """An answer of the historian; None while there is none."""
        try:
            rows: list[dict[str, object]] = query(self.historian, statement).read_all().to_pylist()
        except (UnavailableError, OSError):
            return None
        return rows

    # The roles

    def _role(self, name: str, arguments: Callable[[], Sequence[str | Path]]) -> Role:
        return Role(name, arguments, self.place / f"{name}.log")

    def _run(self, port: int) -> list[str | Path]:
        return ["run", self.folder, "--data", self.data, "--dmz-address", f"127.0.0.1:{port}"]

    def _site(self, site: str) -> Callable[[], Sequence[str | Path]]:
        return lambda: [*self._run(self.wan.port), "--site", site]

    def _simulate(self) -> list[str | Path]:
        recording = self.place / "recording.csv"
        options: list[str | Path] = ["--replay", recording, "--rate", "5", "--journal", self.place / "journal.jsonl"]
        return ["simulate", self.folder, "--data", self.data, *options]

    def _record(self) -> None:
        """The devices go on counting where they were."""
        self.journal.read()
        write_recording(self.place / "recording.csv", first=self.journal.highest + 1, seconds=self._seconds)

    def _keep(self) -> None:
        while not self._ends.wait(_POLL_S):
            for role in self.roles.values():
                role.keep()
