"""Both revisions beside one limit: when both break it, and what a tick of such a time says of the candidate."""

from __future__ import annotations

import itertools
import math

import pytest
from scipy.stats import binom

from modelrollout.analysis.comparison import block
from modelrollout.analysis.eprocess import GRID_POINTS, log_ratios
from modelrollout.analysis.evidence import NOTHING, Counts, Tick
from modelrollout.analysis.limits import Edge, Limits
from modelrollout.analysis.ratio import RatioCheck, judge
from modelrollout.analysis.ratio_state import RatioState, gather
from modelrollout.analysis.together import ALIKE, MOST, QUIET_TICKS, TOGETHER, Failing, Together, log_evidence
from modelrollout.analysis.verdict import CheckResult, Verdict

pytestmark = pytest.mark.unit

LIMIT = 0.01
WELL, BAD = Counts(0, 100), Counts(30, 100)


def failing(*ticks: Counts | None, limit: float = LIMIT) -> Failing:
    state = Failing()
    for counts in ticks:
        state = state.fold(counts, limit, 1.0)
    return state


@pytest.mark.parametrize(
    ("ticks", "limit", "shown"),
    [
        pytest.param([WELL] * 50, LIMIT, False, id="well"),
        pytest.param([Counts(1, 100)] * 500, LIMIT, False, id="at the limit for long"),
        pytest.param([*[WELL] * 500, BAD], LIMIT, True, id="a long good time hides nothing"),
        pytest.param([Counts(3, 100)] * 10, LIMIT, True, id="three times the limit"),
        pytest.param([BAD] * 500 + [WELL] * 5, LIMIT, True, id="an outage of a moment ago"),
        pytest.param([BAD] * 500 + [WELL] * 15, LIMIT, False, id="a long outage is forgotten as soon as a short one"),
        pytest.param([BAD, *[None] * (QUIET_TICKS - 1)], LIMIT, True, id="a scrape is missed"),
        pytest.param([BAD, *[None] * QUIET_TICKS], LIMIT, False, id="nothing is known any more"),
        pytest.param([BAD, *[NOTHING] * QUIET_TICKS], LIMIT, False, id="it answers nothing any more"),
        pytest.param([Counts(1, 100)], 0.0, False, id="one failure where none is allowed"),
        pytest.param([BAD], 0.0, True, id="many where none is allowed"),
        pytest.param([BAD, *[WELL] * 200], 0.0, False, id="and it ends"),
        pytest.param([Counts(100, 100)] * 9, 1.0, False, id="everything is allowed"),
    ],
)
def test_whether_one_breaks_its_limit_of_late(ticks: list[Counts | None], limit: float, shown: bool) -> None:  # noqa: FBT001 - a column
    assert failing(*ticks, limit=limit).is_shown is shown


def test_sums_stay_within_their_bounds() -> None:
    for counts in (Counts(10**9, 10**9), Counts(0, 10**9)):
        assert all(0 <= each <= MOST for each in failing(counts).sums)


def test_requests_that_hang_together_tell_less() -> None:
    few = Counts(4, 20)
    assert Failing().fold(few, LIMIT, 1.0).is_shown
    assert not Failing().fold(few, LIMIT, 5.0).is_shown


def test_what_a_tick_says() -> None:
    calm = Together()
    outage = calm.fold(BAD, BAD, LIMIT)
    assert outage.both
    alone = log_ratios(BAD, LIMIT)
    beside = block(Edge(ALIKE), LIMIT, BAD, BAD, upwards=True)
    assert log_evidence(calm, calm, BAD, WELL, LIMIT) == alone
    assert log_evidence(calm, calm, BAD, None, LIMIT) == alone  # what is not known of stable excuses nothing
    assert log_evidence(calm, outage, BAD, BAD, LIMIT) == beside  # from its first tick on
    assert log_evidence(outage, calm, BAD, BAD, LIMIT) == beside
    assert log_evidence(outage, outage, BAD, None, LIMIT) is None
    assert log_evidence(outage, outage, BAD, NOTHING, LIMIT) is None
    assert log_evidence(outage, outage, NOTHING, BAD, LIMIT) is None
    assert max(beside) <= 0 < max(alone)


def expected(before: Together, rate: float, stable_rate: float, *, shown: bool) -> float:
    """The largest expectation of what a tick gives, given that stable's failing is shown, or is not."""
    limit, sizes = 0.1, (3, 8)
    weights, sums = 0.0, [0.0] * GRID_POINTS
    for failed, stable_failed in itertools.product(*(range(size + 1) for size in sizes)):
        bad, bad_stable = Counts(failed, sizes[0]), Counts(stable_failed, sizes[1])
        now = before.fold(bad, bad_stable, limit)
        if (before.stable.is_shown or now.stable.is_shown) is not shown:
            continue
        weight = float(binom.pmf(failed, sizes[0], rate) * binom.pmf(stable_failed, sizes[1], stable_rate))
        logs = log_evidence(before, now, bad, bad_stable, limit)
        assert logs is not None
        weights += weight
        sums = [total + weight * math.exp(log) for total, log in zip(sums, logs, strict=True)]
    return max(sums) / weights


@pytest.mark.parametrize("stable_rate", [0.05, 0.1, 0.3, 0.6])
def test_a_tick_is_an_e_variable_whichever_way_it_is_chosen(stable_rate: float) -> None:
    calm, outage = Together(), Together().fold(BAD, BAD, 0.1)
    assert outage.stable.is_shown
    alike = min(1.0, ALIKE * stable_rate)
    assert expected(outage, alike, stable_rate, shown=True) <= 1 + 1e-9
    assert expected(calm, alike, stable_rate, shown=True) <= 1 + 1e-9
    assert expected(calm, 0.1, stable_rate, shown=False) <= 1 + 1e-9
    assert expected(calm, 0.2, stable_rate, shown=False) > 1


CHECK = RatioCheck("error-rate", 50)
MAX = Limits(max=LIMIT)


def judged(*ticks: tuple[Counts, Counts | None], limits: Limits = MAX) -> CheckResult:
    rows = [Tick(float(index), candidate, stable, final=True) for index, (candidate, stable) in enumerate(ticks)]
    whole = gather(RatioState.start(limits), rows)
    return judge(CHECK, whole, gather(RatioState.start_step(limits), rows), 1).result


FINE = (Counts(0, 5), Counts(0, 95))
OUTAGE = (Counts(2, 5), Counts(38, 95))
ITS_OWN = (Counts(2, 5), Counts(0, 95))
MENDED = (Counts(0, 5), Counts(38, 95))
WORSE = (Counts(5, 5), Counts(10, 95))


@pytest.mark.parametrize(
    ("ticks", "verdict", "upstream"),
    [
        pytest.param([FINE] * 30, Verdict.PASS, False, id="well"),
        pytest.param([*[FINE] * 30, *[OUTAGE] * 3], Verdict.CONTINUE, True, id="both"),
        pytest.param([OUTAGE] * 100, Verdict.CONTINUE, True, id="both for long"),
        pytest.param([*[FINE] * 30, *[ITS_OWN] * 5], Verdict.HARM, False, id="the candidate alone"),
        pytest.param([*[OUTAGE] * 30, *[FINE] * 20], Verdict.CONTINUE, False, id="it is over, and nobody was to blame"),
        pytest.param(
            [*[OUTAGE] * 30, *[FINE] * 20, *[ITS_OWN] * 5], Verdict.HARM, False, id="the candidate, afterwards"
        ),
        pytest.param([*[FINE] * 10, *[WORSE] * 5], Verdict.HARM, False, id="both, and the candidate far more"),
        pytest.param([MENDED] * 30, Verdict.PASS, False, id="the candidate is what mends it"),
        pytest.param([(Counts(2, 5), None)] * 5, Verdict.HARM, False, id="nothing is known of stable"),
    ],
)
def test_nobody_is_blamed_for_what_both_do(
    ticks: list[tuple[Counts, Counts | None]],
    verdict: Verdict,
    upstream: bool,  # noqa: FBT001 - a column of the table
) -> None:
    result = judged(*ticks)
    assert (result.verdict, result.upstream) == (verdict, upstream), result.reason
    assert result.reason.startswith(TOGETHER) is upstream


def test_at_no_moment_of_an_outage_is_the_candidate_to_blame() -> None:
    ticks = [*[FINE] * 30, *[OUTAGE] * 30, *[FINE] * 60]
    assert Verdict.HARM not in {judged(*ticks[:count]).verdict for count in range(1, len(ticks) + 1)}


def test_it_works_for_a_smallest_share_too() -> None:
    def good(pair: tuple[Counts, Counts]) -> tuple[Counts, Counts]:
        return pair[0].complement, pair[1].complement

    limits = Limits(min=1 - LIMIT)
    assert judged(*[good(OUTAGE)] * 20, limits=limits).upstream
    assert judged(*[good(ITS_OWN)] * 5, limits=limits).verdict is Verdict.HARM
