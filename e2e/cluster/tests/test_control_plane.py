"""A control plane alone: a real API server on loopback in seconds, several beside each other."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import CONTROL_PLANE, Cluster, shell

pytestmark = pytest.mark.e2e

CLAIM = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: owner, namespace: default}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: default}
spec: {rules: [{backendRefs: [{name: a, port: 80, weight: 95}]}]}
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="mr-"))
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def one(home: Path) -> Iterator[Cluster]:
    cluster = Cluster("one", home / "one")
    cluster.up(CONTROL_PLANE)
    yield cluster
    cluster.down()


def test_it_knows_the_gateway_api(one: Cluster) -> None:
    one.kubectl.apply(CLAIM)
    weight = one.kubectl("get", "httproute", "r", "--output=jsonpath={.spec.rules[0].backendRefs[0].weight}")
    assert weight == "95"


def test_requests_are_counted_by_priority_level(one: Cluster) -> None:
    assert "apiserver_flowcontrol_dispatched_requests_total{" in one.kubectl("get", "--raw", "/metrics")


def test_a_second_one_is_another(one: Cluster, home: Path) -> None:
    two = Cluster("two", home / "two")
    two.up((*CONTROL_PLANE, "controllers"))
    try:
        assert two.kubectl("get", "httproutes", "--all-namespaces", "--output=name") == ""
        two.kubectl("create", "namespace", "short")
        two.kubectl("delete", "namespace", "short", "--timeout=60s")
        assert two.kubectl("get", "serviceaccount", "default", "--output=name").strip() == "serviceaccount/default"
    finally:
        two.down()
    assert one.status().answers
    assert not two.layout.root.exists()


def test_what_was_stored_survives_a_restart_even_on_other_ports(one: Cluster) -> None:
    one.kubectl("create", "configmap", "kept")
    for name in ("apiserver", "etcd"):
        one._processes.stop(name, grace=5)
    assert not one.status().answers
    one.up(CONTROL_PLANE)
    shell.wait_until(lambda: one.kubectl.succeeds("get", "configmap", "kept"), "the object", seconds=10)
