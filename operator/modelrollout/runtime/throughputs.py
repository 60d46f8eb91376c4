"""Measures what the candidate's pods answer in time, where `spec.capacity` states a goal."""

from __future__ import annotations

import asyncio
from typing import Final

from modelrollout.engine.observed import Throughput
from modelrollout.engine.throughput import measured_by
from modelrollout.metrics.edges import EVERYTHING, bucket_of, is_native, with_matcher
from modelrollout.metrics.natives import at_edge
from modelrollout.metrics.provider import MetricProvider
from modelrollout.metrics.series import series_of
from modelrollout.metrics.throughput import answered
from modelrollout.runtime.looking import Look

SPAN_SECONDS: Final = 60.0
"""Over how long throughput is measured: load varies by the second, and pods come and go in minutes."""


async def throughput_of(look: Look, provider: MetricProvider) -> Throughput | None:
    """What a pod of the candidate answers now; None where no goal is stated, or nothing is known.

    Only of the step's own time: a step before had another load, and perhaps other pods.
    """
    goal, metric = look.rollout.spec.capacity, measured_by(look.rollout.spec)
    if goal is None or metric is None or metric.histogram is None:
        return None
    seconds = min(SPAN_SECONDS, look.now - look.step_since)
    if seconds < SPAN_SECONDS / 2:
        return None
    buckets = metric.histogram.buckets
    native, edge = is_native(buckets), goal.p99
    selectors = (buckets,) if native else (with_matcher(buckets, EVERYTHING), bucket_of(buckets, edge))
    revision = (look.attempt.revision,)
    found = await asyncio.gather(
        *(series_of(provider, each, look.scope, revision, at=look.now, seconds=seconds) for each in selectors)
    )
    total, in_time = found[0], found[-1]
    if not isinstance(total, tuple) or not isinstance(in_time, tuple):
        return None
    below = at_edge(in_time, float(edge)) if native else in_time
    # A goal that is no bound is no edge: nothing is known of what lies beyond it.
    each = answered(total, below if isinstance(below, tuple) else (), look.scope)
    return None if each is None else Throughput(each.each_pod, each.requests, each.late)
