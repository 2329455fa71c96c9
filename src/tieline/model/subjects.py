"""The names on the bus: subjects, streams, consumers, and the identities of the roles."""

from __future__ import annotations

SITE_STREAM = "SITE"
"""The stream at each site of what it measures now; like its two others it holds what the center does not have yet."""

EVENTS_STREAM = "EVENTS"
"""The stream at each site of events and audit records."""

BACKFILL_STREAM = "BACKFILL"
"""The stream at each site of what it measured while the center could not be reached."""

SITE_STREAMS = (EVENTS_STREAM, SITE_STREAM, BACKFILL_STREAM)
"""The streams of a site that the center takes, the most important first."""

CENTER_STREAM = "CENTER"
"""The stream at the center: batches that the historian has not committed yet."""

LOCAL_STREAM = "LOCAL"
"""The stream at each site of everything that is processed there, on its way to the site's own store."""

CENTER_CONSUMER = "center"
"""The durable consumer at each site through which the center's stream takes the site's."""

HISTORIAN_CONSUMER = "historian"
ALARMS_CONSUMER = "alarms"
"""The place of the alarms in the center's stream, which therefore keeps every batch until both have it."""

EVERY_BATCH = "site.*.batch"
EVERY_SITE_EVENT = "site.*.events"
EVERY_CENTER_BATCH = "center.*.batch"
EVERY_CONTROL_EVENT = "center.*.control"

SCADA_ASK = "scada.ask"
"""Where screens ask alarms and control."""
ALARMS_CHANGED = "scada.alarms.changed"
CONTROL_CHANGED = "scada.control.changed"

REMOTE_ASK = "remote.ask"
"""Where screens ask remote access."""
REMOTE_OPEN = "remote.open"
"""Where the DMZ asks what a ticket is good for."""

PKI_REVOKED = "pki.revoked"
"""Where the center tells again and again what is revoked."""
PKI_ASK = "pki.ask"
"""Where the DMZ passes on who asks for a certificate."""

_WORDS = {EVENTS_STREAM: "events", SITE_STREAM: "batch", BACKFILL_STREAM: "backfill"}


def batches(site: str) -> str:
    """Where a site publishes what it measures now."""
    return f"site.{site}.batch"


def site_batches(site: str, stream: str) -> str:
    """Where a site publishes the batches of one of its streams."""
    return f"site.{site}.{_WORDS[stream]}"


def center_batches(site: str) -> str:
    """Where the center publishes what it has found out about a site by itself, for example that its link is lost."""
    return f"center.{site}.batch"


def control_events(site: str) -> str:
    """Where control publishes what operators should see of a site, for example what was refused at the center."""
    return f"center.{site}.control"


def health(site: str) -> str:
    """Where a site says every second how it is; not stored, so that it is never late."""
    return f"health.{site}"


def local_batches(site: str) -> str:
    """Where a site's gateway publishes what stays at the site."""
    return f"local.{site}.batch"


def local_found(site: str) -> str:
    """Where a site's own screen publishes what it has found out by itself."""
    return f"local.{site}.found"


def fetch(site: str) -> str:
    """Where a site is asked for samples that it has kept."""
    return f"fetch.{site}"


def command(site: str) -> str:
    """Where a site is given commands."""
    return f"command.{site}"


def delivery(site: str, stream: str = SITE_STREAM) -> str:
    """Where the center's stream receives the batches of one of a site's streams."""
    return f"deliver.{site}" if stream == SITE_STREAM else f"deliver.{site}.{_WORDS[stream]}"


def deliveries(site: str) -> list[str]:
    """Where the center's stream receives batches of a site."""
    return [delivery(site, stream) for stream in SITE_STREAMS]


def export(site: str) -> str:
    """Where a site's live batches are repeated for enterprise zones; only while somebody there listens."""
    return f"export.{site}.batch"


def link(site: str) -> str:
    """Where a site asks every second whether the center is there."""
    return f"link.{site}"


def remote_order(site: str) -> str:
    """Where a site is told to open a session of remote access."""
    return f"remote.order.{site}"


def remote_up(site: str, session: str = "*") -> str:
    """What goes to the device, from the center to a site."""
    return f"remote.site.{site}.{session}.up"


def remote_down(site: str, session: str = "*") -> str:
    """What comes from the device, from a site to the center."""
    return f"remote.site.{site}.{session}.down"


def remote_line_up(line: str = "*") -> str:
    """What a person sends, from the DMZ to the center."""
    return f"remote.line.{line}.up"


def remote_line_down(line: str = "*") -> str:
    """What a person gets, from the center to the DMZ."""
    return f"remote.line.{line}.down"


def site_of(subject: str) -> str:
    """The site that a subject of batches, health or fetching belongs to."""
    return subject.split(".", 2)[1]


def inbox(role: str) -> str:
    """What the subjects begin with on which a role is answered; nobody else may listen there."""
    return f"_INBOX.{role}"


def checkpoint(site: str) -> str:
    """Where a site hands in the checkpoints of its audit, to be seen at the center."""
    return f"checkpoint.{site}"


def site_inbox(role: str, site: str) -> str:
    """What the subjects begin with on which one site answers a role of the center; no other site may speak there."""
    return f"{inbox(role)}.{site}"


def edge_role(site: str) -> str:
    """The name in the certificate of a site's gateway and of its server."""
    return f"edge-{site}"


def local_role(site: str) -> str:
    """The name in the certificate of a site's own store and screen."""
    return f"local-{site}"


def it_role(zone: str) -> str:
    """The name in the certificate of whoever reads in an enterprise zone."""
    return f"it-{zone}"


AUDIT_WITNESS = "witness.dmz"
"""Where the center hands in the checkpoints of its audits, to be seen in the DMZ."""

DMZ_ROLE = "dmz"
CENTER_ROLE = "center"
HISTORIAN_ROLE = "historian"
FETCH_ROLE = "fetch"
WEB_ROLE = "web"
SCADA_ROLE = "scada"
"""Alarms and control: the only role whose signature a site takes for a command."""
REMOTE_ROLE = "remote"
"""Remote access: the only role whose signature a site takes for a session."""

CENTER_ROLES = (CENTER_ROLE, HISTORIAN_ROLE, FETCH_ROLE, SCADA_ROLE, REMOTE_ROLE, WEB_ROLE)
"""All that run at the control center."""
