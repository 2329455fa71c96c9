"""What a server says when it says no, in words."""

from __future__ import annotations

from tieline.model import RemoteError

ERROR_CLASSES = {
    0: "the state of the device forbids it",
    1: "application reference",
    2: "definition",
    3: "resources are short",
    4: "service",
    5: "service preempted",
    6: "time resolution",
    7: "access",
    8: "initiate",
    9: "conclude",
    10: "cancel",
    11: "file",
    12: "other",
}
"""Classes of `ServiceError` (ISO 9506-2)."""

RESOURCE = 3
"""The class of what the server is too small for, an answer longer than a PDU included."""

_CODES = {
    (2, 1): "the object is undefined",
    (2, 4): "inconsistent type",
    (2, 5): "the object exists already",
    (2, 6): "attributes are inconsistent",
    (3, 1): "memory is short",
    (4, 1): "the request is invalid",
    (4, 5): "another step comes first",
    (7, 1): "access not supported",
    (7, 2): "no such object",
    (7, 3): "access denied",
    (7, 4): "the object is invalidated",
}


class ServiceError(RemoteError):
    """The server answered a request with an error; `error_class` and `code` are those of ISO 9506-2."""

    def __init__(self, error_class: int, code: int) -> None:
        self.error_class = error_class
        self.code = code
        words = _CODES.get((error_class, code)) or f"{ERROR_CLASSES.get(error_class, f'class {error_class}')}, code {code}"
        super().__init__(f"the device refuses: {words}")


class RejectError(RemoteError):
    """The server could not make sense of a request, or does not know the service."""
