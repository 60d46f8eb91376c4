"""Whose a drift is."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from modelrollout.analysis.distribution import Cumulative, Distribution, Labelled
from modelrollout.analysis.drift import Method
from modelrollout.analysis.drift_check import DriftCheck, judge, level_of
from modelrollout.analysis.verdict import Verdict

pytestmark = pytest.mark.unit

BESIDE = DriftCheck("classes", Method.PSI, 0.2, level=0.001)
AGAINST = DriftCheck("ink", Method.PSI, 0.2, level=0.001, reference="the 1h from Sat 14 Nov 10:00:00Z")

USUAL = Labelled({"a": 500, "b": 300, "c": 200})
LIKE_IT = Labelled({"a": 2480, "b": 1530, "c": 990})
OTHER = Labelled({"a": 200, "b": 300, "c": 500})
LIKE_OTHER = Labelled({"a": 1010, "b": 1480, "c": 2510})
THIRD = Labelled({"a": 300, "b": 680, "c": 20})
FEW = Labelled({"a": 5, "b": 30, "c": 50})
NONE_YET = Labelled({"a": 0, "b": 0})
EDGES = Cumulative(((1.0, 500.0), (math.inf, 1000.0)))
OTHER_EDGES = Cumulative(((2.0, 500.0), (math.inf, 1000.0)))


@pytest.mark.parametrize(
    ("candidate", "stable", "verdict", "text"),
    [
        (USUAL, LIKE_IT, Verdict.PASS, "classes: PSI 0.00017 <= 0.2 from stable (n=1000 and 5000)"),
        (OTHER, LIKE_IT, Verdict.HARM, "classes: PSI 0.548 > 0.2 from stable (n=1000 and 5000)"),
        (FEW, LIKE_IT, Verdict.CONTINUE, "classes: 85 of 150 samples"),
        (USUAL, FEW, Verdict.CONTINUE, "classes: 85 of 150 samples to compare with"),
        (NONE_YET, LIKE_IT, Verdict.NO_DATA, "classes: nothing of the candidate is counted yet"),
        (None, LIKE_IT, Verdict.NO_DATA, "classes: nothing of the candidate is counted yet"),
        (USUAL, None, Verdict.NO_DATA, "classes: nothing of the stable revision is counted to compare with"),
        (USUAL, NONE_YET, Verdict.NO_DATA, "classes: nothing of the stable revision is counted to compare with"),
        (EDGES, OTHER_EDGES, Verdict.NO_DATA, "no edges in common"),
    ],
)
def test_beside_stable(
    candidate: Distribution | None, stable: Distribution | None, verdict: Verdict, text: str
) -> None:
    result = judge(BESIDE, candidate, stable)
    assert result.verdict is verdict
    assert text in result.reason
    assert not result.upstream


@pytest.mark.parametrize(
    ("candidate", "stable", "reference", "verdict", "text"),
    [
        (USUAL, LIKE_IT, LIKE_IT, Verdict.PASS, "ink: PSI 0.00017 <= 0.2 from the 1h from Sat 14 Nov 10:00:00Z"),
        (USUAL, LIKE_OTHER, LIKE_IT, Verdict.PASS, "ink: PSI 0.00017 <= 0.2"),
        (OTHER, LIKE_IT, LIKE_IT, Verdict.HARM, "of the candidate only (stable 0)"),
        (OTHER, FEW, LIKE_IT, Verdict.NO_DATA, "stable has too few to tell whether its input has drifted too"),
        (OTHER, None, LIKE_IT, Verdict.NO_DATA, "stable has too few to tell"),
        (THIRD, LIKE_OTHER, LIKE_IT, Verdict.HARM, "from stable"),
        (FEW, LIKE_IT, LIKE_IT, Verdict.CONTINUE, "ink: 85 of 150 samples"),
        (USUAL, LIKE_IT, None, Verdict.NO_DATA, "nothing was counted the 1h from Sat 14 Nov 10:00:00Z"),
        (EDGES, EDGES, OTHER_EDGES, Verdict.NO_DATA, "no edges in common with the reference"),
    ],
)
def test_against_a_reference(
    candidate: Distribution,
    stable: Distribution | None,
    reference: Distribution | None,
    verdict: Verdict,
    text: str,
) -> None:
    result = judge(AGAINST, candidate, stable, reference)
    assert result.verdict is verdict
    assert text in result.reason
    assert not result.upstream


def test_both_drifting_together_is_the_input_and_nobody_is_blamed() -> None:
    result = judge(AGAINST, OTHER, LIKE_OTHER, LIKE_IT)
    assert (result.verdict, result.upstream) == (Verdict.PASS, True)
    assert result.reason == (
        "input drift, not the candidate: ink: PSI 0.548 > 0.2 from the 1h from Sat 14 Nov 10:00:00Z, stable 0.547 "
        "(n=1000 and 5000)"
    )
    assert result.stable == pytest.approx(0.547, abs=0.001)


def test_stable_at_the_edge_of_the_limit_blames_nobody_yet() -> None:
    noisy = Labelled({"a": 40, "b": 60})
    result = judge(AGAINST, Labelled({"a": 200, "b": 800}), noisy, Labelled({"a": 630, "b": 370}))
    assert result.verdict is Verdict.CONTINUE


def test_beyond_the_limit_and_within_chance_it_goes_on() -> None:
    result = judge(BESIDE, Labelled({"a": 50, "b": 50}), Labelled({"a": 85, "b": 25}))
    assert result.verdict is Verdict.CONTINUE
    assert "which may still be chance (up to " in result.reason


def test_a_pass_needs_min_samples_too() -> None:
    check = DriftCheck("classes", Method.PSI, 0.2, level=0.001, min_samples=2000)
    assert judge(check, USUAL, LIKE_IT).reason.startswith("classes: 1000 of 2000 samples")
    assert judge(check, OTHER, LIKE_IT).verdict is Verdict.HARM


def test_the_levels_of_all_looks_sum_to_less_than_the_level() -> None:
    total = math.fsum(level_of(0.01, step, look) for step in range(1, 60) for look in range(1, 2000))
    assert 0.0098 < total < 0.01


@pytest.mark.parametrize(("step", "look"), [(0, 1), (1, 0)])
def test_steps_and_looks_count_from_one(step: int, look: int) -> None:
    with pytest.raises(ValueError, match="count from 1"):
        level_of(0.01, step, look)


@pytest.mark.parametrize("method", [Method.PSI, Method.WASSERSTEIN])
def test_a_long_rollout_without_drift_hardly_ever_finds_one(method: Method) -> None:
    """60 looks at a sliding window of 600 samples, against a reference: 1 % of rollouts at most may be wrong.

    The limit is far below what chance gives, so that the noise floor alone stands between it and a false alarm.
    """
    dice = np.random.default_rng(3)
    shares, false = [0.08, 0.2, 0.3, 0.25, 0.12, 0.05], 0
    reference = cumulative(dice.multinomial(5000, shares))
    for _ in range(60):
        parts = dice.multinomial(60, shares, 70)
        stable = cumulative(dice.multinomial(3000, shares))
        for look in range(1, 61):
            check = DriftCheck("ink", method, 0.001, level_of(0.01, 1, look), reference="before")
            if judge(check, cumulative(parts[look : look + 10].sum(axis=0)), stable, reference).verdict is Verdict.HARM:
                false += 1
                break
    assert false <= 2


def cumulative(counts: Any) -> Cumulative:
    sums = [float(total) for total in itertools.accumulate(counts)]
    return Cumulative(tuple(zip((0.0, 1.0, 2.0, 3.0, 4.0, math.inf), sums, strict=True)))
