import math
from typing import get_args

import pytest

from modelrollout.analysis.limits import Limits
from modelrollout.analysis.outcome import Ambiguous, NoData, NotFinite, Outcome, Partial, Rejected, Unavailable, Value
from modelrollout.analysis.query import Evaluation, OnNoData, QueryCheck, describe, judge
from modelrollout.analysis.together import TOGETHER
from modelrollout.analysis.verdict import Verdict

pytestmark = pytest.mark.unit

GOOD, BAD = Value(0.3), Value(0.9)
SILENT: list[Outcome] = [NoData(), NotFinite(math.nan)]
UNUSABLE: list[Outcome] = [
    Ambiguous(2),
    Unavailable("connection refused"),
    Rejected("bad_data"),
    Partial(("2 blocks",)),
]
P99 = Limits(max=0.5)


def history(*outcomes: Outcome, stable: Outcome | None = None, provisional: int = 0) -> list[Evaluation]:
    """Evaluations ten seconds apart, the last `provisional` of which may still change."""
    settled = len(outcomes) - provisional
    return [Evaluation(10.0 * index, each, stable, index < settled) for index, each in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("outcomes", "failure_limit", "verdict", "reason"),
    [
        pytest.param([], 0, Verdict.NO_DATA, "p99: not evaluated yet in this step", id="nothing-yet"),
        pytest.param([GOOD], 0, Verdict.PASS, "p99 0.3 <= 0.5", id="inside"),
        pytest.param([BAD], 0, Verdict.HARM, "p99 0.9 > 0.5", id="outside"),
        pytest.param([BAD], 2, Verdict.CONTINUE, "p99 0.9 > 0.5, failing 1 of 3", id="tolerated"),
        pytest.param([BAD, BAD], 2, Verdict.CONTINUE, "p99 0.9 > 0.5, failing 2 of 3", id="tolerated-twice"),
        pytest.param([BAD, BAD, BAD], 2, Verdict.HARM, "p99 0.9 > 0.5, 3 times in a row", id="too-often"),
        pytest.param([BAD, BAD, GOOD, BAD], 2, Verdict.CONTINUE, "p99 0.9 > 0.5, failing 1 of 3", id="row-broken"),
        pytest.param(
            [BAD, BAD, NoData(), BAD], 2, Verdict.HARM, "p99 0.9 > 0.5, 3 times in a row", id="a-gap-hides-none"
        ),
        pytest.param([BAD, BAD, BAD, GOOD], 2, Verdict.HARM, "p99 0.9 > 0.5, 3 times in a row", id="nobody-looked"),
        pytest.param([BAD, GOOD], 2, Verdict.PASS, "p99 0.3 <= 0.5", id="recovered"),
        pytest.param([GOOD, NoData()], 0, Verdict.NO_DATA, "p99: no data", id="old-values-do-not-pass"),
        pytest.param(
            [BAD, NoData()], 2, Verdict.NO_DATA, "p99: no data; before that p99 0.9 > 0.5, failing 1 of 3", id="gone"
        ),
    ],
)
def test_a_row_of_failures(outcomes: list[Outcome], failure_limit: int, verdict: Verdict, reason: str) -> None:
    result = judge(QueryCheck("p99", P99, failure_limit), history(*outcomes)).result
    assert (result.verdict, result.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("limits", "value", "stable", "upstream"),
    [
        (P99, 0.9, Value(0.8), True),
        (P99, 0.9, Value(0.62), True),
        (P99, 0.9, Value(0.55), False),  # far worse than stable
        (P99, 0.9, Value(0.5), False),  # stable keeps the limit
        (P99, 0.9, NoData(), False),
        (P99, 0.9, None, False),
        (P99, 0.4, Value(0.9), False),  # the candidate is what mends it
        (Limits(min=0.5), 0.2, Value(0.25), True),
        (Limits(min=0.5), 0.1, Value(0.25), False),
        (Limits(max=0.5, ratio=3.0), 2.0, Value(0.8), True),
        (Limits(max=0.5, ratio=1.1), 0.9, Value(0.8), False),
        (Limits(max=0.5, min=0.1), 0.05, Value(0.05), True),
        (Limits(max=0.5, min=0.1), 0.01, Value(0.05), False),
    ],
)
def test_what_both_break_is_nobodys(
    limits: Limits,
    value: float,
    stable: Outcome | None,
    upstream: bool,  # noqa: FBT001 - a column of the table
) -> None:
    result = judge(QueryCheck("p99", limits), history(Value(value), stable=stable)).result
    assert result.upstream is upstream
    assert (result.verdict is Verdict.CONTINUE) is upstream
    assert result.reason.startswith(TOGETHER) is upstream


def test_what_both_broke_is_no_part_of_a_row() -> None:
    rows = [
        Evaluation(10.0 * index, BAD, stable, final=True) for index, stable in enumerate([GOOD, BAD, GOOD, BAD, GOOD])
    ]
    check = QueryCheck("p99", P99, failure_limit=2)
    assert judge(check, rows[:4]).result.upstream
    assert judge(check, rows).result.verdict is Verdict.HARM


@pytest.mark.parametrize(
    ("outcomes", "exceeds"),
    [([], False), ([GOOD], False), ([BAD], True), ([GOOD, BAD], True), ([BAD, GOOD], False), ([BAD, NoData()], False)],
)
def test_it_tells_of_the_latest_value(outcomes: list[Outcome], exceeds: bool) -> None:  # noqa: FBT001 - a column
    assert judge(QueryCheck("p99", P99, 3), history(*outcomes)).result.exceeds is exceeds


@pytest.mark.parametrize("outcome", [*SILENT, *UNUSABLE])
def test_without_a_value_it_holds_and_says_why(outcome: Outcome) -> None:
    result = judge(QueryCheck("p99", P99), history(GOOD, outcome)).result
    assert (result.verdict, result.candidate, result.samples) == (Verdict.NO_DATA, None, 1)
    assert describe(outcome) in result.reason


@pytest.mark.parametrize("outcome", SILENT)
@pytest.mark.parametrize(("on_no_data", "verdict"), [(OnNoData.FAIL, Verdict.HARM), (OnNoData.PASS, Verdict.PASS)])
def test_missing_data_counts_as_the_user_wrote(outcome: Outcome, on_no_data: OnNoData, verdict: Verdict) -> None:
    result = judge(QueryCheck("p99", P99, on_no_data=on_no_data), history(outcome)).result
    assert result.verdict is verdict
    assert f"onNoData: {on_no_data}" in result.reason


@pytest.mark.parametrize("outcome", UNUSABLE)
@pytest.mark.parametrize("on_no_data", OnNoData)
def test_an_unusable_answer_is_neither_pass_nor_failure_whatever_the_user_wrote(
    outcome: Outcome, on_no_data: OnNoData
) -> None:
    assert judge(QueryCheck("p99", P99, on_no_data=on_no_data), history(outcome)).result.verdict is Verdict.NO_DATA


@pytest.mark.parametrize(
    ("limits", "candidate", "stable", "verdict", "limit"),
    [
        pytest.param(Limits(min=0.5), 0.6, None, Verdict.PASS, 0.5, id="min-kept"),
        pytest.param(Limits(min=0.5), 0.4, None, Verdict.HARM, 0.5, id="min-missed"),
        pytest.param(Limits(max=0.5, min=0.1), 0.05, None, Verdict.HARM, 0.1, id="band"),
        pytest.param(Limits(ratio=1.5), 0.29, 0.2, Verdict.PASS, 0.3, id="ratio-kept"),
        pytest.param(Limits(ratio=1.5), 0.31, 0.2, Verdict.HARM, 0.3, id="ratio-exceeded"),
        pytest.param(Limits(ratio=1.5, difference=0.2), 0.31, 0.2, Verdict.PASS, 0.4, id="the-larger-counts"),
        pytest.param(Limits(max=0.25, ratio=1.5), 0.29, 0.2, Verdict.HARM, 0.25, id="max-beside-a-ratio"),
        pytest.param(Limits(min=0.1, ratio=1.25), 0.3, 0.5, Verdict.HARM, 0.4, id="worse-is-less"),
        pytest.param(Limits(min=0.1, ratio=1.25), 0.45, 0.5, Verdict.PASS, 0.4, id="not-much-less"),
        pytest.param(Limits(), 7.0, None, Verdict.PASS, None, id="only-observed"),
    ],
)
def test_limits(limits: Limits, candidate: float, stable: float | None, verdict: Verdict, limit: float | None) -> None:
    beside = None if stable is None else Value(stable)
    result = judge(QueryCheck("p99", limits), history(Value(candidate), stable=beside)).result
    assert (result.verdict, result.candidate, result.stable) == (verdict, candidate, stable if limit != 0.25 else None)
    assert result.limit == (None if limit is None else pytest.approx(limit))


@pytest.mark.parametrize("stable", [None, *SILENT, *UNUSABLE])
def test_without_stable_a_comparison_holds(stable: Outcome | None) -> None:
    result = judge(QueryCheck("p99", Limits(ratio=1.5)), history(GOOD, stable=stable)).result
    assert result.verdict is Verdict.NO_DATA
    assert "nothing to compare with" in result.reason


def test_without_stable_an_absolute_limit_still_finds_harm() -> None:
    result = judge(QueryCheck("p99", Limits(max=0.5, ratio=1.5)), history(BAD, stable=NoData())).result
    assert result.verdict is Verdict.HARM


@pytest.mark.parametrize(("candidate", "verdict"), [(0.29, Verdict.PASS), (0.31, Verdict.HARM)])
def test_a_frozen_value_stands_in_for_stable(candidate: float, verdict: Verdict) -> None:
    judged = judge(QueryCheck("p99", Limits(ratio=1.5)), history(Value(candidate), stable=NoData()), kept_stable=0.2)
    assert (judged.result.verdict, judged.result.stable, judged.result.frozen) == (verdict, 0.2, True)
    assert "stable 0.2 frozen" in judged.result.reason
    assert judged.stable_value == 0.2


def test_a_live_value_goes_before_a_frozen_one() -> None:
    result = judge(QueryCheck("p99", Limits(ratio=1.5)), history(GOOD, stable=Value(0.3)), kept_stable=0.1).result
    assert (result.verdict, result.frozen) == (Verdict.PASS, False)


def test_what_is_frozen_is_the_median_of_final_values() -> None:
    stable: list[Outcome] = [Value(0.2), Value(9.0), NoData(), Value(0.3)]
    evaluations = [Evaluation(float(at), GOOD, outcome, final=True) for at, outcome in enumerate(stable)]
    provisional = Evaluation(4.0, GOOD, Value(0.1), final=False)
    assert judge(QueryCheck("p99", P99), [*evaluations, provisional]).stable_value == 0.3
    assert judge(QueryCheck("p99", P99), history(GOOD)).stable_value is None


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        pytest.param([GOOD], Verdict.CONTINUE, id="does-not-pass"),
        pytest.param([BAD], Verdict.HARM, id="harms"),
        pytest.param([GOOD, GOOD], Verdict.PASS, id="the-final-one-before-passes"),
        pytest.param([BAD, GOOD], Verdict.HARM, id="harm-before-stays"),
        pytest.param([NoData(), GOOD], Verdict.NO_DATA, id="the-final-one-before-holds"),
    ],
)
def test_a_provisional_value_may_harm_and_never_passes(outcomes: list[Outcome], verdict: Verdict) -> None:
    assert judge(QueryCheck("p99", P99), history(*outcomes, provisional=1)).result.verdict is verdict


def test_every_outcome_can_be_described() -> None:
    outcomes: list[Outcome] = [Value(0.5), *SILENT, *UNUSABLE]
    assert {type(outcome) for outcome in outcomes} == set(get_args(Outcome))
    assert len({describe(outcome) for outcome in outcomes}) == len(outcomes)
