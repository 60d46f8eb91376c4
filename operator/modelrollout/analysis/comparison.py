"""Two rates compared block by block: e-variables against "the candidate's rate is at most M x stable's + d".

**The block.** In a block of n_c and n_s requests, whatever happened before, let

    E = prod over the candidate's  1 + k_c (y - u_c)   times   prod over stable's  1 - k_s (y - u_s),

with y = 1 for an event, else 0, a point u_c = M u_s + d on the edge of the null hypothesis, and M n_c k_c = n_s k_s.
For requests with probabilities p_c and p_s, independent given the past, log(1 + x) <= x gives

    log E[E]  <=  n_c k_c (p_c - u_c) - n_s k_s (p_s - u_s)  =  n_c k_c (p_c - M p_s - d)  <=  0

under the null. So E is an e-variable for every such null at once, whatever p_s is and however it changes from block to
block: what hits both revisions alike (an outage upstream) cancels, and so does any change of weight. This is the block
e-variable for two proportions of R. Turner, A. Ly, P. Grünwald, *Generic E-variables for exact sequential k-sample
tests that allow for optional stopping*, 2021 (arXiv 2106.02693), with the linear nulls of R. Turner, P. Grünwald,
*Exact anytime-valid confidence intervals for contingency tables and beyond*, 2022 (arXiv 2203.09785).

**Rare events.** With u_s = 0 and d = 0 it is the conditional test: given the events of a block, each is the candidate's
with probability q = M n_c / (M n_c + n_s) on the edge of the null (M. Lindon, A. Malek, *Anytime-valid inference for
multinomial count data*, 2022, arXiv 2011.03567); k_c + 1 and 1 - k_s are then its likelihood ratios for odds s times as
large. Where events are not rare, u_s is the stable rate of the blocks before, which makes non-events count as well.

**The other direction**, that the candidate is *better* than the limit, is the same with odds divided by s.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log1p

from modelrollout.analysis.eprocess import EXCESS_ODDS, GRID_POINTS
from modelrollout.analysis.evidence import NOTHING, Counts
from modelrollout.analysis.limits import Edge
from modelrollout.analysis.starts import ALONE, Process, Weights

_MORE_ODDS = EXCESS_ODDS
_FEWER_ODDS = tuple(-excess / (1 + excess) for excess in EXCESS_ODDS)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Evidence on which side of an edge the candidate's rate lies, folded tick by tick.

    A block of ticks is compared as soon as both revisions answered something in it: at a request or two a tick, most
    ticks alone have only one of the two, and nothing to compare. Where a block ends depends on requests only, never on
    events, so the evidence stays an e-process.

    Attributes:
        edge: the edge of the null hypothesis.
        upwards: whether the null is "at most the edge", so that evidence says that the candidate is worse; else it is
            "at least the edge".
        process: the evidence so far.
        dispersion: divides the evidence: up to so many requests may fail together (`docs/judgement.md`).
        candidate: the candidate's counts in the open block.
        stable: the stable revision's counts in the open block.
        known: the stable revision's counts in all blocks before.
    """

    edge: Edge
    upwards: bool
    process: Process
    dispersion: float = 1.0
    candidate: Counts = NOTHING
    stable: Counts = NOTHING
    known: Counts = NOTHING

    @classmethod
    def start(
        cls,
        edge: Edge,
        *,
        upwards: bool,
        dispersion: float = 1.0,
        weights: Weights = ALONE,
        known: Counts = NOTHING,
    ) -> Comparison:
        """Give the comparison before the first tick."""
        return cls(edge, upwards, Process.start(GRID_POINTS, weights), dispersion, known=known)

    def fold(self, candidate: Counts, stable: Counts) -> Comparison:
        """Add what both revisions counted in one tick."""
        candidate, stable = self.candidate + candidate, self.stable + stable
        if candidate.total == 0 or stable.total == 0:
            return replace(self, candidate=candidate, stable=stable)
        logs = block(self.edge, self.known.rate or 0.0, candidate, stable, upwards=self.upwards)
        if self.dispersion != 1:
            logs = tuple(each / self.dispersion for each in logs)
        return replace(
            self,
            process=self.process.fold(logs),
            candidate=NOTHING,
            stable=NOTHING,
            known=self.known + stable,
        )

    @property
    def log_e(self) -> float:
        """The log e-value so far."""
        return self.process.log_e


def block(edge: Edge, expected: float, candidate: Counts, stable: Counts, *, upwards: bool) -> tuple[float, ...]:
    """Give the log e-variable of one block for each alternative.

    Args:
        edge: the edge of the null hypothesis.
        expected: the stable rate that is expected, from what was known before the block.
        candidate: the candidate's counts, of one request at least.
        stable: the stable revision's counts, of one request at least.
        upwards: whether the null is "at most the edge".
    """
    if (edge.amount >= 1) if upwards else (edge.amount <= -edge.factor):
        return (0.0,) * GRID_POINTS  # no rate can contradict it
    stable_point, candidate_point = _points(edge, expected)
    weighted = edge.factor * candidate.total
    share = weighted / (weighted + stable.total)
    good_candidate, good_stable = candidate.total - candidate.events, stable.total - stable.events
    logs = []
    for odds in _MORE_ODDS if upwards else _FEWER_ODDS:
        bet = odds * (1 - share) / (1 + odds * share)
        against = odds * share / (1 + odds * share)
        # On the side that gains by an event, the most that a non-event may cost is 1.
        shrunk = 1 / (1 + bet * candidate_point) if upwards else 1 / (1 - against * stable_point)
        bet, against = bet * shrunk, against * shrunk
        found = good_candidate * log1p(-bet * candidate_point) + good_stable * log1p(against * stable_point)
        if candidate.events:
            found += candidate.events * log1p(bet * (1 - candidate_point))
        if stable.events:
            found += stable.events * log1p(-against * (1 - stable_point))
        logs.append(found)
    return tuple(logs)


def _points(edge: Edge, expected: float) -> tuple[float, float]:
    """Give the stable and the candidate rate of a point on the edge, as near to what is expected as rates allow."""
    if edge.factor == 0:
        return min(1.0, max(0.0, expected)), min(1.0, max(0.0, edge.amount))
    lowest = min(1.0, max(0.0, -edge.amount / edge.factor))
    highest = min(1.0, max(lowest, (1 - edge.amount) / edge.factor))
    stable = min(highest, max(lowest, expected))
    return stable, min(1.0, max(0.0, edge.factor * stable + edge.amount))
