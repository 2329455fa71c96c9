"""`tieline check`: every mistake of a folder at once."""

from __future__ import annotations

import json
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
        lines = [f"{utility.name}: {len(utility.sites)} sites, {devices} devices, {points} points, no mistakes"]
        if utility.network is not None:
            size = f"{len(utility.network.nodes)} nodes, {len(utility.network.links)} links, {len(utility.network.vlans)} VLANs"
            lines.append(f"its network: {size}; `tieline network report {folder}` proves it, and computes its budgets")
        return lines
    noun = "mistake" if len(findings) == 1 else "mistakes"
    return [*map(str, findings), f"{folder}: {len(findings)} {noun}"]
