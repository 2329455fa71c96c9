"""Errors of the historian.

ConfigError
└── QueryError      the asker: the statement is wrong, not allowed, or takes too long
UnavailableError    nobody, or later: the file is owned by another process, the disk is full, the server has gone
"""

from __future__ import annotations

from tieline.model import ConfigError


class QueryError(ConfigError):
    """A statement that the historian cannot or will not run; the message is one line."""


def one_line(error: BaseException) -> str:
    """The first thing that an error says, without the caret drawing and the traceback that DuckDB may add."""
    lines = []
    for line in str(error).splitlines():
        if line.startswith(("LINE ", "Traceback")):
            break
        if line.strip():
            lines.append(line.strip())
    return " ".join(lines) or type(error).__name__
