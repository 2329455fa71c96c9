"""What can reach what: proven from ports, VLANs, tags, routers and access lists, against the zones and conduits."""

from tieline.network.segmentation.proof import Segmentation, SegmentationFinding, prove_segmentation

__all__ = ["Segmentation", "SegmentationFinding", "prove_segmentation"]
