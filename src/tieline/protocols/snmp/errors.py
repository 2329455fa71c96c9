"""What goes wrong between a manager and an agent that does answer.

RemoteError
├── ResponseError      the answer makes no sense, or cannot be proven to be the agent's
├── SnmpStatusError    the agent refuses a value, or has none to write there
└── SnmpAccessError    the agent does not know the user, or the keys differ
"""

from __future__ import annotations

from typing import Literal

from tieline.model import RemoteError
from tieline.protocols.snmp.values import Oid, dotted

STATUS = (
    "noError",
    "tooBig",
    "noSuchName",
    "badValue",
    "readOnly",
    "genErr",
    "noAccess",
    "wrongType",
    "wrongLength",
    "wrongEncoding",
    "wrongValue",
    "noCreation",
    "inconsistentValue",
    "resourceUnavailable",
    "commitFailed",
    "undoFailed",
    "authorizationError",
    "notWritable",
    "inconsistentName",
)
"""Names of error-status (RFC 3416, clause 3)."""


class ResponseError(RemoteError):
    """An agent answered with bytes that make no sense, that do not belong to the request, or that anybody could have sent."""


class SnmpStatusError(RemoteError):
    """An agent answered that it cannot; `status` is the name of the error-status, `oid` what it is about, where it says so."""

    def __init__(self, status: int, oid: Oid | None) -> None:
        self.status = STATUS[status] if 0 <= status < len(STATUS) else f"status {status}"
        self.oid = oid
        super().__init__(f"the agent answers {self.status}" + (f" for {dotted(oid)}" if oid else ""))


class SnmpAccessError(RemoteError):
    """An agent refuses the user; `part` is what differs between us and it."""

    def __init__(self, part: Literal["user", "auth", "priv", "access"], text: str) -> None:
        self.part = part
        super().__init__(text)
