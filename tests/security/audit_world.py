"""A clock, logs with records in them, and copies of logs in memory, for the tests of the audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tieline.security.audit import AuditLog, Verdict, Witnessed
from tieline.security.audit.notes import Checkpoint, Note, PublicKey
from tieline.security.audit.tiles import PRIVATE
from tieline.security.audit.verifying import verify_files

Files = dict[str, bytes]


class SteppingClock:
    """A millisecond later whenever somebody looks."""

    def __init__(self) -> None:
        self.us = 1_700_000_000_000_000

    def now_us(self) -> int:
        self.us += 1_000
        return self.us


def open_log(folder: Path, site: str = "northgate", **options: int) -> AuditLog:
    return AuditLog.open(folder, site, SteppingClock(), **options)


@contextmanager
def opened(folder: Path, site: str = "northgate", **options: int) -> Iterator[AuditLog]:
    log = open_log(folder, site, **options)
    try:
        yield log
    finally:
        log.close()


def fill(log: AuditLog, count: int) -> None:
    for number in range(count):
        log.append(actor="automation/avr", action="command", target="northgate/rtu-1/tap", detail={"value": float(number)})


def files_of(folder: Path) -> Files:
    """What an auditor copies."""
    return {
        name: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not (name := path.relative_to(folder).as_posix()).startswith(PRIVATE)
    }


def judge(files: Files, *, key: PublicKey | None = None, witnesses: Sequence[Witnessed] = ()) -> Verdict:
    return verify_files(files, files.get, key=key, witnesses=witnesses)


def witness_of(log: AuditLog, name: str = "the DMZ") -> Witnessed:
    """Somebody who has seen the log as it is now."""
    return Witnessed(name=name, key=log.key.public, checkpoint=Checkpoint.parse(log.checkpoint().text))


def seen_in(files: Files, key: PublicKey) -> Witnessed:
    """Somebody who has seen the published checkpoint of these files."""
    return Witnessed(name="the DMZ", key=key, checkpoint=Checkpoint.parse(Note.parse(files["checkpoint"]).text))
