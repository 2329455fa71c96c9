"""Text of the folder as it may stand in a configuration: on one line, and without what a target would take for something else."""

from __future__ import annotations

import hashlib
import re

_MOST = 15
"""IFNAMSIZ without the zero at the end."""


def one_line(text: str) -> str:
    """Without control characters, so that a comment stays one."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def plain_ascii(text: str, most: int = 200) -> str:
    """What command lines of switches take: ASCII, without the question mark that asks for help, and not too long."""
    return one_line(text).encode("ascii", "replace").decode().replace("?", ".")[:most].rstrip()


def interface_name(name: str, what: str = "port") -> str:
    """On Linux: as it is called where that is a name for an interface, otherwise like `port9`.

    Of 15 characters at most, that is what the kernel has room for; what is longer is told apart by a hash.
    """
    own = re.sub(r"[^A-Za-z0-9_.-]", "-", name)
    if not own[:1].isalpha():
        own = f"{what}{own}"
    if len(own) <= _MOST:
        return own
    return f"{own[: _MOST - 6]}-{hashlib.sha256(name.encode()).hexdigest()[:5]}"
