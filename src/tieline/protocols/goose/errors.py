"""Errors of the GOOSE package.

    tieline.model.RemoteError
        FrameError        a frame that cannot be read from some octet on

Mistakes of the caller are `tieline.model.LocalError`.
"""

from __future__ import annotations

from tieline.model import RemoteError


class FrameError(RemoteError):
    """The frame cannot be read from `offset` on, counted from the destination address."""

    def __init__(self, message: str, offset: int) -> None:
        self.offset = offset
        super().__init__(f"{message} (octet {offset} of the frame)")
