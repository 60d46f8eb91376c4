"""What others do, on the same counts: for many rollouts at once, the first tick at which each is rolled back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.judgement.worlds import Arms

STRIKES = 5
WINDOW_TICKS = 2
"""One minute."""
LEVEL = 0.01

NEVER = np.iinfo(np.int64).max
Firsts = npt.NDArray[np.int64]


def five_strikes(arms: Sequence[Arms], limits: Sequence[float]) -> Firsts:
    """A fixed limit on the candidate's share of events in the last minute, looked at at every tick.

    The fifth failed look rolls back, whichever metric failed; passing looks between do not reset the count.
    """
    failed = np.zeros(arms[0].candidate_total.shape, dtype=bool)
    for arm, limit in zip(arms, limits, strict=True):
        events, total = _window(arm.candidate_events), _window(arm.candidate_total)
        failed |= (total > 0) & (events > limit * total)
    return _first(np.cumsum(failed, axis=1) >= STRIKES)


def peeked_z(arms: Sequence[Arms]) -> Firsts:
    """A one-sided test of two proportions on all that was counted so far, at level 0.01, looked at at every tick."""
    rejected = np.zeros(arms[0].candidate_total.shape, dtype=bool)
    for arm in arms:
        x1, n1, x2, n2 = (
            np.cumsum(column, axis=1).astype(float)
            for column in (arm.candidate_events, arm.candidate_total, arm.stable_events, arm.stable_total)
        )
        n1, n2 = np.maximum(n1, 1), np.maximum(n2, 1)
        pooled = (x1 + x2) / (n1 + n2)
        error = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / n1 + 1 / n2), 1e-300))
        rejected |= (x1 / n1 - x2 / n2) / error > Z_OF_LEVEL
    return _first(rejected)


Z_OF_LEVEL = 2.3263478740408408
"""The standard normal's 0.99 quantile."""


def _window(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    sums = np.cumsum(counts, axis=1)
    sums[:, WINDOW_TICKS:] -= sums[:, :-WINDOW_TICKS].copy()
    return sums


def _first(holds: npt.NDArray[np.bool_]) -> Firsts:
    return np.where(holds.any(axis=1), holds.argmax(axis=1), NEVER)
