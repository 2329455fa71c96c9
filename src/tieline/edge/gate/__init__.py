"""The only way from anywhere at a site to a device that acts."""

from tieline.edge.gate.gate import Gate
from tieline.edge.gate.reporting import AuditReporting

__all__ = ["AuditReporting", "Gate"]
