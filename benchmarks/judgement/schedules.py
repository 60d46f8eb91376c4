"""What starts cost and gain: one comparison alone, starts every five minutes, and the weighted sum of all starts.

The setting in which one e-process alone takes some twenty minutes to see that a candidate went from 0.5 % to 2 %
errors after two good hours: 20 requests a second for the candidate, a harm limit of 1.25 times stable, level 0.01,
ticks of ten seconds. And the same with less and more traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.judgement.twin import ODDS, Many, log_blocks
from benchmarks.judgement.worlds import Floats
from modelrollout.analysis.eprocess import log_threshold
from modelrollout.analysis.starts import ATTEMPT

RATIO = 1.25
LEVEL = 0.01
SECONDS = 10.0
WEIGHT = 0.1
RATES = (0.005, 0.02)
"""Of the candidate before and after; stable has the first."""
GOOD = 720
"""Ticks: two hours."""
LATE = 720
EVERY = 30
"""Ticks between starts: five minutes."""
TRAFFIC = (20.0, 100.0, 200.0, 1000.0)
WAYS = ("alone", "at_start", "between", "judge")

Row = dict[str, Any]


def row(traffic: float, runs: int, seed: int) -> Row:
    """Median minutes from the change to harm, for each way to start."""
    dice = np.random.default_rng([seed, int(traffic)])
    at_start, between = _counts(dice, traffic, runs, GOOD), _counts(dice, traffic, runs, GOOD + EVERY // 2)
    sums, sums_between = _sums(at_start), _sums(between)
    return {
        "traffic": traffic,
        "runs": runs,
        "alone": _minutes(GOOD, runs, lambda tick: _log_e(sums[tick + 1])),
        "at_start": _minutes(GOOD, runs, lambda tick: _separately(sums, tick)),
        "between": _minutes(GOOD + EVERY // 2, runs, lambda tick: _separately(sums_between, tick)),
        "judge": _minutes(GOOD + EVERY // 2, runs, _judged(between)),
    }


def _counts(dice: np.random.Generator, traffic: float, runs: int, good: int) -> Floats:
    """Candidate's events and total, stable's events and total, by tick and run."""
    total = dice.poisson(traffic * SECONDS, (good + LATE, runs))
    candidate = dice.binomial(total, WEIGHT)
    rates = np.repeat(RATES, [good, LATE])[:, None]
    events = dice.binomial(candidate, rates), dice.binomial(total - candidate, RATES[0])
    return np.stack([events[0], candidate, events[1], total - candidate], axis=1).astype(float)


def _sums(counts: Floats) -> Floats:
    """Log likelihood ratios from the beginning to before each tick: shape (ticks + 1, runs, alternatives)."""
    known = np.cumsum(counts[:, 2:], axis=0) - counts[:, 2:]
    expected = known[:, 0] / np.maximum(known[:, 1], 1.0)
    found = np.zeros((len(counts) + 1, counts.shape[2], len(ODDS)))
    for tick, one in enumerate(counts):
        found[tick + 1] = found[tick] + log_blocks(RATIO, expected[tick], one)
    return found


def _separately(sums: Floats, tick: int) -> Floats:
    """The largest log e-value of all starts, each less what its own level alpha / (k (k + 1)) costs it."""
    starts = range(0, tick + 1, EVERY)
    each = [_log_e(sums[tick + 1] - sums[start]) - np.log(k * (k + 1)) for k, start in enumerate(starts, 1)]
    largest: Floats = np.max(each, axis=0)
    return largest


def _judged(counts: Floats) -> Callable[[int], Floats]:
    many = Many(counts.shape[2], RATIO, [1.0], ATTEMPT)
    ticks: Iterator[Floats] = iter(counts)

    def log_e(tick: int) -> Floats:
        del tick  # they come in order
        many.fold(next(ticks))
        found: Floats = many.log_e[0]
        return found

    for tick in range(GOOD + EVERY // 2):
        log_e(tick)
    return log_e


def _minutes(change: int, runs: int, log_e: Callable[[int], Floats]) -> float | None:
    """Median minutes until harm is found; None where half are not within two hours."""
    ends = np.full(runs, np.inf)
    for tick in range(change, change + LATE):
        found = log_e(tick) >= log_threshold(LEVEL)
        ends[found & np.isinf(ends)] = (tick + 1 - change) * SECONDS / 60
        if np.isfinite(ends).all():
            break
    middle = float(np.median(ends))
    return middle if np.isfinite(middle) else None


def _log_e(sums: Floats) -> Floats:
    top = sums.max(axis=1)
    found: Floats = top + np.log(np.exp(sums - top[:, None]).mean(axis=1))
    return found
