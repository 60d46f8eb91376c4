"""Which cluster to use: the one of KUBECONFIG when asked to, kind where Docker answers, else the one from nothing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from e2e.cluster import docker
from e2e.cluster.cluster import Cluster
from e2e.cluster.current import CurrentCluster
from e2e.cluster.kind import KindCluster
from e2e.cluster.paths import DEFAULT_NAME
from e2e.cluster.progress import Progress


class Kind(StrEnum):
    """The providers, in the order of preference."""

    CURRENT = "current"
    KIND = "kind"
    LOCAL = "local"


@dataclass(frozen=True)
class Choice:
    """A provider, and why this one."""

    kind: Kind
    because: str


class ChoiceError(RuntimeError):
    """CLUSTER names a provider that does not exist or cannot be used here."""


class Provider(Protocol):
    """A cluster, wherever it comes from."""

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        ...

    def up(self) -> None:
        """Bring it up, with everything that the operator needs of it; quickly, where it is up already."""

    def down(self) -> None:
        """Remove what `up` made."""

    def summary(self) -> list[str]:
        """What it is and how it is, in lines for people."""
        ...

    def build(
        self, name: str, containerfile: Path, context: Path, build_args: Mapping[str, str] | None = None
    ) -> object:
        """Build an image; equal input is built once."""

    def load(self, image: str) -> None:
        """Make an image that was built here known to the cluster's nodes."""


def choose(environ: Mapping[str, str], *, docker_answers: bool) -> Choice:
    """Pick a provider. Raises ChoiceError for a wish that cannot be met, naming what would meet it."""
    wish = environ.get("CLUSTER", "")
    if wish and wish not in list(Kind):
        raise ChoiceError(f"CLUSTER={wish}: use one of {', '.join(Kind)}, or leave it unset")
    if wish == Kind.CURRENT and not environ.get("KUBECONFIG"):
        raise ChoiceError("CLUSTER=current: set KUBECONFIG to the file that names the cluster to use")
    if wish == Kind.KIND and not docker_answers:
        raise ChoiceError("CLUSTER=kind: no Docker engine answers; start one, or leave CLUSTER unset")
    if wish:
        return Choice(Kind(wish), f"CLUSTER={wish}")
    if docker_answers:
        return Choice(Kind.KIND, "a Docker engine answers")
    return Choice(Kind.LOCAL, "no Docker engine answers")


def chosen(progress: Progress, name: str = DEFAULT_NAME, state: Path | None = None) -> tuple[Provider, Choice]:
    """The provider for this machine and environment. Raises ChoiceError."""
    choice = choose(os.environ, docker_answers=docker.answers())
    match choice.kind:
        case Kind.CURRENT:
            return CurrentCluster(Path(os.environ["KUBECONFIG"]), progress), choice
        case Kind.KIND:
            return KindCluster(name, state, progress), choice
        case Kind.LOCAL:
            return Cluster(name, state, progress), choice
