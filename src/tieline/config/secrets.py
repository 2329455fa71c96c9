"""No secret lies in a utility folder: it is read by many, reviewed, mailed and kept in version control."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tieline.config.findings import Finding

_KINDS: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (
        re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----"),
        "a private key lies in the folder",
        "move it to where only its role can read it, and write that path",
    ),
    (
        re.compile(rb"\btieline_[A-Za-z0-9_-]{32,}"),
        "an API token lies in the folder",
        "revoke it on the page /account, and keep the next one in a file elsewhere",
    ),
    (
        re.compile(rb"\w+://[^\s/:@\"']+:[^\s/@\"']+@"),
        "an address holds a password",
        "write the address without it, and a file with the password elsewhere",
    ),
)
MOST_BYTES = 4_000_000
"""Larger files are lists of points or recordings."""


def find_secrets(folder: Path) -> Iterator[Finding]:
    """A finding for each secret, which does not repeat it; files that cannot be read are reported by those who need them."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts):
        try:
            content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
        except OSError:
            continue
        for pattern, problem, remedy in _KINDS:
            if (found := pattern.search(content)) is not None:
                line = content.count(b"\n", 0, found.start()) + 1
                yield Finding(file=path.relative_to(folder).as_posix(), line=line, problem=problem, remedy=remedy)
