"""What each server of the bus is told, made from the plan of zones and conduits.

A server's configuration is JSON, which `nats-server` reads as its own language. Every connection is mutual TLS 1.3; whoever connects
is the name in his certificate (`verify_and_map`), and has the permissions of that name and no other, which follow from the flows
(`tieline.security.zones`). Leaf connections are opened towards the DMZ only, and both ends bound them: in the DMZ the permissions of the
server that dials, and at that server `deny_exports` and `deny_imports`, so that what no flow carries across does not cross even where one
of the two is wrong. Batches leave a site through its streams alone.

Enterprise zones have accounts of their own in the DMZ, which import single subjects of the plant's account, and export nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tieline.model import subjects
from tieline.security.identity import Credentials
from tieline.security.zones import Plan, permissions
from tieline.security.zones.permissions import PLANT_ACCOUNT as ACCOUNT
from tieline.security.zones.permissions import Permissions, account_of

_MOST_STORED = 2**50
"""No limit: each stream has one of its own. One for all would refuse every change of a stream that was made with a larger limit."""

Configuration = dict[str, Any]

ROUTE_USER = "route"
MAX_PAYLOAD = 4 * 1024 * 1024
LOOPBACK = "127.0.0.1"
ANY_PORT = -1
_CLIENT, _LEAF = "STANDARD", "LEAFNODE"
"""How a user may connect: as a client, or as a server that dials the DMZ."""


def for_site(plan: Plan, site: str, credentials: Credentials, store: Path, dmz: str) -> Configuration:
    """The server at a site: takes batches from the gateway on loopback, keeps them on disk, dials the DMZ."""
    return {
        **_server(f"edge-{site}", credentials),
        "jetstream": _stream_store(store, domain=site),
        "accounts": {ACCOUNT: {"jetstream": "enabled", "users": _users(permissions.at_site(plan, site), _CLIENT)}},
        "leafnodes": _leaf_towards(dmz, credentials, permissions.staying(plan, site)),
    }


def for_dmz(plan: Plan, credentials: Credentials, host: str, port: int, *, enterprise_port: int = ANY_PORT) -> Configuration:
    """The server in the DMZ: a hub that stores nothing; a site speaks for itself only, and only where a conduit leads here.

    Clients are served on loopback; those of enterprise zones, where a conduit lets any, as well at the `host`'s side of `enterprise_port`.
    """
    clients = permissions.at_dmz(plan)
    exported = permissions.exported(plan)
    is_near = not exported or host in {LOOPBACK, "localhost"}
    readers = {subjects.it_role(zone) for zone in exported}
    plant: Configuration = {
        "users": [
            *_users({role: allowed for role, allowed in clients.items() if role not in readers}, _CLIENT),
            *_users(permissions.of_leaves(plan), _LEAF),
        ]
    }
    if exported:
        plant["exports"] = [
            {"stream": subject, "accounts": [account_of(zone) for zone, heard in exported.items() if subject in heard]}
            for subject in dict.fromkeys(subject for heard in exported.values() for subject in heard)
        ]
    return {
        **_server("dmz", credentials, host=LOOPBACK if is_near else "0.0.0.0", port=enterprise_port if exported else ANY_PORT),  # noqa: S104 - the firewall names who
        "accounts": {
            ACCOUNT: plant,
            **{
                account_of(zone): {
                    "users": _users({subjects.it_role(zone): clients[subjects.it_role(zone)]}, _CLIENT),
                    "imports": [{"stream": {"account": ACCOUNT, "subject": subject}} for subject in heard],
                }
                for zone, heard in exported.items()
            },
        },
        "leafnodes": {"host": host, "port": port, "tls": {**_tls(credentials), "verify_and_map": True, "timeout": 5}},
    }


def for_center(plan: Plan, credentials: Credentials, store: Path, dmz: str | None) -> Configuration:
    """A server at the center: takes the sites' streams through the DMZ, serves the historian and the live state.

    Without a `dmz` it only serves what it holds.
    """
    return {
        **_server("center", credentials),
        "jetstream": _stream_store(store, domain="center"),
        "accounts": {ACCOUNT: {"jetstream": "enabled", "users": _users(permissions.at_center(plan), _CLIENT)}},
        **({} if dmz is None else {"leafnodes": _leaf_towards(dmz, credentials, permissions.staying(plan))}),
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
            "host": LOOPBACK,
            "port": port,
            "no_advertise": True,
            "tls": {**tls, "verify": True, "timeout": 5},
            "authorization": {"user": ROUTE_USER, "password": secret, "timeout": 5},
            "routes": [f"tls://{ROUTE_USER}:{secret}@{LOOPBACK}:{other}" for other in others],
        },
    }


def _leaf_towards(dmz: str, credentials: Credentials, staying: Sequence[str]) -> Configuration:
    return {
        "reconnect": "1s",
        "remotes": [
            {
                "urls": [f"tls://{dmz}"],
                "account": ACCOUNT,
                "tls": _tls(credentials),
                "deny_exports": list(staying),
                "deny_imports": list(staying),
            }
        ],
    }


def _server(name: str, credentials: Credentials, *, host: str = LOOPBACK, port: int = ANY_PORT) -> Configuration:
    return {
        "server_name": name,
        "host": host,
        "port": port,
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


def _users(allowed: Mapping[str, Permissions], connection: str) -> list[Configuration]:
    return [
        {
            "user": f"CN={role}",
            "allowed_connection_types": [connection],
            "permissions": {"publish": _only(given.publish), "subscribe": _only(given.subscribe)},
        }
        for role, given in allowed.items()
    ]


def _only(allowed: Sequence[str]) -> Configuration:
    """These subjects and no others: to the server an empty list of what is allowed would allow everything."""
    return {"allow": list(allowed)} if allowed else {"deny": [">"]}
