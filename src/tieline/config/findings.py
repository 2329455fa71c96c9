"""Findings: mistakes in a utility folder, each where it stands, with what would be right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tieline.model import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One mistake. `file` is relative to the folder; `line` counts from 1 (a CSV's header is line 1), 0 is the whole file."""

    file: str
    line: int = 0
    where: str = ""
    """The key or the column, for example `devices[2].connection.port`."""
    value: str = ""
    """The offending value as it was written."""
    problem: str
    remedy: str = ""
    """What to write instead."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = " = ".join(part for part in (self.where, self.value) if part)
        text = f"{place}: {subject}: {self.problem}" if subject else f"{place}: {self.problem}"
        return f"{text}; {self.remedy}" if self.remedy else text


class FolderError(ConfigError):
    """A utility folder has mistakes; `findings` holds all of them."""

    def __init__(self, folder: Path, findings: list[Finding]) -> None:
        self.findings = findings
        noun = "mistake" if len(findings) == 1 else "mistakes"
        super().__init__(f"{folder} has {len(findings)} {noun}; `tieline check {folder}` lists them, the first is: {findings[0]}")
