"""The one writer of an audit.

`append` returns when the record is on the disk: the line is written and fsynced, then the head. A process that dies in between
leaves a line that the head does not know yet; that record counts. A process that dies in the middle of a line leaves a torn one,
which nobody was told to be stored: it is cut off at the next opening, and a record says so. Damage that is found then is recorded
too, and the chain goes on from the newest record that the head knows.
"""

from __future__ import annotations

import dataclasses
import fcntl
import io
import itertools
import os
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tieline.model import AuditRecord, LocalError, UnavailableError
from tieline.model.audit import FIRST_PREVIOUS, Detail, canonical, chain_hash
from tieline.security.audit.files import Head, file_name, files_of, from_line, read_head, to_line
from tieline.security.audit.verifying import Chain, Damage

FILE_BYTES = 8_000_000
RESERVE_BYTES = 1_000_000
"""Some 2,000 records that are still written when the disk is full."""
MOST_IN_MEMORY = 1_000


class _Clock(Protocol):
    def now_us(self) -> int: ...


class AuditLog:
    """Appends records and hands them out; safe to use from several threads. One at a time for a folder."""

    def __init__(self, folder: Path, site: str, clock: _Clock, lock: int, file_bytes: int) -> None:
        self._folder = folder
        self._site = site
        self._clock = clock
        self._lock = lock
        self._file_bytes = file_bytes
        self._guard = threading.Lock()
        self._recent: deque[AuditRecord] = deque(maxlen=MOST_IN_MEMORY)
        self._cursor: tuple[int, Path, int] | None = None
        """After which record, in which file, at which byte reading goes on."""
        self._data = -1
        self._size = 0
        self._head_file = os.open(folder / "head", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._head = Head()
        self._is_closed = False
        self.sent = _read_number(folder / "sent")
        """Sequence of the newest record that the center has."""

    @classmethod
    def open(cls, folder: Path, site: str, clock: _Clock, *, file_bytes: int = FILE_BYTES) -> AuditLog:
        """The audit in this folder, which is made where it is not there; mends and records what a crash left.

        Raises `UnavailableError` where another process has it open or the disk does not let it be read and written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                raise UnavailableError(f"the audit in {folder} is open in another process") from None
            log = cls(folder, site, clock, lock, file_bytes)
            try:
                log._recover()
            except OSError:
                log.close()
                raise
        except OSError as error:
            raise UnavailableError(f"the audit in {folder} cannot be opened: {_reason(error)}") from error
        return log

    @property
    def last(self) -> int:
        """Sequence of the newest record; 0 for none."""
        return self._head.last

    def append(
        self, *, actor: str, action: str, target: str = "", detail: Mapping[str, object] | None = None, outcome: str = ""
    ) -> AuditRecord:
        """The record, stored. Raises `UnavailableError` where the disk does not take it: then nothing is appended.

        The detail holds texts, finite numbers, booleans and None; numbers that are not finite are stored as text.
        """
        with self._guard:
            if self._is_closed:
                raise LocalError("the audit is closed")
            record = self._next(actor, action, target, {} if detail is None else detail, outcome)
            try:
                self._store(record)
            except OSError as error:
                raise UnavailableError(f"the audit in {self._folder} cannot be written: {_reason(error)}") from error
            return record

    def since(self, sequence: int, most: int = MOST_IN_MEMORY) -> list[AuditRecord]:
        """The records after this one, oldest first, at most so many; lines that are damaged are left out.

        Raises `UnavailableError` where the disk cannot be read.
        """
        with self._guard:
            if sequence >= self._head.last:
                return []
            if self._recent and self._recent[0].sequence <= sequence + 1:
                return [record for record in self._recent if record.sequence > sequence][:most]
            try:
                return self._read(sequence, most)
            except OSError as error:
                raise UnavailableError(f"the audit in {self._folder} cannot be read: {_reason(error)}") from error

    def mark_sent(self, sequence: int) -> None:
        """The center has every record up to this one. Raises `UnavailableError` where the disk does not take the mark."""
        with self._guard:
            if sequence <= self.sent:
                return
            self.sent = min(sequence, self._head.last)
            try:
                temporary = self._folder / "sent.new"
                temporary.write_text(f"{self.sent}\n")
                temporary.replace(self._folder / "sent")
            except OSError as error:
                raise UnavailableError(f"the audit in {self._folder} cannot be written: {_reason(error)}") from error

    def forget(self, *, keep_bytes: int) -> int:
        """Gives up the oldest files whose records the center has, as far as the others still hold so much; how many files.

        Keeps room for records on a full disk again, where that was used up. The head remembers where the audit begins since then.
        Raises `UnavailableError` where the disk does not do it.
        """
        with self._guard:
            given_up = 0
            try:
                self._keep_reserve()
                files = files_of(self._folder)
                held = sum(path.stat().st_size for _, path in files)
                for (_, path), (following, _) in itertools.pairwise(files):
                    held -= path.stat().st_size
                    if held < keep_bytes or following - 1 > self.sent:
                        break
                    previous = _last_hash(path)
                    if previous is None:
                        break
                    self._head = dataclasses.replace(self._head, first=following, first_previous=previous)
                    self._write_head()
                    path.unlink()
                    given_up += 1
            except OSError as error:
                raise UnavailableError(f"the audit in {self._folder} cannot be shortened: {_reason(error)}") from error
            return given_up

    def close(self) -> None:
        """Ends writing; `append` raises `LocalError` from now on."""
        with self._guard:
            if self._is_closed:
                return
            self._is_closed = True
            for descriptor in (self._data, self._head_file, self._lock):
                if descriptor >= 0:
                    os.close(descriptor)

    def _next(self, actor: str, action: str, target: str, detail: Mapping[str, object], outcome: str) -> AuditRecord:
        sequence, previous, plain = self._head.last + 1, self._head.last_hash, _plain(detail)
        time_us = self._clock.now_us()
        text = canonical(
            sequence=sequence,
            time_us=time_us,
            site=self._site,
            actor=actor,
            action=action,
            target=target,
            detail=plain,
            outcome=outcome,
        )
        return AuditRecord(
            sequence=sequence,
            time_us=time_us,
            site=self._site,
            actor=actor,
            action=action,
            target=target,
            detail=plain,
            outcome=outcome,
            previous=previous,
            hash=chain_hash(previous, text),
        )

    def _store(self, record: AuditRecord) -> None:
        """The record on the disk, or an `OSError` and nothing."""
        before, line = self._head, to_line(record)
        self._write(line, record.sequence)
        self._head = dataclasses.replace(before, last=record.sequence, last_hash=record.hash)
        try:
            self._write_head()
        except OSError:
            self._head, self._size = before, self._size - len(line)
            os.ftruncate(self._data, self._size)
            raise
        self._recent.append(record)

    def _write(self, line: bytes, sequence: int) -> None:
        """The line at the end of the newest file, on the disk; where that fails the file is as it was."""
        if self._data < 0 or self._size + len(line) > self._file_bytes:
            try:
                self._begin_file(sequence)
            except OSError:
                if not self._release_reserve():
                    raise
                self._begin_file(sequence)
        try:
            self._put(line)
        except OSError:
            os.ftruncate(self._data, self._size)
            if not self._release_reserve():
                raise
            try:
                self._put(line)
            except OSError:
                os.ftruncate(self._data, self._size)
                raise
        self._size += len(line)

    def _put(self, line: bytes) -> None:
        written = 0
        while written < len(line):
            written += os.pwrite(self._data, line[written:], self._size + written)
        os.fsync(self._data)

    def _begin_file(self, sequence: int) -> None:
        path = self._folder / file_name(sequence)
        data = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            self._sync_folder()
        except OSError:
            os.close(data)
            raise
        if self._data >= 0:
            os.close(self._data)
        self._data, self._size = data, os.fstat(data).st_size
        self._keep_reserve()

    def _write_head(self) -> None:
        os.pwrite(self._head_file, self._head.to_bytes(), 0)
        os.fsync(self._head_file)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _keep_reserve(self) -> None:
        """Room for records that come when the disk is full; where there is no room already there is none to keep."""
        reserve = self._folder / "reserve"
        try:
            if not reserve.exists():
                with reserve.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            reserve.unlink(missing_ok=True)

    def _release_reserve(self) -> bool:
        reserve = self._folder / "reserve"
        if not reserve.exists():
            return False
        reserve.unlink()
        return True

    def _recover(self) -> None:
        """Takes up the newest file where it ends, cuts off what is torn, and records what is wrong."""
        files = files_of(self._folder)
        head = read_head(self._folder)
        if not files and head is None:
            self.sent = 0
            self._write_head()
            self._sync_folder()
            return
        damages: list[Damage] = []
        if head is None:
            damages.append(Damage(file="head", line=0, problem="is missing or damaged"))
            head = _head_of(files)
            is_end_known = False
        else:
            is_end_known = True
        self._head = head
        cut = b""
        while files and b"\n" not in (raw := files[-1][1].read_bytes()):
            cut = raw + cut
            files.pop()[1].unlink()
        if files:
            cut = self._take_up(*files[-1], damages, is_end_known=is_end_known) + cut
        elif head.last:
            damages.append(Damage(file="head", line=0, problem=f"records up to {head.last} are missing: there is no file"))
        self.sent = min(self.sent, self._head.last)
        self._write_head()
        self._keep_reserve()
        if cut:
            self._note("audit_repaired", {"bytes": len(cut), "torn": cut[:200].decode("ascii", "replace")})
        for damage in damages:
            self._note("audit_damaged", {"place": f"{damage.file}:{damage.line}", "problem": damage.problem})

    def _take_up(self, first: int, path: Path, damages: list[Damage], *, is_end_known: bool) -> bytes:
        """Goes on in this file, or in a new one where it is damaged; gives what was cut off its end."""
        raw = path.read_bytes()
        end = raw.rfind(b"\n") + 1
        self._data, self._size = os.open(path, os.O_RDWR | os.O_CLOEXEC), end
        if end < len(raw):
            os.ftruncate(self._data, end)
            os.fsync(self._data)
        before = len(damages)
        known = self._head if is_end_known else None
        chain = _follow_file(first, path, io.BytesIO(raw[:end]).readlines(), damages, known, self._recent)
        if known is None or chain.sequence >= known.last:
            last = chain.sequence + (0 if known else chain.unreadable)
            self._head = dataclasses.replace(self._head, last=last, last_hash=chain.hash)
        else:  # the newest records are damaged or gone: what is known of them is in the head
            self._recent.clear()
        if len(damages) > before:
            os.close(self._data)
            self._data = -1
        return raw[end:]

    def _note(self, action: str, detail: Detail) -> None:
        self._store(self._next("tieline", action, "audit", detail, ""))

    def _read(self, sequence: int, most: int) -> list[AuditRecord]:
        found: list[AuditRecord] = []
        files = files_of(self._folder)
        start = next((index for index in range(len(files) - 1, -1, -1) if files[index][0] <= sequence + 1), 0)
        for _, path in files[start:]:
            with path.open("rb") as file:
                if self._cursor is not None and self._cursor[:2] == (sequence, path):
                    file.seek(self._cursor[2])
                for line in iter(file.readline, b""):
                    try:
                        record = from_line(line)
                    except ValueError:
                        continue
                    if sequence < record.sequence <= self._head.last:
                        found.append(record)
                    if len(found) == most:
                        self._cursor = (record.sequence, path, file.tell())
                        return found
        return found


def _follow_file(
    first: int, path: Path, lines: list[bytes], damages: list[Damage], known: Head | None, recent: deque[AuditRecord]
) -> Chain:
    """Follows the chain within one file, whatever stands before it in others; `recent` gets its records."""
    start = Head(first=first, first_previous=_previous_of(lines[0]))
    if known is not None:
        start = dataclasses.replace(start, last=known.last, last_hash=known.last_hash)
    chain = Chain(start, damages)
    chain.begin_file(path, first)
    for number, line in enumerate(lines, 1):
        record = chain.take(number, line)
        if record is not None:
            recent.append(record)
    if known is not None:
        chain.end()
    return chain


def _head_of(files: list[tuple[int, Path]]) -> Head:
    """Where the audit begins as far as its files say; the end is not known."""
    if not files:
        return Head()
    first, path = files[0]
    with path.open("rb") as file:
        return Head(first=first, first_previous=_previous_of(file.readline()), last=first - 1)


def _previous_of(line: bytes) -> str:
    try:
        return from_line(line).previous
    except ValueError:
        return FIRST_PREVIOUS


def _last_hash(path: Path) -> str | None:
    lines = path.read_bytes().split(b"\n")
    try:
        return from_line(lines[-2]).hash
    except (IndexError, ValueError):
        return None


def _plain(detail: Mapping[str, object]) -> Detail:
    return {key: _plain_value(value) for key, value in detail.items()}


def _plain_value(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and value - value == 0:
        return float(value)
    return str(value)


def _read_number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
