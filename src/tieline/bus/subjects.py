"""The names on the bus: subjects, streams, consumers, and the identities of the roles."""

from __future__ import annotations

SITE_STREAM = "SITE"
"""The stream at each site: batches that the center does not have yet."""

CENTER_STREAM = "CENTER"
"""The stream at the center: batches that the historian has not committed yet."""

CENTER_CONSUMER = "center"
"""The durable consumer at each site through which the center's stream takes the site's."""

HISTORIAN_CONSUMER = "historian"

EVERY_BATCH = "site.*.batch"
EVERY_CENTER_BATCH = "center.*.batch"
EVERY_HEALTH = "health.*"


def batches(site: str) -> str:
    """Where a site's batches are published."""
    return f"site.{site}.batch"


def center_batches(site: str) -> str:
    """Where the center publishes what it has found out about a site by itself, for example that its link is lost."""
    return f"center.{site}.batch"


def health(site: str) -> str:
    """Where a site says every second how it is; not stored, so that it is never late."""
    return f"health.{site}"


def delivery(site: str) -> str:
    """Where the center's stream receives a site's batches."""
    return f"deliver.{site}"


def site_of(subject: str) -> str:
    """The site that a subject of batches or health belongs to."""
    return subject.split(".", 2)[1]


def edge_role(site: str) -> str:
    """The name in the certificate of a site's gateway and of its server."""
    return f"edge-{site}"


DMZ_ROLE = "dmz"
CENTER_ROLE = "center"
HISTORIAN_ROLE = "historian"
WEB_ROLE = "web"
