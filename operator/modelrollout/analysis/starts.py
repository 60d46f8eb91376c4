"""Evidence gathered from many starts at once, so that a long good history hides nothing.

One e-process gathers evidence against the candidate for as long as it is bad, and loses as much while it is good: a
candidate that turns bad after two good hours would first have to use those up. So processes start all the time, and
what is looked at is their weighted sum

    M = sum over starts k of w_k E_k,  with weights that sum to 1 at most.

A sum of e-processes with such weights is one itself, so the level stays (it is the mixture that A. Shiryaev used for
disorder problems, *On optimum methods in quickest detection problems*, 1963, and it is at least the largest w_k E_k:
as good as testing every start at its own level w_k alpha). For one alternative the sum needs a single number,
S <- (S + w) * ratio, so a start at every tick costs neither memory nor time.

The weights are fixed before anything is seen: three fifths for the first live request, so that a candidate which fails
from the beginning is found at once; a fifth for what follows, spread over the candidate's requests N such that
(1 + N / 100)^-0.1 of it is left after N of them. So the evidence that a change needs grows with the logarithm of the
time before it. The last fifth is for the starts of steps (`step_share`): a raised weight is when things break.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

FIRST_SHARE = 0.6
LATER_SHARE = 0.2
STEPS_SHARE = 0.2
_SCALE = 100
_DECAY = 0.1
_NEGLIGIBLE = 40.0


@dataclass(frozen=True, slots=True)
class Weights:
    """How much of the level is for the first start, and how much for all that follow."""

    first: float
    later: float

    def released(self, before: int, after: int) -> float:
        """Give the weight of the starts from request `before` to request `after`."""
        if self.later == 0 or after == before:
            return 0.0
        return self.later * (_left(before) - _left(after))


ATTEMPT = Weights(FIRST_SHARE, LATER_SHARE)
"""The evidence of a whole attempt."""
ALONE = Weights(1.0, 0.0)
"""One process that starts once, as for a step."""


def step_share(number: int) -> float:
    """Give the weight of the process that starts with the step of that number; the first one's is the attempt's own.

    Over all steps from the second on these sum to `STEPS_SHARE`.
    """
    return 0.0 if number < 2 else 2 * STEPS_SHARE / (number * (number + 1))


@dataclass(frozen=True, slots=True)
class Process:
    """A weighted sum of e-processes for each of several alternatives, in the log domain.

    Attributes:
        log_sums: for each alternative.
        waiting: weight of the starts that come before the next ticks are added.
        weights: how weight is given to starts.
        requests: requests of the candidate so far: what weights are spread over.
    """

    log_sums: tuple[float, ...]
    waiting: float
    weights: Weights
    requests: int = 0

    @classmethod
    def start(cls, alternatives: int, weights: Weights) -> Process:
        """Give the process before anything was counted."""
        return cls((-math.inf,) * alternatives, weights.first, weights)

    def fold(self, log_ratios: Sequence[float], requests: int) -> Process:
        """Add what was counted since the last time: log likelihood ratios, from `requests` of the candidate."""
        new = math.log(self.waiting) if self.waiting > 0 else -math.inf
        after = self.requests + requests
        sums = tuple(_add(old, new) + ratio for old, ratio in zip(self.log_sums, log_ratios, strict=True))
        return Process(sums, self.weights.released(self.requests, after), self.weights, after)

    @property
    def log_e(self) -> float:
        """The log e-value so far, of the starts that have begun; 0 before anything was counted."""
        if math.isinf(self.log_sums[0]) and self.log_sums[0] < 0:
            return 0.0
        return log_mean_exp(self.log_sums)


def log_sum(*logs: float) -> float:
    """Give log(sum(exp(each)))."""
    largest = max(logs)
    if math.isinf(largest):
        return largest
    return largest + math.log(math.fsum(math.exp(each - largest) for each in logs))


def log_mean_exp(logs: Sequence[float]) -> float:
    """Give log(mean(exp(each)))."""
    return log_sum(*logs) - math.log(len(logs))


def _add(one: float, other: float) -> float:
    if one - other > _NEGLIGIBLE:
        return one
    return log_sum(one, other) if one > -math.inf else other


def _left(requests: int) -> float:
    return float((1 + requests / _SCALE) ** -_DECAY)
