"""`tieline network render` and `tieline network bom`: what goes into the devices, and what has to be bought."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import typer

from tieline.cli.network import one_of, read_network
from tieline.config.network.catalog import Style
from tieline.model import ConfigError, UnavailableError
from tieline.network.rendering import STYLES, render_network
from tieline.security.zones import plan_of

REPORT = "not-rendered.md"


def write_rendered(folder: Path, out: Path, node: str | None, style: str) -> None:
    """Writes the configurations, and the report of what is not in them; says where. Raises `ConfigError`, `UnavailableError`."""
    utility, network = read_network(folder)
    chosen = cast("Style", one_of(style, STYLES, "style"))
    if node is not None and not (node in network.by_name and network.by_name[node].is_bridge):
        known = " ".join(each.name for each in network.nodes if each.is_bridge)
        raise ConfigError(f"{node!r} is no switch, router or firewall of this network; write one of {known}")
    rendered = render_network(network, plan_of(utility), chosen, node)
    for name, text in {**rendered.files, REPORT: rendered.report()}.items():
        path = out / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        except OSError as error:
            raise UnavailableError(f"{path} cannot be written: {error.strerror}") from error
        typer.echo(str(path))
    if rendered.not_rendered:
        count = len(rendered.not_rendered)
        typer.echo(f"{count} {'thing' if count == 1 else 'things'} not rendered, see {out / REPORT}", err=True)


def show_bill(folder: Path, output: str) -> None:
    """Prints the bill of materials. Raises `ConfigError`."""
    from tieline.network.rendering.materials import bill_of
    from tieline.network.rendering.materials_output import as_csv, as_html, as_table

    utility, network = read_network(folder)
    write = {"table": as_table, "csv": as_csv, "html": as_html}[one_of(output, ("table", "csv", "html"), "format")]
    typer.echo(write(bill_of(network, utility.name)), nl=False)
