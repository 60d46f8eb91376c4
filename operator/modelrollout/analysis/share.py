"""Whether the candidate really gets its share of the requests.

All shares and weights here are fractions of 1, not percent.
"""

from __future__ import annotations

import math

from modelrollout.analysis.binomial import log_at_least, log_at_most
from modelrollout.analysis.eprocess import one_sample_below
from modelrollout.analysis.evidence import Counts

LEVEL = 0.01
"""A share is refuted when counts as far from it are rarer than this."""
SILENCE_LEVEL = 1e-4
"""The level for `silence`: strict, because it needs no minimum of requests and acts at every degree of automation."""
MIN_REQUESTS = 20
MIN_ANSWERS = 3
FULL_SLACK = 0.02
"""At weight 1 a single answer of stable would refute the share, and two scrapes are never simultaneous."""
SLACK = 0.1
"""Part of a share that may be missing. What a pod answers before its first scrape is never counted; originals and
copies are counted by different scrapes; and gateways draw lots for connections. With very many requests any exact share
would be refuted, and a step that has its requests would wait for ever."""


def in_force(candidate_n: int, total_n: int, weight: float, previous_weight: float) -> bool:
    """Tell whether counts show that a new weight has replaced the previous one.

    The previous weight must be refuted in the direction of the new one, and nine tenths of the new one must not be
    (`SLACK`): of 20 requests at least. Coming from 0, three answers refute it. A restart at the same weight has nothing
    to refute and takes three answers as well.

    Args:
        candidate_n: answers of the candidate since the weight was written.
        total_n: answers of all revisions in the same ticks.
        weight: the share that the candidate should get, above 0.
        previous_weight: the share that it had before, 0 if none.

    Raises:
        ValueError: a weight lies outside its range, or the candidate has more answers than there are.
    """
    if not 0 < weight <= 1:
        raise ValueError(f"weight must be above 0 and at most 1, got {weight}")
    if not 0 <= previous_weight <= 1:
        raise ValueError(f"previous_weight must lie between 0 and 1, got {previous_weight}")
    if not 0 <= candidate_n <= total_n:
        raise ValueError(f"candidate_n must lie between 0 and total_n={total_n}, got {candidate_n}")
    if total_n < MIN_REQUESTS or candidate_n < MIN_ANSWERS:
        return False
    limit = math.log(LEVEL)
    before = _with_slack(previous_weight)
    expected = weight * (1 - SLACK) if weight < 1 else _with_slack(weight)
    if log_at_most(candidate_n, total_n, expected) <= limit:
        return False
    if previous_weight < weight:
        return previous_weight == 0 or log_at_least(candidate_n, total_n, before) <= limit
    return previous_weight == weight or log_at_most(candidate_n, total_n, before) <= limit


def mirror_in_force(shadow_n: int, stable_n: int, share: float) -> bool:
    """Tell whether counts show that a shadow gets its share of copies.

    Too few copies refute it, beyond a tenth of the share (`SLACK`). More
    copies than originals are possible for the same reason, and refute nothing.

    Args:
        shadow_n: requests that the shadow answered since the mirror was written.
        stable_n: requests that the mirrored revision answered in the same ticks.
        share: the share of requests that should be copied, above 0.

    Raises:
        ValueError: the share lies outside its range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    if stable_n < MIN_REQUESTS or shadow_n < MIN_ANSWERS:
        return False
    return log_at_most(shadow_n, stable_n, share * (1 - SLACK)) > math.log(LEVEL)


def silence_of(candidate_n: int, total_n: int, share: float) -> float:
    """Give the log e-value against "the candidate answers at least half of its share".

    Compare it with `log_threshold(SILENCE_LEVEL)`. Without answers of stable nothing is known about what was asked, so
    at weight 1 there is no evidence.

    Args:
        candidate_n: answers of the candidate since this share was written.
        total_n: answers of both revisions in the same time.
        share: the candidate's share of live requests.
    """
    return one_sample_below(Counts(candidate_n, total_n), share / 2)


def _with_slack(weight: float) -> float:
    return min(weight, 1 - FULL_SLACK)
