"""Looks at a step, as a judge gets them."""

from __future__ import annotations

from modelrollout.engine.situation import Observation
from modelrollout.runtime.looking import Look
from modelrollout.runtime.settings import Settings
from tests.support.scenes import NOW, STABLE


def look_at(seen: Observation, settings: Settings, seconds_ago: float = 0.0, *, offset: float = 0.0) -> Look:
    """A look at the step of an observation, so many seconds before `NOW`, by a Prometheus whose clock is ahead."""
    attempt = seen.status.attempt
    assert attempt is not None
    assert attempt.step is not None
    return Look(
        rollout=seen.rollout,
        stable=STABLE.hash,
        stable_version=STABLE.version,
        attempt=attempt,
        step=attempt.step,
        settings=settings,
        now=NOW.timestamp() - seconds_ago + offset,
        offset=offset,
    )
