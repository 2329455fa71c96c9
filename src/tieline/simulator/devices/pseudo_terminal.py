"""Serial lines that are none: pseudo-terminals."""

from __future__ import annotations

import os
import tty

from tieline.model import UnavailableError


def open_pseudo_terminal(names: str) -> tuple[int, int, str]:
    """Far end (not blocking), near end (held open, raw) and the near end's name. Raises `UnavailableError`."""
    try:
        far, near = os.openpty()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnavailableError(f"{names} cannot be served: no pseudo-terminal can be had: {reason}") from error
    tty.setraw(near)  # held open: without anybody at the near end the far end would report errors
    os.set_blocking(far, False)
    return far, near, os.ttyname(near)
