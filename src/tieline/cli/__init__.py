"""The command line; each command imports what it needs when it runs, so that `tieline --help` is quick."""

from __future__ import annotations

import sys

from tieline.model import TielineError


def main() -> None:
    """Runs the command line. What goes wrong on purpose is one line on standard error and exit code 2."""
    from tieline.cli.app import app

    try:
        app()
    except TielineError as error:
        print(f"tieline: {error}", file=sys.stderr)  # noqa: T201 - the one line for the person at the terminal
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
