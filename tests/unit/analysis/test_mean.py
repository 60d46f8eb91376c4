import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.mean import judge
from modelrollout.analysis.mean_state import MeanEvidence, MeanState, gather
from modelrollout.analysis.ratio import RatioCheck
from modelrollout.analysis.verdict import Verdict

pytestmark = pytest.mark.unit

CHECK = RatioCheck("latency", min_samples=200)
RELATIVE = Limits(ratio=1.2)
CONFIDENT = Limits(max=0.3, ratio=1.2, confidence=0.95, no_worse_confidence=0.95)


def ticks(candidate: float, stable: float, count: int = 60, *, asked: int = 20, seed: int = 1) -> list[Tick]:
    """Latencies with a standard deviation of a third of their mean, and a load that both revisions feel."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        load = float(random.uniform(0.8, 1.2))
        mine = float(random.gamma(9 * asked, candidate * load / 9)) if candidate else 0.0
        other = float(random.gamma(36 * asked, stable * load / 9)) if stable else 0.0
        found.append(
            Tick(
                number * 10.0,
                Counts(0, asked),
                Counts(0, 4 * asked if stable else 0),
                final=True,
                candidate_sum=mine,
                stable_sum=other,
            )
        )
    return found


def span(limits: Limits, history: list[Tick]) -> MeanEvidence:
    return gather(MeanState.start(limits), history)


@pytest.mark.parametrize(
    ("limits", "candidate", "verdict", "text"),
    [
        pytest.param(Limits(max=0.3), 0.2, Verdict.PASS, "latency 0.194 <= 0.3 (n=1200)", id="below-max"),
        pytest.param(Limits(max=0.3), 0.5, Verdict.HARM, "> 0.3 (n=1200), confidence", id="above-max"),
        pytest.param(Limits(min=0.3), 0.2, Verdict.HARM, "< 0.3 (n=1200), confidence", id="below-min"),
        pytest.param(RELATIVE, 0.2, Verdict.PASS, "0.194 <= 0.235 (stable 0.196, n=1200)", id="like-stable"),
        pytest.param(RELATIVE, 0.3, Verdict.HARM, "0.291 > 0.235 (stable 0.196, n=1200), confidence", id="half-slower"),
        pytest.param(CONFIDENT, 0.2, Verdict.PASS, "confidence >0.999999", id="shown-with-confidence"),
        pytest.param(Limits(), 0.2, Verdict.PASS, "latency 0.194 (n=1200)", id="only-observed"),
    ],
)
def test_one_step(limits: Limits, candidate: float, verdict: Verdict, text: str) -> None:
    found = span(limits, ticks(candidate, 0.2))
    result = judge(CHECK, found, found, 1).result
    assert result.verdict is verdict
    assert text in result.reason
    assert result.samples == 1200


def test_a_confident_pass_needs_many_blocks_and_says_so() -> None:
    found = span(CONFIDENT, ticks(0.2, 0.2, 15))
    result = judge(CHECK, found, found, 1).result
    assert (result.verdict, result.reason.partition("), ")[2]) == (Verdict.CONTINUE, "confidence 0.00 of 0.95")


def test_few_samples_go_on() -> None:
    found = span(RELATIVE, ticks(0.2, 0.2, 9))
    assert judge(CHECK, found, found, 1).result.reason == "latency: 180 of 200 samples"


def test_what_is_not_known_holds() -> None:
    found = span(RELATIVE, [*ticks(0.2, 0.2), *[Tick(0.0, None, None, final=True)] * 3])
    result = judge(CHECK, found, found, 1).result
    assert (result.verdict, result.reason) == (
        Verdict.NO_DATA,
        "latency: the candidate's counts have been unknown for 3 ticks",
    )


def test_a_step_that_turns_slow_after_a_long_good_time_is_found() -> None:
    before, now = ticks(0.2, 0.2, 400), ticks(0.6, 0.2, 15, seed=2)
    result = judge(CHECK, span(RELATIVE, [*before, *now]), span(RELATIVE, now), 3).result
    assert result.verdict is Verdict.HARM


def test_at_full_weight_a_frozen_bound_stands_for_stable() -> None:
    mixed = span(RELATIVE, ticks(0.2, 0.2))
    bound = judge(CHECK, mixed, mixed, 1).stable_bound
    assert bound is not None
    assert 0.2 < bound < 0.25
    full = span(RELATIVE, ticks(0.2, 0.0))
    result = judge(CHECK, mixed, full, 2, bound).result
    assert (result.verdict, result.frozen, result.stable) == (Verdict.PASS, True, bound)


@pytest.mark.parametrize(
    ("limits", "before", "now", "verdict"),
    [
        pytest.param(RELATIVE, 0.2, 0.4, Verdict.HARM, id="twice-as-slow"),
        pytest.param(RELATIVE, 0.2, 0.2, Verdict.PASS, id="as-before"),
        pytest.param(Limits(ratio=1.2, harm_ratio=1.0), 0.2, 0.4, Verdict.HARM, id="with-a-harm-limit-of-its-own"),
        pytest.param(Limits(min=0.01, ratio=1.2), 0.2, 0.05, Verdict.HARM, id="less-where-more-is-better"),
        pytest.param(Limits(min=0.01, ratio=1.2), 0.2, 0.2, Verdict.PASS, id="as-much-where-more-is-better"),
        pytest.param(CONFIDENT, 0.1, 0.1, Verdict.PASS, id="shown-with-confidence"),
    ],
)
def test_harm_at_full_weight_is_found_by_the_frozen_bound(
    limits: Limits, before: float, now: float, verdict: Verdict
) -> None:
    mixed = span(limits, ticks(before, before))
    bound = judge(CHECK, mixed, mixed, 1).stable_bound
    late = ticks(now, 0.0, seed=2)
    whole, full = span(limits, [*ticks(before, before), *late]), span(limits, late)
    result = judge(CHECK, whole, full, 2, bound).result
    assert (result.verdict, result.frozen, result.stable) == (verdict, True, bound), result.reason
    assert result.sure is None or result.verdict is not Verdict.HARM or result.sure.is_enough


def test_full_weight_alone_blames_nobody() -> None:
    """Bound and test have half of the step's part each: an equal candidate is seldom wrong."""
    wrong = 0
    for seed in range(20):
        mixed = span(RELATIVE, ticks(0.2, 0.2, seed=seed))
        bound = judge(CHECK, mixed, mixed, 1).stable_bound
        full = span(RELATIVE, ticks(0.2, 0.0, 120, seed=100 + seed))
        wrong += judge(CHECK, mixed, full, 2, bound).result.verdict is Verdict.HARM
    assert wrong == 0


def test_an_equal_candidate_is_left_alone() -> None:
    for seed in range(10):
        found = MeanState.start(Limits(ratio=1.0))
        for tick in ticks(0.2, 0.2, 100, seed=seed):
            evidence = gather(found, [tick])
            found = evidence.final
            assert judge(CHECK, evidence, evidence, 1).result.verdict is not Verdict.HARM


EXTREMES = st.sampled_from([0, 1, 10, 10**9])


@given(EXTREMES, EXTREMES, st.sampled_from([0.0, 1e-9, 1.0, 1e12]), st.integers(1, 30))
def test_extremes_give_a_verdict(asked: int, others: int, amount: float, step: int) -> None:
    one = Tick(0.0, Counts(0, asked), Counts(0, others), final=True, candidate_sum=amount, stable_sum=amount)
    found = span(CONFIDENT, [one] * 30)
    for bound in (None, 0.0, 1.0):
        assert "nan" not in judge(CHECK, found, found, step, bound).result.reason.lower()


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match="step_index counts from 1"):
        judge(CHECK, span(RELATIVE, []), span(RELATIVE, []), 0)
