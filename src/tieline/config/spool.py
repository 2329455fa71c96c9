"""`[spool]` of `site.toml`: what a site keeps on disk for the center, and how it hands it over."""

from __future__ import annotations

from pydantic import Field

from tieline.config.fields import Strict


class SpoolSection(Strict):
    """Disk for what the center does not have yet, and the pace at which a backlog follows."""

    mb: int = Field(default=2_048, ge=16, description="disk for everything that the center does not have yet")
    events_percent: int = Field(default=10, ge=1, le=90, description="of it, kept free for events and audit records")
    reserve_mb: int = Field(default=256, ge=0, description="space on the disk that measurements never take")
    backfill_kbps: int = Field(
        default=0, ge=0, description="what back-fill may take of the link, in kbit/s; 0: what live data leaves"
    )
