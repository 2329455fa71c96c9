"""What each server of the bus is told, made from the zones and conduits of the utility folder.

A server's configuration is JSON, which `nats-server` reads as its own language. Every connection is mutual TLS 1.3; whoever connects
is the name in his certificate (`verify_and_map`), and has the permissions of that name and no other. Leaf connections are opened
towards the DMZ only. At a site, `deny_exports` and `deny_imports` keep batches from crossing as ordinary messages: they leave through
the stream alone, and nobody outside can inject any.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tieline.config import Utility
from tieline.config.own_points import DMZ
from tieline.model import subjects
from tieline.security.identity import Credentials

_MOST_STORED = 2**50
"""No limit: each stream has one of its own. One for all would refuse every change of a stream that was made with a larger limit."""

Configuration = dict[str, Any]

ACCOUNT = "OT"
ROUTE_USER = "route"
MAX_PAYLOAD = 4 * 1024 * 1024
_TAKING = ["$JS.ACK.>", "$JS.FC.>"]
"""Acknowledgements and flow control, which only a stream that sources another may give."""
_GIVING = ["$JSC.R.>"]
"""What the server whose stream is sourced answers to the one that sources it."""
_ASKING = (subjects.CENTER_ROLE, subjects.FETCH_ROLE, subjects.SCADA_ROLE, subjects.REMOTE_ROLE)
"""The roles of the center that ask sites."""


def for_site(site: str, credentials: Credentials, store: Path, dmz: str) -> Configuration:
    """The server at a site: takes batches from the gateway on loopback, keeps them on disk, dials the DMZ."""
    own = [subjects.site_batches(site, stream) for stream in subjects.SITE_STREAMS]
    own += [subjects.local_batches(site), subjects.health(site), subjects.link(site), "$JS.API.>", "$JS.ACK.>"]
    gateway = _user(
        subjects.edge_role(site),
        publish=[*own, subjects.remote_down(site), *_answers(subjects.SCADA_ROLE, subjects.REMOTE_ROLE)],
        subscribe=[*_answers(subjects.edge_role(site)), subjects.command(site), *_remote_hearing(site)],
    )
    local = _user(
        subjects.local_role(site),
        publish=[
            *_committing(subjects.LOCAL_STREAM),
            *_watching(subjects.LOCAL_STREAM),
            subjects.local_found(site),
            *_answers(subjects.FETCH_ROLE),
        ],
        subscribe=[*_answers(subjects.local_role(site)), subjects.health(site), subjects.fetch(site)],
    )
    return {
        **_server(f"edge-{site}", credentials),
        "jetstream": _stream_store(store, domain=site),
        "accounts": {ACCOUNT: {"jetstream": "enabled", "users": [gateway, local]}},
        "leafnodes": {
            "reconnect": "1s",
            "remotes": [
                {
                    "urls": [f"tls://{dmz}"],
                    "account": ACCOUNT,
                    "tls": _tls(credentials),
                    "deny_exports": ["site.>", "local.>"],
                    "deny_imports": ["site.>", "local.>", "health.>", "$JS.API.>"],
                }
            ],
        },
    }


def for_dmz(utility: Utility, credentials: Credentials, host: str, port: int) -> Configuration:
    """The server in the DMZ: a hub that stores nothing; a site speaks for itself only, and only where a conduit leads here."""
    dmz = next(zone for zone in utility.zones if zone.kind == "dmz")
    center = next(zone for zone in utility.zones if zone.kind == "control_center")
    remote = _remote_sites(utility)
    users = [
        _user(
            subjects.DMZ_ROLE,
            publish=[subjects.health(DMZ), *([subjects.REMOTE_OPEN, subjects.remote_line_up()] if remote else [])],
            subscribe=[*_answers(subjects.DMZ_ROLE), *([subjects.remote_line_down()] if remote else [])],
        )
    ]
    users += [
        _user(
            subjects.edge_role(site.name),
            publish=[
                subjects.health(site.name),
                subjects.link(site.name),
                *subjects.deliveries(site.name),
                *([subjects.remote_down(site.name)] if site.name in remote else []),
                *_GIVING,
                *_answers(*_ASKING),
            ],
            subscribe=[
                f"$JS.{site.name}.API.>",
                subjects.fetch(site.name),
                subjects.command(site.name),
                *(_remote_hearing(site.name) if site.name in remote else []),
                *_TAKING,
                *_answers(subjects.edge_role(site.name)),
            ],
        )
        for site in utility.sites
        if utility.may_send(utility.zone_of(site.name).name, dmz.name)
    ]
    if utility.may_send(center.name, dmz.name):
        sites = [site.name for site in utility.sites]
        users.append(
            _user(
                subjects.CENTER_ROLE,
                publish=[
                    *(f"$JS.{site}.API.>" for site in sites),
                    *map(subjects.fetch, sites),
                    *map(subjects.command, sites),
                    *(subject for site in remote for subject in _remote_hearing(site)),
                    *([subjects.remote_line_down(), *_answers(subjects.DMZ_ROLE)] if remote else []),
                    *_TAKING,
                    *_answers(*map(subjects.edge_role, sites)),
                ],
                subscribe=[
                    *map(subjects.health, [*sites, DMZ]),
                    *map(subjects.link, sites),
                    *(delivery for site in sites for delivery in subjects.deliveries(site)),
                    *map(subjects.remote_down, remote),
                    *([subjects.REMOTE_OPEN, subjects.remote_line_up()] if remote else []),
                    *_GIVING,
                    *_answers(*_ASKING),
                ],
            )
        )
    return {
        **_server("dmz", credentials),
        "accounts": {ACCOUNT: {"users": users}},
        "leafnodes": {"host": host, "port": port, "tls": {**_tls(credentials), "verify_and_map": True, "timeout": 5}},
    }


def for_center(credentials: Credentials, store: Path, dmz: str | None) -> Configuration:
    """A server at the center: takes the sites' streams through the DMZ, serves the historian and the live state.

    Without a `dmz` it only serves what it holds.
    """
    users = [
        _user(
            subjects.CENTER_ROLE, publish=[">"], subscribe=[">"], never_publish=[subjects.EVERY_COMMAND, "scada.>", "remote.>"]
        ),
        _user(
            subjects.SCADA_ROLE,
            publish=[
                subjects.EVERY_COMMAND,
                *_committing(subjects.CENTER_STREAM, subjects.ALARMS_CONSUMER),
                *_watching(subjects.CENTER_STREAM),
                *subjects.SCADA_CHANGES,
                subjects.EVERY_CONTROL_EVENT,
                *_answers(subjects.WEB_ROLE),
            ],
            subscribe=[*_answers(subjects.SCADA_ROLE), subjects.EVERY_HEALTH, subjects.SCADA_ASK],
        ),
        _user(
            subjects.REMOTE_ROLE,
            publish=[
                subjects.remote_order("*"),
                subjects.remote_up("*"),
                subjects.remote_line_down(),
                *_answers(subjects.WEB_ROLE, subjects.DMZ_ROLE),
            ],
            subscribe=[
                *_answers(subjects.REMOTE_ROLE),
                subjects.remote_down("*"),
                subjects.remote_line_up(),
                subjects.REMOTE_OPEN,
                subjects.REMOTE_ASK,
            ],
        ),
        _user(subjects.HISTORIAN_ROLE, publish=_committing(subjects.CENTER_STREAM), subscribe=_answers(subjects.HISTORIAN_ROLE)),
        _user(
            subjects.WEB_ROLE,
            publish=[*_watching(subjects.CENTER_STREAM), subjects.EVERY_CENTER_BATCH, subjects.SCADA_ASK, subjects.REMOTE_ASK],
            subscribe=[*_answers(subjects.WEB_ROLE), subjects.EVERY_HEALTH, *subjects.SCADA_CHANGES],
        ),
        _user(
            subjects.FETCH_ROLE,
            publish=[subjects.EVERY_FETCH, subjects.EVERY_CENTER_BATCH],
            subscribe=_answers(subjects.FETCH_ROLE),
        ),
    ]
    return {
        **_server("center", credentials),
        "jetstream": _stream_store(store, domain="center"),
        "accounts": {ACCOUNT: {"jetstream": "enabled", "users": users}},
        **({} if dmz is None else {"leafnodes": _leaf_towards(dmz, credentials)}),
    }


def in_cluster(
    configuration: Configuration, name: str, credentials: Credentials, *, port: int, others: Sequence[int], secret: str
) -> Configuration:
    """The same server as a member of a cluster on this machine; `port` and `others` are for the routes between its members."""
    tls = {key: value for key, value in _tls(credentials).items() if key != "handshake_first"}  # routes know no other way
    return {
        **configuration,
        "server_name": name,
        "cluster": {
            "name": configuration["server_name"],
            "host": "127.0.0.1",
            "port": port,
            "no_advertise": True,
            "tls": {**tls, "verify": True, "timeout": 5},
            "authorization": {"user": ROUTE_USER, "password": secret, "timeout": 5},
            "routes": [f"tls://{ROUTE_USER}:{secret}@127.0.0.1:{other}" for other in others],
        },
    }


def _leaf_towards(dmz: str, credentials: Credentials) -> Configuration:
    return {"reconnect": "1s", "remotes": [{"urls": [f"tls://{dmz}"], "account": ACCOUNT, "tls": _tls(credentials)}]}


def _answers(*roles: str) -> list[str]:
    """Where these roles are answered."""
    return [f"{subjects.inbox(role)}.>" for role in roles]


def _remote_sites(utility: Utility) -> list[str]:
    """The sites that the center reaches for remote access; none where the folder leaves it off."""
    return [site.name for site in utility.sites if site.remote.allowed] if utility.dmz.remote_port is not None else []


def _remote_hearing(site: str) -> list[str]:
    """What a site hears of remote access."""
    return [subjects.remote_order(site), subjects.remote_up(site)]


def _committing(stream: str, consumer: str = subjects.HISTORIAN_CONSUMER) -> list[str]:
    """What a historian, or the alarms, say to the stream whose batches they commit, of their own place in it."""
    place = f"{stream}.{consumer}"
    return [*(f"$JS.API.CONSUMER.{call}.{place}" for call in ("MSG.NEXT", "RESET")), f"$JS.ACK.{place}.>"]


def _watching(stream: str) -> list[str]:
    """What a live state says to the stream that it follows in order."""
    return [
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}",
        *(f"$JS.API.CONSUMER.{call}.{stream}.>" for call in ("CREATE", "INFO", "DELETE")),
        "$JS.FC.>",
    ]


def _server(name: str, credentials: Credentials) -> Configuration:
    return {
        "server_name": name,
        "host": "127.0.0.1",
        "port": -1,
        "max_payload": MAX_PAYLOAD,
        "tls": {**_tls(credentials), "verify_and_map": True, "timeout": 5},
    }


def _tls(credentials: Credentials) -> Configuration:
    return {
        "cert_file": str(credentials.certificate),
        "key_file": str(credentials.key),
        "ca_file": str(credentials.authority),
        "min_version": "1.3",
        "handshake_first": True,
    }


def _stream_store(store: Path, *, domain: str) -> Configuration:
    return {
        "store_dir": str(store),
        "domain": domain,
        "sync_interval": "always",
        "max_memory_store": 0,
        "max_file_store": _MOST_STORED,
    }


def _user(role: str, *, publish: list[str], subscribe: list[str], never_publish: Sequence[str] = ()) -> Configuration:
    publishing = {"allow": publish, **({"deny": list(never_publish)} if never_publish else {})}
    return {"user": f"CN={role}", "permissions": {"publish": publishing, "subscribe": {"allow": subscribe}}}
