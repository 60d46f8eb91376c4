"""kubectl for one cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import shell


@dataclass(frozen=True)
class Kubectl:
    """The program and the cluster that it talks to."""

    program: Path
    kubeconfig: Path

    @property
    def environment(self) -> Mapping[str, str]:
        return {"KUBECONFIG": str(self.kubeconfig)}

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it prints. Raises shell.CommandError."""
        return shell.run([self.program, *arguments], env=self.environment, stdin=stdin)

    def succeeds(self, *arguments: str) -> bool:
        return shell.succeeds([self.program, *arguments], env=self.environment)

    def apply(self, manifests: str) -> None:
        """Apply YAML documents."""
        self("apply", "--filename", "-", stdin=manifests)

    def rolled_out(self, deployment: str, *, namespace: str, seconds: int) -> None:
        """Wait until a Deployment runs as declared. Raises shell.CommandError when that takes too long."""
        self("--namespace", namespace, "rollout", "status", f"deployment/{deployment}", f"--timeout={seconds}s")
