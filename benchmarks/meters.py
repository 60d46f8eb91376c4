"""What the operator costs, as others measure it: the API server, the kubelet, and the operator's own counters."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.platform import RELEASE, Bench

Labels = tuple[tuple[str, str], ...]
_LINE = re.compile(r"^(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)(?: \d+)?$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Metrics:
    """Samples of one exposition in Prometheus's text format."""

    samples: Mapping[tuple[str, Labels], float]

    def sum(self, name: str, **labels: str) -> float:
        """The sum of a metric over all samples that have these labels."""
        wanted = set(labels.items())
        return sum(value for (found, having), value in self.samples.items() if found == name and wanted <= set(having))


def parse(text: str) -> Metrics:
    """Read an exposition."""
    samples: dict[tuple[str, Labels], float] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match:
            samples[match["name"], tuple(_LABEL.findall(match["labels"] or ""))] = float(match["value"])
    return Metrics(samples)


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment.

    Attributes:
        api: requests that the API server dispatched for the operator's ServiceAccount, watches apart.
        own: of `api`, those that the operator's own client made. The rest are of its watching library.
        watches: watches that ended or began to stream, of the same.
        lists: of `own`, lists that the operator itself made: at its start and at each resync.
        lease: of `own`, requests about the Lease that operators agree by: as many however many rollouts there are.
        prometheus: requests to Prometheus.
        reconciles: looks at rollouts.
        cpu_seconds: processor time of the operator's container.
        resident_bytes: working set of the operator's container.
    """

    at: float
    api: float
    watches: float
    own: float
    lists: float
    lease: float
    prometheus: float
    reconciles: float
    cpu_seconds: float
    resident_bytes: float


def read(bench: Bench) -> Reading:
    """Read all of them now."""
    server, own, kubelet = (parse(bench.platform.run_kubectl("get", "--raw", path)) for path in _paths(bench))
    flow = "apiserver_flowcontrol_request_execution_seconds_count"
    container = {"namespace": RELEASE, "pod": bench.operator_pod}
    return Reading(
        at=time.monotonic(),
        api=server.sum(flow, flow_schema=RELEASE, type="regular"),
        watches=server.sum(flow, flow_schema=RELEASE, type="watch"),
        own=own.sum("modelrollout_api_requests_total"),
        lists=own.sum("modelrollout_api_requests_total", verb="list"),
        lease=own.sum("modelrollout_api_requests_total", resource="leases.coordination.k8s.io"),
        prometheus=own.sum("modelrollout_prometheus_requests_total"),
        reconciles=own.sum("modelrollout_reconciles_total"),
        cpu_seconds=kubelet.sum("container_cpu_usage_seconds_total", **container),
        resident_bytes=kubelet.sum("container_memory_working_set_bytes", **container),
    )


def _paths(bench: Bench) -> tuple[str, str, str]:
    node = str(bench.kube.list(("v1", "Node"))[0]["metadata"]["name"])
    return (
        "/metrics",
        f"/api/v1/namespaces/{RELEASE}/services/{RELEASE}:http/proxy/metrics",
        f"/api/v1/nodes/{node}/proxy/metrics/resource",
    )
