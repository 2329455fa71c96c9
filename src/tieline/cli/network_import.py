"""`tieline network import`: what is known elsewhere becomes the beginning of `network/`."""

from __future__ import annotations

from pathlib import Path

import typer

from tieline.config import inspect_folder, read_folder
from tieline.model import ConfigError
from tieline.network.importing import Imported, import_netbox, import_scl, read_export, write_import
from tieline.protocols.iec61850.scl import read_scl


def run_netbox(source: Path, into: Path) -> int:
    """Writes `network/` and prints the notes; 0 where `tieline check` accepts it, 1 otherwise. Raises `ConfigError`."""
    utility = read_folder(into)
    return _write(into, import_netbox(read_export(source), utility), f"the NetBox export {source.name}")


def run_scl(source: Path, into: Path, site: str) -> int:
    """The same of an SCL file."""
    utility = read_folder(into)
    try:
        reading = read_scl(source.read_bytes(), source.name)
    except OSError as error:
        raise ConfigError(f"cannot read {source}: {(error.strerror or str(error)).lower()}") from error
    if reading.scl is None:
        first = reading.errors[0] if reading.errors else "it holds none"
        raise ConfigError(f"{source} is no SCL file: {first}")
    if not reading.scl.sub_networks:
        raise ConfigError(f"{source} has no communication section, from which a network could be made")
    return _write(into, import_scl(reading.scl, utility, site), f"the SCL file {source.name}")


def _write(into: Path, imported: Imported, origin: str) -> int:
    write_import(into, imported, origin)
    counts = f"{len(imported.nodes)} nodes, {len(imported.links)} links"
    typer.echo(f"wrote {into / 'network'}: {counts}. What to know:")
    for note in imported.notes:
        typer.echo(f"- {note}")
    _, findings = inspect_folder(into)
    if findings:
        typer.echo("\nWhat `tieline check` still finds:")
        for finding in findings:
            typer.echo(str(finding))
    return 1 if findings else 0
