"""Names of points that nobody has named: `ctrl-cswi1-pos` of `MBQ01CTRL/CSWI1.Pos.stVal`, `ctrl-cswi1-pos-command` of its control."""

from __future__ import annotations

import re
from hashlib import blake2s

from tieline.protocols.iec61850.scl import SclPoint

_LONGEST = 64
_NO_NAME = re.compile(r"[^a-z0-9_]+")
_MAIN = re.compile(
    r"stVal|general|actVal|frVal|cnt|valWTr\.posVal|setVal|(?:(?:inst)?(?:CVal\.|cVal\.)?(?:m|instM)ag|mxVal|setMag)\.[fi]"
)
"""Attributes that are the value of their data object: its name says enough."""


def derived_name(point: SclPoint) -> str:
    """A name of at most 64 characters.

    Two attributes of an IED get the same one only where nothing but letter case tells them apart.
    """
    parts = [point.ld_inst, *point.reference.partition("/")[2].split(".")]
    if point.fc == "CO":
        parts.append("command")
    elif not _MAIN.fullmatch(point.value):
        parts += point.value.split(".")
    name = _NO_NAME.sub("-", "-".join(part for part in parts if part).lower()).strip("-_")
    if name and len(name) <= _LONGEST:
        return name
    mark = blake2s(point.object_reference.encode(), digest_size=4).hexdigest()
    return f"{name[: _LONGEST - len(mark) - 1]}-{mark}".lstrip("-")
