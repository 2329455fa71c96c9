"""`tieline network ...`: the options of its commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

network = typer.Typer(
    name="network",
    help="The communications network: show, draw, report, render, watch, import.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

imports = typer.Typer(
    name="import", help="Begin network/ from what is known elsewhere.", no_args_is_help=True, rich_markup_mode=None
)
network.add_typer(imports)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The utility's folder, the one that holds utility.toml.")]


@network.command()
def show(
    folder: Folder,
    lists: Annotated[
        list[str] | None,
        typer.Option(
            "--list",
            metavar="NAME",
            help="nodes, ports, links, vlans, services, rings or supplies; may be repeated; all but ports if left out.",
        ),
    ] = None,
    site: Annotated[str | None, typer.Option("--site", metavar="NAME", help="Only what stands there, or ends there.")] = None,
    output: Annotated[str, typer.Option("--format", help="table, csv or json; csv of one list.")] = "table",
) -> None:
    """List what the network consists of: nodes, links with their speed, VLANs, services, supplies."""
    from tieline.cli.network import show_lists

    show_lists(folder, lists or [], site, output)


@network.command()
def catalogue(
    lists: Annotated[
        list[str] | None,
        typer.Option("--list", metavar="NAME", help="models, transceivers, cables or cells; may be repeated; all if left out."),
    ] = None,
    output: Annotated[str, typer.Option("--format", help="table, csv or json; csv of one list.")] = "table",
) -> None:
    """List the models, transceivers, cables and battery cells that come with Tieline."""
    from tieline.cli.network_catalogue import show_catalogue

    show_catalogue(lists or [], output)


@network.command()
def draw(
    folder: Folder,
    site: Annotated[str | None, typer.Option("--site", metavar="NAME", help="This site; all sites if left out.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where the drawing goes; otherwise it is printed.")
    ] = None,
    theme: Annotated[str, typer.Option(metavar="NAME", help="day, for paper, or night.")] = "day",
) -> None:
    """Draw the topology as SVG: a site with its racks, switches and links, or all sites and what joins them."""
    from tieline.cli.network import write_drawing

    write_drawing(folder, site, output, theme)


@network.command()
def report(
    folder: Folder,
    is_whole: Annotated[
        bool, typer.Option("--all", help="Every result with its formula, and every failure with what it stops.")
    ] = False,
    with_failures: Annotated[
        bool | None,
        typer.Option(
            "--failures/--no-failures",
            help="Delays after each single failure as well; left out, where they take some seconds at most.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[str, typer.Option("--format", help="text, json, or html, one page that prints well.")] = "text",
) -> None:
    """Prove segmentation and redundancy, compute budgets and delays, and say what fails; exit code 1 where anything does."""
    from tieline.cli.network_report import run

    raise typer.Exit(run(folder, output, is_whole=is_whole, with_failures=with_failures))


@network.command()
def render(
    folder: Folder,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go; made if it is not there.")],
    node: Annotated[str | None, typer.Option("--node", metavar="NAME", help="Only this one.")] = None,
    style: Annotated[
        str, typer.Option(metavar="NAME", help="linux, ovs, ios or comnet: of models that the catalogue has no style for.")
    ] = "ios",
) -> None:
    """Write the configurations of switches, routers and firewalls, and what could not be written: not-rendered.md."""
    from tieline.cli.network_render import write_rendered

    write_rendered(folder, out, node, style)


@network.command()
def bom(
    folder: Folder,
    output: Annotated[str, typer.Option("--format", help="table, csv or html, one page that prints well.")] = "table",
) -> None:
    """Print the bill of materials: models, transceivers, cables with their lengths, supplies, batteries, by site and in all."""
    from tieline.cli.network_render import show_bill

    show_bill(folder, output)


@network.command()
def keys(
    folder: Folder,
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The data directory; keys go to secrets/network/ in it.")],
    nodes: Annotated[
        list[str] | None, typer.Option("--node", metavar="NAME", help="Only this one; may be repeated; all that are watched.")
    ] = None,
    is_shown: Annotated[bool, typer.Option("--show", help="Print the keys, to be entered at the devices.")] = False,
) -> None:
    """Make the SNMP keys that are missing, at random, and say which."""
    from tieline.cli.network_keys import run

    run(folder, data, nodes or [], is_shown=is_shown)


@network.command()
def watch(
    folder: Folder,
    data: Annotated[
        Path, typer.Option("--data", metavar="DIR", help="The data directory; the keys are in secrets/network/ of it.")
    ],
    site: Annotated[str | None, typer.Option("--site", metavar="NAME", help="Only nodes of this site or place.")] = None,
    node: Annotated[str | None, typer.Option("--node", metavar="NAME", help="Only this one.")] = None,
    is_once: Annotated[bool, typer.Option("--once", help="Look once, and do not wait for changes.")] = False,
    is_simulated: Annotated[bool, typer.Option("--simulated", help="Ask the simulator's agents: tieline simulate.")] = False,
    output: Annotated[str, typer.Option("--format", help="text or json, a document and then a line for each change.")] = "text",
) -> None:
    """Compare the network as it is, asked by SNMPv3, with its design; exit code 1 where anything differs or does not answer."""
    from tieline.cli.network_watch import run

    raise typer.Exit(run(folder, data, site, node, output, is_once=is_once, is_simulated=is_simulated))


Into = Annotated[Path, typer.Option("--into", metavar="FOLDER", help="The utility's folder; it has no network/ yet.")]


@imports.command()
def netbox(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|FILE", help="Exports of devices, interfaces, cables, vlans, prefixes, ip-addresses: JSON or CSV."
        ),
    ],
    into: Into,
) -> None:
    """Begin network/ from the exports of a NetBox, and say what could not be carried over."""
    from tieline.cli.network_import import run_netbox

    raise typer.Exit(run_netbox(source, into))


@imports.command()
def scl(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="An SCL file with a communication section.")],
    into: Into,
    site: Annotated[str, typer.Option("--site", metavar="NAME", help="The site that the file describes.")],
) -> None:
    """Begin network/ from the communication section of an SCL file, and say what could not be carried over."""
    from tieline.cli.network_import import run_scl

    raise typer.Exit(run_scl(source, into, site))
