"""Names that the cluster sees: group, labels, annotations. Each is part of the API and changes only with it."""

from __future__ import annotations

from typing import Final

GROUP: Final = "modelrollout.io"
VERSION: Final = "v1alpha1"
KIND: Final = "ModelRollout"
PLURAL: Final = "modelrollouts"
API_VERSION: Final = f"{GROUP}/{VERSION}"

FIELD_MANAGER: Final = "modelrollout"

LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "modelrollout"
LABEL_NAME: Final = f"{GROUP}/name"
LABEL_REVISION: Final = f"{GROUP}/revision"

ANNOTATION_APPLIED: Final = f"{GROUP}/applied-hash"
"""Hash of what the operator last applied.

Fields cannot be compared, because the API server normalises them: `1000m` reads back as `1`.
"""
ANNOTATION_SEQUENCE: Final = f"{GROUP}/sequence"
"""On the route: the sequence number of the decision that its weights carry out."""
ANNOTATION_DECISION: Final = f"{GROUP}/decision"
"""On the route: that decision as JSON, so that a crash before the status write loses nothing."""


def mark(annotation: str, rollout: str) -> str:
    """Name of the annotation on a route that somebody else owns: several ModelRollouts may each have a rule of it."""
    return f"{annotation}-{rollout}"


ROLE_HEADER: Final = "x-modelrollout-role"
"""On requests: what the model that answers is trusted to do."""

FINALIZER: Final = f"{GROUP}/release"
"""On a ModelRollout that has something to give back before it may go."""

ANNOTATION_LEFT_BY: Final = f"{GROUP}/left-by"
"""On what outlived its ModelRollout: whose it was. Another one of the same name may take it over."""

NAME_PATTERN: Final = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
NAME_MAX: Final = 52
"""DNS-1035 label of 63, less a dash and a revision hash of ten characters."""
NAME_MESSAGE: Final = (
    f"metadata.name must be at most {NAME_MAX} characters of a-z, 0-9 and -, begin with a letter and end with a letter"
    " or digit: Services and Deployments are named after it"
)


def preview_name(rollout: str) -> str:
    """Name of the Service and the HTTPRoute of a preview."""
    return f"{rollout}-preview"
