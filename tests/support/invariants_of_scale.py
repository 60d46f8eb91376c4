"""What must always hold of how many pods there are: DESIGN.md, 5.1 and 5.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from modelrollout.engine.plan import Action
from modelrollout.engine.steps import after, steps_of
from tests.support.made import Made

FORWARD: Final = frozenset({"Passed", "InconclusiveAdvance"})


def no_more_weight_than_pods(made: Made) -> None:
    """1: evidence opens a step, and the promotion, only over pods that can answer its share."""
    if made.plan.reason not in FORWARD or made.plan.action not in {Action.ENTER, Action.PROMOTE}:
        return
    assert made.candidate is not None
    following = after(steps_of(made.seen.rollout.spec), made.position)
    share = 100 if following is None or following.is_preview else max(following.weight, following.mirror_percent)
    assert 100 * made.candidate.ready_endpoints >= share * _all_pods(made)


def _all_pods(made: Made) -> int:
    workload = made.seen.rollout.spec.workload
    if workload.autoscaling is None:
        return workload.replicas
    assert made.attempt is not None
    loaded = (made.attempt.stable_replicas or 0, (made.stable.replicas if made.stable else 0) or 0)
    return min(max(workload.replicas, *loaded), workload.autoscaling.max_replicas)


def load_takes_nothing_from_the_way_back(made: Made) -> None:
    """5: while a rollout moves, stable has no fewer pods than at its start, whatever its autoscaler thinks."""
    status = made.plan.status
    if made.seen.problems or status.attempt is None or status.stable is None or not status.attempt.stable_replicas:
        return
    bounds = made.plan.bounds.get(status.stable.revision)
    assert bounds is None or bounds.fewest >= status.attempt.stable_replicas
    assert made.plan.replicas[status.stable.revision] >= status.attempt.stable_replicas


def only_what_serves_is_autoscaled(made: Made) -> None:
    """4, 5: nothing scales what drains, is kept warm or has stopped."""
    status = made.plan.status
    serving = {ref.revision for ref in (status.stable, status.attempt) if ref is not None} | {made.seen.desired.hash}
    for revision, bounds in made.plan.bounds.items():
        assert bounds is None or revision in serving
        assert bounds is None or made.plan.replicas[revision] >= bounds.fewest >= 1
        assert bounds is None or bounds.fewest <= bounds.most


OF_SCALE: Final[tuple[Callable[[Made], None], ...]] = (
    no_more_weight_than_pods,
    load_takes_nothing_from_the_way_back,
    only_what_serves_is_autoscaled,
)
