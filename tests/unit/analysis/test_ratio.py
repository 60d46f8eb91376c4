from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.budget import Budget
from modelrollout.analysis.evidence import NOTHING, Counts, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.missing import STALE_TICKS
from modelrollout.analysis.ratio import Judgement, RatioCheck, judge
from modelrollout.analysis.ratio_state import Evidence, RatioState, gather
from modelrollout.analysis.verdict import CheckResult, Verdict

pytestmark = pytest.mark.unit

CHECK = RatioCheck("error-rate", min_samples=200)
MAX = Limits(max=0.01)
RELATIVE = Limits(ratio=1.5, difference=0.005)


def tick(candidate: Counts | None, stable: Counts | None, *, final: bool = True) -> Tick:
    return Tick(0.0, candidate, stable, final)


def evidence(limits: Limits, *ticks: Tick) -> Evidence:
    # What is known of stable makes one tick of thousands as telling as the many that it stands for.
    known = sum((each.stable for each in ticks if each.stable is not None), NOTHING)
    return gather(RatioState.start(limits, stable=known), ticks)


def first_step(limits: Limits, *ticks: Tick, check: RatioCheck = CHECK, kept_bound: float | None = None) -> CheckResult:
    span = evidence(limits, *ticks)
    return judge(check, span, span, 1, kept_bound).result


@pytest.mark.parametrize(
    ("limits", "candidate", "stable", "verdict", "reason"),
    [
        pytest.param(MAX, (1, 640), (0, 0), Verdict.PASS, "error-rate 0.00156 <= 0.01 (n=640)", id="below-max"),
        pytest.param(MAX, (51, 640), (0, 0), Verdict.HARM, "error-rate 0.0797 > 0.01 (n=640)", id="above-max"),
        pytest.param(
            MAX,
            (8, 640),
            (0, 0),
            Verdict.CONTINUE,
            "error-rate 0.0125 > 0.01 (n=640), which may still be chance",
            id="near",
        ),
        pytest.param(MAX, (0, 142), (0, 0), Verdict.CONTINUE, "error-rate: 142 of 200 samples", id="few"),
        pytest.param(
            MAX,
            (2, 142),
            (0, 0),
            Verdict.CONTINUE,
            "error-rate: 142 of 200 samples, error-rate 0.0141 > 0.01 (n=142)",
            id="few-and-above",
        ),
        pytest.param(MAX, (4, 8), (0, 0), Verdict.HARM, "error-rate 0.5 > 0.01 (n=8)", id="harm-needs-no-minimum"),
        pytest.param(
            RELATIVE,
            (3, 640),
            (20, 4000),
            Verdict.PASS,
            "error-rate 0.00469 <= 0.01 (stable 0.005, n=640)",
            id="like-stable",
        ),
        pytest.param(
            RELATIVE,
            (64, 640),
            (20, 4000),
            Verdict.HARM,
            "error-rate 0.1 > 0.01 (stable 0.005, n=640)",
            id="worse-than-stable",
        ),
        pytest.param(
            RELATIVE,
            (64, 640),
            (400, 4000),
            Verdict.PASS,
            "error-rate 0.1 <= 0.15 (stable 0.1, n=640)",
            id="both-as-bad-upstream",
        ),
        pytest.param(
            RELATIVE,
            (3, 640),
            (0, 4000),
            Verdict.PASS,
            "error-rate 0.00469 <= 0.005 (stable 0, n=640)",
            id="tiny-rates",
        ),
        pytest.param(
            Limits(max=0.008, ratio=1.5),
            (3, 640),
            (40, 4000),
            Verdict.PASS,
            "error-rate 0.00469 <= 0.008 (n=640)",
            id="the-tightest-limit-is-shown",
        ),
        pytest.param(
            Limits(max=0.02, ratio=1.5),
            (12, 640),
            (40, 4000),
            Verdict.CONTINUE,
            "error-rate 0.0187 > 0.015 (stable 0.01, n=640), which may still be chance",
            id="the-exceeded-limit-is-shown",
        ),
        pytest.param(
            Limits(min=0.3), (100, 640), (0, 0), Verdict.HARM, "error-rate 0.156 < 0.3 (n=640)", id="below-min"
        ),
        pytest.param(
            Limits(min=0.3), (300, 640), (0, 0), Verdict.PASS, "error-rate 0.469 >= 0.3 (n=640)", id="above-min"
        ),
        pytest.param(
            Limits(min=0.1, difference=0.1),
            (180, 640),
            (2000, 4000),
            Verdict.HARM,
            "error-rate 0.281 < 0.4 (stable 0.5, n=640)",
            id="fewer-good-than-stable",
        ),
        pytest.param(
            Limits(min=0.3, difference=0.1),
            (280, 640),
            (2000, 4000),
            Verdict.PASS,
            "error-rate 0.438 >= 0.4 (stable 0.5, n=640)",
            id="nearly-as-many-good",
        ),
        pytest.param(
            Limits(min=0.3, difference=0.1),
            (640, 640),
            (2000, 4000),
            Verdict.PASS,
            "error-rate 1 >= 0.4 (stable 0.5, n=640)",
            id="more-good-is-no-harm",
        ),
        pytest.param(
            Limits(max=0.6, min=0.4, difference=0.05),
            (380, 640),
            (2000, 4000),
            Verdict.CONTINUE,
            "error-rate 0.594 > 0.55 (stable 0.5, n=640), which may still be chance",
            id="with-max-and-min-events-are-bad",
        ),
        pytest.param(Limits(), (99, 640), (0, 0), Verdict.PASS, "error-rate 0.155 (n=640)", id="only-observed"),
    ],
)
def test_one_step(
    limits: Limits, candidate: tuple[int, int], stable: tuple[int, int], verdict: Verdict, reason: str
) -> None:
    result = first_step(limits, tick(Counts(*candidate), Counts(*stable)))
    told, _, sure = result.reason.partition(", confidence")
    assert (result.verdict, told) == (verdict, reason)
    assert bool(sure) is (verdict is Verdict.HARM)
    assert result.samples == candidate[1]
    assert result.candidate == candidate[0] / candidate[1]


@pytest.mark.parametrize(
    ("ticks", "reason"),
    [
        pytest.param([], "error-rate: the candidate's counts are not known yet in this step", id="no-ticks"),
        pytest.param(
            [tick(None, Counts(0, 9))],
            "error-rate: the candidate's counts are not known yet in this step",
            id="not-scraped",
        ),
        pytest.param(
            [tick(Counts(0, 900), Counts(0, 9))] + [tick(None, Counts(0, 9))] * STALE_TICKS,
            "error-rate: the candidate's counts have been unknown for 3 ticks",
            id="candidate-lost",
        ),
        pytest.param(
            [tick(Counts(0, 900), Counts(0, 900))] + [tick(Counts(0, 9), None)] * STALE_TICKS,
            "error-rate: the stable revision's counts have been unknown for 3 ticks",
            id="stable-lost",
        ),
        pytest.param(
            [tick(Counts(0, 900), Counts(0, 0))],
            "error-rate: nothing to compare with, stable answers no requests and no bound of it was kept",
            id="stable-idle",
        ),
    ],
)
def test_missing_data_holds_and_says_why(ticks: list[Tick], reason: str) -> None:
    result = first_step(RELATIVE, *ticks)
    assert (result.verdict, result.reason) == (Verdict.NO_DATA, reason)


def test_one_lost_scrape_is_ordinary() -> None:
    assert first_step(MAX, tick(Counts(0, 900), None), tick(None, None)).verdict is Verdict.PASS


def test_without_stable_an_absolute_limit_still_finds_harm() -> None:
    limits = Limits(max=0.01, ratio=1.5)
    assert first_step(limits, *[tick(Counts(5, 10), None)] * STALE_TICKS).verdict is Verdict.HARM


@pytest.mark.parametrize(
    ("bad", "verdict"), [(0, Verdict.CONTINUE), (40, Verdict.HARM)], ids=["does-not-pass", "may-harm"]
)
def test_provisional_ticks(bad: int, verdict: Verdict) -> None:
    assert first_step(MAX, tick(Counts(0, 100), None), tick(Counts(bad, 100), None, final=False)).verdict is verdict


def test_a_step_passes_only_on_its_own_samples() -> None:
    before, now = tick(Counts(0, 10_000), Counts(0, 90_000)), tick(Counts(0, 50), Counts(0, 200))
    result = judge(CHECK, evidence(MAX, before, now), evidence(MAX, now), 2).result
    assert (result.verdict, result.samples) == (Verdict.CONTINUE, 50)


def test_many_good_answers_before_do_not_hide_a_step_that_turned_bad() -> None:
    before, now = tick(Counts(0, 50_000), Counts(0, 90_000)), tick(Counts(30, 100), Counts(0, 300))
    result = judge(CHECK, evidence(MAX, before, now), evidence(MAX, now), 3).result
    assert (result.verdict, result.candidate, result.samples) == (Verdict.HARM, 0.3, 100)


def test_harm_that_no_single_step_shows_is_found_over_the_attempt() -> None:
    early, now = tick(Counts(40, 1200), Counts(0, 0)), tick(Counts(0, 10), Counts(0, 0))
    assert judge(CHECK, evidence(MAX, now), evidence(MAX, now), 2).result.verdict is Verdict.CONTINUE
    result = judge(CHECK, evidence(MAX, early, now), evidence(MAX, now), 2).result
    assert (result.verdict, result.samples) == (Verdict.HARM, 1210)


def test_a_later_step_has_a_smaller_share_of_the_error() -> None:
    quiet = evidence(MAX, tick(Counts(0, 0), None))
    now = evidence(MAX, tick(Counts(4, 12), None))
    verdicts = [judge(CHECK, quiet, now, step).result.verdict for step in (2, 200)]
    assert verdicts == [Verdict.HARM, Verdict.CONTINUE]


def test_few_answers_of_stable_in_a_step_are_joined_by_those_of_the_attempt() -> None:
    before, now = tick(Counts(20, 4000), Counts(20, 4000)), tick(Counts(2, 1000), Counts(1, 10))
    result = judge(CHECK, evidence(RELATIVE, before, now), evidence(RELATIVE, now), 2).result
    assert result.stable == 21 / 4010


def _frozen(limits: Limits, candidate: Counts, *after: Tick) -> Judgement:
    """Judge the step at weight 100 after two mixed ones in which stable erred in 0.5 %."""
    mixed = [tick(Counts(20, 4000), Counts(20, 4000))] * 2
    bound = judge(CHECK, evidence(limits, *mixed), evidence(limits, mixed[1]), 2).stable_bound
    full = [tick(candidate, Counts(0, 0)), *after]
    return judge(CHECK, evidence(limits, *mixed, *full), evidence(limits, *full), 3, bound)


@pytest.mark.parametrize(
    ("candidate", "verdict"),
    [
        pytest.param(Counts(25, 5000), Verdict.PASS, id="as-before"),
        pytest.param(Counts(500, 5000), Verdict.HARM, id="worse-at-full-load"),
        pytest.param(Counts(0, 50), Verdict.CONTINUE, id="few"),
    ],
)
def test_at_full_weight_a_frozen_bound_stands_for_stable(candidate: Counts, verdict: Verdict) -> None:
    judged = _frozen(RELATIVE, candidate)
    assert (judged.result.verdict, judged.result.frozen) == (verdict, True)
    assert judged.stable_bound is not None
    assert 0.005 < judged.stable_bound < 0.01
    assert judged.result.stable == judged.stable_bound
    assert judged.result.limit == max(judged.stable_bound * 1.5, judged.stable_bound + 0.005)


def test_at_full_weight_stragglers_on_stable_are_nothing_to_compare_with() -> None:
    result = _frozen(RELATIVE, Counts(25, 5000), tick(Counts(0, 10), Counts(3, 3))).result
    assert (result.verdict, result.frozen) == (Verdict.PASS, True)


def test_a_holdback_goes_before_the_frozen_bound() -> None:
    result = _frozen(RELATIVE, Counts(25, 5000), tick(Counts(1, 250), Counts(2, 250))).result
    assert (result.verdict, result.frozen) == (Verdict.PASS, False)


def test_a_frozen_bound_of_what_is_missing() -> None:
    limits = Limits(min=0.3, difference=0.1)
    mixed = evidence(limits, tick(Counts(980, 1000), Counts(980, 1000)))
    bound = judge(CHECK, mixed, mixed, 1).stable_bound
    assert bound is not None
    assert 0.02 < bound < 0.05
    full = evidence(limits, tick(Counts(750, 1000), Counts(0, 0)))
    result = judge(CHECK, mixed, full, 2, bound).result
    assert (result.verdict, result.frozen) == (Verdict.HARM, True)
    assert result.stable == 1 - bound
    assert result.limit == pytest.approx(1 - bound - 0.1)


@pytest.mark.parametrize("limits", [MAX, Limits(min=0.5), Limits()])
def test_nothing_is_frozen_where_nothing_is_compared(limits: Limits) -> None:
    span = evidence(limits, tick(Counts(1, 500), Counts(1, 500)))
    assert judge(CHECK, span, span, 1).stable_bound is None
    assert judge(CHECK, span, span, 1, 0.4).result.frozen is False


def test_wrong_use_is_refused() -> None:
    span = evidence(MAX, tick(Counts(1, 500), None))
    with pytest.raises(ValueError, match="step_index counts from 1"):
        judge(CHECK, span, span, 0)
    with pytest.raises(ValueError, match="different limits"):
        judge(CHECK, span, evidence(RELATIVE), 1)


EXTREMES = st.sampled_from([0, 1, 3, 200, 10**9])
PARTS = st.one_of(st.none(), st.sampled_from([0.0, 0.01, 0.5, 1.0, 2.0]))


@given(st.tuples(EXTREMES, EXTREMES, EXTREMES, EXTREMES), PARTS, PARTS, PARTS, PARTS, st.integers(1, 30))
def test_extremes_give_a_verdict(
    sizes: tuple[int, int, int, int],
    highest: float | None,
    lowest: float | None,
    ratio: float | None,
    difference: float | None,
    step: int,
) -> None:
    limits = Limits(highest, lowest, ratio, difference)
    ticks = [tick(Counts.observed(sizes[0], sizes[1]), Counts.observed(sizes[2], sizes[3])), tick(None, None)]
    whole, now = evidence(limits, *ticks, *ticks), evidence(limits, *ticks)
    for kept_bound in (None, 0.0, 1.0):
        result = judge(CHECK, whole, now, step, kept_bound).result
        assert "nan" not in result.reason.lower()
        if result.verdict is Verdict.PASS:
            assert result.samples >= CHECK.min_samples


def _first_harm(limits: Limits, weight: float, bad: float, base: float, ticks: int, seed: int) -> int | None:
    """Roll out at 40 requests per tick; give the tick at which harm is found, from 1."""
    random = np.random.default_rng(seed)
    kept = RatioState.start(limits)
    for number in range(1, ticks + 1):
        total = int(random.poisson(40))
        asked = int(random.binomial(total, weight))
        counts = Counts(int(random.binomial(asked, bad)), asked)
        stable = Counts(int(random.binomial(total - asked, base)), total - asked)
        span = gather(kept, [tick(counts, stable)])
        kept = span.final
        if judge(CHECK, span, span, 1).result.verdict is Verdict.HARM:
            return number
    return None


@pytest.mark.parametrize("limits", [MAX, Limits(ratio=1.5), Limits(max=0.01, ratio=1.5, difference=0.005)])
def test_a_candidate_that_fails_half_of_four_requests_a_tick_is_found_within_ticks(limits: Limits) -> None:
    found = [_first_harm(limits, 0.1, 0.5, 0.005, 30, seed) for seed in range(40)]
    ticks = sorted(number for number in found if number is not None)
    assert len(ticks) == len(found)
    assert ticks[len(ticks) // 2] <= 3
    assert ticks[-1] <= 8


@pytest.mark.parametrize("limits", [MAX, Limits(ratio=1.5), Limits(difference=0.005)])
def test_a_candidate_like_stable_is_left_alone(limits: Limits) -> None:
    assert [_first_harm(limits, 0.1, 0.005, 0.005, 120, seed) for seed in range(12)] == [None] * 12


@pytest.mark.parametrize("answers", [2, 3])
def test_two_errors_of_the_first_answers_are_enough_for_the_only_metric(answers: int) -> None:
    check = RatioCheck("error-rate", 200, Budget().of_aggregate)
    assert first_step(MAX, tick(Counts(2, answers), None), check=check).verdict is Verdict.HARM


def test_between_an_estimate_and_a_pass_stands_its_confidence() -> None:
    limits = replace(RELATIVE, no_worse_confidence=0.95)
    like_stable = [tick(Counts(1, 200), Counts(20, 4000))] * 40
    few, many = (evidence(limits, *like_stable[:count]) for count in (10, 40))
    early, late = (judge(CHECK, span, span, 1).result for span in (few, many))
    assert early.verdict is Verdict.CONTINUE
    assert " of 0.95: about " in early.reason
    assert (late.verdict, late.sure is not None and late.sure.is_enough) == (Verdict.PASS, True)


def test_with_a_harm_limit_of_its_own_what_lies_between_is_not_passed_over() -> None:
    limits = Limits(ratio=1.5, harm_ratio=1.1)
    worse = [tick(Counts(28, 200), Counts(200, 2000))] * 15
    assert judge(CHECK, evidence(limits, *worse), evidence(limits, *worse), 1).result.verdict is Verdict.HARM
    plain = evidence(Limits(ratio=1.5), *worse)
    assert judge(CHECK, plain, plain, 1).result.verdict is Verdict.PASS


def test_requests_that_fail_together_are_less_evidence() -> None:
    burst = tick(Counts(5, 40), None)
    alone, together = (gather(RatioState.start(MAX, size), [burst]) for size in (1.0, 5.0))
    assert judge(CHECK, alone, alone, 1).result.verdict is Verdict.HARM
    assert judge(CHECK, together, together, 1).result.verdict is Verdict.CONTINUE
