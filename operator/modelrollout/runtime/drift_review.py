"""What can be said of a `drift` metric before any traffic moves."""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.api.drift import Drift
from modelrollout.metrics.edges import check_buckets
from modelrollout.metrics.promql import check_ratio_selector
from modelrollout.metrics.snapshots import snapshot_problem


def drift_problems(drift: Drift) -> Iterator[str]:
    """What is wrong, each as `field: what to write instead`."""
    problem = check_buckets(drift.of) if drift.label is None else check_ratio_selector(drift.of)
    if problem is not None:
        yield f"of: {problem}"
    if drift.reference is None or drift.reference.snapshot is None:
        return
    bins = [(each.value, each.count) for each in drift.reference.snapshot]
    problem = snapshot_problem(bins, labelled=drift.label is not None)
    if problem is not None:
        yield f"reference.snapshot: {problem}"
