"""A Prometheus of a scenario's own, which it may take away."""

from __future__ import annotations

from string import Template

from e2e.support.kube import POD
from e2e.support.platform import node_port
from e2e.support.scenario import Scenario
from e2e.support.waiting import until

NAME = "prometheus"
_MANIFESTS = Template("""
apiVersion: v1
kind: ServiceAccount
metadata: {name: prometheus, namespace: $namespace}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: prometheus, namespace: $namespace}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: prometheus, namespace: $namespace}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: prometheus}
subjects: [{kind: ServiceAccount, name: prometheus, namespace: $namespace}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prometheus, namespace: $namespace}
data:
  prometheus.yml: |
    global: {scrape_interval: 1s, scrape_timeout: 900ms}
    scrape_configs:
    - job_name: pods
      fallback_scrape_protocol: PrometheusText0.0.4
      kubernetes_sd_configs: [{role: pod, namespaces: {names: [$namespace]}}]
      relabel_configs:
      - {source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: "true", action: keep}
      - {source_labels: [__meta_kubernetes_pod_phase], regex: Pending|Succeeded|Failed, action: drop}
      - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: prometheus, namespace: $namespace}
spec:
  replicas: 1
  strategy: {type: Recreate}
  selector: {matchLabels: {app: prometheus}}
  template:
    metadata: {labels: {app: prometheus}}
    spec:
      serviceAccountName: prometheus
      securityContext: {runAsUser: 0}
      containers:
      - name: prometheus
        image: localhost/prometheus:1
        imagePullPolicy: IfNotPresent
        args: [--config.file=/etc/prometheus/prometheus.yml, --storage.tsdb.path=/data]
        readinessProbe:
          {httpGet: {path: /-/ready, port: 9090}, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 10}
        resources: {requests: {cpu: 100m}}
        volumeMounts: [{name: config, mountPath: /etc/prometheus}, {name: data, mountPath: /data}]
      volumes:
      - {name: config, configMap: {name: prometheus}}
      # What it measured is lost with its pod: evidence has to be gathered anew.
      - {name: data, emptyDir: {}}
---
apiVersion: v1
kind: Service
metadata: {name: prometheus, namespace: $namespace}
spec:
  type: NodePort
  selector: {app: prometheus}
  ports: [{port: 9090}]
""")


class OwnPrometheus:
    """One that measures a scenario's namespace, and nothing else."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        scenario.kubectl("apply", "--filename", "-", stdin=_MANIFESTS.substitute(namespace=scenario.namespace))
        self._until_available()

    @property
    def inside(self) -> str:
        """Its address, for an operator in the cluster."""
        return f"http://{NAME}.{self._scenario.namespace}:9090"

    @property
    def outside(self) -> str:
        """Its address, for an operator outside of the cluster."""
        return f"http://{self._scenario.platform.node}:{node_port(self._scenario.kube, self._scenario.namespace, NAME)}"

    def stop(self) -> None:
        """Take it away, with everything that it has measured; returns when it is gone."""
        self._scale(0)
        until(lambda: not self._scenario.kube.list(POD, self._scenario.namespace, "app=prometheus"), "Prometheus to go")

    def start(self) -> None:
        """Bring it back, empty."""
        self._scale(1)
        self._until_available()

    def _scale(self, replicas: int) -> None:
        self._scenario.kubectl("scale", f"deployment/{NAME}", f"--replicas={replicas}")

    def _until_available(self) -> None:
        self._scenario.kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=120s")
