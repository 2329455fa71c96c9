"""Errors of the historian.

ConfigError
└── QueryError      the asker: the statement is wrong, not allowed, or takes too long
UnavailableError    nobody, or later: the disk is full, the server has gone
└── HeldError       another process has the file open: its owner, or somebody who reads it while nobody owns it
"""

from __future__ import annotations

from tieline.model import ConfigError, UnavailableError


class QueryError(ConfigError):
    """A statement that the historian cannot or will not run; the message is one line."""


class HeldError(UnavailableError):
    """Another process has the historian's file open."""


def one_line(error: BaseException) -> str:
    """The first thing that an error says, without the caret drawing and the traceback that DuckDB may add."""
    lines = []
    for line in str(error).splitlines():
        if line.startswith(("LINE ", "Traceback")):
            break
        if line.strip():
            lines.append(line.strip())
    return " ".join(lines) or type(error).__name__
