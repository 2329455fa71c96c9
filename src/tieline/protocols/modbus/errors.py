"""What can go wrong between us and a Modbus device.

RemoteError
├── DeviceExceptionError   the device answered with an exception code
├── ResponseError          an answer came, but not one to this request: wrong unit, function, length or echo
└── StreamError            the bytes are no Modbus frames any more; only a new connection helps
RefusedError
└── ValueRefusedError      the value cannot be written there: out of range, not a state
"""

from __future__ import annotations

from tieline.model import RefusedError, RemoteError


class DeviceExceptionError(RemoteError):
    """The device answered with an exception; `code` is the number, `function` the function it was asked for."""

    def __init__(self, function: int, code: int, words: str) -> None:
        super().__init__(f"the device refused function {function}: {words} (exception {code})")
        self.function = function
        self.code = code


class ResponseError(RemoteError):
    """An answer came that does not fit the request."""


class StreamError(RemoteError):
    """The byte stream has lost its framing."""


class ValueRefusedError(RefusedError):
    """The value cannot be represented where it should be written."""
