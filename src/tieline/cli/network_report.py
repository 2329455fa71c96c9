"""`tieline network report`: what the proofs and budgets say about the network that the folder describes."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from tieline.config import read_folder
from tieline.model import ConfigError
from tieline.network.report import document_of, lines_of, page_of, report_of


def run(folder: Path, output: str, *, is_whole: bool, with_failures: bool | None = None) -> int:
    """Prints it; 0 where nothing fails, 1 otherwise. Raises `ConfigError` for a folder with mistakes, or without a network."""
    if output not in {"text", "json", "html"}:
        raise ConfigError(f"there is no format {output!r}; write text, json or html")
    report = report_of(read_folder(folder), with_failures=with_failures)
    if output == "json":
        typer.echo(json.dumps(document_of(report), indent=2, default=str))
    elif output == "html":
        typer.echo(page_of(report, is_whole=is_whole), nl=False)
    else:
        for line in lines_of(report, is_whole=is_whole):
            typer.echo(line)
    return 0 if report.is_right else 1
