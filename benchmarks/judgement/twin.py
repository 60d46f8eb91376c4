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
TWO = float(np.log(2))


class Many:
    """`Comparison` of a ratio, upwards, in many rollouts, for several dispersions at once: they share the blocks."""

    def __init__(self, runs: int, ratio: float, dispersions: Sequence[float], weights: Weights) -> None:
        self._ratio, self._weights = ratio, weights
        self._dispersions = np.array(dispersions)[:, None, None]
        self._open = np.zeros((4, runs))
        self._known = np.zeros((2, runs))
        self._blocks = np.zeros(runs, dtype=np.int64)
        self._new = [weights.first]
        self._sums = np.full((len(dispersions), runs, len(ODDS)), -np.inf)

    def fold(self, counts: Floats) -> None:
        """Add a tick: the candidate's events and total, stable's events and total, of each rollout."""
        self._open += counts
        ready = np.flatnonzero((self._open[1] > 0) & (self._open[3] > 0))
        if not len(ready):
            return
        block, known = self._open[:, ready], self._known[:, ready]
        expected = np.divide(known[0], known[1], out=np.zeros(len(ready)), where=known[1] > 0)
        logs = log_blocks(self._ratio, expected, block) / self._dispersions
        weights = np.array(self._new)[self._blocks[ready]]
        before = self._sums[:, ready]
        if weights.any():
            with np.errstate(divide="ignore"):
                before = np.logaddexp(before, np.log(weights)[:, None])
        self._sums[:, ready] = before + logs
        self._known[:, ready] = known + block[2:]
        self._blocks[ready] += 1
        self._open[:, ready] = 0
        if self._blocks.max() == len(self._new):
            self._new.append(self._weights.after(len(self._new)))

    @property
    def top(self) -> Floats:
        """What the log e-values cannot exceed, for each dispersion and rollout."""
        found: Floats = np.maximum(self._sums.max(axis=2), 0.0)
        return found

    @property
    def log_e(self) -> Floats:
        """The log e-values so far, for each dispersion and rollout."""
        top = self._sums.max(axis=2)
        known = np.isfinite(top)
        found = np.zeros(top.shape)
        found[known] = top[known] + np.log(np.exp(self._sums[known] - top[known][:, None]).mean(axis=1))
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


def harms(judged: Sequence[Judged], arms: Mapping[str, Arms]) -> list[Firsts]:
    """The first tick of each rollout at which each of them finds harm: what its `harm` gives for each rollout.

    Args:
        judged: they may differ in `clusters` alone.
        arms: the counts of the metrics that are simulated.

    Raises:
        ValueError: a metric has another limit than `noWorseThan.ratio`, or they differ in more.
    """
    found = []
    for together in zip(*(each.metrics for each in judged), strict=True):
        limits = limits_of(together[0])
        if limits.ratio is None or limits != Limits(ratio=limits.ratio, harm_ratio=limits.harm_ratio):
            raise ValueError(f"{together[0].name}: this copy knows noWorseThan.ratio only")
        if any(limits_of(metric) != limits for metric in together) or len({each.level for each in judged}) > 1:
            raise ValueError(f"{together[0].name}: the limits and levels have to be the same")
        if together[0].name in arms:
            sizes = [declared_dispersion(metric) for metric in together]
            ratio, moments = limits.of_harm.ratio or 0.0, judged[0].moments
            found.append(firsts(arms[together[0].name], moments, ratio, sizes, judged[0].level))
    return list(np.minimum.reduce(found))


def firsts(
    arms: Arms, moments: Sequence[Moment], ratio: float, dispersions: Sequence[float], level: float
) -> npt.NDArray[np.int64]:
    """The first tick of each rollout at which harm is found, for each dispersion.

    Args:
        ratio: `noWorseThan.ratio`.
        dispersions: what evidence is divided by.
        level: of the metric in the whole attempt.
    """
    columns = np.array([arms.candidate_events, arms.candidate_total, arms.stable_events, arms.stable_total], float)
    runs, threshold = columns.shape[1], log_threshold(level)
    ends = np.full((len(dispersions), runs), NEVER)
    whole, number = Many(runs, ratio, dispersions, ATTEMPT), 1
    step = Many(runs, ratio, dispersions, ALONE)
    for tick, moment in enumerate(moments):
        if moment.step != number:
            step, number = Many(runs, ratio, dispersions, ALONE), moment.step
        whole.fold(columns[:, :, tick])
        share = step_share(number)
        if share > 0 and moment.counts:
            step.fold(columns[:, :, tick])
        # Most looks are far from the threshold, which is quickly told: a mean is no more than its largest part.
        if np.maximum(whole.top, step.top).max() < threshold - TWO:
            continue
        log_e = whole.log_e if share == 0 else np.logaddexp(whole.log_e, np.log(share) + step.log_e)
        ends[(log_e >= threshold) & (ends == NEVER)] = tick
        if (ends != NEVER).all():
            break
    return ends
