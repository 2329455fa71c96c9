"""`[local]` in `site.toml`: what a site keeps and shows by itself, whether the center is there or not."""

from __future__ import annotations

from pydantic import Field

from tieline.config.fields import Port, Strict


class LocalSection(Strict):
    """The site's own history and screen."""

    enabled: bool = Field(default=True, description="whether the site has a history and a screen of its own")
    keep_days: int = Field(default=7, ge=1, le=3_650, description="whole UTC days for which everything measured is kept")
    mb: int = Field(default=2_048, ge=256, description="disk for that history; the oldest goes first")
    memory_mb: int = Field(default=256, ge=128, description="memory that its database may take")
    hmi_port: Port | None = Field(default=None, description="port of the site's screen on loopback; any free one where left out")
    metrics_port: Port | None = Field(
        default=None, description="port on loopback where the gateway's process itself serves Prometheus metrics"
    )
