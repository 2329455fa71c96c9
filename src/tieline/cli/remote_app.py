"""`tieline remote`: the commands of remote access and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tieline.cli.options import DEFAULT_URL, CaFile, CenterUrl, Code, Reason, TokenFile

remote = typer.Typer(
    name="remote",
    help="Remote access to one service of one device: ask, approve, connect, see, cut.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Grant = Annotated[str, typer.Argument(metavar="GRANT", help="As `tieline remote list` names it.")]
Format = Annotated[str, typer.Option("--format", help="table or json.")]


def _check(output: str) -> bool:
    if output not in {"table", "json"}:
        raise typer.BadParameter("write table or json", param_hint="--format")
    return output == "json"


@remote.command()
def ask(
    target: Annotated[str, typer.Argument(metavar="SITE/DEVICE/SERVICE", help="For example northgate/rtu-1/dnp3.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for who approves it and for the record.")],
    minutes: Annotated[float, typer.Option(min=1, help="For how long.")] = 60.0,
    begin: Annotated[str, typer.Option(metavar="TIME", help="ISO 8601; once it is approved if left out.")] = "",
    url: CenterUrl = DEFAULT_URL,
    token_file: TokenFile = None,
    ca: CaFile = None,
) -> None:
    """Ask for a grant; somebody else has to approve it."""
    from tieline.cli.center_api import CenterApi
    from tieline.cli.remote import ask as run

    with CenterApi(url, token_file=token_file, ca=ca) as api:
        run(api, target, reason, minutes, begin)


@remote.command(name="list")
def list_(
    everything: Annotated[bool, typer.Option("--all", help="Also grants that are over.")] = False,
    output: Format = "table",
    url: CenterUrl = DEFAULT_URL,
    token_file: TokenFile = None,
    ca: CaFile = None,
) -> None:
    """List grants, and what there is to ask for."""
    from tieline.cli.center_api import CenterApi
    from tieline.cli.remote import list_grants

    as_json = _check(output)
    with CenterApi(url, token_file=token_file, ca=ca) as api:
        list_grants(api, everything=everything, as_json=as_json)


@remote.command()
def sessions(
    everything: Annotated[bool, typer.Option("--all", help="Also sessions that are over.")] = False,
    output: Format = "table",
    url: CenterUrl = DEFAULT_URL,
    token_file: TokenFile = None,
    ca: CaFile = None,
) -> None:
    """List sessions that run."""
    from tieline.cli.center_api import CenterApi
    from tieline.cli.remote import list_sessions

    as_json = _check(output)
    with CenterApi(url, token_file=token_file, ca=ca) as api:
        list_sessions(api, everything=everything, as_json=as_json)


@remote.command()
def approve(grant: Grant, code: Code = "", url: CenterUrl = DEFAULT_URL, token_file: TokenFile = None, ca: CaFile = None) -> None:
    """Approve what another person asked for."""
    from tieline.cli.center_api import CenterApi
    from tieline.cli.remote import decide

    with CenterApi(url, token_file=token_file, ca=ca) as api:
        decide(api, grant, "approve", code=code)


@remote.command()
def refuse(
    grant: Grant, reason: Reason = "", url: CenterUrl = DEFAULT_URL, token_file: TokenFile = None, ca: CaFile = None
) -> None:
    """Refuse what another person asked for."""
    from tieline.cli.center_api import CenterApi
    from tieline.cli.remote import decide

    with CenterApi(url, token_file=token_file, ca=ca) as api:
        decide(api, grant, "refuse", reason=reason)


@remote.command()
def ticket(grant: Grant, code: Code = "", url: CenterUrl = DEFAULT_URL, token_file: TokenFile = None, ca: CaFile = None) -> None:
    """Print a one-time ticket, for another client than `tieline remote connect`."""
    from tieline.cli.center_api import CenterApi
    from tieline.cli.remote import print_ticket

    with CenterApi(url, token_file=token_file, ca=ca) as api:
        print_ticket(api, grant, code)


@remote.command()
def connect(
    grant: Grant,
    dmz: Annotated[str, typer.Option(metavar="HOST:PORT", help="The DMZ's address; as the center says if left out.")] = "",
    dmz_ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The authority of the DMZ's certificate, PEM; that of --ca if left out.")
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where a tool connects on this machine; port 0 takes a free one.")
    ] = "127.0.0.1:0",
    code: Code = "",
    url: CenterUrl = DEFAULT_URL,
    token_file: TokenFile = None,
    ca: CaFile = None,
) -> None:
    """Open a port on this machine that leads to the device, for as long as the grant lasts."""
    from tieline.cli.center_api import CenterApi
    from tieline.cli.remote_connect import run

    with CenterApi(url, token_file=token_file, ca=ca) as api:
        run(api, grant, dmz=dmz, authority=dmz_ca or ca, listen=listen, code=code)


@remote.command()
def cut(
    name: Annotated[str, typer.Argument(metavar="[SESSION|GRANT]", help="What is to end.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All that you may cut.")] = False,
    reason: Reason = "",
    url: CenterUrl = DEFAULT_URL,
    token_file: TokenFile = None,
    ca: CaFile = None,
) -> None:
    """End remote access at once: the grant, and every session under it."""
    from tieline.cli.center_api import CenterApi
    from tieline.cli.remote import cut as run

    if bool(name) == everything:
        raise typer.BadParameter("name a session or a grant, or give --all")
    with CenterApi(url, token_file=token_file, ca=ca) as api:
        run(api, name, reason)


@remote.command()
def show(
    session: Annotated[str, typer.Argument(metavar="SESSION|FILE", help="A session that has ended, or a recording.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write the recording there, as pcapng, instead of printing it."),
    ] = None,
    url: CenterUrl = DEFAULT_URL,
    token_file: TokenFile = None,
    ca: CaFile = None,
) -> None:
    """Print what passed in a session, from its recording, and check that against the audit's SHA-256."""
    from tieline.cli.center_api import CenterApi
    from tieline.cli.remote_show import show_file, show_session

    if Path(session).is_file():
        show_file(Path(session))
        return
    with CenterApi(url, token_file=token_file, ca=ca) as api:
        show_session(api, session, output)
