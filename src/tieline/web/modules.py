"""Which modules a page's script imports, directly and through others: told in the page's head, they load at once and not level by level."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path

IMPORT = re.compile(r'^(?:import|export)\b(?:[^;"]*\bfrom)?\s*"(\.[^"]+\.js)";', re.MULTILINE)


@cache
def imported_by(folder: Path, module: str) -> tuple[str, ...]:
    """The modules below the folder that this one needs, itself left out, in alphabetical order."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        current = waiting.pop()
        text = (folder / current).read_text(encoding="utf-8")
        for target in IMPORT.findall(text):
            needed = posixpath.normpath(posixpath.join(posixpath.dirname(current), target))
            if needed not in found:
                found.add(needed)
                waiting.append(needed)
    return tuple(sorted(found - {module}))
