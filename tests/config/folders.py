"""A small right folder, to plant mistakes into."""

from __future__ import annotations

from pathlib import Path

from tieline.config import Finding, inspect_folder

UTILITY = """\
name = "Test Electric"

[[zones]]
name = "stations"
kind = "substation"
sites = ["alpha"]

[[zones]]
name = "dmz"
kind = "dmz"

[[zones]]
name = "center"
kind = "control_center"

[[conduits]]
source = "stations"
target = "dmz"
reason = "telemetry"

[[conduits]]
source = "center"
target = "dmz"
reason = "telemetry"
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def edit(folder: Path, name: str, old: str, new: str) -> None:
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def findings_of(folder: Path) -> list[Finding]:
    utility, findings = inspect_folder(folder)
    assert (utility is None) == bool(findings)
    return findings
