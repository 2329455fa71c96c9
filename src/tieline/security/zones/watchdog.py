"""`python -m tieline.security.zones.watchdog FOLDER HOST ACTOR SECONDS`: loads new rules, and the former ones again where nobody confirms.

The new rules are a script on standard input. One line of JSON on standard output says that they are in force, or why not; whoever started
it need not live on to hear it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tieline.model import RefusedError, TielineError
from tieline.security.zones.applying import watch


def main(script: str, folder: str, host: str, actor: str, seconds: str) -> int:
    """The exit code."""
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        for waiting in watch(Path(folder), script, host, actor, float(seconds)):
            _say(asdict(waiting))
    except TielineError as error:
        _say({"error": str(error), "refused": isinstance(error, RefusedError)})
        return 1
    return 0


def _say(answer: dict[str, Any]) -> None:
    with suppress(OSError, ValueError):
        os.write(1, f"{json.dumps(answer)}\n".encode())
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(main(sys.stdin.read(), *sys.argv[1:]))
