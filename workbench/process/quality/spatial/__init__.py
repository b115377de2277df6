"""Maps of wafers and panels: where on the carrier things go wrong, and whether that is more than chance."""

from workbench.process.quality.spatial.autocorrelation import JoinCounts, Moran, join_counts, moran
from workbench.process.quality.spatial.clusters import Cluster, ClusterStudy, clusters
from workbench.process.quality.spatial.neighbours import neighbours
from workbench.process.quality.spatial.positions import Carrier, Positions, positions
from workbench.process.quality.spatial.radial import EdgeRing, RadialProfile, edge_ring, radial_profile
from workbench.process.quality.spatial.regions import scan_regions
from workbench.process.quality.spatial.signature import Signature, signature
from workbench.process.quality.spatial.zones import ZoneStudy, quadrants, rings, zone_study

__all__ = [
    "Carrier",
    "Cluster",
    "ClusterStudy",
    "EdgeRing",
    "JoinCounts",
    "Moran",
    "Positions",
    "RadialProfile",
    "Signature",
    "ZoneStudy",
    "clusters",
    "edge_ring",
    "join_counts",
    "moran",
    "neighbours",
    "positions",
    "quadrants",
    "radial_profile",
    "rings",
    "scan_regions",
    "signature",
    "zone_study",
]
