"""Where a key of a TOML file stands, for messages that name the line; the standard parser does not say."""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")


class Lines:
    """Maps key paths such as `("devices", 2, "connection", "port")` to line numbers from 1."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        counts: dict[KeyPath, int] = {}
        table: KeyPath = ()
        for number, line in enumerate(text.splitlines(), 1):
            if header := _TABLE.match(line):
                names = _split(header[2])
                self._lines.setdefault(names, number)
                table = self._resolve(names, counts, is_array=header[1] == "[[")
                self._lines.setdefault(table, number)
            elif key := _KEY.match(line):
                self._lines.setdefault(table + _split(key[1]), number)

    def of(self, path: KeyPath) -> int:
        """The line of the key, or of the closest thing around it that is known; 0 for none."""
        for end in range(len(path), 0, -1):
            if line := self._lines.get(path[:end]):
                return line
        return 0

    @staticmethod
    def _resolve(names: KeyPath, counts: dict[KeyPath, int], *, is_array: bool) -> KeyPath:
        """The path of a table header with the index of each array of tables that it goes through."""
        path: KeyPath = ()
        for position, name in enumerate(names):
            path += (name,)
            is_last = position == len(names) - 1
            if is_last and is_array:
                counts[path] = counts.get(path, -1) + 1
            if path in counts:
                path += (counts[path],)
        return path


def _split(dotted: str) -> KeyPath:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
