"""The three types of the language."""

from __future__ import annotations

from enum import StrEnum


class Type(StrEnum):
    """The type of an expression, an input, an output or a variable; known before anything is evaluated."""

    REAL = "REAL"
    """A number: IEEE 754 double precision."""
    BOOL = "BOOL"
    """TRUE or FALSE; 1 and 0 in a column."""
    TIME = "TIME"
    """A duration; seconds in a column."""
