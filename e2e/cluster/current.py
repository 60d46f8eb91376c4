"""Somebody's own cluster, which is used as it is: nothing is installed into it and nothing removed."""

from collections.abc import Mapping
from pathlib import Path

from e2e.cluster import control_plane, docker
from e2e.cluster.binaries import Binaries
from e2e.cluster.images import Images, reference
from e2e.cluster.kubectl import Kubectl
from e2e.cluster.progress import Progress


class CurrentClusterError(RuntimeError):
    """The cluster lacks something, or something is asked that only its owner may do."""


class CurrentCluster:
    """The cluster that a kubeconfig names."""

    def __init__(self, kubeconfig: Path, progress: Progress) -> None:
        self._kubeconfig = kubeconfig
        self._progress = progress
        self._kubectl = Kubectl(Binaries(progress).path("kubectl"), kubeconfig)

    @property
    def kubeconfig(self) -> Path:
        return self._kubeconfig

    def up(self) -> None:
        """Check that it answers and has what the operator needs. Raises CurrentClusterError."""
        if not control_plane.answers(self._kubectl):
            raise CurrentClusterError(f"the cluster of {self._kubeconfig} does not answer")
        if not self._kubectl("get", "gatewayclasses", "--output=name", "--ignore-not-found").strip():
            raise CurrentClusterError("the cluster has no GatewayClass: install a Gateway API implementation")

    def down(self) -> None:
        """Nothing: it is not ours."""
        self._progress.say("CLUSTER=current: the cluster stays as it is")

    def summary(self) -> list[str]:
        answers = "answers" if control_plane.answers(self._kubectl) else "does not answer"
        return [f"the cluster of {self._kubeconfig}: {answers}"]

    def build(self, name: str, containerfile: Path, context: Path, build_args: Mapping[str, str] | None = None) -> None:
        if docker.answers():
            docker.build(name, containerfile, context, build_args, self._progress)
        else:
            Images(self._progress).build(name, containerfile, context, build_args)

    def load(self, image: str) -> None:
        """Raises CurrentClusterError: only a registry can bring an image there."""
        raise CurrentClusterError(
            f"CLUSTER=current: push {reference(image)} to a registry that the cluster pulls from, and name it there"
        )
