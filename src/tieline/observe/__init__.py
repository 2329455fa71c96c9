"""How Tieline says what it does: structured logs."""

from tieline.observe.logs import configure_logs

__all__ = ["configure_logs"]
