"""A/A on history: the pods of one revision as two halves, of which one plays the candidate of the other.

Both are the same model, so every rollback is a false alarm: how many there are on the user's own traffic tells what the
metrics and limits are worth, and nothing has to be deployed for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from modelrollout.api.resource import ModelRollout
from modelrollout.api.services import PODS_MAX, ServiceStatus
from modelrollout.api.status import RevisionRef
from modelrollout.engine.behind import BEFORE_UID
from modelrollout.metrics.provider import MetricProvider
from modelrollout.runtime.looking import scope_of
from modelrollout.runtime.replay import Moment, Trial, replayed
from modelrollout.runtime.settings import Settings

STABLE: Final = RevisionRef(revision="aa-stable", version="A")
CANDIDATE: Final = RevisionRef(revision="aa-candidate", version="A")
_LOOK: Final = timedelta(minutes=5)
_BETWEEN: Final = timedelta(hours=1)
"""Pods are looked for in five minutes of each hour."""


async def pods_of(
    rollout: ModelRollout, trial: Trial, provider: MetricProvider, settings: Settings
) -> tuple[str, ...] | str:
    """The pods of the trial's stable revision in its time, or why they are not known."""
    scope = scope_of(rollout, settings)
    found: set[str] = set()
    at = trial.begin
    while at < trial.end:
        until = min(at + _LOOK, trial.end)
        for part in scope.selectors(trial.stable.revision):
            answer = await provider.raw(f"up{{{part.matchers}}}", until.timestamp(), (until - at).total_seconds())
            if not isinstance(answer, tuple):
                return getattr(answer, "message", "the answer is not whole")
            found |= {scope.pod_of(series.labels) for series in answer}
        at += _BETWEEN
    return tuple(sorted(found - {""}))


def halved(pods: Iterable[str], since: datetime) -> tuple[ServiceStatus, ServiceStatus]:
    """Every second pod to each half, as status names pods that no name of ours tells.

    Raises:
        ValueError: there are fewer than two pods, or more than can be named.
    """
    names = sorted(pods)
    if not 2 <= len(names) <= PODS_MAX:
        raise ValueError(f"from 2 to {PODS_MAX} pods can be halved, not {len(names)}")
    groups = [f"{name}{BEFORE_UID}" for name in names]
    return (
        ServiceStatus(revision=STABLE.revision, service="aa", pods=tuple(groups[::2]), since=since),
        ServiceStatus(revision=CANDIDATE.revision, service="aa", pods=tuple(groups[1::2]), since=since),
    )


async def trials(
    rollout: ModelRollout, trial: Trial, provider: MetricProvider, settings: Settings
) -> AsyncIterator[Moment]:
    """One rollout after another, as many as history has room for: how each ended; the last may be open.

    Args:
        trial: with both halves as `pods`.
    """
    begin = trial.begin
    while begin < trial.end:
        last: Moment | None = None
        async for moment in replayed(rollout, replace(trial, begin=begin), provider, settings):
            last = moment
        if last is None:
            return
        yield last
        if not last.is_end:
            return
        begin = last.at + settings.scrape_interval
