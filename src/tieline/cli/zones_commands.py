"""`tieline zones ...`: the options of its commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

zones = typer.Typer(
    name="zones",
    help="Zones and conduits: plan, render, compare, put in force, prove.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The utility's folder, the one that holds utility.toml.")]
Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="Where state is kept.")]
HostName = Annotated[str, typer.Option("--host", metavar="NAME", help="The host, as [[hosts]] names it.")]
Format = Annotated[str, typer.Option("--format", help="text or json.")]
DEFAULT_DATA = Path("tieline-data")


@zones.command()
def plan(folder: Folder, output: Format = "text") -> None:
    """Show the zones with their members, the conduits with their reasons, and what nothing enforces."""
    from tieline.cli.zones import show_plan

    show_plan(folder, output)


@zones.command()
def render(
    folder: Folder,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")],
    host: Annotated[str | None, typer.Option("--host", metavar="NAME", help="Only this host's firewall.")] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Write the firewalls of the hosts, the configurations of the bus servers, and the intent for VLANs."""
    from tieline.cli.zones import write_rendered

    write_rendered(folder, out, host, data)


@zones.command()
def diff(
    folder: Folder,
    host: HostName,
    ruleset: Annotated[
        Path | None,
        typer.Option("--ruleset", metavar="FILE", help="What `nft -j list ruleset` said there; this machine if left out."),
    ] = None,
) -> None:
    """Compare what runs on a host with the folder; exit code 1 where it differs."""
    from tieline.cli.zones import show_drift

    raise typer.Exit(show_drift(folder, host, ruleset))


@zones.command()
def apply(
    folder: Folder,
    host: HostName,
    confirm_within: Annotated[
        int,
        typer.Option(
            "--confirm-within", metavar="S", min=5, max=3600, help="The former rules are back after it, unless confirmed."
        ),
    ] = 60,
    data: Data = DEFAULT_DATA,
) -> None:
    """Put a host's firewall in force on this machine; without `tieline zones confirm` in time the former one is back."""
    from tieline.cli.zones import put_in_force

    put_in_force(folder, host, confirm_within, data)


@zones.command()
def confirm(data: Data = DEFAULT_DATA) -> None:
    """Keep the firewall that was put in force."""
    from tieline.cli.zones import keep

    keep(data)


@zones.command()
def prove(
    folder: Folder,
    ruleset: Annotated[
        list[str] | None,
        typer.Option("--ruleset", metavar="HOST=FILE", help="What runs on a host, instead of what is rendered; may be repeated."),
    ] = None,
    broker: Annotated[
        list[Path] | None,
        typer.Option(
            "--broker",
            metavar="FILE",
            help="What a bus server is told (nats-server.json), instead of what is rendered; may be repeated.",
        ),
    ] = None,
    vlans: Annotated[
        Path | None, typer.Option("--vlans", metavar="FILE", help="An intent for VLANs, instead of what is rendered.")
    ] = None,
    output: Format = "text",
) -> None:
    """Prove that firewalls, VLANs and the bus let through what the folder permits and nothing else; exit code 1 with findings."""
    from tieline.cli.zones import show_proof

    raise typer.Exit(show_proof(folder, ruleset or [], broker or [], vlans, output))
