"""How far two distributions lie apart, and how far chance alone puts them.

**Measures**, all on the same bins, p and q being the two shares of a bin:

* PSI, the population stability index: sum (p - q) ln(p / q), the symmetric Kullback-Leibler (Jeffreys) divergence.
  Half a count is added to each bin of both first (R. Krichevsky, V. Trofimov, 1981), or one empty bin would make it
  infinite. By habit below 0.1 is none and above 0.2 or 0.25 is much; that is a convention, not a theorem.
* JS, the Jensen-Shannon distance: the root of the divergence in bits, 0 to 1 (J. Lin, 1991; D. Endres, 2003).
* ChiSquare, the effect size w of the chi-square test that both are the same: the root of chi2 (1/n + 1/m), which no
  sample size changes (J. Cohen, *Statistical power analysis*, 1988: 0.1 is small, 0.3 medium, 0.5 large).
* KS, the largest gap between the cumulative shares at an edge (Kolmogorov-Smirnov); never more than the true one.
* Wasserstein: the mean distance between the two, in standard deviations of the second. A bin counts as its middle, the
  open ones as their finite edge, so that a shift within one bin is not seen.

**Noise.** Samples of one and the same distribution differ too: with ten bins and 100 answers PSI exceeds 0.1 more often
than not. So a measure counts as drift only beyond what chance gives with probability `level`, and needs
`SAMPLES_PER_BIN` per bin in both. The floors are on the safe side:

* PSI, 8 ln 2 JS^2 and w^2 are, without drift, about (1/n + 1/m) times a chi-square variable with bins - 1 degrees
  (B. Yurdakul, *Statistical properties of PSI*, 2018; S. Kullback, 1959), which exceeds k + 2 sqrt(k x) + 2 x with
  probability at most exp(-x) (B. Laurent, P. Massart, 2000, lemma 1).
* the KS gap exceeds sqrt(ln(2 / level) / 2 (1/n + 1/m)) with about that probability at most (N. Smirnov, 1939).
* the Wasserstein distance is a sum of gaps whose deviations are known. A sum of absolute values of Gaussians exceeds
  its mean by t with probability at most exp(-t^2 / 2 s^2), s being the sum of their deviations (C. Borell, 1975).

Clusters make samples worth less: counts are divided by the size of one.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from modelrollout.analysis.distribution import Distribution, Pair, paired, thickened

SAMPLES_PER_BIN = 50
_SMOOTHING = 0.5


class Method(StrEnum):
    """A measure of drift."""

    PSI = "PSI"
    JS = "JS"
    WASSERSTEIN = "Wasserstein"
    KS = "KS"
    CHI_SQUARE = "ChiSquare"


@dataclass(frozen=True, slots=True)
class Measured:
    """Two distributions compared.

    Attributes:
        value: the measure, at least 0; 0 where nothing was counted.
        floor: what chance alone exceeds with no more than the asked probability.
        first, second: how much was counted of each, as independent samples.
        needed: how much is needed of each.
    """

    value: float
    floor: float
    first: float
    second: float
    needed: float

    @property
    def is_enough(self) -> bool:
        """Whether both have enough samples to be compared."""
        return min(self.first, self.second) >= self.needed

    def exceeds(self, limit: float) -> bool:
        """Whether the measure is beyond the limit, and beyond chance."""
        return self.is_enough and self.value > max(limit, self.floor)

    def keeps(self, limit: float) -> bool:
        """Whether the measure is within the limit."""
        return self.is_enough and self.value <= limit


def measure(
    method: Method, first: Distribution, second: Distribution, level: float, cluster_size: float = 1.0
) -> Measured | None:
    """Compare two distributions; None where they have no bins in common.

    Args:
        second: the one that differences are measured by, such as the reference.
        level: probability that without drift the value exceeds the floor, at most.
        cluster_size: how many counts are worth one independent sample, at least 1.

    Raises:
        ValueError: the level is not between 0 and 1, the cluster size is below 1, or the method needs an order that
            labels do not have.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    if cluster_size < 1:
        raise ValueError(f"a cluster has at least one sample, got {cluster_size}")
    pair = paired(first, second)
    if pair is None:
        return None
    thick = thickened(pair)
    n, m = math.fsum(pair.first), math.fsum(pair.second)
    if n <= 0 or m <= 0:
        return Measured(0.0, 0.0, n / cluster_size, m / cluster_size, float(SAMPLES_PER_BIN))
    noise = cluster_size * (1 / n + 1 / m)
    match method:
        case Method.PSI:
            value, floor = psi(thick), _chi_square_bound(thick, level) * noise
        case Method.JS:
            value = jensen_shannon(thick)
            floor = math.sqrt(_chi_square_bound(thick, level) * noise / (8 * math.log(2)))
        case Method.CHI_SQUARE:
            value, floor = effect_size(thick), math.sqrt(_chi_square_bound(thick, level) * noise)
        case Method.KS:
            value, floor = largest_gap(pair), math.sqrt(math.log(2 / level) / 2 * noise)
        case Method.WASSERSTEIN:
            value, floor = wasserstein(pair), _wasserstein_bound(pair, level, noise)
        case _:
            assert_never(method)
    bins = len(thick.first) if method not in (Method.KS, Method.WASSERSTEIN) else min(pair.occupied, pair.most)
    return Measured(value, floor, n / cluster_size, m / cluster_size, float(SAMPLES_PER_BIN * bins))


def psi(pair: Pair) -> float:
    """Give the population stability index, with half a count added to each bin."""
    p, q = _smoothed(pair.first), _smoothed(pair.second)
    return math.fsum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))


def jensen_shannon(pair: Pair) -> float:
    """Give the Jensen-Shannon distance: the root of the divergence in bits, 0 to 1."""
    p, q = _shares(pair.first), _shares(pair.second)
    divergence = math.fsum(
        (_part(a, (a + b) / 2) + _part(b, (a + b) / 2)) / 2 for a, b in zip(p, q, strict=True) if a + b > 0
    )
    return math.sqrt(min(1.0, max(0.0, divergence)))


def effect_size(pair: Pair) -> float:
    """Give the effect size w of the chi-square test of homogeneity."""
    n, m = math.fsum(pair.first), math.fsum(pair.second)
    p, q = _shares(pair.first), _shares(pair.second)
    pooled = [(n * a + m * b) / (n + m) for a, b in zip(p, q, strict=True)]
    return math.sqrt(math.fsum((a - b) ** 2 / c for a, b, c in zip(p, q, pooled, strict=True) if c > 0))


def largest_gap(pair: Pair) -> float:
    """Give the largest gap between the cumulative shares."""
    return max((abs(gap) for gap in _gaps(pair)), default=0.0)


def wasserstein(pair: Pair) -> float:
    """Give the mean distance in standard deviations of the second distribution; where it has none, of both together."""
    positions, scale = _ordered(pair), _scale(pair)
    if scale == 0:
        return 0.0
    widths = (upper - lower for lower, upper in itertools.pairwise(positions))
    return math.fsum(abs(gap) * width for gap, width in zip(_gaps(pair), widths, strict=True)) / scale


def _chi_square_bound(pair: Pair, level: float) -> float:
    freedom, x = len(pair.first) - 1, -math.log(level)
    return freedom + 2 * math.sqrt(freedom * x) + 2 * x if freedom > 0 else 0.0


def _wasserstein_bound(pair: Pair, level: float, noise: float) -> float:
    positions, scale = _ordered(pair), _scale(pair)
    if scale == 0:
        return 0.0
    pooled = _cumulative(_shares(tuple(a + b for a, b in zip(pair.first, pair.second, strict=True))))
    widths = (upper - lower for lower, upper in itertools.pairwise(positions))
    deviation = math.fsum(
        math.sqrt(max(0.0, share * (1 - share))) * width for share, width in zip(pooled, widths, strict=True)
    )
    return deviation / scale * math.sqrt(noise) * (math.sqrt(2 / math.pi) + math.sqrt(-2 * math.log(level)))


def _ordered(pair: Pair) -> tuple[float, ...]:
    if pair.positions is None:
        raise ValueError("values of a label have no order: use PSI, JS or ChiSquare")
    return pair.positions


def _scale(pair: Pair) -> float:
    both = tuple(a + b for a, b in zip(pair.first, pair.second, strict=True))
    return _deviation(pair, pair.second) or _deviation(pair, both)


def _deviation(pair: Pair, counts: tuple[float, ...]) -> float:
    positions, shares = _ordered(pair), _shares(counts)
    mean = math.fsum(share * at for share, at in zip(shares, positions, strict=True))
    return math.sqrt(math.fsum(share * (at - mean) ** 2 for share, at in zip(shares, positions, strict=True)))


def _gaps(pair: Pair) -> tuple[float, ...]:
    """Differences of the cumulative shares after each bin but the last."""
    _ordered(pair)
    first, second = _cumulative(_shares(pair.first)), _cumulative(_shares(pair.second))
    return tuple(a - b for a, b in zip(first, second, strict=True))


def _cumulative(shares: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(math.fsum(shares[: index + 1]) for index in range(len(shares) - 1))


def _shares(counts: tuple[float, ...]) -> tuple[float, ...]:
    total = math.fsum(counts)
    return tuple(count / total for count in counts)


def _smoothed(counts: tuple[float, ...]) -> tuple[float, ...]:
    return _shares(tuple(count + _SMOOTHING for count in counts))


def _part(share: float, middle: float) -> float:
    return share * math.log2(share / middle) if share > 0 else 0.0
