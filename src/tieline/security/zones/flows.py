"""What the bus is for: each class of subjects, who speaks there, who hears it, and which conduits it crosses on its way.

This table is the one description. The permissions of every certificate at every server are made from it (`tieline.bus.configuration`), and
the proof (`tieline.security.zones.broker_proof`) compares what servers are really told with it. Who adds a subject adds a row.

How it works. An end of a flow is a role at a place: at each site, in the DMZ, at the center. The bus is a star with the DMZ in its middle,
so the way from one end to another follows from their places: up to the DMZ through the conduit that the speaker's zone opens, down through
the hearer's. A flow that carries data crosses a conduit only in a direction that the conduit lets data flow; one that only keeps the
transport going (acknowledgements, answers that somebody asked for) crosses any. A route is one such way; a permission is there because a
route needs it, and for no other reason. In subjects, `{site}` stands for a site and `{zone}` for an enterprise zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tieline.config.own_points import CENTER as CENTER_POINTS
from tieline.config.own_points import DMZ as DMZ_POINTS
from tieline.model import subjects
from tieline.security.zones.plan import Conduit, Plan

_SITE, _ZONE = "{site}", "{zone}"


class Place(StrEnum):
    """Where a server of the bus is."""

    SITE = "site"
    DMZ = "dmz"
    CENTER = "center"


@dataclass(frozen=True, slots=True)
class End:
    """Who speaks or hears: a role at a server, or the stream service of the server itself, which needs no permission there."""

    role: str
    """The name in the certificate."""
    place: Place

    @property
    def is_server(self) -> bool:
        """Whether it is the server itself."""
        return self.role == STREAM_SERVICE


STREAM_SERVICE = "streams"
"""In the place of a role: the server's own stream service."""

GATEWAY = End(subjects.edge_role(_SITE), Place.SITE)
LOCAL = End(subjects.local_role(_SITE), Place.SITE)
SITE_STREAMS = End(STREAM_SERVICE, Place.SITE)
DMZ = End(subjects.DMZ_ROLE, Place.DMZ)
READER = End(subjects.it_role(_ZONE), Place.DMZ)
CENTER = End(subjects.CENTER_ROLE, Place.CENTER)
HISTORIAN = End(subjects.HISTORIAN_ROLE, Place.CENTER)
FETCH = End(subjects.FETCH_ROLE, Place.CENTER)
SCADA = End(subjects.SCADA_ROLE, Place.CENTER)
WEB = End(subjects.WEB_ROLE, Place.CENTER)
REMOTE = End(subjects.REMOTE_ROLE, Place.CENTER)
CENTER_STREAMS = End(STREAM_SERVICE, Place.CENTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One class of subjects."""

    name: str
    purpose: str
    subjects: tuple[str, ...]
    speakers: tuple[End, ...]
    hearers: tuple[End, ...]
    is_data: bool = True
    """False where it only keeps the transport going."""
    is_command: bool = False
    """Whether a device may act on it."""
    is_remote_access: bool = False
    """Whether it is there only where the folder opens remote access, and a site permits it."""

    @property
    def is_of_site(self) -> bool:
        """Whether there is one for each site."""
        return any(_SITE in subject for subject in self.subjects) or Place.SITE in self.places

    @property
    def places(self) -> frozenset[Place]:
        """Where its ends are."""
        return frozenset(end.place for end in (*self.speakers, *self.hearers))


def _committing(stream: str, consumer: str) -> tuple[str, ...]:
    """What is said to a stream by those who commit its batches, of their own place in it."""
    place = f"{stream}.{consumer}"
    return (*(f"$JS.API.CONSUMER.{call}.{place}" for call in ("MSG.NEXT", "RESET")), f"$JS.ACK.{place}.>")


def _watching(stream: str) -> tuple[str, ...]:
    """What is said to a stream by a live state that follows it in order."""
    return (
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}",
        *(f"$JS.API.CONSUMER.{call}.{stream}.>" for call in ("CREATE", "INFO", "DELETE")),
        "$JS.FC.>",
    )


def _flow(
    name: str,
    purpose: str,
    named: Iterable[str],
    speakers: Iterable[End],
    hearers: Iterable[End],
    *,
    is_data: bool = True,
    is_command: bool = False,
    is_remote_access: bool = False,
) -> Flow:
    return Flow(
        name=name,
        purpose=purpose,
        subjects=tuple(named),
        speakers=tuple(speakers),
        hearers=tuple(hearers),
        is_data=is_data,
        is_command=is_command,
        is_remote_access=is_remote_access,
    )


def _answers(
    name: str, purpose: str, inbox: str, speakers: Iterable[End], hearer: End, *, is_remote_access: bool = False
) -> Flow:
    return _flow(name, purpose, [f"{inbox}.>"], speakers, [hearer], is_data=False, is_remote_access=is_remote_access)


def _remote(name: str, purpose: str, subject: str, speaker: End, hearer: End, *, is_command: bool = False) -> Flow:
    return _flow(name, purpose, [subject], [speaker], [hearer], is_command=is_command, is_remote_access=True)


_INBOX = subjects.inbox
_SITE_INBOX = subjects.site_inbox

FLOWS: tuple[Flow, ...] = (
    # at a site
    _flow(
        "batches",
        "what the gateway reports, onto the site's disk",
        [subjects.site_batches(_SITE, stream) for stream in subjects.SITE_STREAMS],
        [GATEWAY],
        [SITE_STREAMS],
    ),
    _flow(
        "local batches",
        "everything processed, for the site's own store",
        [subjects.local_batches(_SITE)],
        [GATEWAY],
        [SITE_STREAMS],
    ),
    _flow("local findings", "what the site's screen found out", [subjects.local_found(_SITE)], [LOCAL], [SITE_STREAMS]),
    _flow("site streams", "the gateway keeps the streams of its server", ["$JS.API.>"], [GATEWAY], [SITE_STREAMS]),
    _flow(
        "local store",
        "the site's store commits and follows its stream",
        [*_committing(subjects.LOCAL_STREAM, subjects.HISTORIAN_CONSUMER), *_watching(subjects.LOCAL_STREAM)],
        [LOCAL],
        [SITE_STREAMS],
    ),
    _answers("answers to local", "of the site's stream service", _INBOX(LOCAL.role), [SITE_STREAMS], LOCAL),
    # up
    _flow(
        "health",
        "how the site is, once a second",
        [subjects.health(_SITE)],
        [GATEWAY],
        [LOCAL, SCADA, WEB, READER],
    ),
    _flow("link", "the site asks whether the center is there", [subjects.link(_SITE)], [GATEWAY], [CENTER]),
    _answers(
        "answers to the gateway",
        "of the center, and of the site's stream service",
        _INBOX(GATEWAY.role),
        [CENTER, SITE_STREAMS],
        GATEWAY,
    ),
    _flow(
        "deliveries",
        "the site's streams, to the center's",
        subjects.deliveries(_SITE),
        [SITE_STREAMS],
        [CENTER_STREAMS],
    ),
    _flow(
        "live export",
        "live batches repeated for enterprise zones, while somebody there listens",
        [subjects.export(_SITE)],
        [SITE_STREAMS],
        [READER],
    ),
    _flow(
        "joining",
        "the center makes its place in the site's streams, and takes from it; it can do nothing else to them",
        [
            f"$JS.{_SITE}.API.CONSUMER.{call}.{stream}.{subjects.CENTER_CONSUMER}"
            for stream in subjects.SITE_STREAMS
            for call in ("DURABLE.CREATE", "RESET")
        ],
        [CENTER, CENTER_STREAMS],
        [SITE_STREAMS],
        is_data=False,
    ),
    _flow(
        "storage acknowledgements",
        "the center has on disk what it was sent",
        [f"$JS.{kind}.{stream}.{subjects.CENTER_CONSUMER}.>" for stream in subjects.SITE_STREAMS for kind in ("ACK", "FC")],
        [CENTER_STREAMS],
        [SITE_STREAMS],
        is_data=False,
    ),
    _flow(
        "sourcing answers",
        "of the site's stream service to the center's",
        ["$JSC.R.>"],
        [SITE_STREAMS],
        [CENTER_STREAMS],
        is_data=False,
    ),
    _answers(
        "joining answers", "of the site's stream service to the center", _SITE_INBOX(CENTER.role, _SITE), [SITE_STREAMS], CENTER
    ),
    # down
    _flow("commands", "signed orders to the site's gate", [subjects.command(_SITE)], [SCADA], [GATEWAY], is_command=True),
    _answers("command answers", "what became of an order", _SITE_INBOX(SCADA.role, _SITE), [GATEWAY], SCADA),
    _flow("questions", "for samples that the site has kept", [subjects.fetch(_SITE)], [FETCH], [LOCAL]),
    _answers("fetched samples", "that the site has kept", _SITE_INBOX(FETCH.role, _SITE), [LOCAL], FETCH),
    _flow(
        "revocations",
        "what is revoked, told again and again",
        [subjects.PKI_REVOKED],
        [CENTER],
        [DMZ, GATEWAY],
        is_data=False,
    ),
    # checkpoints of audits, each seen in another zone
    _flow(
        "checkpoints of sites", "of the site's audit, to be seen at the center", [subjects.checkpoint(_SITE)], [GATEWAY], [CENTER]
    ),
    _flow(
        "checkpoints of the center",
        "of its audits, to be seen in the DMZ",
        [subjects.AUDIT_WITNESS],
        [CENTER],
        [DMZ],
        is_data=False,
    ),
    _answers(
        "seen checkpoints", "of the center's audits, signed in the DMZ", _SITE_INBOX(CENTER.role, DMZ_POINTS), [DMZ], CENTER
    ),
    # in the DMZ
    _flow("health of the DMZ", "how the DMZ is", [subjects.health(DMZ_POINTS)], [DMZ], [CENTER, SCADA, WEB]),
    # remote access: a person in the DMZ, a device at a site, and the center between them
    _remote(
        "remote orders", "signed, to open a session with a device", subjects.remote_order(_SITE), REMOTE, GATEWAY, is_command=True
    ),
    _remote("remote bytes up", "to the device", subjects.remote_up(_SITE), REMOTE, GATEWAY, is_command=True),
    _remote("remote bytes down", "from the device", subjects.remote_down(_SITE), GATEWAY, REMOTE),
    _answers(
        "remote answers",
        "whether a session is open",
        _SITE_INBOX(REMOTE.role, _SITE),
        [GATEWAY],
        REMOTE,
        is_remote_access=True,
    ),
    _remote("remote tickets", "what a ticket is good for", subjects.REMOTE_OPEN, DMZ, REMOTE),
    _remote("remote line up", "from a person", subjects.remote_line_up(), DMZ, REMOTE),
    _remote("remote line down", "to a person", subjects.remote_line_down(), REMOTE, DMZ),
    _answers("answers to the DMZ", "of remote access", _INBOX(DMZ.role), [REMOTE], DMZ, is_remote_access=True),
    _flow("enrollment", "who asks the DMZ for a certificate", [subjects.PKI_ASK], [DMZ], [CENTER], is_data=False),
    _answers("enrollment answers", "certificates, or why there are none", _INBOX(DMZ.role), [CENTER], DMZ),
    # at the center
    _flow("center streams", "the center keeps the streams of its servers", ["$JS.API.>"], [CENTER], [CENTER_STREAMS]),
    _flow(
        "own batches",
        "what the center and the DMZ say of themselves",
        [subjects.batches(role) for role in (CENTER_POINTS, DMZ_POINTS)],
        [CENTER],
        [CENTER_STREAMS],
    ),
    _flow("health of the center", "how the center is", [subjects.health(CENTER_POINTS)], [CENTER], [SCADA, WEB]),
    _flow(
        "findings",
        "what the center found out about a site, or fetched from it",
        [subjects.center_batches(_SITE)],
        [CENTER, WEB, FETCH],
        [CENTER_STREAMS],
    ),
    _flow(
        "control events", "what was refused or done at the center", [subjects.control_events(_SITE)], [SCADA], [CENTER_STREAMS]
    ),
    _flow(
        "committing",
        "the historian commits the center's stream",
        _committing(subjects.CENTER_STREAM, subjects.HISTORIAN_CONSUMER),
        [HISTORIAN],
        [CENTER_STREAMS],
    ),
    _flow(
        "taking alarms",
        "alarms are found in the center's stream; the center takes the rest of a stream that it gives up",
        _committing(subjects.CENTER_STREAM, subjects.ALARMS_CONSUMER),
        [SCADA, CENTER],
        [CENTER_STREAMS],
    ),
    _flow(
        "following", "live states follow the center's stream", _watching(subjects.CENTER_STREAM), [SCADA, WEB], [CENTER_STREAMS]
    ),
    _flow("requests", "screens ask alarms and control", [subjects.SCADA_ASK], [WEB], [SCADA], is_command=True),
    _flow("remote requests", "screens ask remote access", [subjects.REMOTE_ASK], [WEB], [REMOTE], is_command=True),
    _flow("changes", "of alarms and control, to screens", [subjects.CONTROL_CHANGED], [SCADA], [WEB]),
    _flow("alarms", "what stands, to screens and into the center's own state", [subjects.ALARMS_CHANGED], [SCADA], [WEB, CENTER]),
    *(
        _answers(
            f"answers to {end.role}",
            "of the center's stream service" + (", and of those whom screens ask" if end is WEB else ""),
            _INBOX(end.role),
            [CENTER_STREAMS, *([SCADA, REMOTE] if end is WEB else [])],
            end,
        )
        for end in (CENTER, HISTORIAN, FETCH, SCADA, REMOTE, WEB)
    ),
)
"""Everything that the bus is for."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """That a route crosses a conduit."""

    conduit: Conduit
    is_towards_dmz: bool

    def lets(self, flow: Flow) -> bool:
        """Whether the conduit lets the flow pass in this direction."""
        if not flow.is_data:
            return True
        return self.conduit.lets_to_target if self.is_towards_dmz else self.conduit.lets_to_source


@dataclass(frozen=True, slots=True)
class Route:
    """One way of a flow, from one who speaks to one who hears."""

    flow: Flow
    site: str
    """Empty where the flow is of no site."""
    speaker: End
    """Named: nothing stands for anything any more."""
    hearer: End
    crossings: tuple[Crossing, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects, of this site."""
        return tuple(_named(subject, self.site) for subject in self.flow.subjects)


def routes_of(plan: Plan, sites: Iterable[str] | None = None) -> Iterator[Route]:
    """Every way that the plan's conduits let a flow take; only those of some `sites` where they are given."""
    ways = Ways(plan)
    wanted = plan.sites if sites is None else tuple(sites)
    for flow in FLOWS:
        for site in _sites_of(flow, plan, wanted):
            for speaker in flow.speakers:
                for hearer in flow.hearers:
                    yield from ways.routes(flow, site, speaker, hearer)


def _sites_of(flow: Flow, plan: Plan, wanted: Sequence[str]) -> Sequence[str]:
    """The sites that have the flow; one empty name where it is of none."""
    if not flow.is_of_site:
        return ("",) if plan.remote_sites or not flow.is_remote_access else ()
    return [site for site in wanted if site in plan.remote_sites] if flow.is_remote_access else wanted


class Ways:
    """Which conduits lead from one end to another."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        centers = plan.of_kind("control_center")
        self._of_center = plan.bus_conduit(centers[0].name) if centers else None

    def _conduit(self, end: End, site: str) -> Conduit | None:
        if end.place is Place.CENTER:
            return self._of_center
        zone = self._plan.zone_of_site(site)
        return None if zone is None else self._plan.bus_conduit(zone.name)

    def routes(self, flow: Flow, site: str, speaker: End, hearer: End) -> Iterator[Route]:
        """The routes between two ends: none, one, or one for each enterprise zone."""
        zones = self._plan.readers if READER in {speaker, hearer} else (("", None),)
        for zone, reading in zones:
            crossings: list[Crossing] = []
            if speaker.place is not hearer.place or speaker is READER or hearer is READER:
                for end, is_up in ((speaker, True), (hearer, False)):
                    if end is DMZ:
                        continue
                    conduit = reading if end is READER else self._conduit(end, site)
                    if conduit is None:
                        break
                    crossings.append(Crossing(conduit, is_up))
                else:
                    if all(crossing.lets(flow) for crossing in crossings):
                        yield Route(flow, site, _end(speaker, site, zone), _end(hearer, site, zone), tuple(crossings))
                continue
            yield Route(flow, site, _end(speaker, site, zone), _end(hearer, site, zone), ())


def _end(end: End, site: str, zone: str) -> End:
    return End(end.role.replace(_SITE, site).replace(_ZONE, zone), end.place)


def _named(subject: str, site: str) -> str:
    return subject.replace(_SITE, site)
