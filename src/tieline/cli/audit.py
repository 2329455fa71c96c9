"""`tieline audit`: the commands about audits. What they do is in `tieline.cli.audit_work`, imported when one runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

audit = typer.Typer(
    name="audit",
    help="The audit: verify it, read it, export it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Audit = Annotated[Path, typer.Argument(metavar="PATH", help="An audit's folder or a copy of it, or a folder with several in it.")]
Since = Annotated[str, typer.Option("--from", metavar="TIME", help="ISO 8601, or relative like -2h.")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="Like --from; or now.")]
Actor = Annotated[str, typer.Option("--actor", metavar="TEXT", help="Only those by whom this occurs in the name.")]
Action = Annotated[str, typer.Option("--action", metavar="TEXT", help="Only actions in which this occurs.")]
Target = Annotated[str, typer.Option("--target", metavar="TEXT", help="Only targets in which this occurs.")]
Outcome = Annotated[str, typer.Option("--outcome", metavar="TEXT", help="Only outcomes in which this occurs.")]


@audit.command(context_settings={"ignore_unknown_options": True})
def verify(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Audits' folders or copies of them, or folders with several in them.")
    ],
    witness: Annotated[
        list[Path] | None,
        typer.Option("--witness", metavar="FILE|DIR", help="What another zone has seen; may be repeated."),
    ] = None,
    key: Annotated[
        str, typer.Option("--key", metavar="KEY|FILE", help="The log's public key, where it is known from elsewhere.")
    ] = "",
    ca: Annotated[
        Path | None, typer.Option("--ca", metavar="FILE", help="The utility's authority, which vouches for the roles' keys, PEM.")
    ] = None,
    output: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Find whatever was changed, removed, put in, reordered, cut off or rolled back; exit code 1 where there is anything."""
    from tieline.cli.audit_work import verify as work

    if output not in {"text", "json"}:
        raise typer.BadParameter("write text or json", param_hint="--format")
    raise typer.Exit(work(paths, witness or [], key, ca, as_json=output == "json"))


@audit.command(context_settings={"ignore_unknown_options": True})  # -2h is a time
def show(
    path: Audit,
    since: Since = "",
    until: Until = "now",
    actor: Actor = "",
    action: Action = "",
    target: Target = "",
    outcome: Outcome = "",
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The newest so many.")] = 200,
) -> None:
    """Show records, oldest first."""
    from tieline.cli.audit_work import Wanted
    from tieline.cli.audit_work import show as work

    work(path, Wanted.of(since, until, actor=actor, action=action, target=target, outcome=outcome), limit)


@audit.command(context_settings={"ignore_unknown_options": True})
def export(
    path: Audit,
    output: Annotated[str, typer.Option("--format", help="json, cef or rfc5424.")] = "json",
    since: Since = "",
    until: Until = "now",
    actor: Actor = "",
    action: Action = "",
    target: Target = "",
    outcome: Outcome = "",
    file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write there instead of to standard output.")
    ] = None,
    to: Annotated[
        str, typer.Option("--to", metavar="tls://HOST:PORT", help="Deliver them there as syslog over TLS instead (RFC 5425).")
    ] = "",
    ca: Annotated[
        Path | None, typer.Option("--ca", metavar="FILE", help="The authority of the collector's certificate, PEM.")
    ] = None,
) -> None:
    """Write records in a form that others read, or deliver them to a collector."""
    from tieline.cli.audit_work import Wanted
    from tieline.cli.audit_work import export as work

    if output not in {"json", "cef", "rfc5424"}:
        raise typer.BadParameter("write json, cef or rfc5424", param_hint="--format")
    work(path, Wanted.of(since, until, actor=actor, action=action, target=target, outcome=outcome), output, file, to, ca)
