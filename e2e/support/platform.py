"""What all scenarios share, made once a session: the cluster, the images, one Gateway, the operator from the chart."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from e2e.cluster import provider, shell
from e2e.cluster.binaries import Binaries
from e2e.cluster.kubectl import Kubectl
from e2e.cluster.progress import Progress
from e2e.support.kube import GATEWAY, MODEL_ROLLOUT, NAMESPACE, NODE, SERVICE, Kube, NotFoundError
from e2e.support.manifests import GATEWAY_NAME, GATEWAY_NAMESPACE, REPOSITORY
from e2e.support.waiting import until

RELEASE = "modelrollout-e2e"
OPERATOR_NAMESPACE = "modelrollout-e2e"
OPERATOR_PODS = (f"--selector=app.kubernetes.io/instance={RELEASE}", "--prefix", "--max-log-requests=10")
"""As arguments of `kubectl logs`: one acts, others stand by."""
OPERATOR_IMAGE = "localhost/modelrollout:1"
DIGITS_IMAGE = "localhost/digits:1"
CHART = str(REPOSITORY / "charts" / "modelrollout")
LABEL = "modelrollout-e2e"
"""Marks the namespaces that a session made."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Where things are.

    Attributes:
        gateway: address of the shared Gateway, as users outside of the cluster reach it.
        node: address of a node, where NodePorts answer.
        prometheus: address of the cluster's Prometheus from outside.
        started: whether this session brought the cluster up.
        home: directory that the session's processes share.
    """

    kubeconfig: str
    kubectl: str
    helm: str
    gateway: str
    node: str
    prometheus: str
    started: bool
    home: str

    def run_kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints. Raises shell.CommandError."""
        return Kubectl(Path(self.kubectl), Path(self.kubeconfig))(*arguments, stdin=stdin)

    def save(self) -> None:
        """For the session's other processes."""
        _file(Path(self.home)).write_text(json.dumps(asdict(self)), encoding="utf-8")


def known(home: Path) -> Platform | None:
    """The platform that another process of this session has made, if one has."""
    file = _file(home)
    return Platform(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def _file(home: Path) -> Path:
    return home / "platform.json"


def install(home: Path, served: Sequence[str], unserved: Sequence[str]) -> Platform:
    """Make everything.

    Args:
        served: namespaces that the operator of the chart serves.
        unserved: namespaces of scenarios that run an operator of their own.
    """
    progress = Progress()
    chosen, choice = provider.chosen(progress)
    binaries = Binaries(progress)
    kubectl = Kubectl(binaries.path("kubectl"), chosen.kubeconfig)
    started = not (chosen.kubeconfig.exists() and kubectl.succeeds("get", "--raw", "/readyz"))
    progress.say(f"cluster provider: {choice.kind} ({choice.because})")
    chosen.up()
    _images(chosen)
    kube = Kube(chosen.kubeconfig)
    _clear(kube)
    for name in (GATEWAY_NAMESPACE, OPERATOR_NAMESPACE, *served, *unserved):
        kube.create(namespace_manifest(name))
    with progress.task("gateway"):
        kube.create(_gateway())
        gateway, node = _address(kube), _node(kube)
    platform = Platform(
        kubeconfig=str(chosen.kubeconfig),
        kubectl=str(kubectl.program),
        helm=str(binaries.path("helm")),
        gateway=gateway,
        node=node,
        prometheus=f"http://{node}:{node_port(kube, 'monitoring', 'prometheus')}",
        started=started,
        home=str(home),
    )
    # Before the last step, so that whatever exists is removed at the end even where that fails.
    platform.save()
    with progress.task("operator"):
        _operator(platform, served)
    return platform


def uninstall(platform: Platform) -> None:
    """Remove everything that the session made; the cluster too, if the session started it and KEEP is not set."""
    if platform.started and not os.environ.get("KEEP"):
        provider.chosen(Progress())[0].down()
        return
    helm(platform, OPERATOR_NAMESPACE, "uninstall", RELEASE, "--ignore-not-found", "--wait", "--timeout", "120s")
    _clear(Kube(Path(platform.kubeconfig)))


def _images(chosen: provider.Provider) -> None:
    """Equal input is built once, and loaded again in no time."""
    digits = REPOSITORY / "examples" / "digits"
    chosen.build(DIGITS_IMAGE, digits / "Containerfile", digits)
    chosen.build(OPERATOR_IMAGE, REPOSITORY / "Containerfile", REPOSITORY)
    for image in (DIGITS_IMAGE, OPERATOR_IMAGE):
        chosen.load(image)


def operator_values(platform: Platform, served: Sequence[str]) -> dict[str, object]:
    """Values of the chart for an operator that serves some namespaces."""
    return {
        "image": {"repository": OPERATOR_IMAGE.partition(":")[0], "tag": OPERATOR_IMAGE.partition(":")[2]},
        "prometheus": {
            "url": "http://prometheus.monitoring:9090",
            "scrapeInterval": "1s",
            "scrapeTimeout": "900ms",
        },
        "watch": {"namespaces": list(served)},
        # For `trackConfig`.
        "rbac": {"readConfigMaps": True},
        # The image's name does not change with its content: another pod is wanted for each session.
        "podAnnotations": {"session": Path(platform.home).name},
    }


def _operator(platform: Platform, served: Sequence[str]) -> None:
    values = operator_values(platform, served)
    # A definition that was applied by hand, or that an earlier release has left, is taken over.
    flags = ["--install", "--take-ownership", "--wait", "--timeout", "180s", "--values", "-"]
    try:
        helm(platform, OPERATOR_NAMESPACE, "upgrade", RELEASE, CHART, *flags, stdin=json.dumps(values))
    except shell.CommandError as error:
        error.add_note(_last_words(platform))
        raise


def _last_words(platform: Platform) -> str:
    """What the operator that did not become ready says."""
    words = []
    for arguments in (["get", "pods"], ["get", "events"], ["logs", *OPERATOR_PODS, "--tail=30"]):
        try:
            words.append(platform.run_kubectl("--namespace", OPERATOR_NAMESPACE, *arguments))
        except shell.CommandError as error:
            words.append(str(error))
    return "\n".join(words)


def helm(platform: Platform, namespace: str, command: str, *arguments: str, stdin: str | None = None) -> None:
    """Run helm. Raises shell.CommandError with what helm says."""
    argv = [platform.helm, command, "--namespace", namespace, *arguments]
    shell.run(argv, env={"KUBECONFIG": platform.kubeconfig}, stdin=stdin)


def namespace_manifest(name: str) -> dict[str, object]:
    """A namespace that the session removes at its end."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {LABEL: "true"}}}


def _clear(kube: Kube) -> None:
    """Remove the namespaces of this session, or of one that was killed."""
    names = [found["metadata"]["name"] for found in kube.list(NAMESPACE, selector=LABEL)]
    for name in names:
        kube.delete(NAMESPACE, name)
    for name in names:
        until(lambda name=name: _has_gone(kube, name), f"namespace {name} to go", every=1.0)  # type: ignore[misc]


def _has_gone(kube: Kube, namespace: str) -> bool:
    """Whether a namespace is gone; what holds it is freed."""
    if kube.get(NAMESPACE, namespace) is None:
        return True
    for rollout in kube.list(MODEL_ROLLOUT, namespace) if kube.knows(MODEL_ROLLOUT) else ():
        # The operator that would take its finalizer off may have been killed with its session, or be about to end.
        if rollout["metadata"].get("finalizers"):
            with suppress(NotFoundError):
                kube.merge(MODEL_ROLLOUT, rollout["metadata"]["name"], namespace, {"metadata": {"finalizers": None}})
    return False


def _gateway() -> dict[str, object]:
    listener = {"name": "http", "protocol": "HTTP", "port": 80, "allowedRoutes": {"namespaces": {"from": "All"}}}
    return {
        "apiVersion": GATEWAY[0],
        "kind": GATEWAY[1],
        "metadata": {"name": GATEWAY_NAME, "namespace": GATEWAY_NAMESPACE},
        "spec": {"gatewayClassName": "eg", "listeners": [listener]},
    }


def _address(kube: Kube) -> str:
    """Where users reach the Gateway, once its proxy runs."""

    def programmed() -> bool:
        gateway = kube.get(GATEWAY, GATEWAY_NAME, GATEWAY_NAMESPACE) or {}
        conditions = gateway.get("status", {}).get("conditions", [])
        return any(one["type"] == "Programmed" and one["status"] == "True" for one in conditions)

    until(programmed, "the shared Gateway to be programmed")
    owner = f"gateway.envoyproxy.io/owning-gateway-namespace={GATEWAY_NAMESPACE}"
    service = kube.list(SERVICE, selector=owner)[0]["metadata"]
    return f"http://{_node(kube)}:{node_port(kube, service['namespace'], service['name'])}"


def _node(kube: Kube) -> str:
    addresses = kube.list(NODE)[0]["status"]["addresses"]
    return str(next(one["address"] for one in addresses if one["type"] == "InternalIP"))


def node_port(kube: Kube, namespace: str, name: str) -> int:
    """The port of every node that leads to a Service of type NodePort."""
    service = kube.get(SERVICE, name, namespace)
    if service is None:
        raise LookupError(f"there is no Service {namespace}/{name}: the scenarios need it")
    return int(service["spec"]["ports"][0]["nodePort"])
