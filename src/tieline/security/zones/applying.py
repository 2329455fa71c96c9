"""A host's firewall put in force, with a way back: who does not confirm in time, because the new rules cut the connection, has the former
ones again.

A process of its own, the watchdog, loads the new rules and waits. It has a session of its own and no terminal, so that it outlives the
command and the login that started it. In the folder:

- `lock` is held by the watchdog as long as a change waits: there is one at a time.
- `pending.json` says that a change waits. To confirm is to rename it, and so is to roll back: a rename succeeds for one of the two.
- `former.nft` brings the former table back, `new.nft` is what was loaded, `applied.nft` what was confirmed last.

Each step is in the audit before it is done.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tieline.io import SystemClock
from tieline.model import RefusedError, UnavailableError
from tieline.security.audit import AuditLog
from tieline.security.zones import nft

LEAST_S, MOST_S = 5, 3600
_TRIES = 5
_AUDIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A change that waits to be confirmed."""

    host: str
    actor: str
    deadline_us: int


def folder_of(data: Path) -> Path:
    """Where the state of a host's firewall is."""
    return data / "zones"


def apply(folder: Path, script: str, *, host: str, actor: str, confirm_within_s: float) -> Pending:
    """Loads the script and leaves a watchdog behind. Raises `RefusedError` where a change waits already, `UnavailableError`."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    _check_owner(folder)
    with (folder / "watchdog.log").open("ab") as log:
        watchdog = subprocess.Popen(  # noqa: S603 - our own program
            [
                sys.executable,
                "-P",
                "-m",
                "tieline.security.zones.watchdog",
                str(folder.resolve()),
                host,
                actor,
                str(confirm_within_s),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            text=True,
        )
    assert watchdog.stdin is not None
    assert watchdog.stdout is not None
    with watchdog.stdin, watchdog.stdout:
        with suppress(BrokenPipeError):
            watchdog.stdin.write(script)
            watchdog.stdin.close()
        said = watchdog.stdout.readline()
    watchdog.returncode = 0  # nobody waits for it: it goes on without us
    answer = json.loads(said) if said else {"error": f"the watchdog ended; {folder / 'watchdog.log'} may say why"}
    if "error" in answer:
        raise (RefusedError if answer.get("refused") else UnavailableError)(answer["error"])
    return Pending(**answer)


def confirm(folder: Path, *, actor: str) -> Pending:
    """Keeps the change that waits. Raises `RefusedError` where none does, or where it came too late."""
    waiting = pending(folder)
    if waiting is None:
        raise RefusedError("no change waits to be confirmed")
    if not is_watched(folder):
        raise RefusedError("the change was given up when this machine or its watchdog went down; apply it again")
    record(folder, waiting.host, actor, "zones_confirmed", {"applied_by": waiting.actor})
    try:
        (folder / "pending.json").rename(folder / "confirmed.json")
    except FileNotFoundError:
        record(folder, waiting.host, actor, "zones_confirmed", {}, outcome="too late")
        raise RefusedError("it came too late: the former rules are back") from None
    return waiting


def pending(folder: Path) -> Pending | None:
    """The change that waits, or that nobody watches any more."""
    try:
        return Pending(**json.loads((folder / "pending.json").read_text()))
    except FileNotFoundError:
        return None


def is_watched(folder: Path) -> bool:
    """Whether a watchdog holds the lock."""
    try:
        with _lock(folder):
            return False
    except RefusedError:
        return True


def watch(folder: Path, script: str, host: str, actor: str, confirm_within_s: float) -> Iterator[Pending]:
    """What the watchdog does: yields once the new rules are in force, and ends when they were confirmed or are gone again.

    Whatever ends it from outside brings the former rules back first.
    """
    _check_owner(folder)
    with _lock(folder):
        if pending(folder) is not None:  # its watchdog died
            _roll_back(folder, (folder / "former.nft").read_text(), host, "its watchdog is gone")
        former = nft.running_table()
        way_back = nft.in_place_of(former)
        _write(folder / "former.nft", way_back)
        _write(folder / "new.nft", script)
        clock = SystemClock()
        deadline = clock.monotonic() + confirm_within_s
        waits = Pending(host=host, actor=actor, deadline_us=clock.now_us() + round(confirm_within_s * 1e6))
        detail = {"confirm_within_s": confirm_within_s, "had_table": former is not None}
        record(folder, host, actor, "zones_applied", detail, outcome="to be confirmed")
        _write(folder / "pending.json", json.dumps(asdict(waits)))
        why = "the watchdog was ended"
        try:
            nft.load(script)
            yield waits
            while (folder / "pending.json").exists() and clock.monotonic() < deadline:
                time.sleep(0.1)
            why = "it was not confirmed in time"
        except UnavailableError as error:
            (folder / "pending.json").unlink()
            record(folder, host, actor, "zones_applied", {"error": str(error)}, outcome="failed")
            raise
        finally:
            is_back = _roll_back(folder, way_back, host, why)
        if not is_back:
            _write(folder / "applied.nft", script)


def _roll_back(folder: Path, way_back: str, host: str, why: str) -> bool:
    """Brings the former rules back; False where the change was confirmed before."""
    try:
        (folder / "pending.json").rename(folder / "expired.json")
    except FileNotFoundError:
        return False
    try:
        record(folder, host, "watchdog", "zones_rolled_back", {"why": why})
    finally:  # the way back is never barred by a full disk
        for left in reversed(range(_TRIES)):
            try:
                nft.load(way_back)
                break
            except UnavailableError:
                if not left:
                    raise
                time.sleep(1)
    return True


def record(folder: Path, host: str, actor: str, action: str, detail: Mapping[str, object], *, outcome: str = "") -> None:
    """One record in the audit of this host's firewall. Raises `UnavailableError`."""
    deadline = time.monotonic() + _AUDIT_S
    while True:
        try:
            with closing(AuditLog.open(folder / "audit", f"zones-{host}", SystemClock())) as audit:
                audit.append(actor=actor, action=action, target=host, detail=detail, outcome=outcome)
        except UnavailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # the watchdog or a command writes its own record
        else:
            return


def _check_owner(folder: Path) -> None:
    """Scripts that root loads are nobody else's to write."""
    state = folder.stat()
    if state.st_uid != os.geteuid() or state.st_mode & 0o022:
        raise RefusedError(f"{folder} may be written by others; give it to root, with mode 0750")


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise RefusedError(
            "a change waits to be confirmed; confirm it by `tieline zones confirm`, or wait for the former rules"
        ) from None
    try:
        yield
    finally:
        os.close(lock)


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
