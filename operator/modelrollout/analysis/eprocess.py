"""Tests on counts that may be looked at after every tick, as e-processes in the log domain.

**Why they may be looked at.** An e-process is a nonnegative process whose expected value stays at most 1 whatever the
truth within the null hypothesis, at every stopping time. Ville's inequality (J. Ville, *Étude critique de la notion de
collectif*, 1939) then bounds the probability that it *ever* reaches 1/alpha by alpha. So "reject when log_e >=
log(1/alpha)" has error alpha however often and on whatever occasion one looks. Both tests here are mixtures of
likelihood ratios over a fixed grid of alternatives (the method of mixtures: H. Robbins, *Statistical methods related to
the law of the iterated logarithm*, 1970), because an average of e-processes is one.

**One formula.** For n independent trials with e events, the null "the probability is at most L" and the alternative
whose odds are s times those of L (s > 1), the likelihood ratio is

    s^e / (1 + (s - 1) L)^n

Its expectation under a probability p is ((1 + (s - 1) p) / (1 + (s - 1) L))^n, at most 1 exactly when p <= L, and
p may change from trial to trial. It falls as L grows, for every s: a bound on L gives a bound on the evidence.

**Two revisions.** Given that E events fell in a tick, each is the candidate's with probability
q0 = M n_c / (M n_c + n_s) if the candidate's rate is exactly M times the stable one's, so the formula above applies to
the candidate's e_c of E events with L = q0 (M. Lindon, A. Malek, *Anytime-valid inference for multinomial count data*,
2022, arXiv 2011.03567). What hits both revisions alike (an outage upstream) cancels, and so does any change of weight.
Events need not be rare for that. The ratio is a^e_c b^e_s with some a > 1 > b, and over n_c and n_s independent trials
of rates p_c <= M p_s its expectation is (1 + p_c (a - 1))^n_c (1 + p_s (b - 1))^n_s, at most
exp(p_s (M n_c (a - 1) + n_s (b - 1))) = exp(0), because a and b balance M n_c and n_s by construction.

**Bounds** are the values that a one-sample test does not reject: time-uniform confidence bounds (S. Howard, A. Ramdas
et al., *Time-uniform, nonparametric, nonasymptotic confidence sequences*, 2021, arXiv 1810.08240).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from modelrollout.analysis.evidence import NOTHING, Counts

GRID_POINTS = 25
SMALLEST_EXCESS = 0.05
LARGEST_EXCESS = 1e4
_STEP = (LARGEST_EXCESS / SMALLEST_EXCESS) ** (1 / (GRID_POINTS - 1))

# Excess odds s - 1, evenly spaced in the logarithm: as dense beside the null as far from it.
EXCESS_ODDS = tuple(SMALLEST_EXCESS * _STEP**k for k in range(GRID_POINTS))
_LOG_ODDS = tuple(math.log1p(excess) for excess in EXCESS_ODDS)

MOST_STEPS = 200
TOLERANCE = 1e-9
"""Of a bound, as a part of it or of the evidence at it."""


def log_threshold(alpha: float) -> float:
    """Give the log e-value from which a null hypothesis is rejected at level alpha.

    Raises:
        ValueError: alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}")
    return -math.log(alpha)


def one_sample(counts: Counts, limit: float) -> float:
    """Give the log e-value against "the probability of an event is at most `limit`".

    It depends only on the sums, so ticks may be added up. Limits outside 0 to 1 count as 0 or 1: at 0 any event is
    infinite evidence, at 1 nothing is evidence.
    """
    return _log_mean_exp(_log_ratios(counts, _clip(limit)))


def one_sample_below(counts: Counts, limit: float) -> float:
    """Give the log e-value against "the probability of an event is at least `limit`": `one_sample` mirrored."""
    share = _clip(limit)
    if share == 1 and counts.events < counts.total:
        return math.inf
    # The formula for the complement, with s^n taken out of it so that a tiny limit keeps its digits.
    return _log_mean_exp(
        -counts.events * log_odds - counts.total * math.log1p(-share * excess / (1 + excess))
        for excess, log_odds in zip(EXCESS_ODDS, _LOG_ODDS, strict=True)
    )


def upper_bound(counts: Counts, alpha: float) -> float:
    """Give an upper bound of the event probability that holds at all times at once with probability 1 - alpha.

    1 without counts.
    """
    threshold = log_threshold(alpha)
    if counts.total == 0 or one_sample_below(counts, 1.0) < threshold:
        return 1.0
    return _edge(lambda limit: one_sample_below(counts, limit) - threshold, counts, threshold, outmost=1.0)


def lower_bound(counts: Counts, alpha: float) -> float:
    """Give a lower bound of the event probability that holds at all times at once with probability 1 - alpha.

    0 without counts.
    """
    threshold = log_threshold(alpha)
    if one_sample(counts, 0.0) < threshold:
        return 0.0
    return _edge(lambda limit: one_sample(counts, limit) - threshold, counts, threshold, outmost=0.0)


def _edge(excess: Callable[[float], float], counts: Counts, threshold: float, outmost: float) -> float:
    """Give the limit nearest to the estimate that is rejected: where `excess`, which rises outwards, is 0.

    Regula falsi in the variant called Illinois (M. Dowell, P. Jarratt, 1971), which needs some eight values where
    bisection needs sixty: a bound is asked for at every look.
    """
    kept, rejected = counts.events / counts.total, outmost
    below, above = excess(kept), math.inf
    # The normal and the Poisson approximation together say about how far out it is.
    reach = (threshold + math.sqrt(2 * threshold * (counts.events + 1))) / counts.total
    middle = kept + math.copysign(reach, outmost - kept)
    last = 0.0
    for _ in range(MOST_STEPS):
        if not min(kept, rejected) < middle < max(kept, rejected):
            middle = (kept + rejected) / 2
        found = excess(middle)
        # The value of an end that stays twice is halved, so that the other end moves next.
        again = 2 if found * last > 0 else 1
        if found < 0:
            kept, below, above = middle, found, above / again
        else:
            rejected, above, below = middle, found, below / again
        if 0 <= found <= TOLERANCE or abs(rejected - kept) <= TOLERANCE * rejected:
            break
        last = found
        share = 0.5 if math.isinf(above) else above / (above - below)
        middle = rejected - share * (rejected - kept)
    return rejected


@dataclass(frozen=True, slots=True)
class RateRatio:
    """Evidence against "the candidate's event rate is at most `limit` times the stable one's", folded tick by tick.

    A block of ticks is compared as soon as both revisions answered something in it: at a request or two a tick, most
    ticks alone have only one of the two, and nothing to compare. Where a block ends depends on requests only, never on
    events, so the evidence stays an e-process.

    Attributes:
        limit: the ratio M of the null hypothesis, at least 0.
        log_ratios: log likelihood ratio for each grid point, over the blocks so far.
        candidate: the candidate's counts in the open block.
        stable: the stable revision's counts in the open block.
    """

    limit: float
    log_ratios: tuple[float, ...] = (0.0,) * GRID_POINTS
    candidate: Counts = NOTHING
    stable: Counts = NOTHING

    def fold(self, candidate: Counts, stable: Counts) -> RateRatio:
        """Add what both revisions counted in one tick."""
        candidate, stable = self.candidate + candidate, self.stable + stable
        if candidate.total == 0 or stable.total == 0:
            return replace(self, candidate=candidate, stable=stable)
        weighted = self.limit * candidate.total
        split = _log_ratios(
            Counts(candidate.events, candidate.events + stable.events), weighted / (weighted + stable.total)
        )
        return RateRatio(self.limit, tuple(old + new for old, new in zip(self.log_ratios, split, strict=True)))

    @property
    def log_e(self) -> float:
        """The log e-value so far."""
        return _log_mean_exp(self.log_ratios)


def _log_ratios(counts: Counts, limit: float) -> tuple[float, ...]:
    """Give the log likelihood ratio for each alternative: e log(s) - n log(1 + (s - 1) limit)."""
    if limit == 0 and counts.events > 0:
        return (math.inf,) * GRID_POINTS
    return tuple(
        counts.events * log_odds - counts.total * math.log1p(excess * limit)
        for excess, log_odds in zip(EXCESS_ODDS, _LOG_ODDS, strict=True)
    )


def _log_mean_exp(logs: Iterable[float]) -> float:
    values = tuple(logs)
    largest = max(values)
    if math.isinf(largest):
        return largest
    return largest + math.log(math.fsum(math.exp(value - largest) for value in values) / len(values))


def _clip(limit: float) -> float:
    return min(1.0, max(0.0, limit))
