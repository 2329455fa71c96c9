"""`tieline zones`: what is described is shown, rendered, compared, put in force and proven."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from tieline.config import read_folder
from tieline.model import ConfigError, RefusedError, UnavailableError
from tieline.security.zones import Host, Plan, Zone, plan_of
from tieline.security.zones.findings import Finding
from tieline.security.zones.nftables import render
from tieline.security.zones.packet_flows import Flow, flows_by_zone, flows_of
from tieline.security.zones.packet_proof import AddressClasses, prove_packets, unenforced
from tieline.security.zones.packets import Packet, State, address_number, interface_number
from tieline.security.zones.ruleset import Bound, Ruleset, decide
from tieline.security.zones.ruleset_capture import read_capture
from tieline.security.zones.ruleset_script import read_script


def show_plan(folder: Path, output: str) -> None:
    """Prints zones, conduits, and what is not enforced."""
    _check_format(output)
    plan = plan_of(read_folder(folder))
    flows = flows_of(plan)
    missing = unenforced(plan, flows)
    if output == "json":
        typer.echo(json.dumps({**_plain(asdict(plan)), "not_enforced": missing}, indent=2))
        return
    console = Console(highlight=False, markup=False)
    console.print(
        _table(
            ("zone", "kind", "level", "subnets", "VLANs", "members"),
            (
                (zone.name, zone.kind, str(zone.security_level), _words(zone.subnets), _words(zone.vlans), _members(zone))
                for zone in plan.zones
            ),
        )
    )
    console.print(
        _table(
            ("conduit", "opened by", "to", "service", "data", "owner", "reason"),
            (
                (
                    conduit.id,
                    _end(conduit.source, [member.name for member in conduit.source_members]),
                    _end(conduit.target, [member.name for member in conduit.target_members]),
                    f"{conduit.service.name} {_words(conduit.ports)}",
                    conduit.direction.replace("_", " "),
                    conduit.owner,
                    conduit.reason,
                )
                for conduit in plan.conduits
            ),
        )
    )
    field = [flow for flow in flows if "/" in flow.id]
    if field:
        console.print(
            _table(
                ("device", "service", "reason"),
                ((flow.id, f"{flow.service} {_words(flow.ports)}", flow.reason) for flow in field),
            )
        )
    if missing:
        console.print("Not enforced by a firewall of its own:")
        for line in missing:
            console.print(f"- {line}", soft_wrap=True)


def write_rendered(folder: Path, out: Path, host: str | None, data: Path) -> None:
    """Writes everything that is made from the folder, or one host's firewall; says where."""
    from tieline.security.zones.vlan_intent import as_json, rows, vlan_intent

    utility = read_folder(folder)
    plan = plan_of(utility)
    scripts = _scripts(plan)
    files: dict[str, str] = {}
    if host is not None:
        files[f"hosts/{host}.nft"] = _script_of(plan, scripts, host)
    else:
        intent = vlan_intent(plan)
        files |= {f"hosts/{name}.nft": script for name, script in scripts.items()}
        files["vlan-intent.json"] = as_json(intent)
        files["vlan-intent.md"] = _markdown(intent.native_vlan, rows(intent))
        files |= {
            f"bus/{name}.json": json.dumps(configuration, indent=2, sort_keys=True) + "\n"
            for name, configuration in bus_configurations(folder, data).items()
        }
    for name, text in files.items():
        path = out / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        except OSError as error:
            raise UnavailableError(f"{path} cannot be written: {error.strerror}") from error
        typer.echo(str(path))


def bus_configurations(folder: Path, data: Path) -> dict[str, dict[str, Any]]:
    """What each server of the bus is told, by name; paths as with this data directory."""
    from tieline.bus.configuration import for_center, for_dmz, for_site
    from tieline.model import subjects
    from tieline.security.identity import Credentials

    utility = read_folder(folder)
    plan = plan_of(utility)
    authority = data / "authority"

    def held(name: str) -> Credentials:
        roles = authority / "roles"
        return Credentials(
            name=name, certificate=roles / f"{name}.crt", key=roles / f"{name}.key", authority=authority / "authority.crt"
        )

    dmz = f"{utility.dmz.host}:{utility.dmz.port}"
    configurations = {
        f"edge-{site}": for_site(plan, site, held(subjects.edge_role(site)), data / f"site-{site}" / "streams", dmz)
        for site in plan.sites
    }
    configurations["dmz"] = for_dmz(
        plan, held(subjects.DMZ_ROLE), utility.dmz.host, utility.dmz.port, enterprise_port=utility.dmz.enterprise_port
    )
    configurations["center"] = for_center(plan, held(subjects.CENTER_ROLE), data / "center" / "streams", dmz)
    return configurations


def show_drift(folder: Path, host: str, ruleset: Path | None) -> int:
    """Prints how a host differs from the folder; 0 where it does not, 1 otherwise."""
    from tieline.security.zones.drift import drift, others
    from tieline.security.zones.nft import running_ruleset

    plan = plan_of(read_folder(folder))
    wanted = read_script(_script_of(plan, _scripts(plan), host))
    if ruleset is None:
        _need_root("reading the firewall of this machine")
    running = read_capture(running_ruleset()) if ruleset is None else _ruleset_in(ruleset)
    lines = drift(wanted, running)
    findings = prove_packets(plan, {host: running})
    for line in lines:
        typer.echo(line)
    for line in _findings_in_words(findings):
        typer.echo(line)
    foreign = others(running)
    if foreign:
        typer.echo(f"other tables on {host}: {', '.join(foreign)}")
    if not lines and not findings:
        typer.echo(f"{host} is as the folder describes it")
    return 1 if lines or findings else 0


def put_in_force(folder: Path, host: str, confirm_within_s: int, data: Path) -> None:
    """Loads a host's firewall, and says how to keep it."""
    from tieline.security.zones.applying import apply, folder_of
    from tieline.security.zones.nft import check

    plan = plan_of(read_folder(folder))
    script = _script_of(plan, _scripts(plan), host)
    _need_root("putting a firewall in force")
    check(script)
    for line in [*_another_machine(plan.host(host)), *_own_session(plan, host, script)]:
        typer.echo(line, err=True)
    waiting = apply(folder_of(data), script, host=host, actor=_actor(), confirm_within_s=confirm_within_s)
    until = datetime.fromtimestamp(waiting.deadline_us / 1e6, UTC)
    typer.echo(f"the firewall of {host} is in force; at {until:%H:%M:%S} UTC the former one is back, unless you confirm:")
    typer.echo(f"tieline zones confirm --data {data}")


def keep(data: Path) -> None:
    """Confirms the change that waits."""
    from tieline.security.zones.applying import confirm, folder_of

    place = folder_of(data)
    if not place.is_dir():
        raise RefusedError("no change waits to be confirmed")
    _need_root("confirming a firewall")
    waiting = confirm(place, actor=_actor())
    typer.echo(f"the firewall of {waiting.host} stays; {place / 'applied.nft'} is its script, for the start of the machine")


def show_proof(folder: Path, captured: Sequence[str], servers: Sequence[Path], vlans: Path | None, output: str) -> int:
    """Prints what is permitted and what differs from it; 0 without findings, 1 otherwise."""
    from tieline.security.zones.broker_proof import prove_broker, reach
    from tieline.security.zones.vlan_intent import prove_vlans, read_intent, vlan_intent

    _check_format(output)
    plan = plan_of(read_folder(folder))
    rulesets = {name: read_script(script) for name, script in _scripts(plan).items()}
    rulesets |= _captured(plan, captured)
    intent = vlan_intent(plan) if vlans is None else read_intent(_text_of(vlans))
    configurations = _with_captured(bus_configurations(folder, Path("tieline-data")), servers)
    findings = [*prove_packets(plan, rulesets), *prove_vlans(plan, intent), *prove_broker(plan, configurations)]
    heard = [
        {
            "speaker": row.speaker,
            "at": row.at,
            "hearer": row.hearer,
            "heard_at": row.heard_at,
            "subjects": list(row.subjects),
            "conduits": list(row.conduits),
            "path": list(row.path),
        }
        for row in reach(plan, configurations)
    ]
    flows = flows_of(plan)
    classes = AddressClasses(plan)
    rows = [_reach(plan, classes, flow, rulesets) for flow in flows]
    zones = _zone_pairs(plan, flows)
    missing = unenforced(plan, flows)
    if output == "json":
        document = {
            "findings": [finding.as_json() for finding in findings],
            "reach": rows,
            "zones": zones,
            "heard": heard,
            "not_enforced": missing,
        }
        typer.echo(json.dumps(document, indent=2))
    else:
        _print_reach(rows, zones, heard)
        for line in [*(f"not enforced: {line}" for line in missing), *_findings_in_words(findings)]:
            typer.echo(line)
        noun = "finding" if len(findings) == 1 else "findings"
        rest = "" if findings else "; nothing else gets through the firewalls of hosts, between VLANs, or through the bus"
        typer.echo(
            f"{len(rulesets)} firewalls, {len(configurations)} bus servers, {len(flows)} ways, {len(findings)} {noun}{rest}"
        )
    return 1 if findings else 0


def _zone_pairs(plan: Plan, flows: Sequence[Flow]) -> dict[str, dict[str, list[str]]]:
    """For each zone, to which others its members may open something, and to which nothing."""
    opens: dict[str, set[str]] = {zone.name: set() for zone in plan.zones}
    for flow in flows:
        opens[flow.source_zone].add(flow.target_zone)
    others = {zone: [other for other in opens if other != zone] for zone in opens}
    return {
        zone: {
            "may": [other for other in others[zone] if other in opens[zone]],
            "cannot": [other for other in others[zone] if other not in opens[zone]],
        }
        for zone in opens
    }


def _print_reach(
    rows: Sequence[Mapping[str, Any]], zones: Mapping[str, Mapping[str, list[str]]], heard: Sequence[Mapping[str, Any]]
) -> None:
    console = Console(highlight=False, markup=False)
    console.print("What can be reached:")
    console.print(
        _table(
            ("by", "from", "to", "service", "enforced at"),
            ((row["conduit"], row["source"], row["target"], row["service"], _words(row["enforced_at"])) for row in rows),
        )
    )
    console.print("From zone to zone:")
    console.print(
        _table(
            ("zone", "may open to", "cannot open to"),
            ((zone, _words(ways["may"]), _words(ways["cannot"]) or "no other") for zone, ways in zones.items()),
        )
    )
    console.print("Who hears whom on the bus, from zone to zone:")
    crossing: dict[tuple[str, str, str], int] = {}
    for row in heard:
        if row["conduits"]:
            key = row["hearer"], row["speaker"], _words(row["conduits"])
            crossing[key] = crossing.get(key, 0) + len(row["subjects"])
    console.print(
        _table(
            ("hearer", "speaker", "through", "subjects"),
            ((hearer, speaker, through, str(count)) for (hearer, speaker, through), count in sorted(crossing.items())),
        )
    )


def _reach(plan: Plan, classes: AddressClasses, flow: Flow, rulesets: Mapping[str, Ruleset]) -> dict[str, Any]:
    ends = [host for zone in dict.fromkeys((flow.source_zone, flow.target_zone)) for host in plan.zone(zone).hosts]
    return {
        "source": classes.summary(flow.source, flow.source_zone),
        "target": classes.summary(flow.target, flow.target_zone),
        "service": f"{flow.service} {_words(flow.ports)}",
        "conduit": flow.id,
        "reason": flow.reason,
        "enforced_at": [host.name for host in ends if host.name in rulesets and flow.concerns(host)],
    }


def _with_captured(rendered: Mapping[str, dict[str, Any]], files: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """The configurations, with what runs in the place of what is rendered for the same role."""
    captured = {}
    for file in files:
        try:
            captured[str(file)] = json.loads(_text_of(file))
            _role_of(captured[str(file)])
        except (ValueError, TypeError, LookupError) as error:
            raise ConfigError(f"{file} is no configuration of a bus server in JSON: {error}") from error
    replaced = {_role_of(configuration) for configuration in captured.values()}
    return {name: configuration for name, configuration in rendered.items() if _role_of(configuration) not in replaced} | captured


def _role_of(configuration: Mapping[str, Any]) -> str:
    return Path(configuration["tls"]["cert_file"]).stem


def _findings_in_words(findings: Iterable[Finding]) -> Iterable[str]:
    for finding in findings:
        yield f"{finding.fault}: {finding}"
        for step in finding.path:
            yield f"    {step}"


def _scripts(plan: Plan) -> dict[str, str]:
    flows = flows_by_zone(flows_of(plan))
    return {host.name: render(plan.utility, host, flows.get(host.zone, [])) for host in plan.hosts if host.addresses}


def _script_of(plan: Plan, scripts: Mapping[str, str], host: str) -> str:
    if host not in scripts:
        named = plan.host(host)
        raise ConfigError(
            f"host {named.name} has no addresses in the folder; write [[hosts]] with addresses for zone {named.zone}"
        )
    return scripts[host]


def _captured(plan: Plan, given: Sequence[str]) -> dict[str, Ruleset]:
    rulesets = {}
    for text in given:
        name, separator, file = text.partition("=")
        if not separator:
            raise ConfigError(f"--ruleset {text}: write HOST=FILE")
        rulesets[plan.host(name).name] = _ruleset_in(Path(file))
    return rulesets


def _ruleset_in(file: Path) -> Ruleset:
    text = _text_of(file)
    try:
        return read_capture(text) if text.lstrip().startswith("{") else read_script(text)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def _text_of(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error


def _another_machine(host: Host) -> list[str]:
    """A warning where none of the host's addresses is one of this machine."""
    for address in host.addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        with socket.socket(family, socket.SOCK_DGRAM) as one, suppress(OSError):
            one.bind((str(address), 0))
            return []
    return [f"warning: this machine has none of the addresses of {host.name}: {_words(host.addresses)}"]


def _own_session(plan: Plan, host: str, script: str) -> list[str]:
    """A warning where the rules cut the SSH session in which the command runs."""
    try:
        client, client_port, server, server_port = os.environ.get("SSH_CONNECTION", "").split()
        packet = Packet(
            input=interface_number("eth0"),
            output=0,
            source=address_number(client),
            target=address_number(server),
            transport=6,
            source_port=int(client_port),
            target_port=int(server_port),
            state=State.ESTABLISHED,
            hops=64,
        )
    except ValueError:
        return []
    if decide(read_script(script), "input", packet, Bound.LEAST).passes:
        return []
    whose = AddressClasses(plan).name_of(packet.source)
    cut = f"warning: no conduit lets this SSH session ({client}, {whose}) to {host}"
    return [f"{cut}: it is cut now, and comes back with the former rules"]


def _need_root(what: str) -> None:
    if os.geteuid():
        raise RefusedError(f"{what} takes root; run it with sudo")


def _actor() -> str:
    return os.environ.get("SUDO_USER") or getpass.getuser()


def _check_format(output: str) -> None:
    if output not in {"text", "json"}:
        raise ConfigError(f"there is no format {output!r}; write text or json")


def _members(zone: Zone) -> str:
    hosts = [_host_words(host) for host in zone.hosts if not host.is_implied]
    devices = [f"{device.path} {_words(device.addresses)}".strip() for device in zone.devices]
    return "\n".join([*hosts, *devices])


def _host_words(host: Host) -> str:
    roles = f" ({_words(host.roles)})" if host.roles else ""
    return f"{host.name} {_words(host.addresses)}{roles}"


def _end(zone: str, members: Sequence[str]) -> str:
    return f"{zone}: {_words(members)}" if members else zone


def _words(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


def _table(columns: tuple[str, ...], rows: Iterable[Iterable[str]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, no_wrap=index == 0, overflow="fold", justify="right" if column == "level" else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _markdown(native: int, rows: Iterable[Iterable[str]]) -> str:
    header = f"Native VLAN of every trunk: {native}, which belongs to no zone. What no row permits is denied.\n\n"
    head = "| from | to | service | conduit | reason |\n|---|---|---|---|---|\n"
    return header + head + "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)
