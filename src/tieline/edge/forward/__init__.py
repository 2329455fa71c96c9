"""Store and forward: what a gateway reports is kept on the site's disk until the center has it, the more important first."""

from tieline.edge.forward.forwarder import ForwardCounts, Forwarder
from tieline.edge.forward.spool import Restartable, Spool

__all__ = ["ForwardCounts", "Forwarder", "Restartable", "Spool"]
