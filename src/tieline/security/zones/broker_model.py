"""What configurations of nats-server let pass, whoever wrote them: rendered by us, or captured from a server that runs.

How it works. A node is an account at a server; an edge is a way from one node to another: a leaf connection, bounded by permissions of
the user that its certificate maps to and by what the dialing end denies; a route of a cluster; an import of another account. What a role
may publish starts at its node as terms (`subject_sets`), and along each edge what the edge does not let pass is taken away. What arrives
at a node is heard there by the roles whose subscriptions have something in common with it. All of that is exact.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from tieline.security.zones.subject_sets import Index, Term, contains

Configuration = Mapping[str, Any]
Node = tuple[str, str]
"""Server and account."""

LEAF, CLIENT = "LEAFNODE", "STANDARD"
_COMMON_NAME = re.compile(r"CN=([^,+]+)")
_EVERYTHING = ">"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What `allow` and `deny` let pass, together."""

    allow: tuple[str, ...]
    deny: tuple[str, ...] = ()

    def terms(self) -> tuple[Term, ...]:
        """The subjects that pass."""
        if not self.deny:
            return tuple(map(Term, self.allow))
        return tuple(term for each in self.allow if (term := Term(each).without(self.deny)) is not None)

    def line(self, subject: str) -> str:
        """The pattern that lets the subject pass; empty where none does."""
        if any(contains(each, subject) for each in self.deny):
            return ""
        return next((each for each in self.allow if contains(each, subject)), "")


NOTHING_BOUND = Bounds((_EVERYTHING,))


@dataclass(frozen=True, slots=True)
class User:
    """A role at a server."""

    role: str
    """The common name of its certificate; the whole name where it has none."""
    server: str
    account: str
    publish: Bounds
    subscribe: Bounds
    connections: frozenset[str]
    is_certified: bool
    """Whether it is known by a certificate, and by nothing else."""

    @property
    def node(self) -> Node:
        """Where it speaks and hears."""
        return self.server, self.account

    def __str__(self) -> str:
        return f"{self.role} at {self.server}"


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one node to another."""

    source: Node
    target: Node
    bounds: Bounds
    words: str
    """What it is."""
    role: str = ""
    """Of a leaf connection: the role whose certificate opened it."""
    is_up: bool = False
    """Of a leaf connection: whether it leads towards the listening end."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """That something which somebody says arrives at a node."""

    node: Node
    term: Term
    edges: tuple[Edge, ...]


@dataclass(slots=True)
class Network:
    """Servers and what connects them."""

    servers: dict[str, Configuration]
    roles: dict[str, str]
    """The role in the certificate of each server."""
    users: list[User]
    edges: dict[Node, list[Edge]] = field(default_factory=lambda: defaultdict(list))
    _at: dict[str, list[User]] = field(default_factory=dict)
    _through: dict[Node, Index[tuple[Edge, Term]]] = field(default_factory=dict)
    _hearers: dict[Node, Index[tuple[User, Term]]] = field(default_factory=dict)

    def users_at(self, server: str) -> list[User]:
        """Those of one server."""
        if not self._at:
            for user in self.users:
                self._at.setdefault(user.server, []).append(user)
        return self._at.get(server, [])

    def arrivals(self, node: Node, terms: Iterable[Term]) -> list[Arrival]:
        """Where terms that are said at a node arrive, there included."""
        found: list[Arrival] = []
        pending = [Arrival(node, term, ()) for term in terms]
        while pending:
            here = pending.pop()
            found.append(here)
            been = {node, *(edge.target for edge in here.edges)}
            for _, (edge, passing) in self._edges_at(here.node).overlapping(here.term.pattern):
                if edge.target in been:
                    continue
                rest = here.term.meet(passing)
                if rest is not None:
                    pending.append(Arrival(edge.target, rest, (*here.edges, edge)))
        return found

    def hearers(self, arrival: Arrival) -> Iterator[tuple[User, Term]]:
        """Who can hear what arrives, and what of it."""
        for _, (user, passing) in self._hearers_at(arrival.node).overlapping(arrival.term.pattern):
            heard = arrival.term.meet(passing)
            if heard is not None:
                yield user, heard

    def _edges_at(self, node: Node) -> Index[tuple[Edge, Term]]:
        if node not in self._through:
            self._through[node] = Index(
                (term.pattern, (edge, term)) for edge in self.edges.get(node, ()) for term in edge.bounds.terms()
            )
        return self._through[node]

    def _hearers_at(self, node: Node) -> Index[tuple[User, Term]]:
        if not self._hearers:
            for user in self.users:
                if CLIENT in user.connections:
                    index = self._hearers.setdefault(user.node, Index())
                    for term in user.subscribe.terms():
                        index.add(term.pattern, (user, term))
        return self._hearers.setdefault(node, Index())


def network_of(configurations: Mapping[str, Configuration]) -> Network:
    """The network that servers with these configurations are; each is known by the key under which it stands."""
    servers = dict(configurations)
    roles = {name: certificate_role(configuration.get("tls"), name) for name, configuration in servers.items()}
    users = [user for name, configuration in servers.items() for user in _users(name, configuration)]
    network = Network(servers, roles, users)
    for name, configuration in servers.items():
        _add_leaves(network, name, configuration)
        _add_imports(network, name, configuration)
    _add_clusters(network)
    return network


def certificate_role(tls: object, otherwise: str = "") -> str:
    """The role whose certificate a TLS section shows: its file is named after it."""
    file = tls.get("cert_file") if isinstance(tls, Mapping) else None
    return PurePath(file).stem if isinstance(file, str) and file else otherwise


def bounds_of(permission: object) -> Bounds:
    """What a `publish` or `subscribe` permission lets pass; to the server none, or an empty `allow`, bounds nothing."""
    match permission:
        case None:
            return NOTHING_BOUND
        case Mapping():
            return Bounds(texts_of(permission.get("allow")) or (_EVERYTHING,), texts_of(permission.get("deny")))
        case _:
            return Bounds(texts_of(permission) or (_EVERYTHING,))


def accounts_of(configuration: Configuration) -> dict[str, Configuration]:
    """The accounts of a server."""
    accounts = configuration.get("accounts")
    return {name: each for name, each in accounts.items() if isinstance(each, Mapping)} if isinstance(accounts, Mapping) else {}


def remotes_of(configuration: Configuration) -> list[Configuration]:
    """The leaf connections that a server opens."""
    leafnodes = configuration.get("leafnodes")
    return entries_of(leafnodes, "remotes") if isinstance(leafnodes, Mapping) else []


def entries_of(section: Configuration, key: str) -> list[Configuration]:
    """The sections in a list of sections; what is none is not among them."""
    listed = section.get(key)
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list | tuple) else []


def listens_for_leaves(configuration: Configuration) -> bool:
    """Whether servers can dial it."""
    leafnodes = configuration.get("leafnodes")
    return isinstance(leafnodes, Mapping) and bool({"port", "listen"} & leafnodes.keys())


def ports_of(entry: object, kind: str) -> tuple[str, str]:
    """Account and subject of an import's or export's `stream` or `service`; empty where it has none of that kind."""
    told = entry.get(kind) if isinstance(entry, Mapping) else None
    if isinstance(told, Mapping):
        return str(told.get("account", "")), str(told.get("subject", ""))
    return "", told if isinstance(told, str) else ""


def _users(name: str, configuration: Configuration) -> Iterator[User]:
    for account, told in accounts_of(configuration).items():
        default = told.get("default_permissions")
        for user in entries_of(told, "users"):
            permissions = user.get("permissions", default)
            sections = permissions if isinstance(permissions, Mapping) else {}
            given = str(user.get("user", user.get("nkey", "")))
            found = _COMMON_NAME.search(given)
            kinds = texts_of(user.get("allowed_connection_types")) or (CLIENT, LEAF)
            yield User(
                role=found[1] if found else given,
                server=name,
                account=account,
                publish=bounds_of(sections.get("publish", sections.get("pub"))),
                subscribe=bounds_of(sections.get("subscribe", sections.get("sub"))),
                connections=frozenset(kinds),
                is_certified=found is not None and not {"password", "nkey", "token"} & set(user),
            )


def _add_leaves(network: Network, name: str, configuration: Configuration) -> None:
    for remote in remotes_of(configuration):
        role = certificate_role(remote.get("tls"), name)
        here = name, str(remote.get("account", "$G"))
        imports = Bounds((_EVERYTHING,), texts_of(remote.get("deny_imports")))
        exports = Bounds((_EVERYTHING,), texts_of(remote.get("deny_exports")))
        for user in network.users:
            if user.role == role and LEAF in user.connections and user.server != name:
                if not listens_for_leaves(network.servers[user.server]):
                    continue
                words = f"the connection that {name} opens to {user.server} as {role}"
                up = Bounds(user.publish.allow, (*user.publish.deny, *exports.deny))
                down = Bounds(user.subscribe.allow, (*user.subscribe.deny, *imports.deny))
                network.edges[here].append(Edge(here, user.node, up, words, role, is_up=True))
                network.edges[user.node].append(Edge(user.node, here, down, words, role))


def _add_imports(network: Network, name: str, configuration: Configuration) -> None:
    accounts = accounts_of(configuration)
    exports = {(account, kind): _exports(told, kind) for account, told in accounts.items() for kind in ("stream", "service")}
    for account, told in accounts.items():
        for entry in entries_of(told, "imports"):
            for kind in ("stream", "service"):
                other, subject = ports_of(entry, kind)
                given = exports.get((other, kind))
                if not subject or given is None or not _is_exported(given, subject, account):
                    continue
                words = f"the import of {kind} {subject} of account {other} into account {account} at {name}"
                here, there = (name, account), (name, other)
                source, target = (there, here) if kind == "stream" else (here, there)
                network.edges[source].append(Edge(source, target, Bounds((subject,)), words))


def _exports(account: Configuration, kind: str) -> Index[tuple[str, ...]]:
    """What an account lets others import, and whom; nobody in particular where all may."""
    entries = ((ports_of(entry, kind)[1], texts_of(entry.get("accounts"))) for entry in entries_of(account, "exports"))
    return Index((subject, accounts) for subject, accounts in entries if subject)


def _is_exported(exports: Index[tuple[str, ...]], subject: str, to: str) -> bool:
    return any(contains(exported, subject) and (not named or to in named) for exported, named in exports.overlapping(subject))


def _add_clusters(network: Network) -> None:
    members: dict[str, list[str]] = defaultdict(list)
    for name, configuration in network.servers.items():
        cluster = configuration.get("cluster")
        if isinstance(cluster, Mapping):
            members[str(cluster.get("name", ""))].append(name)
    for cluster, names in members.items():
        for one in names:
            for other in names:
                for account in accounts_of(network.servers[one]) if one != other else ():
                    source, target = (one, account), (other, account)
                    network.edges[source].append(Edge(source, target, NOTHING_BOUND, f"the cluster {cluster}"))


def texts_of(value: object) -> tuple[str, ...]:
    """A text, or the texts of a list; what is none is not among them."""
    if isinstance(value, str):
        return (value,)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, Sequence) else ()
