"""One rollout that is measured: the digits example in a namespace, with users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.clients import Clients, draw
from benchmarks.platform import GATEWAY_NAME, GATEWAY_NAMESPACE, Bench
from e2e.cluster import cache
from e2e.support.kube import POD
from e2e.support.manifests import METRICS, NAME, host
from e2e.support.scenario import Scenario
from e2e.support.waiting import until
from examples.digits.load.load import Digit, read_digits
from modelrollout.analysis.budget import Budget

WEIGHT = 10
RATE = 40.0
MAX = "0.01"
ALPHA = Budget().of_aggregate
"""The operator's own level for the only metric of a first attempt."""
SETTINGS: dict[str, object] = {
    "traffic.gatewayAPI.parentRefs": [{"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE}],
    "metrics": [{**METRICS[0], "check": {"max": MAX}, "interval": "1s"}],
    "stages": [
        {"name": "canary", "weight": WEIGHT, "duration": "30m"},
        {"name": "full", "weight": 100, "duration": "1m"},
    ],
}
"""What both the speed and the false rollbacks are measured with."""
SETTINGS_TEXT = (
    f"check max {MAX} on the share of 5xx, alpha {ALPHA}, interval 1 s, scrape 1 s; canary weight {WEIGHT},"
    f" {RATE:.0f} requests/s through the gateway"
)


class Subject:
    """A ModelRollout of the digits example whose v1 is stable."""

    def __init__(self, bench: Bench, namespace: str) -> None:
        self.bench = bench
        self.namespace = namespace
        self.scenario = Scenario(bench.platform, namespace)

    def apply(self, version: str, server: str, changes: Mapping[str, object] | None = None) -> None:
        """Apply a version, named so, that is answered for by one of the example's six."""
        self.scenario.apply(server, {**SETTINGS, "model.version": version, **(changes or {})})

    def clients(self, *, bad_share: float, seed: int) -> Clients:
        """Users, who have begun and get answers of v1."""
        digits = draw(self._digits(), bad_share=bad_share, seed=seed)
        clients = Clients(self.bench.platform.gateway, host(self.namespace), digits, RATE)
        clients.start()
        until(lambda: [one.version for one in clients.met[-20:]] == ["v1"] * 20, "v1 to answer the clients")
        return clients

    def _digits(self) -> list[Digit]:
        """Held-out images, copied out of a pod of the model once."""
        file = Path(self.bench.platform.home) / "heldout.json"
        with cache.locked(file.with_suffix(".lock")):
            if not file.exists():
                pod = self.bench.kube.list(POD, self.namespace)[0]["metadata"]["name"]
                file.write_text(self.scenario.kubectl("exec", pod, "--", "cat", "models/heldout.json"))
        return read_digits(file)


@contextmanager
def serving(bench: Bench, namespace: str, changes: Mapping[str, object] | None = None) -> Iterator[Subject]:
    """A rollout of which v1 has become stable; removed at the end."""
    subject = Subject(bench, namespace)
    try:
        subject.apply("v1", "v1", changes)
        subject.scenario.until_stable("v1")
        yield subject
    finally:
        subject.scenario.close()


__all__ = ["NAME", "RATE", "SETTINGS", "WEIGHT", "Subject", "serving"]
