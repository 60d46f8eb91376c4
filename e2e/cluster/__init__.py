"""A Kubernetes cluster from nothing but package registries: `python3 -m e2e.cluster up`."""

from e2e.cluster import binaries
from e2e.cluster.cluster import ALL, CONTROL_PLANE, Cluster, Part, Status

__all__ = ["ALL", "CONTROL_PLANE", "Cluster", "Part", "Status", "binaries"]
