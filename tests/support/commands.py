"""Scenes as `kubectl mr` reads them."""

from __future__ import annotations

from typing import Any

from modelrollout.cli.seeing import Seen, seen
from modelrollout.engine.decide import decide
from modelrollout.engine.revisions import Revision
from modelrollout.engine.situation import Observation


def raw_of(scene: Observation, *, decided: bool = False) -> dict[str, Any]:
    """The object as the API server has it.

    Args:
        decided: whether the operator has looked at it.
    """
    rollout = scene.rollout
    status = decide(scene).status if decided else rollout.status
    return {
        "metadata": {
            "namespace": rollout.key.namespace,
            "name": rollout.key.name,
            "resourceVersion": rollout.resource_version,
            "creationTimestamp": "2026-01-01T11:00:00Z",
            "annotations": dict(rollout.annotations),
        },
        "spec": dict(rollout.raw_spec),
        "status": status.dump(),
    }


def seen_of(scene: object, *, decided: bool = False) -> Seen:
    """The scene as the plugin sees it."""
    assert isinstance(scene, Observation)
    return seen(raw_of(scene, decided=decided))


def described(revision: object) -> str:
    """Its hash."""
    assert isinstance(revision, Revision)
    return revision.hash
