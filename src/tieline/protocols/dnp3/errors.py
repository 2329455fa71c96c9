"""Errors of the DNP3 package.

    tieline.model.RemoteError
        FragmentError        an application fragment that cannot be read from some octet on

Mistakes of the caller are `tieline.model.LocalError`. Damaged link frames are counted, not raised: on a noisy line they are normal.
"""

from __future__ import annotations

from tieline.model import RemoteError


class FragmentError(RemoteError):
    """The peer's fragment cannot be read from `offset` on; what stands before it was read."""

    def __init__(self, message: str, offset: int) -> None:
        self.offset = offset
        super().__init__(f"{message} (octet {offset} of the fragment)")
