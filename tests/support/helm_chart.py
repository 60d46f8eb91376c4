"""The chart, rendered by the helm binary. `python -m tests.support.helm_chart` writes the expected renderings again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from e2e.cluster.binaries import Binaries
from e2e.cluster.progress import Progress

REPOSITORY: Final = Path(__file__).resolve().parents[2]
CHART: Final = REPOSITORY / "charts" / "modelrollout"
DATA: Final = REPOSITORY / "tests" / "data" / "chart"
NAMESPACE: Final = "modelrollout-system"
KUBERNETES: Final = "1.34.4"

Manifest = dict[str, Any]


class HelmError(AssertionError):
    """helm failed; the message is what it said."""


@cache
def _program() -> Path:
    return Binaries(Progress()).path("helm")


def helm(*arguments: str | Path) -> str:
    """Run helm and return what it printed. Raises HelmError."""
    done = subprocess.run([str(_program()), *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HelmError(f"{done.stdout}{done.stderr}")
    return done.stdout


def cases() -> list[Path]:
    """Files of values."""
    return sorted(DATA.glob("*.values.yaml"))


def expected_file(values: Path) -> Path:
    """Where the expected rendering of these values is kept."""
    return values.with_name(values.name.replace(".values.", ".expected."))


def render(*arguments: str | Path) -> str:
    """What `helm template` gives. Raises HelmError."""
    fixed = ("modelrollout", CHART, "--namespace", NAMESPACE, "--kube-version", KUBERNETES)
    return helm("template", *fixed, *arguments)


def without_crd(rendered: str) -> str:
    """The rendering without the CRD, which has a test of its own."""
    documents = rendered.split("---\n")
    return "---\n".join(text for text in documents if "kind: CustomResourceDefinition" not in text)


def manifests(rendered: str) -> list[Manifest]:
    """The objects in a rendering."""
    return [document for document in yaml.safe_load_all(rendered) if document]


def one(objects: Iterable[Manifest], kind: str) -> Manifest:
    """The only object of that kind."""
    (found,) = (manifest for manifest in objects if manifest["kind"] == kind)
    return found


def operator_environment(objects: Iterable[Manifest]) -> dict[str, str]:
    """The environment variables that the operator's container gets as text."""
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}


def main() -> None:
    """Write what is rendered now as what is expected."""
    for values in cases():
        expected_file(values).write_text(without_crd(render("--values", values)), encoding="utf-8")


if __name__ == "__main__":
    main()
