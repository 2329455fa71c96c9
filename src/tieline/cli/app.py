"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tieline.cli.audit import audit
from tieline.cli.network_commands import network
from tieline.cli.options import CaFile, CenterUrl, Reason, TokenFile
from tieline.cli.pki import pki
from tieline.cli.remote_app import remote
from tieline.cli.zones_commands import zones

app = typer.Typer(
    name="tieline",
    help="Joins the operational and the information technology of a power utility.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(audit)
app.add_typer(network)
app.add_typer(pki)
app.add_typer(remote)
app.add_typer(zones)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The utility's folder, the one that holds utility.toml.")]
Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="Where state is kept.")]
HmiPort = Annotated[
    int | None, typer.Option("--port", metavar="N", min=0, max=65535, help="Port of the HMI; 0 takes any free one.")
]
HmiHost = Annotated[
    str,
    typer.Option("--host", metavar="ADDRESS", help="Where the HMI listens; with TLS wherever others than this machine connect."),
]
DEFAULT_DATA = Path("tieline-data")


@app.command()
def check(
    folder: Folder,
    output: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Read the whole folder and report every mistake at once."""
    from tieline.cli.check import run

    raise typer.Exit(run(folder, output))


@app.command()
def simulate(
    folder: Folder,
    data: Data = DEFAULT_DATA,
    speed: Annotated[float, typer.Option(help="Simulated seconds a second.", min=0.01, max=10_000)] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same weather, loads and faults.")] = 1,
    scenario: Annotated[
        Path | None, typer.Option(metavar="TOML", help="What goes wrong, and when; otherwise the seed decides.")
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Play these measurements: a time column, then one for each point by path.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=POINT", help="Where a column of the replay goes; may be repeated, other columns are left out."
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Rows a second of a replay; as recorded if left out.", min=0.001, max=100_000)
    ] = None,
    until_read: Annotated[bool, typer.Option("--until-read", help="Hold each row of a replay until it has been read.")] = False,
    journal: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Append every change of every point, with the device's time, as JSON lines."),
    ] = None,
) -> None:
    """Serve every device of the folder on real sockets, driven by a model of the grid or by a recording."""
    from tieline.cli.simulate import run

    run(
        folder,
        data,
        speed=speed,
        seed=seed,
        scenario=scenario,
        replay=replay,
        columns=column or [],
        rate=rate,
        until_read=until_read,
        journal=journal,
    )


@app.command()
def run(
    folder: Folder,
    data: Data = DEFAULT_DATA,
    site: Annotated[str | None, typer.Option(metavar="NAME", help="Run this site's edge only.")] = None,
    dmz: Annotated[bool, typer.Option("--dmz", help="Run the DMZ's server only.")] = False,
    center: Annotated[bool, typer.Option("--center", help="Run the control center only.")] = False,
    web: Annotated[
        bool, typer.Option("--web", help="Run the center's web server only (the center starts it itself).", hidden=True)
    ] = False,
    scada: Annotated[
        bool,
        typer.Option("--scada", help="Run alarms and control of the center only (the center starts it itself).", hidden=True),
    ] = False,
    remote_access: Annotated[
        bool,
        typer.Option("--remote", help="Run remote access of the center only (the center starts it itself).", hidden=True),
    ] = False,
    local: Annotated[
        bool,
        typer.Option(
            "--local", help="Run the own store and screen of the site only (the site's role starts it itself).", hidden=True
        ),
    ] = False,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Talk to the devices of `tieline simulate`, not to the real ones.")
    ] = False,
    host: HmiHost = "127.0.0.1",
    port: HmiPort = None,
    dmz_address: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="The DMZ's address, where not as in utility.toml.")
    ] = None,
    est_port: Annotated[
        int | None,
        typer.Option(
            "--est-port",
            metavar="N",
            min=1,
            max=65535,
            help="Where the DMZ enrolls roles, where not as in utility.toml; with --dmz-address nowhere if left out.",
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=65535, help="Port on loopback for the DMZ's Prometheus metrics; none if left out."),
    ] = None,
    login: Annotated[
        bool,
        typer.Option("--login/--no-login", help="Let only people in who log in; without it pages show, and nothing is operated."),
    ] = True,
    certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The HMI's certificate, PEM; one of the utility's own authority if left out."),
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's key, PEM.")] = None,
    tls_name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name under which people open the HMI, for its own certificate; may be repeated."),
    ] = None,
    password_only: Annotated[bool, typer.Option("--password-only", hidden=True)] = False,
    first_login_told: Annotated[bool, typer.Option("--first-login-told", hidden=True)] = False,
    bus_port: Annotated[list[int] | None, typer.Option(hidden=True)] = None,
) -> None:
    """Run the folder: every role on this machine, or one role of it."""
    from tieline.cli.run import PORT_OF_FOLDER, Role, run_role
    from tieline.cli.web import WebOptions

    of_site = Role.LOCAL if local else Role.SITE
    asked = (
        (of_site, site),
        (Role.DMZ, dmz),
        (Role.CENTER, center),
        (Role.WEB, web),
        (Role.SCADA, scada),
        (Role.REMOTE, remote_access),
    )
    chosen = [role for role, is_chosen in asked if is_chosen]
    if len(chosen) > 1:
        raise typer.BadParameter("choose one of --site, --dmz and --center, or none for all")
    run_role(
        chosen[0] if chosen else Role.ALL,
        folder,
        data,
        site=site,
        simulated=simulated,
        web=WebOptions(
            host=host,
            port=PORT_OF_FOLDER if port is None else port,
            has_login=login,
            is_password_only=password_only,
            is_first_login_told=first_login_told,
            certificate=certificate,
            key=key,
            names=tuple(tls_name or ()),
        ),
        dmz_address=dmz_address,
        metrics_port=metrics_port,
        est_port=est_port,
        bus_ports=bus_port or [0],
    )


@app.command()
def demo(data: Data = DEFAULT_DATA, host: HmiHost = "127.0.0.1", port: HmiPort = None) -> None:
    """Simulate and run the example utility that ships with Tieline."""
    from tieline.cli.demo import run

    run(data, host, port)


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="For example: SELECT * FROM samples ORDER BY time DESC LIMIT 5")],
    data: Data = DEFAULT_DATA,
    output: Annotated[str, typer.Option("--format", help="table, csv, json, parquet or arrow.")] = "table",
    file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write there instead of to standard output.")
    ] = None,
) -> None:
    """Ask the historian, in SQL."""
    from tieline.cli.query import run

    run(sql, data, output, file)


@app.command(context_settings={"ignore_unknown_options": True})  # -2h is a time
def fetch(
    site: Annotated[str, typer.Argument(metavar="SITE", help="The site that has kept them.")],
    points: Annotated[str, typer.Argument(metavar="POINTS", help="As device/name, with * and ?; separated by commas.")],
    start: Annotated[str, typer.Argument(metavar="FROM", help="ISO 8601, or relative like -2h.")],
    end: Annotated[str, typer.Argument(metavar="TO", help="Like FROM; or now.")] = "now",
    data: Data = DEFAULT_DATA,
    output: Annotated[
        str | None, typer.Option("--format", help="table, csv, json, parquet or arrow; the table where left out.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write there instead of to standard output.")
    ] = None,
    store: Annotated[bool, typer.Option("--store", help="Put what the center does not have yet into its historian.")] = False,
) -> None:
    """Bring samples that a site has kept to the center."""
    from tieline.cli.fetch import run

    run(site, points, start, end, data, output, file, store=store)


@app.command()
def watch(
    pattern: Annotated[
        str, typer.Argument(metavar="[SITE|PATTERN]", help="A site, or site/device/name with * and ?; all if left out.")
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="Print the values once and end.")] = False,
    url: CenterUrl = "http://127.0.0.1:8400",
    token_file: TokenFile = None,
    ca: CaFile = None,
) -> None:
    """Show live values in the terminal."""
    from tieline.cli.center_api import CenterApi
    from tieline.cli.watch import run

    with CenterApi(url, token_file=token_file, ca=ca) as api:
        run(api, pattern, is_once=once)


@app.command()
def alarms(
    site: Annotated[str | None, typer.Option(metavar="NAME", help="Only those of this site.")] = None,
    ack: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Acknowledge it; may be repeated; all for all shown.")
    ] = None,
    reset: Annotated[list[str] | None, typer.Option(metavar="ID", help="Release a latched one; may be repeated.")] = None,
    shelve: Annotated[list[str] | None, typer.Option(metavar="ID", help="Put it aside for a time; may be repeated.")] = None,
    unshelve: Annotated[list[str] | None, typer.Option(metavar="ID", help="Take it up again; may be repeated.")] = None,
    out_of_service: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Take it out of service; may be repeated.")
    ] = None,
    in_service: Annotated[list[str] | None, typer.Option(metavar="ID", help="Put it back into service; may be repeated.")] = None,
    reason: Reason = "",
    minutes: Annotated[float, typer.Option(min=1, help="For how long it is shelved.")] = 60.0,
    output: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
    url: CenterUrl = "http://127.0.0.1:8400",
    token_file: TokenFile = None,
    ca: CaFile = None,
) -> None:
    """List the alarms; acknowledge them, shelve them, take them out of service."""
    from tieline.cli.alarms import run
    from tieline.cli.center_api import CenterApi

    actions = {
        "acknowledge": ack or [],
        "reset": reset or [],
        "shelve": shelve or [],
        "unshelve": unshelve or [],
        "out-of-service": out_of_service or [],
        "in-service": in_service or [],
    }
    if output not in {"table", "json"}:
        raise typer.BadParameter("write table or json", param_hint="--format")
    with CenterApi(url, token_file=token_file, ca=ca) as api:
        raise typer.Exit(run(api, actions, site=site, reason=reason, minutes=minutes, as_json=output == "json"))


@app.command(context_settings={"ignore_unknown_options": True})  # -3.5 is a value
def operate(
    point: Annotated[str, typer.Argument(metavar="POINT", help="The writable point, as site/device/name.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A number, or open, close, off, on.")],
    reason: Reason = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    code: Annotated[
        str, typer.Option(metavar="DIGITS", help="Of the authenticator app, to permit control with this token.")
    ] = "",
    url: CenterUrl = "http://127.0.0.1:8400",
    token_file: TokenFile = None,
    ca: CaFile = None,
) -> None:
    """Operate a point: select it, see what speaks for and against, confirm, execute."""
    from tieline.cli.center_api import CenterApi
    from tieline.cli.operate import run

    with CenterApi(url, token_file=token_file, ca=ca) as api:
        raise typer.Exit(run(api, point, value, reason=reason, is_confirmed=yes, code=code, confirm=typer.confirm))


@app.command()
def whoami(url: CenterUrl = "http://127.0.0.1:8400", token_file: TokenFile = None, ca: CaFile = None) -> None:
    """Say as whom the center knows you, and what you may do there."""
    from tieline.cli.authority import tell_who
    from tieline.cli.center_api import CenterApi

    with CenterApi(url, token_file=token_file, ca=ca) as api:
        tell_who(api)


@app.command()
def who_can(
    folder: Folder,
    right: Annotated[str, typer.Argument(metavar="RIGHT", help="What is to be done; every right is listed if left out.")] = "",
    site: Annotated[str | None, typer.Option("--site", metavar="NAME", help="At this site.")] = None,
    point: Annotated[
        str | None, typer.Option("--point", metavar="POINT", help="Operate this point, as site/device/name.")
    ] = None,
) -> None:
    """Say who may do what, as the folder has it: people, their roles, and what else is asked for."""
    from tieline.cli.authority import tell_who_can

    tell_who_can(folder, right, site, point)


@app.command()
def diagram(
    folder: Folder,
    site: Annotated[str, typer.Argument(metavar="SITE", help="The site's name.")],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Where the drawing goes; otherwise it is printed.")
    ] = None,
    symbols: Annotated[str, typer.Option(metavar="SET", help="iec or ansi; what the site's diagram.toml says if left out.")] = "",
    theme: Annotated[str, typer.Option(metavar="NAME", help="day, for paper, or night.")] = "day",
) -> None:
    """Draw the single-line diagram of a site as SVG, every switch in its normal position."""
    from tieline.cli.diagram import run

    run(folder, site, output, symbols, theme)


@app.command()
def example(target: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet.")]) -> None:
    """Write the example utility to a folder of your own, to look at and to change."""
    from tieline.cli.example import run

    run(target)
