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
from the beginning is found at once; a fifth for what follows, one start with each block of ticks, such that
(1 + k / 10)^-0.25 of it is left after k of them. So the evidence that a change needs grows with the logarithm of the
time before it, which no weights for an unlimited time can avoid. Blocks are counted and not requests: a start costs as
much as there are others where it could have been, and a busier candidate has no more of those. The last fifth is for
the starts of steps (`step_share`): a raised weight is when things break.

**Beside other schedules.** Starts that are tested each for itself, every five minutes with alpha / (k (k + 1)), are as
fast only for a change that falls on one of them; this sum has a start wherever the change is. benchmarks/judgement
has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

FIRST_SHARE = 0.6
LATER_SHARE = 0.2
STEPS_SHARE = 0.2
_SCALE = 10
_DECAY = 0.25
_NEGLIGIBLE = 40.0


@dataclass(frozen=True, slots=True)
class Weights:
    """How much of the level is for the first start, and how much for all that follow."""

    first: float
    later: float

    def after(self, blocks: int) -> float:
        """Give the weight of the start that comes after so many blocks, one at least."""
        return 0.0 if self.later == 0 else self.later * later_share(blocks)


ATTEMPT = Weights(FIRST_SHARE, LATER_SHARE)
"""The evidence of a whole attempt."""
ALONE = Weights(1.0, 0.0)
"""One process that starts once, as for a step."""


def later_share(blocks: int) -> float:
    """Give which part of the weight of later starts is for the one after so many blocks; over all of them 1."""
    return float((1 + (blocks - 1) / _SCALE) ** -_DECAY - (1 + blocks / _SCALE) ** -_DECAY)


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
        weights: how weight is given to starts.
        blocks: how many were added: what weights are spread over.
    """

    log_sums: tuple[float, ...]
    weights: Weights
    blocks: int = 0

    @classmethod
    def start(cls, alternatives: int, weights: Weights) -> Process:
        """Give the process before anything was counted."""
        return cls((-math.inf,) * alternatives, weights)

    def fold(self, log_ratios: Sequence[float]) -> Process:
        """Add a block of ticks: its log likelihood ratios. One more start begins with it."""
        weight = self.weights.after(self.blocks) if self.blocks else self.weights.first
        if weight > 0:
            new = math.log(weight)
            sums = tuple(_add(old, new) + ratio for old, ratio in zip(self.log_sums, log_ratios, strict=True))
        else:
            sums = tuple(old + ratio for old, ratio in zip(self.log_sums, log_ratios, strict=True))
        return Process(sums, self.weights, self.blocks + 1)

    @property
    def log_e(self) -> float:
        """The log e-value so far, of the starts that have begun; 0 before anything was counted."""
        return log_mean_exp(self.log_sums) if self.blocks else 0.0


def log_sum(*logs: float) -> float:
    """Give log(sum(exp(each)))."""
    largest = max(logs)
    if math.isinf(largest):
        return largest
    return largest + math.log(math.fsum([math.exp(each - largest) for each in logs]))


def log_mean_exp(logs: Sequence[float]) -> float:
    """Give log(mean(exp(each)))."""
    return log_sum(*logs) - math.log(len(logs))


def _add(old: float, new: float) -> float:
    """Give log(exp(old) + exp(new)); `new` is finite."""
    if old - new > _NEGLIGIBLE:
        return old
    if old > new:
        return old + math.log1p(math.exp(new - old))
    return new + math.log1p(math.exp(old - new))
