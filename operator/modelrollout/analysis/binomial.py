"""Exact tails of the binomial distribution, in the log domain and without scipy."""

from __future__ import annotations

import math

_TINY = 1e-300
_PRECISION = 1e-13
_MAX_TERMS = 100_000


def log_at_most(successes: int, trials: int, probability: float) -> float:
    """Give log P(X <= successes) for X ~ Bin(trials, probability); -inf for an impossible event.

    Exact up to floating point also far in the tail, and quick for a billion trials.

    Raises:
        ValueError: trials is negative, or the probability lies outside 0 to 1.
    """
    _validate(trials, probability)
    if successes < 0:
        return -math.inf
    if successes >= trials:
        return 0.0
    return _log_beta_share(1 - probability, probability, trials - successes, successes + 1)


def log_at_least(successes: int, trials: int, probability: float) -> float:
    """Give log P(X >= successes) for X ~ Bin(trials, probability); -inf for an impossible event.

    Raises:
        ValueError: trials is negative, or the probability lies outside 0 to 1.
    """
    _validate(trials, probability)
    if successes <= 0:
        return 0.0
    if successes > trials:
        return -math.inf
    return _log_beta_share(probability, 1 - probability, successes, trials - successes + 1)


def _validate(trials: int, probability: float) -> None:
    if trials < 0:
        raise ValueError(f"trials must be at least 0, got {trials}")
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must lie between 0 and 1, got {probability}")


def _log_beta_share(x: float, rest: float, a: int, b: int) -> float:
    """Give the log of the regularised incomplete beta function I_x(a, b), where rest = 1 - x.

    A binomial tail is one: P(X >= k) = I_p(k, n - k + 1) (Abramowitz and Stegun 26.5.24).
    """
    if x <= 0:
        return -math.inf
    if rest <= 0:
        return 0.0
    # The fraction converges quickly on the short side of the mean; the long side is its complement.
    if x <= (a + 1) / (a + b + 2):
        return min(0.0, _log_short_side(x, rest, a, b))
    other = min(0.0, _log_short_side(rest, x, b, a))
    return math.log1p(-math.exp(other)) if other < 0 else -math.inf


def _log_short_side(x: float, rest: float, a: int, b: int) -> float:
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return a * math.log(x) + b * math.log(rest) - log_beta - math.log(a) + math.log(_continued_fraction(x, a, b))


def _continued_fraction(x: float, a: int, b: int) -> float:
    """Evaluate the fraction of I_x(a, b) (Abramowitz and Stegun 26.5.8) by the method of Lentz (1976)."""
    ratio = 1.0
    inverse = 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1))
    value = inverse
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        inverse = 1.0 / _away_from_zero(1.0 + even * inverse)
        ratio = _away_from_zero(1.0 + even / ratio)
        value *= inverse * ratio
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        inverse = 1.0 / _away_from_zero(1.0 + odd * inverse)
        ratio = _away_from_zero(1.0 + odd / ratio)
        change = inverse * ratio
        value *= change
        if abs(change - 1.0) < _PRECISION:
            break
    return value


def _away_from_zero(number: float) -> float:
    return number if abs(number) > _TINY else _TINY
