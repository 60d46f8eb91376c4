"""Observations of a rollout whose revisions have many pods: 10 are wanted, all that there are is ready."""

from __future__ import annotations

from typing import Any

from modelrollout.engine.situation import Observation
from tests.support.scenes import CANDIDATE, STABLE, Raw, pods, raw_spec, stepping, with_attempt, with_pods

FULL = 10


def sized(stable: int | None = FULL, candidate: int = FULL, position: int = 1, **others: Any) -> Observation:
    """A step with that many pods."""
    raw = raw_spec("2", replicas=others.pop("replicas", FULL), **others)
    seen = with_attempt(stepping(position, raw), stable_replicas=stable)
    return with_pods(seen, pods(STABLE, stable or FULL, stable or FULL), pods(CANDIDATE, candidate, candidate))


def by_weight(position: int = 1, candidate: int = FULL, **others: Any) -> Observation:
    """The same, with as many pods of the candidate as its weight needs."""
    return sized(candidate=candidate, position=position, deployment={"scaleWithWeight": True}, **others)


SHADOW_10: tuple[Raw, ...] = ({"name": "shadow", "shadow": {"percent": 10}}, {"name": "full", "weight": 100})
HOLDBACK: tuple[Raw, ...] = ({"name": "canary", "weight": 5}, {"name": "full", "weight": 100, "holdback": 20})
