"""What rollouts cost: those that are at rest, and one that moves."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from benchmarks import meters
from benchmarks.meters import Reading
from benchmarks.platform import NAMESPACES, Bench
from benchmarks.subject import serving
from e2e.cluster.progress import Progress
from e2e.support.manifests import REPOSITORY
from e2e.support.waiting import until

SETTLE = 30.0
"""Seconds after the last change before anything is counted: what a change still brings about is not rest."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What was counted in a span.

    Attributes:
        rollouts: how many there were, all in the same state.
        api: requests to the API server, watches, the resync's lists and the Lease apart.
        own: of them, those that the operator's own client made. The rest are of its watching library.
        lists, watches, lease: those that `api` leaves out.
        resident_megabytes: at the end.
    """

    rollouts: int
    seconds: float
    api: float
    own: float
    lists: float
    watches: float
    lease: float
    prometheus: float
    reconciles: float
    cpu_seconds: float
    resident_megabytes: float


def measure_idle(bench: Bench, progress: Progress, seconds: float) -> dict[str, object]:
    """Rollouts that have reached their goal, one in each namespace, without users."""
    with ExitStack() as stack:
        for namespace in NAMESPACES:
            stack.enter_context(serving(bench, namespace))
        costs = _over(bench, len(NAMESPACES), seconds)
    progress.say(f"idle: {costs}")
    return asdict(costs)


def measure_moving(bench: Bench, progress: Progress, seconds: float, seed: int) -> dict[str, object]:
    """One rollout that is judged by three metrics every second, in a step that does not end."""
    # The example's own: a ratio with max and noWorseThan, a query with noWorseThan, a ratio with min.
    example: Path = REPOSITORY / "examples" / "digits" / "manifests" / "rollout.yaml"
    metrics = yaml.safe_load(example.read_text(encoding="utf-8"))["spec"]["metrics"]
    with serving(bench, NAMESPACES[0], {"metrics": metrics}) as subject:
        clients = subject.clients(bad_share=0.0, seed=seed)
        try:
            subject.apply("v2", "v2", {"metrics": metrics})
            subject.scenario.until_step("canary")
            costs = _over(bench, 1, seconds)
            assert subject.scenario.journal.moments[-1].status.attempt is not None, "v2 lost its step"
        finally:
            clients.stop()
    progress.say(f"moving: {costs}")
    return asdict(costs)


def _over(bench: Bench, rollouts: int, seconds: float) -> Costs:
    _wait(SETTLE)
    before = meters.read(bench)
    _wait(seconds)
    return _between(before, meters.read(bench), rollouts)


def _wait(seconds: float) -> None:
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() >= end, "the time to pass", seconds=seconds + 60, every=1.0)


def _between(before: Reading, after: Reading, rollouts: int) -> Costs:
    lists, lease = after.lists - before.lists, after.lease - before.lease
    return Costs(
        rollouts=rollouts,
        seconds=after.at - before.at,
        api=after.api - before.api - lists - lease,
        own=after.own - before.own - lists - lease,
        lists=lists,
        watches=after.watches - before.watches,
        lease=lease,
        prometheus=after.prometheus - before.prometheus,
        reconciles=after.reconciles - before.reconciles,
        cpu_seconds=after.cpu_seconds - before.cpu_seconds,
        resident_megabytes=after.resident_bytes / 1e6,
    )
