"""Tests on counts that may be looked at after every tick, as e-processes in the log domain.

**Why they may be looked at.** An e-process is a nonnegative process whose expected value stays at most 1 whatever the
truth within the null hypothesis, at every stopping time. Ville's inequality (J. Ville, *Étude critique de la notion de
collectif*, 1939) then bounds the probability that it *ever* reaches 1/alpha by alpha. So "reject when log_e >=
log(1/alpha)" has error alpha however often and on whatever occasion one looks. The tests here are mixtures of
likelihood ratios over a fixed grid of alternatives (the method of mixtures: H. Robbins, *Statistical methods related to
the law of the iterated logarithm*, 1970), because an average of e-processes is one.

**One formula.** For n independent trials with e events, the null "the probability is at most L" and the alternative
whose odds are s times those of L (s > 1), the likelihood ratio is

    s^e / (1 + (s - 1) L)^n

Its expectation under a probability p is ((1 + (s - 1) p) / (1 + (s - 1) L))^n, at most 1 exactly when p <= L, and
p may change from trial to trial. It falls as L grows, for every s: a bound on L gives a bound on the evidence.

**Two revisions** are compared by `comparison`.

**Requests that hang together.** Where up to m requests may fail together in any way (a session, a client that retries),
the log evidence is divided by m. By Hölder's inequality E[prod over a group of L_i^(1/m)] <= prod E[L_i]^(1/m) <= 1 for
any dependence within the group, so the level is kept whenever groups of at most m are independent of each other and
fall into one tick. For a measured dispersion in place of m this is the usual quasi-likelihood, and only approximate.

**Bounds** are the values that a one-sample test does not reject: time-uniform confidence bounds (S. Howard, A. Ramdas
et al., *Time-uniform, nonparametric, nonasymptotic confidence sequences*, 2021, arXiv 1810.08240).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.starts import log_mean_exp

GRID_POINTS = 25
SMALLEST_EXCESS = 0.05
LARGEST_EXCESS = 1e4
_STEP = (LARGEST_EXCESS / SMALLEST_EXCESS) ** (1 / (GRID_POINTS - 1))

# Excess odds s - 1, evenly spaced in the logarithm: as dense beside the null as far from it.
EXCESS_ODDS = tuple(SMALLEST_EXCESS * _STEP**k for k in range(GRID_POINTS))
LOG_ODDS = tuple(math.log1p(excess) for excess in EXCESS_ODDS)

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


def one_sample(counts: Counts, limit: float, dispersion: float = 1.0) -> float:
    """Give the log e-value against "the probability of an event is at most `limit`".

    It depends only on the sums, so ticks may be added up. Limits outside 0 to 1 count as 0 or 1: at 0 any event is
    infinite evidence, at 1 nothing is evidence.
    """
    return _mixed(log_ratios(counts, limit), dispersion)


def one_sample_below(counts: Counts, limit: float, dispersion: float = 1.0) -> float:
    """Give the log e-value against "the probability of an event is at least `limit`": `one_sample` mirrored."""
    return _mixed(log_ratios_below(counts, limit), dispersion)


def upper_bound(counts: Counts, alpha: float, dispersion: float = 1.0) -> float:
    """Give an upper bound of the event probability that holds at all times at once with probability 1 - alpha.

    1 without counts.
    """
    threshold = log_threshold(alpha)
    if counts.total == 0 or one_sample_below(counts, 1.0, dispersion) < threshold:
        return 1.0
    return _edge(lambda limit: one_sample_below(counts, limit, dispersion) - threshold, counts, threshold, outmost=1.0)


def lower_bound(counts: Counts, alpha: float, dispersion: float = 1.0) -> float:
    """Give a lower bound of the event probability that holds at all times at once with probability 1 - alpha.

    0 without counts.
    """
    threshold = log_threshold(alpha)
    if one_sample(counts, 0.0, dispersion) < threshold:
        return 0.0
    return _edge(lambda limit: one_sample(counts, limit, dispersion) - threshold, counts, threshold, outmost=0.0)


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


def _mixed(logs: tuple[float, ...], dispersion: float) -> float:
    return log_mean_exp([each / dispersion for each in logs])


def log_ratios(counts: Counts, limit: float) -> tuple[float, ...]:
    """Give the log likelihood ratio for each alternative above `limit`: e log(s) - n log(1 + (s - 1) limit)."""
    return _log_ratios(counts.events, counts.total, _clip(limit))


# One tick is asked for by the evidence of a step, by that of the attempt, and by what is said of both revisions.
@lru_cache(maxsize=1024)
def _log_ratios(events: int, total: int, share: float) -> tuple[float, ...]:
    if share == 0 and events > 0:
        return (math.inf,) * GRID_POINTS
    logs = _log_normalisers(share)
    return tuple(events * log_odds - total * each for log_odds, each in zip(LOG_ODDS, logs, strict=True))


def log_ratios_below(counts: Counts, limit: float) -> tuple[float, ...]:
    """Give the log likelihood ratio for each alternative below `limit`: the formula for the complement.

    With s^n taken out of it, so that a tiny limit keeps its digits.
    """
    share = _clip(limit)
    if share == 1 and counts.events < counts.total:
        return (math.inf,) * GRID_POINTS
    return tuple(
        -counts.events * log_odds - counts.total * math.log1p(-share * excess / (1 + excess))
        for excess, log_odds in zip(EXCESS_ODDS, LOG_ODDS, strict=True)
    )


@lru_cache(maxsize=1024)
def _log_normalisers(limit: float) -> tuple[float, ...]:
    return tuple(math.log1p(excess * limit) for excess in EXCESS_ODDS)


def _clip(limit: float) -> float:
    return min(1.0, max(0.0, limit))
