"""What fails with what: single points of failure of every service, and what redundancy protocols ask for."""

from tieline.network.redundancy.proof import Loss, Redundancy, RedundancyFinding, RingState, prove_redundancy

__all__ = ["Loss", "Redundancy", "RedundancyFinding", "RingState", "prove_redundancy"]
