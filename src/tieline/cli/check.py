"""`tieline check`: every mistake of a folder at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import typer

from tieline.config import Finding, Utility, inspect_folder
from tieline.model import ConfigError


def run(folder: Path, output: str) -> int:
    """Prints the findings; 0 where there is none, 1 otherwise."""
    if output not in {"text", "json"}:
        raise ConfigError(f"there is no format {output!r}; write text or json")
    utility, findings = inspect_folder(folder)
    if output == "json":
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for line in _in_words(folder, utility, findings):
            typer.echo(line)
    return 1 if findings else 0


def _in_words(folder: Path, utility: Utility | None, findings: list[Finding]) -> list[str]:
    if utility is not None:
        devices = sum(len(site.devices) for site in utility.sites)
        points = len(list(utility.plant_points))
        size = ", ".join((_count(len(utility.sites), "site"), _count(devices, "device"), _count(points, "point")))
        lines = [f"{utility.name}: {size}, no mistakes"]
        return lines if utility.network is None else [*lines, *_network(folder, utility)]
    return [*map(str, findings), f"{folder}: {_count(len(findings), 'mistake')}"]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _network(folder: Path, utility: Utility) -> Iterator[str]:
    """How its proofs and budgets stand. They are about the design, not about the folder: what fails here is no mistake."""
    from tieline.network.report import report_of, verdicts_of
    from tieline.network.result import Verdict

    report = report_of(utility, with_failures=False)
    judged = [topic for topic in report.topics if topic.is_judged]
    wrong = [topic for topic in judged if topic.verdict is not Verdict.OK]
    how = (
        f"{len(judged) - len(wrong)} of {len(judged)} proofs and budgets hold"
        if wrong
        else f"all {len(judged)} proofs and budgets hold"
    )
    yield f"its network: {report.size}; {how}; `tieline network report {folder}` says more"
    yield from (f"  {line}" for line in verdicts_of(wrong))
