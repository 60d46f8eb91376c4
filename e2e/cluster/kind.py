"""A cluster by kind, on a machine with a Docker engine: kind brings the node, its engine pulls the add-ons' images."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from e2e.cluster import control_plane, docker, shell
from e2e.cluster.addons import AddonImages, Addons
from e2e.cluster.binaries import Binaries
from e2e.cluster.images import reference
from e2e.cluster.kubectl import Kubectl
from e2e.cluster.paths import DEFAULT_NAME, Layout
from e2e.cluster.progress import Progress
from e2e.cluster.versions import ENVOY_GATEWAY, ENVOY_IMAGE, PROMETHEUS_IMAGE

_IMAGES = AddonImages(
    coredns="",  # kind installs its own
    envoy_gateway=f"docker.io/envoyproxy/gateway:v{ENVOY_GATEWAY}",
    envoy=f"docker.io/envoyproxy/envoy:{ENVOY_IMAGE}",
    prometheus=f"docker.io/prom/prometheus:v{PROMETHEUS_IMAGE}",
)


class KindCluster:
    """A kind cluster by its name."""

    def __init__(self, name: str = DEFAULT_NAME, state: Path | None = None, progress: Progress | None = None) -> None:
        self._layout = Layout.of(name, state)
        self._progress = progress if progress is not None else Progress()
        self._binaries = Binaries(self._progress)

    @property
    def kubeconfig(self) -> Path:
        return self._layout.kubeconfig

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self._binaries.path("kubectl"), self.kubeconfig)

    def up(self) -> None:
        """Create the cluster unless it exists, and install the add-ons. Raises shell.CommandError."""
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        with self._progress.task("kind cluster") as task:
            if self._layout.name in self._clusters():
                self._kind("export", "kubeconfig", "--kubeconfig", str(self.kubeconfig))
            else:
                argv = ["create", "cluster", "--kubeconfig", str(self.kubeconfig), "--wait", "180s"]
                shell.follow([self._program(), *argv, "--name", self._layout.name], lambda line: task.at(line[:60]))
        addons = Addons(self.kubectl, self._binaries, _IMAGES, self._layout.done, self._progress)
        addons.prometheus("/var/lib/modelrollout-prometheus")
        addons.envoy_gateway()

    def down(self) -> None:
        """Delete the cluster, and the notes about it."""
        if self._layout.name in self._clusters():
            self._kind("delete", "cluster")
        shutil.rmtree(self._layout.pki, ignore_errors=True)
        shutil.rmtree(self._layout.done, ignore_errors=True)

    def summary(self) -> list[str]:
        exists = self._layout.name in self._clusters()
        state = "answers" if exists and control_plane.answers(self.kubectl) else "down"
        return [f"kind cluster {self._layout.name}: {state if exists else 'does not exist'}"]

    def build(self, name: str, containerfile: Path, context: Path, build_args: Mapping[str, str] | None = None) -> None:
        docker.build(name, containerfile, context, build_args, self._progress)

    def load(self, image: str) -> None:
        if image.endswith(".tar"):
            self._kind("load", "image-archive", image)
        else:
            self._kind("load", "docker-image", reference(image))

    def _program(self) -> Path:
        found = shutil.which("kind")
        return Path(found) if found else self._binaries.path("kind")

    def _kind(self, *arguments: str) -> str:
        return shell.run([self._program(), *arguments, "--name", self._layout.name])

    def _clusters(self) -> list[str]:
        return shell.run([self._program(), "get", "clusters"]).split()
