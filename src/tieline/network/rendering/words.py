"""Text of the folder as it may stand in a configuration: on one line, and without what a target would take for something else."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Without control characters, so that a comment stays one."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def plain_ascii(text: str, most: int = 200) -> str:
    """What command lines of switches take: ASCII, without the question mark that asks for help, and not too long."""
    return one_line(text).encode("ascii", "replace").decode().replace("?", ".")[:most].rstrip()
