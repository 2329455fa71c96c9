"""The data directory: who may use it, and whether it can be written."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tieline.model import UnavailableError

LEAST_FREE_MB = 64


def prepare(data: Path) -> Path:
    """The data directory, made if it is absent. Raises `UnavailableError` where it cannot be written or its disk is full."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = data / f".probe-{os.getpid()}"
        try:
            with probe.open("wb") as file:
                file.write(bytes(65_536))
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
        free_mb = shutil.disk_usage(data).free // 2**20
    except OSError as error:
        raise UnavailableError(f"cannot write to the data directory {data}: {(error.strerror or str(error)).lower()}") from error
    if free_mb < LEAST_FREE_MB:
        raise UnavailableError(
            f"the disk of the data directory {data} is full: {free_mb} MB are free, {LEAST_FREE_MB} are needed"
        )
    return data.absolute()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds a folder for this process; the lock ends with the process. Raises `UnavailableError` where another one holds it."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UnavailableError(f"cannot write to {folder}: {(error.strerror or str(error)).lower()}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UnavailableError(
                f"another Tieline runs with {folder} already; stop it, or give this one its own with --data"
            ) from error
        yield
    finally:
        os.close(lock)
