"""A real kube-apiserver with our resource and the Gateway API's in it; no controllers, no nodes, no pods."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import CONTROL_PLANE, Cluster
from e2e.cluster.shell import wait_until
from modelrollout.api.names import GROUP, PLURAL

REPOSITORY = Path(__file__).resolve().parents[2]
CRD = REPOSITORY / "crds" / f"{PLURAL}.{GROUP}.yaml"


class KubectlError(AssertionError):
    """kubectl failed; the message is all that it said."""


@dataclass(frozen=True)
class Outcome:
    """What became of a kubectl command."""

    succeeded: bool
    output: str
    errors: str


@dataclass(frozen=True)
class ApiServer:
    """How to reach the API server, as its administrator."""

    kubeconfig: Path
    program: Path

    def attempt(self, *arguments: str, stdin: str | None = None) -> Outcome:
        """Run kubectl, whatever comes of it."""
        done = subprocess.run(
            [str(self.program), *arguments],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            input=stdin or "",
            capture_output=True,
            text=True,
            check=False,
        )
        return Outcome(done.returncode == 0, done.stdout, done.stderr)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it printed. Raises KubectlError."""
        outcome = self.attempt(*arguments, stdin=stdin)
        if not outcome.succeeded:
            raise KubectlError(f"kubectl {' '.join(arguments)}:\n{outcome.output}{outcome.errors}")
        return outcome.output

    def make_namespace(self) -> str:
        """A namespace that nobody else uses. Nothing removes it: that takes controllers, and the server goes anyway."""
        name = f"test-{uuid.uuid4().hex[:10]}"
        self.kubectl("create", "namespace", name)
        return name


@contextmanager
def running_api_server(state: Path) -> Iterator[ApiServer]:
    """Start one with its state in that directory, and the resource by plain `kubectl apply`; stop it at the end."""
    cluster = Cluster("component", state=state)
    cluster.up(CONTROL_PLANE)
    try:
        server = ApiServer(cluster.kubeconfig, cluster.binaries.path("kubectl"))
        server.kubectl("apply", "--filename", str(CRD))
        server.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/{PLURAL}.{GROUP}")
        # The schema is published a moment after the CRD is established: kubectl validates and explains with it.
        wait_until(lambda: server.attempt("explain", PLURAL).succeeded, "kubectl explain", seconds=60)
        yield server
    finally:
        cluster.down()
