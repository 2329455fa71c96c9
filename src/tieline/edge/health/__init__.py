"""What a site's gateway says of itself, as values of its own points."""

from tieline.edge.health.gateway import GatewayState

__all__ = ["GatewayState"]
