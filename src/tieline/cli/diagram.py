"""`tieline diagram`: the single-line of a site as a drawing of its own."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

import typer

from tieline.config import read_folder
from tieline.grid.diagram import SymbolSet, Theme, draw_site, svg_of
from tieline.model import ConfigError


def run(folder: Path, site: str, output: Path | None, symbols: str, theme: str) -> None:
    """Writes the drawing. Raises `ConfigError` for words that mean nothing, a site that is not there, and a file that cannot be written."""
    chosen = cast("SymbolSet", _one_of(symbols, get_args(SymbolSet), "set of symbols")) if symbols else None
    style = cast("Theme", _one_of(theme, get_args(Theme), "theme"))
    svg = svg_of(draw_site(read_folder(folder), site, chosen), style)
    if output is None:
        typer.echo(svg, nl=False)
        return
    try:
        output.write_text(svg, "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {output}: {(error.strerror or str(error)).lower()}") from error


def _one_of(word: str, known: tuple[str, ...], what: str) -> str:
    if word not in known:
        raise ConfigError(f"there is no {what} {word!r}; write {' or '.join(known)}")
    return word
