"""Errors, split by who must act.

TielineError
├── ConfigError       the engineer: the utility folder or a setting is wrong
├── RemoteError       the device or peer: it answered with an error, or with nonsense
├── LocalError        us: a call that its own state does not allow
├── UnavailableError  nobody, or later: a server, port, file or disk cannot be had right now
└── RefusedError      the requester: no authority, or an interlock forbids it
"""

from __future__ import annotations


class TielineError(Exception):
    """Root of every error that Tieline raises on purpose; the message is for people."""


class ConfigError(TielineError):
    """The utility folder or a setting is wrong; the engineer can mend it."""


class RemoteError(TielineError):
    """A device or peer answered with an error or with bytes that make no sense."""


class LocalError(TielineError):
    """A call that the callee's state does not allow; nothing was changed."""


class UnavailableError(TielineError):
    """Something outside cannot be had right now: a port, a server, a file, disk space."""


class RefusedError(TielineError):
    """A request was refused: authority is missing or an interlock forbids it."""
