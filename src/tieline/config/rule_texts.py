"""Texts of the rule language in files of a utility folder: their mistakes become findings at the lines where they stand."""

from __future__ import annotations

from tieline.config.lines import KeyPath, Lines
from tieline.config.reading import Source
from tieline.rules import RuleError


def report_mistakes(source: Source, key: KeyPath, text: str, error: RuleError) -> None:
    """Notes every mistake of a text that stands at a key of a TOML file, or is a file of its own where the key is empty."""
    first = _first_line(source, key) if key else 1
    lines = text.splitlines()
    for mistake in error.mistakes:
        source.report(
            f"column {mistake.column}: {mistake.problem}",
            mistake.remedy,
            line=first + mistake.line - 1 if first else 0,
            where="".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip("."),
            value=lines[mistake.line - 1].strip() if mistake.line <= len(lines) else "",
        )


def _first_line(source: Source, key: KeyPath) -> int:
    """The line on which a text begins: TOML leaves out a line break right behind the quotation marks of a text of several lines."""
    written = source.path.read_text(encoding="utf-8-sig")
    line = Lines(written).of(key)
    return line + written.splitlines()[line - 1].rstrip().endswith(('"""', "'''")) if line else 0
