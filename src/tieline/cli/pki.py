"""`tieline pki`: the commands about certificates. What they do is in `tieline.cli.pki_work`, imported when one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

pki = typer.Typer(
    name="pki",
    help="Certificates of the roles: the authority, enrollment, revocation.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="Where state is kept; the authority is in DIR/authority.")]
Role = Annotated[str, typer.Argument(metavar="ROLE", help="The name in the certificate, for example edge-northgate.")]
OfRole = Annotated[str, typer.Option("--role", metavar="ROLE", help="The name in the certificate, for example edge-northgate.")]
RootFolder = Annotated[Path, typer.Option("--root", metavar="DIR", help="Where the root's key is: a stick that is locked away.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", metavar="NAME", help="A name or address under which the role is dialed; may be repeated."),
]
Permitted = Annotated[
    list[str] | None,
    typer.Option(
        "--permit",
        metavar="DOMAIN|NETWORK",
        help="Hosts for which the intermediate may vouch, for example utility.example or 10.0.0.0/8; may be repeated; all if left out.",
    ),
]
Module = Annotated[
    str, typer.Option("--pkcs11", metavar="URI", help="Of the issuing key in a hardware module (RFC 7512), in place of a file.")
]
Format = Annotated[str, typer.Option("--format", help="table or json.")]
DEFAULT_DATA = Path("tieline-data")


@pki.command()
def init(root: RootFolder, data: Data = DEFAULT_DATA, permit: Permitted = None) -> None:
    """Make a root, whose key goes to another place, and an intermediate that issues certificates."""
    from tieline.cli.pki_work import init as work

    work(data, root, permit or [])


@pki.command()
def status(data: Data = DEFAULT_DATA, output: Format = "table") -> None:
    """Show what was issued, until when it holds, what is revoked, and what should be seen to; exit code 1 where there is any."""
    from tieline.cli.pki_status import run

    if output not in {"table", "json"}:
        raise typer.BadParameter("write table or json", param_hint="--format")
    raise typer.Exit(run(data, as_json=output == "json"))


@pki.command()
def token(
    role: OfRole,
    data: Data = DEFAULT_DATA,
    host: Hosts = None,
    hours: Annotated[float, typer.Option(metavar="N", min=0.01, max=720, help="For how long it is good.")] = 24.0,
    file: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write it there instead of printing it.")] = None,
) -> None:
    """Make a one-time token with which a role gets its certificate; at the center."""
    from tieline.cli.pki_work import token as work

    work(data, role, host or [], hours, file)


@pki.command()
def enroll(
    role: OfRole,
    dmz: Annotated[
        str, typer.Option("--dmz", metavar="HOST:PORT", help="The DMZ's enrollment, port 8443 where nothing else is said.")
    ],
    token_file: Annotated[Path, typer.Option("--token-file", metavar="FILE", help="Holds the token.")],
    data: Data = DEFAULT_DATA,
    host: Hosts = None,
) -> None:
    """Get a role's certificate with a token; on the role's machine."""
    from tieline.cli.pki_work import enroll as work

    work(data, role, dmz, token_file, host or [])


@pki.command()
def issue(role: Role, data: Data = DEFAULT_DATA, host: Hosts = None) -> None:
    """Issue a role a new key and certificate, also one that was revoked; where the authority is."""
    from tieline.cli.pki_work import issue as work

    work(data, role, host or [])


@pki.command()
def revoke(
    role: Role,
    reason: Annotated[str, typer.Option("--reason", metavar="WORD", help="Of RFC 5280: keyCompromise, superseded ...")],
    text: Annotated[str, typer.Option("--text", metavar="TEXT", help="More about it, for the record.")] = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Revoke every certificate of a role; it is out as soon as the list of what is revoked has reached the others."""
    from tieline.cli.pki_work import revoke as work

    work(data, role, reason, text)


@pki.command()
def crl(
    data: Data = DEFAULT_DATA,
    take: Annotated[
        Path | None, typer.Option("--take", metavar="FILE", help="Take this list, brought from the center by hand.")
    ] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Sign the list anew; where the authority is.")] = False,
) -> None:
    """Print the list of what is revoked, an X.509 CRL."""
    from tieline.cli.pki_work import crl as work

    work(data, take, renew=renew)


@pki.command(name="import")
def import_(
    certificate: Annotated[
        Path,
        typer.Option("--certificate", metavar="FILE", help="The issuing authority's certificate, those above it, the root; PEM."),
    ],
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Its key, PEM.")] = None,
    pkcs11: Module = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Issue certificates from an authority of the utility's own instead of one made here."""
    from tieline.cli.pki_work import take_authority

    take_authority(data, certificate, key, pkcs11)


@pki.command()
def intermediate(root: RootFolder, data: Data = DEFAULT_DATA, permit: Permitted = None, pkcs11: Module = "") -> None:
    """Replace the intermediate by a new one with a new key; certificates of the former stay valid until they end."""
    from tieline.cli.pki_work import renew_intermediate

    renew_intermediate(data, root, permit or [], pkcs11)
