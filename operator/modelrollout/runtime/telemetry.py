"""The operator's own metrics: how it works, and where each rollout is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from modelrollout.api.resource import Key
from modelrollout.api.status import ModelRolloutStatus, Phase

LABELS = ("namespace", "name")


def _registry() -> CollectorRegistry:
    return CollectorRegistry()


@dataclass
class Telemetry:
    """Counters and gauges of one process, in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=_registry)

    def __post_init__(self) -> None:
        registry = self.registry
        self.reconciles = Counter("modelrollout_reconciles", "Reconciles by outcome.", ("outcome",), registry=registry)
        self.duration = Histogram(
            "modelrollout_reconcile_seconds",
            "Time of one reconcile.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
            registry=registry,
        )
        self.decisions = Counter(
            "modelrollout_decisions", "Decisions by action and reason.", ("action", "reason"), registry=registry
        )
        self.api_requests = Counter(
            "modelrollout_api_requests",
            "Requests to the API server.",
            ("verb", "resource", "outcome"),
            registry=registry,
        )
        self.prometheus_requests = Counter(
            "modelrollout_prometheus_requests", "Requests to Prometheus.", ("outcome",), registry=registry
        )
        self.leader = Gauge(
            "modelrollout_leader", "1 for the process that acts, 0 for one that stands by.", registry=registry
        )
        self.renewals = Counter(
            "modelrollout_lease_renewals", "Renewals of the Lease by outcome.", ("outcome",), registry=registry
        )
        self.queue = Gauge("modelrollout_queue_depth", "Keys that wait for a worker.", registry=registry)
        self._where = _Where()
        registry.register(self._where)

    def rollout(self, key: Key, status: ModelRolloutStatus) -> None:
        """Show where a rollout is."""
        self._where.shown[key] = (status.phase, status.traffic.candidate)

    def forget(self, key: Key) -> None:
        """Drop the series of a rollout that is gone, if it had any."""
        self._where.shown.pop(key, None)

    def exposition(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)


class _Where(Collector):
    """Where each rollout is: two series each, made when they are asked for. Thousands of gauges are never set."""

    def __init__(self) -> None:
        self.shown: dict[Key, tuple[Phase, int]] = {}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        phase = GaugeMetricFamily(
            "modelrollout_phase", "1 for the phase that a rollout is in; no other is shown.", labels=(*LABELS, "phase")
        )
        weight = GaugeMetricFamily(
            "modelrollout_candidate_weight", "Observed weight of the candidate, percent.", labels=LABELS
        )
        for key, (current, percent) in self.shown.items():
            phase.add_metric((key.namespace, key.name, current.value), 1)
            weight.add_metric((key.namespace, key.name), percent)
        yield phase
        yield weight
