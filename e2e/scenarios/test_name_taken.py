"""A user's own Service has the name that the operator would want: it is theirs, and it stays as it is."""

from __future__ import annotations

from string import Template

import pytest

from e2e.support.kube import MODEL_ROLLOUT, SERVICE
from e2e.support.manifests import GATEWAY_NAME, GATEWAY_NAMESPACE, NAME, host
from e2e.support.platform import DIGITS_IMAGE
from e2e.support.scenario import Scenario
from e2e.support.waiting import until

pytestmark = pytest.mark.e2e

THEIRS = Template("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: theirs, namespace: $namespace}
spec:
  selector: {matchLabels: {app: theirs}}
  template:
    metadata: {labels: {app: theirs}}
    spec:
      containers:
      - name: server
        image: $image
        imagePullPolicy: IfNotPresent
        env: [{name: MODEL_VERSION, value: v1}]
        readinessProbe: {httpGet: {path: /v2/models/digits/ready, port: 8080}, periodSeconds: 1, timeoutSeconds: 3}
---
apiVersion: v1
kind: Service
metadata: {name: $name, namespace: $namespace}
spec: {selector: {app: theirs}, ports: [{port: 8080}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: theirs, namespace: $namespace}
spec:
  parentRefs: [{name: $gateway, namespace: $gateway_namespace}]
  hostnames: [$host]
  rules: [{backendRefs: [{name: $name, port: 8080}]}]
""")


def test_a_service_of_somebody_else(scenario: Scenario) -> None:
    manifests = THEIRS.substitute(
        namespace=scenario.namespace,
        image=DIGITS_IMAGE,
        name=NAME,
        gateway=GATEWAY_NAME,
        gateway_namespace=GATEWAY_NAMESPACE,
        host=host(scenario.namespace),
    )
    scenario.kubectl("apply", "--filename", "-", stdin=manifests)
    traffic = scenario.users("v1")
    before = scenario.kube.get(SERVICE, NAME, scenario.namespace)

    scenario.apply("v2", {"traffic.gatewayAPI.hostnames": [f"other.{host(scenario.namespace)}"]})
    until(lambda: scenario.condition("Stalled")[:2] == ("True", "NameTaken"), "the rollout to be stalled")

    assert NAME in scenario.condition("Stalled")[2]
    assert scenario.until_event("NameTaken", "Service", NAME)
    assert traffic.next(100).versions == {"v1"}
    assert scenario.kube.get(SERVICE, NAME, scenario.namespace) == before

    scenario.kube.delete(MODEL_ROLLOUT, NAME, scenario.namespace)
    until(lambda: not scenario.pods("v2"), "what the operator made to go")
    assert scenario.kube.get(SERVICE, NAME, scenario.namespace) == before
    assert traffic.next(100).versions == {"v1"}
    assert not traffic.all.failed
    scenario.kubectl("delete", "deployment", "theirs")
