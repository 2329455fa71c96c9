"""What is wrong with an SCL file: where, what, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

_SHOWN = 80
"""Characters of an offending value that a finding repeats."""


class Severity(StrEnum):
    """How much a finding costs."""

    ERROR = "error"
    """Something that the file describes cannot be used: a part of it, or all of it."""
    WARNING = "warning"
    """The file departs from IEC 61850-6, and nothing was lost."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SclFinding:
    """One mistake of an SCL file."""

    file: str
    line: int = 0
    """From 1; 0 is the whole file."""
    path: str = ""
    """The elements that lead there, for example `SCL/IED[Q1]/AccessPoint[P1]/Server/LDevice[CTRL]/LN[XCBR1]`."""
    value: str = ""
    """The offending value as it was written, shortened."""
    problem: str
    remedy: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = " = ".join(part for part in (self.path, self.value) if part)
        text = ": ".join(part for part in (place, subject, self.problem) if part)
        return f"{text}; {self.remedy}" if self.remedy else text


class Findings:
    """The findings of one file, as many as a person may want to read; the rest is counted."""

    def __init__(self, file: str, limit: int) -> None:
        self.file = file
        self._limit = limit
        self._found: list[SclFinding] = []
        self._dropped = dict.fromkeys(Severity, 0)

    def add(
        self,
        problem: str,
        remedy: str = "",
        *,
        line: int = 0,
        path: str = "",
        value: str = "",
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Notes one; beyond the limit it is only counted."""
        if len(self._found) >= self._limit:
            self._dropped[severity] += 1
            return
        shown = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."
        where = path if len(path) <= 4 * _SHOWN else f"...{path[-4 * _SHOWN :]}"
        self._found.append(
            SclFinding(file=self.file, line=line, path=where, value=shown, problem=problem, remedy=remedy, severity=severity)
        )

    def warn(self, problem: str, remedy: str = "", *, line: int = 0, path: str = "", value: str = "") -> None:
        """Notes something that costs nothing."""
        self.add(problem, remedy, line=line, path=path, value=value, severity=Severity.WARNING)

    def mark(self) -> tuple[int, dict[Severity, int]]:
        """Where the findings stand now."""
        return len(self._found), dict(self._dropped)

    def forget_since(self, mark: tuple[int, dict[Severity, int]]) -> None:
        """Takes back what was noted since."""
        del self._found[mark[0] :]
        self._dropped = dict(mark[1])

    def __iter__(self) -> Iterator[SclFinding]:
        yield from sorted(self._found, key=lambda finding: (finding.line, finding.path, finding.problem))
        for severity, count in self._dropped.items():
            if count:
                yield SclFinding(
                    file=self.file,
                    problem=f"{count} more {'errors' if severity is Severity.ERROR else 'warnings'} are not listed",
                    remedy="correct the first ones, and check again",
                    severity=severity,
                )
