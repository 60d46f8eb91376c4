"""How requests and errors come: made up, with seeds, for many rollouts at once.

Every function gives counts of shape (runs, ticks). An *arm* is one revision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.judgement.judged import TICK_SECONDS, Numbers

Floats = npt.NDArray[np.float64]
CLUSTER = 5
"""How many errors come together, on average: the cluster size that the metrics declare."""


@dataclass(frozen=True)
class Arms:
    """One metric's counts in many rollouts."""

    candidate_events: Numbers
    candidate_total: Numbers
    stable_events: Numbers
    stable_total: Numbers

    def run(self, number: int) -> tuple[Numbers, ...]:
        """One rollout's rows."""
        columns = (self.candidate_events, self.candidate_total, self.stable_events, self.stable_total)
        return tuple(column[number] for column in columns)


@dataclass(frozen=True)
class Requests:
    """Requests of both arms."""

    candidate: Numbers
    stable: Numbers


Errors = Callable[[np.random.Generator, Requests, Floats], tuple[Numbers, Numbers]]
"""Events of both arms; the rates of the candidate and of stable lie in the array's first axis, one for each tick."""


def requests(dice: np.random.Generator, runs: int, weights: Numbers, a_second: float, diurnal: float = 0.0) -> Requests:
    """Poisson requests, split at random by the weight of each tick.

    Args:
        weights: percent for the candidate, one for each tick.
        diurnal: how much traffic swings over the rollout, as a part of it.
    """
    phase = np.linspace(0.0, 2 * np.pi, len(weights))
    mean = a_second * TICK_SECONDS * (1 + diurnal * np.sin(phase))
    total = dice.poisson(mean, size=(runs, len(weights)))
    candidate = dice.binomial(total, weights / 100)
    return Requests(candidate, total - candidate)


def independent(dice: np.random.Generator, sent: Requests, rates: Floats) -> tuple[Numbers, Numbers]:
    """Each request fails for itself."""
    return dice.binomial(sent.candidate, rates[0]), dice.binomial(sent.stable, rates[1])


def common_shocks(dice: np.random.Generator, sent: Requests, rates: Floats) -> tuple[Numbers, Numbers]:
    """Something upstream hits both arms alike, from tick to tick very differently."""
    shock = dice.gamma(0.5, 2.0, size=sent.candidate.shape)
    shocked = np.minimum(rates[:, None, :] * shock, 0.5)
    return dice.binomial(sent.candidate, shocked[0]), dice.binomial(sent.stable, shocked[1])


def bursty(dice: np.random.Generator, sent: Requests, rates: Floats) -> tuple[Numbers, Numbers]:
    """Errors come five at a time: one client that tries again."""

    def arm(total: Numbers, rate: Floats) -> Numbers:
        events: Numbers = np.minimum(CLUSTER * dice.poisson(total * rate / CLUSTER), total)
        return events

    return arm(sent.candidate, rates[0]), arm(sent.stable, rates[1])


def overdispersed(dice: np.random.Generator, sent: Requests, rates: Floats) -> tuple[Numbers, Numbers]:
    """Counts vary five times as much as independent ones, in each arm for itself (negative binomial)."""

    def arm(total: Numbers, rate: Floats) -> Numbers:
        mean = np.maximum(total * rate, 1e-9)
        events: Numbers = np.minimum(dice.negative_binomial(mean / (CLUSTER - 1), 1 / CLUSTER), total)
        return events

    return arm(sent.candidate, rates[0]), arm(sent.stable, rates[1])


def sticky(dice: np.random.Generator, sent: Requests, rates: Floats) -> tuple[Numbers, Numbers]:
    """Sessions of five requests stay with an arm, and half of the requests of a bad session fail."""

    def arm(total: Numbers, rate: Floats) -> Numbers:
        bad = dice.binomial(total // CLUSTER, np.minimum(2 * rate, 1.0))
        events: Numbers = dice.binomial(CLUSTER * bad, np.minimum(rate / np.minimum(2 * rate, 1.0), 1.0))
        return events

    return arm(sent.candidate, rates[0]), arm(sent.stable, rates[1])


def diurnal_errors(dice: np.random.Generator, sent: Requests, rates: Floats) -> tuple[Numbers, Numbers]:
    """Rates swing by half over the rollout, for both arms alike; use it with requests that swing too."""
    swing = 1 + 0.5 * np.cos(np.linspace(0.0, 2 * np.pi, rates.shape[1]))
    return independent(dice, sent, np.minimum(rates * swing, 1.0))


WORLDS: dict[str, Errors] = {
    "independent errors": independent,
    "common shocks": common_shocks,
    "bursts of 5": bursty,
    "overdispersed, phi 5": overdispersed,
    "sticky sessions of 5": sticky,
    "diurnal": diurnal_errors,
}
WITHIN_ALPHA = frozenset({"independent errors", "common shocks", "diurnal"})
"""Where the level is promised. In the others it is measured."""
