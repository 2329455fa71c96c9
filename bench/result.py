"""Measured figures, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A figure as it goes into the table and the JSON file; `part` is the letter of the measurement."""

    part: str
    name: str
    value: float | None
    unit: str
    detail: str = ""


def figure(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def show(results: Sequence[Result]) -> None:
    """Prints the table."""
    width = max(len(result.name) for result in results)
    for result in results:
        line = f"{result.part}  {result.name:<{width}}  {figure(result.value):>12} {result.unit:<18} {result.detail}"
        print(line.rstrip(), flush=True)


def write(results: Sequence[Result], file: Path) -> None:
    """Writes them as JSON, with what is known of the machine."""
    file.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": sys.version.split()[0],
        "machine": platform.platform(),
        "cores": os.cpu_count(),
    }
    file.write_text(json.dumps({**about, "results": [asdict(result) for result in results]}, indent=2) + "\n")
