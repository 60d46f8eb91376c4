"""Judges a drift: whose it is, and whether there is enough to say so.

**Against stable** only the candidate can differ: both get requests of the same time.

**Against a reference** both revisions are compared with it. Both beyond the limit together is a drift of the input, or
of the world, and no fault of the candidate: nothing is blamed on it, unless it lies beyond the limit from stable as
well. Only the candidate beyond it is the candidate's. While the stable revision has too little to tell, nobody is
blamed.

**How often one may look.** Each look tests at a level of its own, and a look compares at most three pairs, each with a
third of it. Look k of step j has level / (j (j + 1) k (k + 1)): over all looks of all steps these sum to `level`, so
that this is the probability of ever finding drift where there is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelrollout.analysis.distribution import Distribution
from modelrollout.analysis.drift import Measured, Method, measure
from modelrollout.analysis.verdict import CheckResult, Verdict, format_number

COMPARISONS = 3
"""The candidate with the reference, stable with it, and the candidate with stable."""


@dataclass(frozen=True, slots=True)
class DriftCheck:
    """What a drift is held to.

    Attributes:
        name: the metric's name.
        method: how it is measured.
        limit: the largest distance that is still none.
        level: probability that this look finds drift where there is none.
        min_samples: the candidate's samples that a pass needs, whatever the bins need.
        cluster_size: how many counts are worth one independent sample.
        reference: what the reference is called, such as `168h ago`; None where stable is what is compared with.
    """

    name: str
    method: Method
    limit: float
    level: float
    min_samples: int = 1
    cluster_size: float = 1.0
    reference: str | None = None


def level_of(level: float, step: int, look: int) -> float:
    """Give the level of one look; both count from 1.

    Raises:
        ValueError: the step or the look is below 1.
    """
    if step < 1 or look < 1:
        raise ValueError(f"step and look count from 1, got {step} and {look}")
    return level / (step * (step + 1) * look * (look + 1))


def judge(
    check: DriftCheck,
    candidate: Distribution | None,
    stable: Distribution | None,
    reference: Distribution | None = None,
) -> CheckResult:
    """Judge a drift now; None stands for a distribution that is not known.

    Args:
        reference: where the check names one.
    """
    if candidate is None or candidate.total <= 0:
        return _no_data(check, "nothing of the candidate is counted yet")
    if check.reference is None:
        return _against_stable(check, candidate, stable)
    return _against_reference(check, candidate, stable, reference)


def _against_stable(check: DriftCheck, candidate: Distribution, stable: Distribution | None) -> CheckResult:
    if stable is None or stable.total <= 0:
        return _no_data(check, "nothing of the stable revision is counted to compare with")
    found = _measure(check, candidate, stable)
    if found is None:
        return _no_data(check, "candidate and stable have no edges in common: export the same buckets from both")
    text = f"{_compared(check, found)} from stable"
    return _graded(check, found, text, Verdict.HARM if found.exceeds(check.limit) else None)


def _against_reference(
    check: DriftCheck, candidate: Distribution, stable: Distribution | None, reference: Distribution | None
) -> CheckResult:
    if reference is None or reference.total <= 0:
        return _no_data(check, f"nothing was counted {check.reference}: it cannot be the reference")
    found = _measure(check, candidate, reference)
    if found is None:
        return _no_data(check, f"the candidate has no edges in common with the reference ({check.reference})")
    text = f"{_compared(check, found)} from {check.reference}"
    if not found.exceeds(check.limit):
        return _graded(check, found, text, None)
    return _whose(check, found, text, candidate, stable, reference)


def _whose(  # noqa: PLR0917 - private, one caller
    check: DriftCheck,
    found: Measured,
    text: str,
    candidate: Distribution,
    stable: Distribution | None,
    reference: Distribution,
) -> CheckResult:
    """Say whether a drift from the reference is the candidate's alone."""
    beside = None if stable is None or stable.total <= 0 else _measure(check, stable, reference)
    if stable is None or beside is None or not beside.is_enough:
        note = f"{text}, and stable has too few to tell whether its input has drifted too"
        return _result(check, Verdict.NO_DATA, note, found)
    if not beside.exceeds(check.limit):
        kept = beside.keeps(check.limit)
        note = f"{text}, of the candidate only (stable {format_number(beside.value)})"
        return _result(check, Verdict.HARM if kept else Verdict.CONTINUE, note, found, stable=beside.value)
    apart = _measure(check, candidate, stable)
    if apart is not None and apart.exceeds(check.limit):
        note = f"{text} (stable {format_number(beside.value)}), and {format_number(apart.value)} from stable"
        return _result(check, Verdict.HARM, note, found, stable=beside.value)
    note = f"input drift, not the candidate: {text}, stable {format_number(beside.value)}"
    return _result(check, Verdict.PASS, note, found, stable=beside.value, upstream=True)


def _graded(check: DriftCheck, found: Measured, text: str, harm: Verdict | None) -> CheckResult:
    """Say how far a comparison is, where nobody is blamed otherwise."""
    if harm is not None:
        return _result(check, harm, text, found)
    if not found.is_enough:
        if found.first >= found.needed:
            note = f"{check.name}: {found.second:.0f} of {found.needed:.0f} samples to compare with"
        else:
            note = f"{check.name}: {found.first:.0f} of {found.needed:.0f} samples"
        return _result(check, Verdict.CONTINUE, note, found)
    if found.first < check.min_samples:
        return _result(
            check, Verdict.CONTINUE, f"{check.name}: {found.first:.0f} of {check.min_samples} samples", found
        )
    if not found.keeps(check.limit):
        note = f"{text}, which may still be chance (up to {format_number(found.floor)})"
        return _result(check, Verdict.CONTINUE, note, found)
    return _result(check, Verdict.PASS, text, found)


def _measure(check: DriftCheck, first: Distribution, second: Distribution) -> Measured | None:
    return measure(check.method, first, second, check.level / COMPARISONS, check.cluster_size)


def _compared(check: DriftCheck, found: Measured) -> str:
    sign = "<=" if found.value <= check.limit else ">"
    return f"{check.name}: {check.method} {format_number(found.value)} {sign} {format_number(check.limit)}"


def _no_data(check: DriftCheck, why: str) -> CheckResult:
    return CheckResult(check.name, Verdict.NO_DATA, f"{check.name}: {why}")


def _result(
    check: DriftCheck,
    verdict: Verdict,
    text: str,
    found: Measured,
    *,
    stable: float | None = None,
    upstream: bool = False,
) -> CheckResult:
    counted = f" (n={found.first:.0f} and {found.second:.0f})" if found.is_enough else ""
    return CheckResult(
        check.name,
        verdict,
        f"{text}{counted}",
        found.value,
        stable,
        check.limit,
        int(found.first),
        upstream=upstream,
    )
