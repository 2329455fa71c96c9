"""What is wrong with a text: every mistake with its place and its remedy.

TielineError
└── ConfigError
    └── RuleError   a text of the language is wrong; `mistakes` are all that were found
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tieline.model import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake of a text; `line` and `column` count from 1 within the text, in characters."""

    line: int
    column: int
    problem: str
    remedy: str = ""

    def __str__(self) -> str:
        told = f"line {self.line}, column {self.column}: {self.problem}"
        return f"{told}; {self.remedy}" if self.remedy else told


class RuleError(ConfigError):
    """A text of the language is wrong. `mistakes` are all that were found, in the order of the text, and never empty.

    `line`, `column`, `problem` and `remedy` are those of the first.
    """

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)
        self.line = self.mistakes[0].line
        self.column = self.mistakes[0].column
        self.problem = self.mistakes[0].problem
        self.remedy = self.mistakes[0].remedy


class Findings:
    """Collects the mistakes of one text; places are given as offsets into it."""

    MOST = 50
    """A text that is no rule at all has a mistake at every token; more than these help nobody."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: set[Mistake] = set()

    def add(self, offset: int, problem: str, remedy: str = "") -> None:
        """Notes a mistake at the character `offset` of the text."""
        if not self.is_full:
            line, column = place(self._text, offset)
            self._found.add(Mistake(line, column, problem, remedy))

    @property
    def is_full(self) -> bool:
        """Whether no more are taken: what looks for them may stop."""
        return len(self._found) >= self.MOST

    @property
    def any(self) -> bool:
        """Whether a mistake was found."""
        return bool(self._found)

    def refuse(self) -> None:
        """Raises `RuleError` if a mistake was found."""
        if self._found:
            raise RuleError(sorted(self._found))


def place(text: str, offset: int) -> tuple[int, int]:
    """The line and the column of a character of the text, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy that names the nearest known words, or all of them if they are few, or nothing."""
    by_folded = {name.casefold(): name for name in sorted(known)}
    near = [by_folded[folded] for folded in difflib.get_close_matches(word.casefold(), by_folded, n=3, cutoff=0.6)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    if 0 < len(by_folded) <= 12:
        return (
            f"there are {', '.join(by_folded.values())}"
            if len(by_folded) > 1
            else f"there is only {next(iter(by_folded.values()))}"
        )
    return ""
