"""The judge's search for harm, for many rollouts at once: arrays in place of `Comparison` and `Process`.

It knows one kind of metric, which is what the tables of harm are made of: a ratio with `noWorseThan: {ratio}`, in steps
that leave stable a share. It is no second opinion but a faster copy: a test holds its endings against those of the real
code in every world, and each cell of a table lets the real code judge some of its rollouts again (`tables.replayed`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.judgement.judged import Judged, Moment
from benchmarks.judgement.rules import NEVER, Firsts
from benchmarks.judgement.worlds import Arms, Floats
from modelrollout.analysis.eprocess import EXCESS_ODDS, log_threshold
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.starts import ALONE, ATTEMPT, Weights, step_share
from modelrollout.runtime.levels import declared_dispersion
from modelrollout.runtime.looking import limits_of

ODDS: Floats = np.array(EXCESS_ODDS)


class Many:
    """`Comparison` of a ratio, upwards, in many rollouts."""

    def __init__(self, runs: int, ratio: float, dispersion: float, weights: Weights) -> None:
        self._ratio, self._dispersion, self._weights = ratio, dispersion, weights
        self._open = np.zeros((4, runs))
        self._known = np.zeros((2, runs))
        self._blocks = np.zeros(runs, dtype=np.int64)
        self._sums = np.full((runs, len(ODDS)), -np.inf)

    def fold(self, counts: Floats) -> None:
        """Add a tick: the candidate's events and total, stable's events and total, of each rollout."""
        self._open += counts
        ready = np.flatnonzero((self._open[1] > 0) & (self._open[3] > 0))
        if not len(ready):
            return
        block, known = self._open[:, ready], self._known[:, ready]
        expected = np.divide(known[0], known[1], out=np.zeros(len(ready)), where=known[1] > 0)
        logs = log_blocks(self._ratio, expected, block) / self._dispersion
        weights = self._new_weights()[self._blocks[ready]]
        with np.errstate(divide="ignore"):
            started = np.log(weights)[:, None]
        self._sums[ready] = np.logaddexp(self._sums[ready], started) + logs
        self._known[:, ready] = known + block[2:]
        self._blocks[ready] += 1
        self._open[:, ready] = 0

    def _new_weights(self) -> Floats:
        later = [self._weights.after(number) for number in range(1, int(self._blocks.max()) + 1)]
        return np.array([self._weights.first, *later])

    @property
    def log_e(self) -> Floats:
        """The log e-values so far."""
        top = self._sums.max(axis=1)
        known = np.isfinite(top)
        found = np.zeros(len(top))
        found[known] = top[known] + np.log(np.exp(self._sums[known] - top[known, None]).mean(axis=1))
        return found


def log_blocks(ratio: float, expected: Floats, counts: Floats) -> Floats:
    """`comparison.block` upwards on the edge ratio x stable, of many blocks: shape (blocks, alternatives)."""
    events, total, stable_events, stable_total = counts[:, :, None]
    stable_point = np.minimum(expected, min(1.0, 1 / ratio))[:, None]
    point = np.minimum(ratio * stable_point, 1.0)
    weighted = ratio * total
    share = weighted / (weighted + stable_total)
    bet = ODDS * (1 - share) / (1 + ODDS * share)
    against = ODDS * share / (1 + ODDS * share)
    shrunk = 1 / (1 + bet * point)
    bet, against = bet * shrunk, against * shrunk
    found: Floats = (total - events) * np.log1p(-bet * point)
    found += (stable_total - stable_events) * np.log1p(against * stable_point)
    found += events * np.log1p(bet * (1 - point)) + stable_events * np.log1p(-against * (1 - stable_point))
    return found


def harms(judged: Judged, arms: Mapping[str, Arms]) -> Firsts:
    """The first tick of each rollout at which harm is found: what `judged.harm` gives for each of them.

    Args:
        arms: the counts of the metrics that are simulated.

    Raises:
        ValueError: a metric has another limit than `noWorseThan.ratio`.
    """
    found = []
    for metric in judged.metrics:
        limits = limits_of(metric)
        if limits.ratio is None or limits != Limits(ratio=limits.ratio, harm_ratio=limits.harm_ratio):
            raise ValueError(f"{metric.name}: this copy knows noWorseThan.ratio only")
        if metric.name in arms:
            ratio, size = limits.of_harm.ratio or 0.0, declared_dispersion(metric)
            found.append(firsts(arms[metric.name], judged.moments, ratio, size, judged.level))
    earliest: Firsts = np.minimum.reduce(found)
    return earliest


def firsts(arms: Arms, moments: Sequence[Moment], ratio: float, dispersion: float, level: float) -> Firsts:
    """The first tick of each rollout at which harm is found.

    Args:
        ratio: `noWorseThan.ratio`.
        dispersion: what evidence is divided by.
        level: of the metric in the whole attempt.
    """
    columns = np.array([arms.candidate_events, arms.candidate_total, arms.stable_events, arms.stable_total], float)
    runs = columns.shape[1]
    ends = np.full(runs, NEVER)
    whole, step, number = Many(runs, ratio, dispersion, ATTEMPT), Many(runs, ratio, dispersion, ALONE), 1
    for tick, moment in enumerate(moments):
        if moment.step != number:
            step, number = Many(runs, ratio, dispersion, ALONE), moment.step
        whole.fold(columns[:, :, tick])
        log_e = whole.log_e
        share = step_share(number)
        if share > 0:
            if moment.counts:
                step.fold(columns[:, :, tick])
            log_e = np.logaddexp(log_e, np.log(share) + step.log_e)
        found: npt.NDArray[np.bool_] = log_e >= log_threshold(level)
        ends[found & (ends == NEVER)] = tick
        if (ends != NEVER).all():
            break
    return ends
