"""The CustomResourceDefinition, generated: `python -m modelrollout.api.crd`, in a clone of the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from modelrollout.api.model import cel
from modelrollout.api.names import GROUP, KIND, NAME_MAX, NAME_MESSAGE, NAME_PATTERN, PLURAL, VERSION
from modelrollout.api.schema import Schema, structural_schema
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import ModelRolloutStatus

_NAME: Final = f"{PLURAL}.{GROUP}.yaml"
ROOT: Final = Path(__file__).resolve().parents[3]
"""The clone; meaningless in an installed package."""
FILES: Final = (Path("crds") / _NAME, Path("charts/modelrollout/files") / _NAME)
"""Where it is written: for `kubectl apply`, and for the chart, which may only read its own folder."""
HEADER: Final = "# Generated from operator/modelrollout/api by `make generate`. Do not edit.\n"

_COLUMNS: Final = (
    ("Version", "string", ".spec.model.version", "Version of the model that is wanted.", 0),
    ("Stable", "string", ".status.stable.version", "Version that serves by default.", 0),
    ("Phase", "string", ".status.phase", "Where the rollout is.", 0),
    ("Stage", "string", ".status.stage", "Stage that is being judged.", 0),
    ("Weight", "integer", ".status.weight", "Percent of live requests that the candidate answers.", 0),
    ("Verdict", "string", ".status.verdict", "Why it is there.", 0),
    ("Stable-Revision", "string", ".status.stable.revision", "Hash of the stable revision.", 1),
    ("Candidate-Revision", "string", ".status.attempt.revision", "Hash of the candidate.", 1),
    ("Shadow", "integer", ".status.traffic.mirror", "Percent of requests mirrored to the candidate.", 1),
    ("Step-Started", "date", ".status.attempt.step.startedAt", "How long ago the step was decided.", 1),
    ("Next-Look", "string", ".status.nextLook", "When it is looked at again.", 1),
    ("Age", "date", ".metadata.creationTimestamp", "How long ago it was created.", 0),
)


def custom_resource_definition() -> Schema:
    """The whole manifest, as `kubectl apply` takes it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["mr"],
                "categories": ["ml"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
                    "schema": {"openAPIV3Schema": root_schema()},
                }
            ],
        },
    }


def _column(name: str, kind: str, path: str, description: str, priority: int) -> Schema:
    column: Schema = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column | {"priority": priority} if priority else column


def root_schema() -> Schema:
    """The schema of the whole object."""
    name_rule = f"self.metadata.name.size() <= {NAME_MAX} && self.metadata.name.matches('{NAME_PATTERN}')"
    return {
        "type": "object",
        "description": "A model that is served, and how a new version of it is put in front of users.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this schema."},
            "kind": {"type": "string", "description": f"Always {KIND}."},
            "metadata": {"type": "object"},
            "spec": structural_schema(ModelRolloutSpec, path="spec", tell_defaults=True),
            "status": structural_schema(ModelRolloutStatus, path="status", tell_defaults=False),
        },
        **cel((name_rule, NAME_MESSAGE)),
    }


class _PlainDumper(yaml.SafeDumper):
    """Writes repeated parts in full: anchors are hard to read, and not every tool resolves them."""

    def ignore_aliases(self, _data: object) -> bool:
        """Treat every value as new."""
        return True


def to_yaml() -> str:
    """The manifest as text."""
    return HEADER + yaml.dump(custom_resource_definition(), Dumper=_PlainDumper, sort_keys=False, width=120)


def main() -> None:
    """Write the manifest wherever the repository keeps it."""
    for file in FILES:
        (ROOT / file).write_text(to_yaml(), encoding="utf-8")


if __name__ == "__main__":
    main()
