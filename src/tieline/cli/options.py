"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CenterUrl = Annotated[str, typer.Option("--url", metavar="URL", help="The center's address.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="Holds an API token; the environment's TIELINE_TOKEN if left out."),
]
CaFile = Annotated[Path | None, typer.Option("--ca", metavar="FILE", help="The authority of the center's certificate, PEM.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")]
Code = Annotated[str, typer.Option(metavar="DIGITS", help="Of the authenticator app, to show a second factor with this token.")]
DEFAULT_URL = "http://127.0.0.1:8400"
