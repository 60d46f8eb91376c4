"""A simulated day of the stable revision, and what its evidence would be divided by for it."""

from __future__ import annotations

import numpy as np

from benchmarks.judgement.judged import TICK_SECONDS
from benchmarks.judgement.worlds import WORLDS, requests
from modelrollout.analysis.dispersion import FLOOR, Spread, factor_of, spread_of
from modelrollout.analysis.evidence import Counts

HOURS = 24
MINUTES = 10
"""Of each hour: what the operator reads (`runtime/spreads.py`)."""


def measured(dice: np.random.Generator, world: str, traffic: float, rate: float) -> float:
    """What a metric's evidence is divided by where nobody declares anything: two pods, ten minutes of each hour."""
    sent = requests(dice, HOURS, np.full(MINUTES, 50), traffic * 60 / TICK_SECONDS)
    one, other = WORLDS[world](dice, sent, np.full((2, MINUTES), rate))
    spans = []
    for hour in range(HOURS):
        pods = zip(one[hour], sent.candidate[hour], other[hour], sent.stable[hour], strict=True)
        ticks = (spread_of((Counts(int(a), int(b)), Counts(int(c), int(d)))) for a, b, c, d in pods)
        spans.append(sum(ticks, Spread()))
    return max(FLOOR, factor_of(spans) or FLOOR)
