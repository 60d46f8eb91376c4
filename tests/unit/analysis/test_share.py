import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from modelrollout.analysis.eprocess import log_threshold
from modelrollout.analysis.share import SILENCE_LEVEL, in_force, mirror_in_force, silence_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("candidate", "total", "weight", "previous", "expected"),
    [
        pytest.param(3, 60, 0.05, 0.0, True, id="first-weight-three-answers"),
        pytest.param(2, 60, 0.05, 0.0, False, id="first-weight-two-answers"),
        pytest.param(3, 19, 0.05, 0.0, False, id="too-few-requests"),
        pytest.param(3, 400, 0.05, 0.0, False, id="far-below-its-share"),
        pytest.param(1_919, 10_130, 0.2, 0.0, True, id="a-twentieth-lost-of-very-many"),
        pytest.param(1_700, 10_130, 0.2, 0.0, False, id="a-sixth-lost-of-very-many"),
        pytest.param(20, 100, 0.2, 0.05, True, id="step-up-shown"),
        pytest.param(8, 100, 0.2, 0.05, False, id="previous-share-not-refuted"),
        pytest.param(60, 1000, 0.2, 0.05, False, id="still-mostly-the-previous-share"),
        pytest.param(90, 100, 0.2, 0.05, True, id="more-than-its-share-is-not-missing"),
        pytest.param(5, 100, 0.05, 0.05, True, id="restart-at-the-same-weight"),
        pytest.param(2, 100, 0.05, 0.05, False, id="restart-needs-three-answers"),
        pytest.param(50, 100, 0.05, 0.5, False, id="step-down-not-shown-yet"),
        pytest.param(5, 100, 0.05, 0.5, True, id="step-down-shown"),
        pytest.param(1000, 1000, 1.0, 0.5, True, id="full"),
        pytest.param(985, 1000, 1.0, 0.5, True, id="full-with-stragglers"),
        pytest.param(900, 1000, 1.0, 0.5, False, id="full-with-a-tenth-on-stable"),
        pytest.param(100, 100, 1.0, 1.0, True, id="full-again"),
        pytest.param(0, 0, 0.05, 0.0, False, id="no-traffic"),
    ],
)
def test_a_weight_is_in_force_when_counts_show_it(
    candidate: int, total: int, weight: float, previous: float, *, expected: bool
) -> None:
    assert in_force(candidate, total, weight, previous) is expected


@given(st.integers(20, 2000), st.data(), st.sampled_from([0.05, 0.2, 0.5]), st.sampled_from([0.01, 0.04, 0.15]))
def test_in_force_is_two_binomial_tests(total: int, data: st.DataObject, weight: float, previous: float) -> None:
    candidate = data.draw(st.integers(3, total))
    refuted = binomtest(candidate, total, previous, "greater" if previous < weight else "less").pvalue <= 0.01
    possible = binomtest(candidate, total, weight * 0.9, "less").pvalue > 0.01
    assert in_force(candidate, total, weight, previous) == (refuted and possible)


@pytest.mark.parametrize(
    ("candidate", "total", "weight", "previous"), [(1, 2, 0.0, 0.0), (1, 2, 5.0, 0.0), (1, 2, 0.5, -1), (3, 2, 0.5, 0)]
)
def test_impossible_shares_are_refused(candidate: int, total: int, weight: float, previous: float) -> None:
    with pytest.raises(ValueError, match="must"):
        in_force(candidate, total, weight, previous)


@pytest.mark.parametrize(
    ("shadow", "stable", "share", "expected"),
    [
        pytest.param(100, 100, 1.0, True, id="all"),
        pytest.param(108, 100, 1.0, True, id="scraped-later-than-the-originals"),
        pytest.param(93, 100, 1.0, True, id="scraped-earlier"),
        pytest.param(70, 100, 1.0, False, id="a-third-missing"),
        pytest.param(9, 100, 0.1, True, id="a-tenth"),
        pytest.param(9, 400, 0.1, False, id="less-than-a-tenth"),
        pytest.param(19, 19, 1.0, False, id="too-few"),
        pytest.param(0, 1000, 0.01, False, id="none"),
    ],
)
def test_a_mirror_is_in_force_when_copies_arrive(shadow: int, stable: int, share: float, *, expected: bool) -> None:
    assert mirror_in_force(shadow, stable, share) is expected


@pytest.mark.parametrize("share", [0.0, 100.0])
def test_a_mirror_takes_a_fraction(share: float) -> None:
    with pytest.raises(ValueError, match="share must be above 0"):
        mirror_in_force(1, 1, share)


@pytest.mark.parametrize(
    ("candidate", "stable", "silent_within"),
    [
        pytest.param(0, 36, 15, id="hanging-at-10-percent-of-40-a-second"),
        pytest.param(4, 36, None, id="answering-its-share"),
        pytest.param(3, 37, None, id="answering-a-little-less"),
        pytest.param(0, 0, None, id="nobody-asks"),
    ],
)
def test_silence(candidate: int, stable: int, silent_within: int | None) -> None:
    threshold = log_threshold(SILENCE_LEVEL)
    silent = (n for n in range(1, 301) if silence_of(n * candidate, n * (candidate + stable), 0.1) >= threshold)
    first = next(silent, None)
    if silent_within is None:
        assert first is None
    else:
        assert first is not None
        assert 2 < first <= silent_within


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.floats(0.01, 1))
def test_silence_is_never_nan_and_falls_with_each_answer(candidate: int, stable: int, share: float) -> None:
    evidence = silence_of(candidate, candidate + stable, share)
    assert not math.isnan(evidence)
    assert silence_of(candidate + 1, candidate + stable + 1, share) <= evidence
