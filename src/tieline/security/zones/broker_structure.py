"""What the sections of a server's configuration have to be, whatever its permissions: TLS, accounts, users, connections, imports, stores.

Everything that is not known is a finding: a setting that nobody expected may open a door (another listener, another protocol, a mapping).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tieline.model import subjects
from tieline.security.zones import permissions
from tieline.security.zones.broker_model import (
    CLIENT,
    LEAF,
    Configuration,
    Network,
    accounts_of,
    certificate_role,
    entries_of,
    listens_for_leaves,
    ports_of,
    remotes_of,
    texts_of,
)
from tieline.security.zones.findings import Finding
from tieline.security.zones.flows import Place
from tieline.security.zones.permissions import PLANT_ACCOUNT, Permissions, account_of
from tieline.security.zones.plan import Plan
from tieline.security.zones.subject_sets import contains

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NO_STREAMS = (None, False, "disabled")
_TLS = {"cert_file", "key_file", "ca_file", "min_version", "handshake_first", "verify_and_map", "verify", "timeout"}
_KNOWN = {
    "server": {
        "server_name",
        "host",
        "port",
        "max_payload",
        "tls",
        "jetstream",
        "accounts",
        "leafnodes",
        "cluster",
        "ports_file_dir",
        "log_file",
        "log_size_limit",
    },
    "leafnodes": {"host", "port", "tls", "reconnect", "remotes"},
    "remote": {"urls", "account", "tls", "deny_exports", "deny_imports"},
    "account": {"jetstream", "users", "imports", "exports"},
    "user": {"user", "permissions", "allowed_connection_types"},
    "cluster": {"name", "host", "port", "no_advertise", "tls", "authorization", "routes"},
}


@dataclass(frozen=True, slots=True)
class ExpectedUser:
    """What a role may at a server, and how it connects."""

    permissions: Permissions
    connection: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What the plan says of a server."""

    role: str
    place: Place
    users: dict[tuple[str, str], ExpectedUser]
    """By account and role."""
    staying: tuple[str, ...]
    """What its own end of the connection to the DMZ denies."""
    exported: dict[str, tuple[str, ...]]
    """What accounts of enterprise zones import, by zone; of the DMZ alone."""


def expected_at(plan: Plan, role: str) -> Expected | None:
    """What the plan says of the server with this role's certificate; None where the role has no server."""
    if role == subjects.CENTER_ROLE:
        return Expected(role, Place.CENTER, _plant(permissions.at_center(plan), CLIENT), permissions.staying(plan), {})
    if role == subjects.DMZ_ROLE:
        clients, exported = permissions.at_dmz(plan), permissions.exported(plan)
        readers = {subjects.it_role(zone): zone for zone in exported}
        users = _plant({role: told for role, told in clients.items() if role not in readers}, CLIENT)
        users |= _plant(permissions.of_leaves(plan), LEAF)
        users |= {(account_of(zone), role): ExpectedUser(clients[role], CLIENT) for role, zone in readers.items()}
        return Expected(role, Place.DMZ, users, (), exported)
    site = role.removeprefix(subjects.edge_role(""))
    if role != subjects.edge_role(site) or plan.zone_of_site(site) is None:
        return None
    return Expected(role, Place.SITE, _plant(permissions.at_site(plan, site), CLIENT), permissions.staying(plan, site), {})


def _plant(told: Mapping[str, Permissions], connection: str) -> dict[tuple[str, str], ExpectedUser]:
    return {(PLANT_ACCOUNT, role): ExpectedUser(each, connection) for role, each in told.items()}


def structure(plan: Plan, network: Network, expected: Mapping[str, Expected]) -> Iterator[Finding]:
    """What is wrong with the sections of each server."""
    for name, configuration in network.servers.items():
        known = expected.get(name)
        if known is None:
            role = network.roles[name]
            yield _finding("stranger", name, "the plan knows no server with this certificate", f"certificate of {role}")
            continue
        yield from _unknown(name, "server", "", configuration)
        yield from _tls(name, "tls", configuration.get("tls"), maps=True)
        yield from _listeners(plan, name, configuration, known)
        yield from _streams(name, configuration, known)
        yield from _accounts(name, configuration, known)
        yield from _users(name, configuration, network, known)
        yield from _remotes(plan, name, configuration, known)
        yield from _cluster(name, configuration, known)
        if known.place is Place.DMZ:
            yield from _exchange(name, configuration, known)


def _listeners(plan: Plan, name: str, configuration: Configuration, known: Expected) -> Iterator[Finding]:
    host = str(configuration.get("host", "0.0.0.0"))  # noqa: S104 - what the server takes where it is not told
    may_listen = known.place is Place.DMZ and bool(plan.readers)
    if host not in _LOOPBACK and not may_listen:
        yield _finding("listener", name, "clients from other machines can connect, and no conduit lets any", f"host {host}")
    leafnodes = configuration.get("leafnodes")
    if not isinstance(leafnodes, Mapping):
        if known.place is Place.DMZ:
            yield _finding("cut", name, "no server can dial it", "leafnodes is missing")
        return
    yield from _unknown(name, "leafnodes", "leafnodes", leafnodes)
    if known.place is Place.DMZ:
        yield from _tls(name, "leafnodes.tls", leafnodes.get("tls"), maps=True)
    elif listens_for_leaves(configuration):
        yield _finding(
            "listener",
            name,
            "servers can dial it, and every connection is opened towards the DMZ",
            f"port {leafnodes.get('port')}",
        )


def _streams(name: str, configuration: Configuration, known: Expected) -> Iterator[Finding]:
    """Streams are at sites and the center, in the plant's account, and nowhere else."""
    stores = {account for account, told in accounts_of(configuration).items() if told.get("jetstream") not in _NO_STREAMS}
    has_store = configuration.get("jetstream") not in _NO_STREAMS
    if known.place is Place.DMZ:
        for place in (*(["jetstream"] if has_store else []), *(f"accounts.{account}.jetstream" for account in sorted(stores))):
            yield _finding("stores", name, "the DMZ stores messages", place)
        return
    if not has_store or PLANT_ACCOUNT not in stores:
        place = f"accounts.{PLANT_ACCOUNT}.jetstream" if has_store else "jetstream"
        yield _finding("cut", name, "it has no streams, so nothing is kept", f"{place} is missing")
    for account in sorted(stores - {PLANT_ACCOUNT}):
        yield _finding("stores", name, "an account that needs none has streams", f"accounts.{account}.jetstream")


def _accounts(name: str, configuration: Configuration, known: Expected) -> Iterator[Finding]:
    wanted = {account for account, _ in known.users}
    for account, told in accounts_of(configuration).items():
        if account not in wanted:
            users = ", ".join(str(user.get("user", "?")) for user in entries_of(told, "users")) or "no user"
            yield _finding("stranger", name, f"the plan knows no account {account}", f"account {account} with {users}")
        yield from _unknown(name, "account", f"accounts.{account}", told)
        if known.place is not Place.DMZ:
            for section in ("imports", "exports"):
                for entry in entries_of(told, section):
                    yield _finding(
                        "leak", name, f"accounts exchange messages here, and should in the DMZ only: {section}", str(entry)
                    )
    for account in sorted(wanted - accounts_of(configuration).keys()):
        yield _finding("cut", name, f"account {account} is missing", f"account {account}")


def _users(name: str, configuration: Configuration, network: Network, known: Expected) -> Iterator[Finding]:
    users = network.users_at(name)
    there = {(user.account, user.role) for user in users}
    for account, role in known.users:
        if (account, role) not in there:
            yield _finding("cut", name, f"{role} is no user of account {account}, so it cannot connect", f"CN={role}")
    seen: set[tuple[str, str]] = set()
    for user in users:
        if not user.is_certified:
            yield _finding("no-certificate", name, "a user is known by something else than a certificate", user.role or "a user")
        if (user.account, user.role) in seen:
            yield _finding("stranger", name, f"{user.role} is there twice in account {user.account}", f"CN={user.role}")
        seen.add((user.account, user.role))
    for account, told in accounts_of(configuration).items():
        for section in entries_of(told, "users"):
            yield from _unknown(name, "user", f"accounts.{account}.users[{section.get('user', '?')}]", section)


def _remotes(plan: Plan, name: str, configuration: Configuration, known: Expected) -> Iterator[Finding]:
    remotes = remotes_of(configuration)
    if known.place is Place.DMZ:
        for remote in remotes:
            yield _finding("connection", name, "the DMZ opens a connection, and everything is opened towards it", _urls(remote))
        return
    for remote in remotes[1:]:
        yield _finding("connection", name, "it opens another connection than that to the DMZ", _urls(remote))
    for number, remote in enumerate(remotes):
        place = f"leafnodes.remotes[{number}]"
        yield from _unknown(name, "remote", place, remote)
        yield from _tls(name, f"{place}.tls", remote.get("tls"), maps=False)
        if certificate_role(remote.get("tls")) != known.role:
            shown = certificate_role(remote.get("tls")) or "none"
            yield _finding("stranger", name, f"it dials with the certificate of another: {shown}", f"{place}.tls.cert_file")
        if remote.get("account") != PLANT_ACCOUNT:
            yield _finding(
                "leak", name, "the connection joins another account than the plant's", f"account {remote.get('account')}"
            )
        for url in texts_of(remote.get("urls")) or ("no address",):
            if not url.startswith("tls://"):
                yield _finding("cleartext", name, "the connection to the DMZ is not TLS by its address", url)
            if not _leads_to_dmz(plan, url):
                yield _finding("connection", name, "it dials something else than the DMZ", url)
        for key in ("deny_exports", "deny_imports"):
            denied = texts_of(remote.get(key))
            for family in known.staying:
                if not any(contains(each, family) for each in denied):
                    witness = family[:-1] + "x"
                    yield Finding(
                        fault="leak",
                        where=name,
                        problem=f"its own end does not keep {'in' if key == 'deny_exports' else 'out'} what never crosses: {family}",
                        witness=witness,
                        path=(f"{place}.{key} does not deny {family}",),
                    )


def _leads_to_dmz(plan: Plan, url: str) -> bool:
    """Whether an address is the DMZ's, or of this machine, where all run on one."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    known = {str(address) for zone in plan.of_kind("dmz") for each in zone.hosts for address in each.addresses}
    return not plan.meeting_point or host in {plan.meeting_point.lower(), *known, *_LOOPBACK}


def _cluster(name: str, configuration: Configuration, known: Expected) -> Iterator[Finding]:
    cluster = configuration.get("cluster")
    if not isinstance(cluster, Mapping):
        return
    if known.place is not Place.CENTER:
        yield _finding("connection", name, "it is in a cluster, and only the center's servers are", str(cluster.get("name")))
    yield from _unknown(name, "cluster", "cluster", cluster)
    yield from _tls(name, "cluster.tls", cluster.get("tls"), maps=False, accepts=True)
    authorization = cluster.get("authorization")
    if not isinstance(authorization, Mapping) or not authorization.get("password"):
        yield _finding(
            "no-certificate", name, "a certificate alone makes anybody a server of the cluster", "cluster.authorization"
        )
    for route in texts_of(cluster.get("routes")):
        if not route.startswith("tls://"):
            yield _finding("cleartext", name, "a route of the cluster is not TLS by its address", "cluster.routes")


def _exchange(name: str, configuration: Configuration, known: Expected) -> Iterator[Finding]:
    """Imports and exports of the DMZ's accounts are those of the flows."""
    wanted = {account_of(zone): set(heard) for zone, heard in known.exported.items()}
    all_wanted = set().union(*wanted.values()) if wanted else set()
    for account, told in accounts_of(configuration).items():
        imported: set[str] = set()
        for entry in entries_of(told, "imports"):
            source, subject = ports_of(entry, "stream")
            if not subject:
                _, service = ports_of(entry, "service")
                yield _finding(
                    "leak",
                    name,
                    f"account {account} imports a service: what it says there is heard by another",
                    service or str(entry),
                )
            elif source != PLANT_ACCOUNT or subject not in wanted.get(account, set()) or set(entry) != {"stream"}:
                yield _finding("leak", name, f"account {account} imports what no flow carries there", subject)
            imported.add(subject)
        for subject in sorted(wanted.get(account, set()) - imported):
            yield _finding("cut", name, f"account {account} does not import what a flow carries there", subject)
        exported: dict[str, set[str]] = {}
        for entry in entries_of(told, "exports"):
            _, subject = ports_of(entry, "stream")
            to = set(texts_of(entry.get("accounts")))
            if account != PLANT_ACCOUNT or not subject or subject not in all_wanted:
                said = subject or ports_of(entry, "service")[1] or str(entry)
                yield _finding("leak", name, f"account {account} exports what no flow carries elsewhere", said)
            elif not to or any(subject not in wanted.get(each, set()) for each in to):
                yield _finding("leak", name, f"account {account} exports it to more accounts than the flows do", subject)
            exported.setdefault(subject, set()).update(to)
        if account == PLANT_ACCOUNT:
            for other, needed in wanted.items():
                for subject in sorted(each for each in needed if other not in exported.get(each, set())):
                    yield _finding(
                        "cut", name, f"account {account} does not export to {other} what a flow carries there", subject
                    )


def _tls(name: str, place: str, tls: object, *, maps: bool, accepts: bool = False) -> Iterator[Finding]:
    """Mutual TLS 1.3 from the first byte; `maps` where whoever connects is known by his certificate."""
    if not isinstance(tls, Mapping):
        yield _finding("cleartext", name, "messages travel in the clear", f"{place} is missing")
        return
    yield from _unknown(name, "", place, tls)
    if str(tls.get("min_version", "1.2")) != "1.3":
        yield _finding("tls", name, "an older TLS than 1.3 is spoken", f"{place}.min_version = {tls.get('min_version', '1.2')}")
    if not accepts and tls.get("handshake_first") is not True:
        yield _finding("tls", name, "something is said before TLS begins", f"{place}.handshake_first")
    if maps and tls.get("verify_and_map") is not True:
        yield _finding("no-certificate", name, "whoever connects is not known by his certificate", f"{place}.verify_and_map")
    if accepts and not (tls.get("verify") is True or tls.get("verify_and_map") is True):
        yield _finding("no-certificate", name, "whoever connects need not show a certificate", f"{place}.verify")
    for key in ("cert_file", "key_file", "ca_file"):
        if not tls.get(key):
            yield _finding("no-certificate", name, "no certificate is shown, or none is checked", f"{place}.{key}")


def _unknown(name: str, kind: str, place: str, section: Configuration) -> Iterator[Finding]:
    for key in section.keys() - (_KNOWN[kind] if kind else _TLS):
        where = f"{place}.{key}" if place else key
        yield _finding("setting", name, "a setting that the plan does not ask for", f"{where} = {_short(section[key])}")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _urls(remote: Configuration) -> str:
    return str(remote.get("urls", "no address"))


def _finding(fault: str, where: str, problem: str, witness: str) -> Finding:
    return Finding(fault=fault, where=where, problem=problem, witness=witness)
