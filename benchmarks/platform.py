"""What all figures share: a cluster, a Gateway, namespaces, and an operator that helm installs for them alone."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import provider, shell
from e2e.cluster.binaries import Binaries
from e2e.cluster.kubectl import Kubectl
from e2e.cluster.progress import Progress
from e2e.support.kube import GATEWAY, NAMESPACE, NODE, POD, SERVICE, Kube
from e2e.support.manifests import REPOSITORY
from e2e.support.platform import DIGITS_IMAGE, Platform, node_port
from e2e.support.waiting import until

RELEASE = "modelrollout-bench"
"""The Helm release, its namespace, and with it the operator's Deployment, Service and FlowSchema."""
GATEWAY_NAMESPACE = "bench-gateway"
GATEWAY_NAME = "bench"
NAMESPACES = tuple(f"bench-{number}" for number in range(1, 6))
"""Where rollouts of benchmarks live. The operator serves these, and no other operator does."""
OPERATOR_IMAGE = "localhost/modelrollout-bench:1"
"""A name of its own: what is measured is not what a demo or a test on the same cluster happens to have loaded last."""
LABEL = "modelrollout-bench"
SCRAPE_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Bench:
    """Where things are."""

    platform: Platform
    kube: Kube

    @property
    def operator_pod(self) -> str:
        """The name of the operator's pod."""
        pods = self.kube.list(POD, RELEASE, f"app.kubernetes.io/instance={RELEASE}")
        running = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return str(running[0]["metadata"]["name"])


@contextmanager
def installed(progress: Progress) -> Iterator[Bench]:
    """Bring up what is not up yet; at the end remove what was made, unless KEEP is set."""
    with tempfile.TemporaryDirectory(prefix="modelrollout-bench-") as home:
        chosen, choice = provider.chosen(progress)
        progress.say(f"cluster provider: {choice.kind} ({choice.because})")
        binaries = Binaries(progress)
        kubectl = Kubectl(binaries.path("kubectl"), chosen.kubeconfig)
        started = not (chosen.kubeconfig.exists() and kubectl.succeeds("get", "--raw", "/readyz"))
        chosen.up()
        _images(chosen)
        kube = Kube(chosen.kubeconfig)
        _clear(kube)
        helm = _Helm(binaries.path("helm"), kubectl)
        try:
            with progress.task("namespaces, Gateway, operator"):
                bench = _install(kube, helm, Path(home), started=started)
            yield bench
        finally:
            if not os.environ.get("KEEP"):
                with progress.task("removing it all"):
                    helm.run("uninstall", RELEASE, "--ignore-not-found", "--wait", "--timeout", "120s")
                    _clear(kube)
                    if started:
                        chosen.down()


@dataclass(frozen=True, slots=True)
class _Helm:
    program: Path
    kubectl: Kubectl

    def run(self, command: str, *arguments: str, stdin: str | None = None) -> None:
        argv: shell.Command = [self.program, command, "--namespace", RELEASE, *arguments]
        shell.run(argv, env=self.kubectl.environment, stdin=stdin)


def _install(kube: Kube, helm: _Helm, home: Path, *, started: bool) -> Bench:
    for name in (GATEWAY_NAMESPACE, *NAMESPACES):
        kube.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {LABEL: "true"}}})
    listener = {"name": "http", "protocol": "HTTP", "port": 80, "allowedRoutes": {"namespaces": {"from": "All"}}}
    kube.create(
        {
            "apiVersion": GATEWAY[0],
            "kind": GATEWAY[1],
            "metadata": {"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE},
            "spec": {"gatewayClassName": os.environ.get("GATEWAY_CLASS", "eg"), "listeners": [listener]},
        }
    )
    _operator(helm, NAMESPACES, session=home.name)
    until(lambda: _programmed(kube), "the Gateway to be programmed")
    owner = f"gateway.envoyproxy.io/owning-gateway-namespace={GATEWAY_NAMESPACE}"
    service = kube.list(SERVICE, selector=owner)[0]["metadata"]
    addresses = kube.list(NODE)[0]["status"]["addresses"]
    node = str(next(one["address"] for one in addresses if one["type"] == "InternalIP"))
    platform = Platform(
        kubeconfig=str(helm.kubectl.kubeconfig),
        kubectl=str(helm.kubectl.program),
        helm=str(helm.program),
        gateway=f"http://{node}:{node_port(kube, service['namespace'], service['name'])}",
        node=node,
        prometheus=f"http://{node}:{node_port(kube, 'monitoring', 'prometheus')}",
        started=started,
        home=str(home),
    )
    return Bench(platform, kube)


def _images(chosen: provider.Provider) -> None:
    digits = REPOSITORY / "examples" / "digits"
    chosen.build(DIGITS_IMAGE, digits / "Containerfile", digits)
    chosen.build(OPERATOR_IMAGE, REPOSITORY / "Containerfile", REPOSITORY)
    for image in (DIGITS_IMAGE, OPERATOR_IMAGE):
        chosen.load(image)


def _operator(helm: _Helm, served: Sequence[str], session: str) -> None:
    repository, _, tag = OPERATOR_IMAGE.rpartition(":")
    values = {
        "image": {"repository": repository, "tag": tag},
        # What is measured is one process; one that stands by costs as much memory, and a request a second.
        "replicas": 1,
        "prometheus": {
            "url": "http://prometheus.monitoring:9090",
            "scrapeInterval": f"{SCRAPE_SECONDS}s",
            "scrapeTimeout": "900ms",
        },
        "watch": {"namespaces": list(served)},
        "flowSchema": {"enabled": True},
        # The image's name does not change with its content: another pod is wanted for each session.
        "podAnnotations": {"session": session},
    }
    flags = ["--install", "--create-namespace", "--take-ownership", "--wait", "--timeout", "180s", "--values", "-"]
    helm.run("upgrade", RELEASE, str(REPOSITORY / "charts" / "modelrollout"), *flags, stdin=json.dumps(values))


def _programmed(kube: Kube) -> bool:
    gateway = kube.get(GATEWAY, GATEWAY_NAME, GATEWAY_NAMESPACE) or {}
    conditions = gateway.get("status", {}).get("conditions", [])
    return any(one["type"] == "Programmed" and one["status"] == "True" for one in conditions)


def _clear(kube: Kube) -> None:
    names = [found["metadata"]["name"] for found in kube.list(NAMESPACE, selector=LABEL)]
    for name in names:
        kube.delete(NAMESPACE, name)
    for name in names:
        until(lambda name=name: kube.get(NAMESPACE, name) is None, f"namespace {name} to go")  # type: ignore[misc]
