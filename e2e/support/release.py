"""An operator that helm installs for one scenario alone, so that the scenario may uninstall it."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.cluster import shell
from e2e.support.kube import DEPLOYMENT, NAMESPACE, POD, Kube, Object
from e2e.support.platform import CHART, Platform, helm, namespace_manifest, operator_values
from e2e.support.waiting import until


class Release:
    """Lives in a namespace of its own and serves that and another, with the rights that the chart gives it in both."""

    def __init__(self, platform: Platform, served: str) -> None:
        self._platform, self._served = platform, served
        self._kube = Kube(Path(platform.kubeconfig))
        # Names of its ClusterRoles are made of it.
        self._name = f"modelrollout-{served.removeprefix('e2e-')}"
        self.namespace = f"{served}-home"

    def install(self) -> None:
        """As a person does; returns when the operator is ready."""
        self._kube.create(namespace_manifest(self.namespace))
        # The definition is the session's, and stays when this release goes.
        values = operator_values(self._platform, [self._served, self.namespace])
        values |= {"replicas": 1, "crds": {"install": False}}
        flags = ["--install", "--wait", "--timeout", "180s", "--values", "-"]
        helm(self._platform, self.namespace, "upgrade", self._name, CHART, *flags, stdin=json.dumps(values))

    def uninstall(self) -> None:
        """As a person does. Raises shell.CommandError where helm says that it failed."""
        flags = ["--ignore-not-found", "--wait", "--timeout", "120s"]
        helm(self._platform, self.namespace, "uninstall", self._name, *flags)

    def remove(self) -> None:
        """Uninstall it if it is there, and remove its namespace."""
        self.uninstall()
        self._kube.delete(NAMESPACE, self.namespace)
        until(lambda: self._kube.get(NAMESPACE, self.namespace) is None, f"namespace {self.namespace} to go")

    def restart(self) -> None:
        """Replace its pod by another; returns when that one is ready. Raises shell.CommandError where it never is."""
        (deployment,) = self._kube.list(DEPLOYMENT, self.namespace)
        name = f"deployment/{deployment['metadata']['name']}"
        self._platform.run_kubectl("--namespace", self.namespace, "rollout", "restart", name)
        self._platform.run_kubectl("--namespace", self.namespace, "rollout", "status", name, "--timeout=90s")

    @property
    def pods(self) -> list[Object]:
        """The operator's pods."""
        return self._kube.list(POD, self.namespace, f"app.kubernetes.io/instance={self._name}")

    def tail(self) -> str:
        """The ends of the logs of the operator, and of a Job before its end."""
        try:
            return "\n".join(self._log(label) for label in ("instance", "part-of"))
        except shell.CommandError as error:
            return str(error)

    def _log(self, label: str) -> str:
        selector = f"--selector=app.kubernetes.io/{label}={self._name}"
        return self._platform.run_kubectl("--namespace", self.namespace, "logs", selector, "--prefix", "--tail=60")
