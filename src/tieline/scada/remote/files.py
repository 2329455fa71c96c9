"""Recordings on the disk: written and synced before the bytes in them go on, hashed as they grow."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tieline.model import UnavailableError
from tieline.security.remote.recording import Reader

ENDING = ".pcapng"


def recording_file(folder: Path, session: str) -> Path:
    """Where the recording of a session is."""
    return folder / f"{session}{ENDING}"


class RecordingFile:
    """One recording that grows. Calls block for a disk; one at a time."""

    def __init__(self, path: Path, *, most_bytes: int, free_bytes: int) -> None:
        """A new file for its owner only. Raises `UnavailableError`; `free_bytes` have to stay free on the disk."""
        self._most_bytes = most_bytes
        self._free_bytes = free_bytes
        self._sha256 = hashlib.sha256()
        self.size = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UnavailableError(f"the recording cannot be begun: {_reason(error)}") from error

    @property
    def sha256(self) -> str:
        """Of what is in the file."""
        return self._sha256.hexdigest()

    def append(self, blocks: bytes, *, is_last: bool = False) -> None:
        """The blocks, on the disk. Raises `UnavailableError` where there is no room for them: then the file is as it was.

        What is kept free for others, and the largest size, do not hold for the last ones.
        """
        if not is_last:
            self._check_room(len(blocks))
        try:
            written = 0
            while written < len(blocks):
                written += os.pwrite(self._file, blocks[written:], self.size + written)
            os.fdatasync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self.size)
            raise UnavailableError(f"the recording cannot be written: {_reason(error)}") from error
        self.size += len(blocks)
        self._sha256.update(blocks)

    def close(self) -> None:
        """No more is written."""
        os.close(self._file)

    def _check_room(self, count: int) -> None:
        if self.size + count > self._most_bytes:
            raise UnavailableError(f"the recording has reached {self._most_bytes // 1_000_000} MB, which is the most")
        disk = os.fstatvfs(self._file)
        if disk.f_bavail * disk.f_frsize - count < self._free_bytes:
            raise UnavailableError(f"the disk of the recordings has less than {self._free_bytes // 1_000_000} MB left")


def mend(path: Path) -> tuple[str, int, int]:
    """What is good of a recording that a crash left: its SHA-256, and the bytes towards the device and the person in it.

    A block that was half written, and so was not passed on, is cut off. Raises `UnavailableError`, `RemoteError`.
    """
    try:
        with path.open("rb") as file:
            reader = Reader(file)
            counts = {"up": 0, "down": 0}
            for packet in reader:
                counts[packet.way] += len(packet.content)
        if path.stat().st_size > reader.whole_bytes:
            os.truncate(path, reader.whole_bytes)
        return hashlib.sha256(path.read_bytes()).hexdigest(), counts["up"], counts["down"]
    except OSError as error:
        raise UnavailableError(f"the recording {path} cannot be read: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
