"""Proves what bus servers let pass: that it is what the flows say, no more and no less, and what must never be.

Configurations are compared with the plan three times over, each time with a witness: what a section says (`broker_structure`); what each
role may say and hear at each server, as sets of subjects; and what really reaches whom through all servers together. `reach` gives the
latter as rows. Only servers that are given are judged; a way through one that is missing is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tieline.model import subjects
from tieline.security.zones.broker_model import (
    CLIENT,
    LEAF,
    Arrival,
    Bounds,
    Configuration,
    Edge,
    Node,
    User,
    network_of,
)
from tieline.security.zones.broker_structure import Expected, expected_at, structure
from tieline.security.zones.findings import Finding
from tieline.security.zones.flows import FLOWS, STREAM_SERVICE, End, Place, Route, routes_of
from tieline.security.zones.permissions import PLANT_ACCOUNT
from tieline.security.zones.plan import Plan
from tieline.security.zones.subject_sets import Index, Term, difference, without_contained, without_covered

LEAK, CUT = "leak", "cut"

THEOREMS = {
    "enterprise-publishes": "no enterprise zone publishes anything, a command least of all",
    "site-speaks-for-another": "no site speaks for another: not its batches, events, health, questions, deliveries, answers",
    "command-from-others": "only supervision gives commands, and only the roles that the flows name say what a device may act on",
}
"""What must never be, whatever the flows say; each is the `fault` of a finding that shows it is not so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """That one role hears another."""

    speaker: str
    at: str
    """The server where it speaks."""
    hearer: str
    heard_at: str
    terms: tuple[Term, ...]
    """The subjects."""
    conduits: tuple[str, ...]
    """The ids of those crossed, in order; none within a zone."""
    path: tuple[str, ...]
    """What lets it pass, hop by hop."""

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects in words."""
        return tuple(map(str, self.terms))

    def has(self, subject: str) -> bool:
        """Whether the one hears the other on this subject."""
        return any(term.has(subject) for term in self.terms)


def prove_broker(plan: Plan, configurations: Mapping[str, Configuration]) -> list[Finding]:
    """Every difference between the plan's flows and the servers' configurations, each with a witness; none where they agree.

    A configuration is that of one server, under any name; whose it is its certificate says.
    """
    return _Proof(plan, configurations).findings()


def reach(plan: Plan, configurations: Mapping[str, Configuration]) -> list[Reach]:
    """Which role is heard by which, on which subjects, through which conduits; what is not there is not heard."""
    return list(_Proof(plan, configurations).rows())


class _Proof:
    def __init__(self, plan: Plan, configurations: Mapping[str, Configuration]) -> None:
        self._plan = plan
        self._network = network_of(configurations)
        self._expected: dict[str, Expected] = {}
        self._servers: defaultdict[str, list[str]] = defaultdict(list)
        """By the role in their certificate."""
        for name, role in self._network.roles.items():
            expected = expected_at(plan, role)
            if expected is not None:
                self._expected[name] = expected
                self._servers[role].append(name)
        self._by_role: defaultdict[str, list[User]] = defaultdict(list)
        for user in self._network.users:
            self._by_role[user.role].append(user)
        self._readers = {subjects.it_role(zone) for zone, _ in plan.readers}

    def findings(self) -> list[Finding]:
        found = list(structure(self._plan, self._network, self._expected))
        for user in self._network.users:
            found += self._of_user(user)
        found += self._theorems()
        found += self._of_ways()
        return list(dict.fromkeys(found))

    def rows(self) -> Iterator[Reach]:
        for user in self._speakers():
            merged: dict[tuple[str, str, tuple[str, ...]], tuple[dict[Term, None], Arrival]] = {}
            for arrival in self._network.arrivals(user.node, user.publish.terms()):
                for hearer, heard in self._network.hearers(arrival):
                    key = hearer.role, hearer.server, self._conduits(user, arrival.edges, hearer)
                    merged.setdefault(key, ({}, arrival))[0][heard] = None
            for (role, server, conduits), (terms, arrival) in merged.items():
                yield Reach(
                    speaker=user.role,
                    at=user.server,
                    hearer=role,
                    heard_at=server,
                    terms=without_contained(terms),
                    conduits=conduits,
                    path=tuple(edge.words for edge in arrival.edges),
                )

    def _speakers(self) -> Iterator[User]:
        return (user for user in self._network.users if CLIENT in user.connections)

    # what each role may say and hear

    def _of_user(self, user: User) -> Iterator[Finding]:
        expected = self._expected.get(user.server)
        if expected is None:
            return
        wanted = expected.users.get((user.account, user.role))
        if wanted is None:
            yield self._stranger(user)
            return
        for verb, given, told in (
            ("publish", user.publish, wanted.permissions.publish),
            ("subscribe", user.subscribe, wanted.permissions.subscribe),
        ):
            surplus = _surplus(given.terms(), [Term(each) for each in told])
            if surplus is not None:
                yield Finding(
                    fault=LEAK,
                    where=user.server,
                    problem=f"{user.role} may {verb} what no flow lets it",
                    witness=surplus,
                    path=(self._line(user, verb, given, surplus), *self._consequence(user, verb, surplus)),
                    conduit=self._conduit_of(user.role),
                )
            lacking = _surplus([Term(each) for each in told], given.terms())
            if lacking is not None:
                yield Finding(
                    fault=CUT,
                    where=user.server,
                    problem=f"{user.role} may not {verb} what a flow needs: {self._flow_of(lacking)}",
                    witness=lacking,
                    path=(f"no line of accounts.{user.account}.users[{user.role}].permissions.{verb} lets it pass",),
                    conduit=self._conduit_of(user.role),
                )
        extra = user.connections - {wanted.connection}
        if extra or wanted.connection not in user.connections:
            yield Finding(
                fault=LEAK if extra else CUT,
                where=user.server,
                problem=f"{user.role} may connect as {' or '.join(sorted(user.connections))}, and should as {wanted.connection}",
                witness=f"allowed_connection_types of {user.role}",
            )

    def _stranger(self, user: User) -> Finding:
        term = next(iter(user.publish.terms()), None)
        said = "" if term is None else term.witness() or ""
        return Finding(
            fault="stranger",
            where=user.server,
            problem=f"{user.role} is a user of account {user.account}, and the plan knows no such role there",
            witness=said or f"CN={user.role}",
            path=self._consequence(user, "publish", said) if said else (),
        )

    def _line(self, user: User, verb: str, bounds: Bounds, subject: str) -> str:
        line = bounds.line(subject)
        return f"accounts.{user.account}.users[{user.role}].permissions.{verb} lets {subject} pass with {line!r}"

    def _consequence(self, user: User, verb: str, subject: str) -> tuple[str, ...]:
        """Who hears it then, or whom it hears, and by which hops."""
        if not subject:
            return ()
        if verb == "publish":
            for arrival in self._network.arrivals(user.node, [Term(subject)]):
                for hearer, _ in self._network.hearers(arrival):
                    if hearer is not user:
                        return (*(edge.words for edge in arrival.edges), f"{hearer} hears it")
            return ("nobody hears it now",)
        for speaker in self._speakers():
            if speaker is not user and any(term.has(subject) for term in speaker.publish.terms()):
                for arrival in self._network.arrivals(speaker.node, [Term(subject)]):
                    if arrival.node == user.node:
                        return (f"{speaker} says it", *(edge.words for edge in arrival.edges))
        return ("nobody says it now",)

    # what must never be

    def _theorems(self) -> Iterator[Finding]:
        owned = self._owned()
        commands = Index(
            (subject.replace("{site}", "*"), number)
            for number, flow in enumerate(FLOWS)
            if flow.is_command
            for subject in flow.subjects
        )
        for user in self._network.users:
            place = self._expected[user.server].place if user.server in self._expected else None
            if user.role in self._readers:
                for term in user.publish.terms():
                    worst = next((shared for shared, _ in _commands_in(term, commands)), term)
                    yield self._against("enterprise-publishes", user, worst.witness() or worst.pattern)
                    break
            site = self._site_of(user.role)
            if site and (place is Place.DMZ or place is Place.SITE):
                for term in user.publish.terms():
                    for pattern, owner in owned.overlapping(term.pattern):
                        shared = term.meet(Term(pattern)) if owner != site else None
                        if shared is not None:
                            yield self._against("site-speaks-for-another", user, shared.witness() or pattern)
                            break
            for term in user.publish.terms():
                for shared, number in _commands_in(term, commands):
                    if not self._may_command(user, FLOWS[number].speakers):
                        yield self._against("command-from-others", user, shared.witness() or shared.pattern)
                        break

    def _against(self, theorem: str, user: User, subject: str) -> Finding:
        return Finding(
            fault=theorem,
            where=user.server,
            problem=f"it is not so that {THEOREMS[theorem]}: {user.role} may publish",
            witness=subject,
            path=(self._line(user, "publish", user.publish, subject), *self._consequence(user, "publish", subject)),
            conduit=self._conduit_of(user.role),
        )

    def _owned(self) -> Index[str]:
        """The subjects that one site alone may speak on when it speaks to others, and those that it alone speaks on within."""
        return Index(
            (subject.replace("{site}", site), site)
            for flow in FLOWS
            if any(end.place is Place.SITE for end in flow.speakers)
            for subject in flow.subjects
            if "{site}" in subject
            for site in self._plan.sites
        )

    def _may_command(self, user: User, speakers: Sequence[End]) -> bool:
        if LEAF in user.connections and CLIENT not in user.connections:  # a server: it passes on what its own clients may say
            return user.role == subjects.CENTER_ROLE
        return any(user.role == end.role for end in speakers)

    def _site_of(self, role: str) -> str:
        zone = self._plan.zone_of_role(role)
        sites = zone.sites if zone is not None else ()
        return next((site for site in sites if role in {subjects.edge_role(site), subjects.local_role(site)}), "")

    # what reaches whom through all servers together

    def _of_ways(self) -> Iterator[Finding]:
        wanted: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        by_speaker: defaultdict[tuple[str, Place], list[Route]] = defaultdict(list)
        for route in routes_of(self._plan):
            name = self._named(route.speaker, route.site)
            wanted[name, self._named(route.hearer, route.site)] += route.subjects
            by_speaker[name, route.speaker.place].append(route)
        for (name, place), routes in by_speaker.items():
            for start, bounds, speaker in self._starts(name, place, routes):
                yield from self._of_speaker(start, bounds, speaker, routes)
        yield from self._heard_beyond(wanted)

    def _starts(self, name: str, place: Place, routes: Sequence[Route]) -> Iterator[tuple[Node, tuple[Term, ...], str]]:
        if name.startswith(f"{STREAM_SERVICE}@"):
            said = tuple(Term(each) for each in without_covered(subject for route in routes for subject in route.subjects))
            for server in self._servers[name.partition("@")[2]]:
                yield (server, PLANT_ACCOUNT), said, name
            return
        for user in self._by_role[name]:
            expected_here = self._expected.get(user.server)
            if CLIENT in user.connections and expected_here is not None and expected_here.place is place:
                yield user.node, user.publish.terms(), user.role

    def _of_speaker(self, start: Node, said: Iterable[Term], speaker: str, routes: Sequence[Route]) -> Iterator[Finding]:
        arrived: defaultdict[Node, list[Term]] = defaultdict(list)
        heard: defaultdict[str, list[Term]] = defaultdict(list)
        for arrival in self._network.arrivals(start, said):
            arrived[arrival.node].append(arrival.term)
            for hearer, term in self._network.hearers(arrival):
                heard[hearer.role].append(term)
        index = {role: Index((term.pattern, term) for term in terms) for role, terms in heard.items()}
        for route in routes:
            if not self._is_complete(route):
                continue
            name = self._named(route.hearer, route.site)
            for subject in route.subjects:
                if route.hearer.is_server:
                    got = [term for server in self._servers[name.partition("@")[2]] for term in arrived[server, PLANT_ACCOUNT]]
                else:
                    got = [term for _, term in index[name].overlapping(subject)] if name in index else []
                missing = difference(Term(subject), got)
                if missing is not None:
                    yield Finding(
                        fault=CUT,
                        where=start[0],
                        problem=f"{name} does not hear {speaker}: {route.flow.name}, {route.flow.purpose}",
                        witness=missing,
                        path=self._stopped(start, said, missing),
                        conduit=route.crossings[0].conduit.id if route.crossings else "",
                    )
                    break

    def _stopped(self, start: Node, said: Iterable[Term], subject: str) -> tuple[str, ...]:
        """How far it comes."""
        if not any(term.has(subject) for term in said):
            return (f"it may not say {subject} at {start[0]}",)
        furthest = max(self._network.arrivals(start, [Term(subject)]), key=lambda arrival: len(arrival.edges))
        stops = [edge.words for edge in self._network.edges.get(furthest.node, ()) if not edge.bounds.line(subject)]
        return (*(edge.words for edge in furthest.edges), *(f"not through {words}" for words in stops[:3]))

    def _heard_beyond(self, wanted: Mapping[tuple[str, str], Sequence[str]]) -> Iterator[Finding]:
        patterns: dict[tuple[str, str], Index[Term]] = {}
        for user in self._speakers():
            if user.server not in self._expected:
                continue
            for arrival in self._network.arrivals(user.node, user.publish.terms()):
                for hearer, heard in self._network.hearers(arrival):
                    key = user.role, hearer.role
                    if user.role == hearer.role:
                        continue
                    if key not in patterns:
                        patterns[key] = Index((each, Term(each)) for each in dict.fromkeys(wanted.get(key, ())))
                    beyond = difference(heard, [term for _, term in patterns[key].overlapping(heard.pattern)])
                    if beyond is None:
                        continue
                    yield Finding(
                        fault=LEAK,
                        where=user.server,
                        problem=f"{user.role} is heard by {hearer.role} on what no flow carries between them",
                        witness=beyond,
                        path=(
                            self._line(user, "publish", user.publish, beyond),
                            *(edge.words for edge in arrival.edges),
                            self._line(hearer, "subscribe", hearer.subscribe, beyond),
                        ),
                        conduit=next(iter(self._conduits(user, arrival.edges, hearer)), ""),
                    )

    def _is_complete(self, route: Route) -> bool:
        """Whether every server on the way is given."""
        needed = {route.speaker.place, route.hearer.place} | ({Place.DMZ} if route.crossings else set())
        roles = {
            Place.SITE: subjects.edge_role(route.site),
            Place.DMZ: subjects.DMZ_ROLE,
            Place.CENTER: subjects.CENTER_ROLE,
        }
        return all(self._servers.get(roles[place]) for place in needed)

    def _named(self, end: End, site: str) -> str:
        if not end.is_server:
            return end.role
        return f"{STREAM_SERVICE}@{subjects.edge_role(site) if end.place is Place.SITE else subjects.CENTER_ROLE}"

    def _conduit_of(self, role: str) -> str:
        zone = self._plan.zone_of_role(role)
        conduit = self._plan.bus_conduit(zone.name) if zone is not None else None
        return "" if conduit is None else conduit.id

    def _conduits(self, speaker: User, edges: Sequence[Edge], hearer: User) -> tuple[str, ...]:
        """Those that a way crosses; whoever reads from an enterprise zone has crossed his own to be a client of the DMZ."""
        crossed = [self._conduit_of(edge.role) for edge in edges if edge.role]
        before = [self._conduit_of(speaker.role)] if speaker.role in self._readers else []
        after = [self._conduit_of(hearer.role)] if hearer.role in self._readers else []
        return tuple(each for each in (*before, *crossed, *after) if each)

    def _flow_of(self, subject: str) -> str:
        for flow in FLOWS:
            for template in flow.subjects:
                if any(Term(template.replace("{site}", site)).has(subject) for site in (*self._plan.sites[:50], "*")):
                    return flow.name
        return "one of the site that it names"


def _surplus(terms: Iterable[Term], others: Sequence[Term]) -> str | None:
    """A subject of the terms that is in none of the others."""
    same = {other.pattern for other in others if not other.excluded}
    index = Index((other.pattern, other) for other in others)
    for term in terms:
        if term.pattern in same:
            continue
        found = difference(term, [other for _, other in index.overlapping(term.pattern)])
        if found is not None:
            return found
    return None


def _commands_in(term: Term, commands: Index[int]) -> list[tuple[Term, int]]:
    """What of a term is a command, with the number of its flow, in the order of the flows."""
    found = [(term.meet(Term(pattern)), number) for pattern, number in commands.overlapping(term.pattern)]
    return sorted(((shared, number) for shared, number in found if shared is not None), key=lambda each: each[1])
