"""Child processes that end with their parent, and are started again when they end by themselves."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
STOP_TIMEOUT_S = 10.0


async def start(command: Sequence[str], *, output: IO[bytes] | int | None = None, keeps: Sequence[int] = ()) -> Process:
    """Starts a child in a session of its own, so that a Ctrl-C in the terminal reaches the parent only.

    `keeps` are file descriptors that the child holds open too, for example a lock that shall last as long as the child.

    On Linux the kernel ends the child when the parent dies, even by SIGKILL. Call it from the main thread: the kernel watches the
    thread that forked.
    """
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT if output is not None else None,
        start_new_session=True,
        preexec_fn=_die_with(os.getpid()) if sys.platform == "linux" else None,
        pass_fds=keeps,
    )


async def stop(process: Process, *, timeout_s: float = STOP_TIMEOUT_S) -> None:
    """Ends the child: asks first, kills after the timeout; returns when it is gone."""
    if process.returncode is not None:
        return
    try:
        process.terminate()
        async with asyncio.timeout(timeout_s):
            await process.wait()
    except ProcessLookupError:
        await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def tail_of(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for a message that says why a child ended."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


def _die_with(parent: int) -> Callable[[], None]:
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return in_child
