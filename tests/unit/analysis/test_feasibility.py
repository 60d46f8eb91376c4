import math
import statistics

import numpy as np
import pytest

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.feasibility import Ahead, Demand, foresee, in_words
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.ratio import RatioCheck, judge
from modelrollout.analysis.ratio_state import RatioState, fold, gather
from modelrollout.analysis.verdict import Verdict

pytestmark = pytest.mark.unit

NAME = "error-rate"
DAY = 86_400.0
TRAFFIC, WEIGHT, EVERY = 20.0, 20, 5.0


def demand(limits: Limits, rate: float = 0.005, samples: int = 200) -> Demand:
    return Demand(RatioCheck(NAME, samples, alpha=0.005), limits, rate)


def step(weight: int, *, mirror: int = 0, seconds: float = 300.0, most: float = DAY) -> Ahead:
    return Ahead(f"canary at {weight} %", weight, mirror, seconds, most, frozenset({NAME}))


@pytest.mark.parametrize(
    ("traffic", "weight", "seconds", "exposed", "slowest"),
    [
        pytest.param(100.0, 5, 300.0, 1500, None, id="much traffic: the duration decides"),
        pytest.param(1.0, 5, 4000.0, 200, NAME, id="little traffic: the samples decide"),
        pytest.param(0.1, 20, 10_000.0, 200, NAME, id="very little"),
    ],
)
def test_a_step_takes_its_duration_or_its_samples(
    traffic: float, weight: int, seconds: float, exposed: int, slowest: str | None
) -> None:
    (found,) = foresee([demand(Limits(max=0.02))], [step(weight)], traffic)
    assert found.seconds == pytest.approx(seconds, rel=0.05)
    assert found.exposed == pytest.approx(exposed, rel=0.05)
    assert (found.slowest, found.problem) == (slowest, None)


def test_the_smallest_weight_passes_in_time_and_the_next_smaller_one_does_not() -> None:
    wanted = [demand(Limits(max=0.02))]
    (found,) = foresee(wanted, [step(5, most=3600)], 0.5)
    assert found.smallest_weight == 12
    assert "needs about" in (found.problem or "")
    assert "12 % would do" in (found.problem or "")
    (enough, short) = (foresee(wanted, [step(weight, most=3600)], 0.5)[0] for weight in (12, 11))
    assert enough.problem is None
    assert short.problem is not None


def test_a_margin_that_no_weight_can_show_is_said_to_be_one() -> None:
    (found,) = foresee([demand(Limits(max=0.02), samples=10_000)], [step(5, most=3600)], 1.0)
    assert found.smallest_weight is None
    assert found.problem is not None
    assert found.problem.startswith(
        "error-rate can never be shown at this traffic (1 requests/s) within maxDuration 1h"
    )


@pytest.mark.parametrize(
    ("limits", "rate", "text"),
    [
        (Limits(max=0.004), 0.005, "error-rate of the stable version itself is 0.005 > 0.004"),
        (Limits(min=0.99), 0.98, "error-rate of the stable version itself is 0.98 < 0.99"),
    ],
)
def test_a_limit_that_stable_itself_breaks_is_said_to_be_one(limits: Limits, rate: float, text: str) -> None:
    (found,) = foresee([demand(limits, rate)], [step(5)], 100.0)
    assert (found.seconds, found.smallest_weight) == (None, None)
    assert found.problem is not None
    assert found.problem.startswith(text)


def test_without_requests_nothing_can_be_shown() -> None:
    (found,) = foresee([demand(Limits(max=0.01))], [step(5)], 0.0)
    assert found.problem == "there are no requests now: nothing can be shown"
    assert (found.seconds, found.exposed, found.harm_seconds) == (None, 0, None)


def test_without_counted_metrics_the_share_has_to_be_shown_and_time_to_pass() -> None:
    (found,) = foresee([], [step(5)], 1.0)
    assert found.seconds == pytest.approx(360, rel=0.1)
    assert found.problem is None


def test_the_bound_of_stable_stands_for_it_at_weight_100() -> None:
    wanted = [demand(Limits(ratio=1.5, difference=0.005))]
    mixed, full = foresee(wanted, [step(50), step(100)], 100.0)
    assert mixed.problem is full.problem is None
    (alone,) = foresee(wanted, [step(100)], 100.0)
    assert alone.seconds is None, "with nothing to compare with, nothing passes"


def test_a_shadow_is_foreseen_by_its_copies() -> None:
    (found,) = foresee([demand(Limits(ratio=1.5))], [step(0, mirror=50)], 1.0)
    assert found.exposed == pytest.approx(found.seconds * 0.5 if found.seconds else 0, rel=0.01)
    assert found.problem is None


@pytest.mark.parametrize("bad", [(-1.0, 0.01), (1.0, 1.5)])
def test_what_cannot_be_is_refused(bad: tuple[float, float]) -> None:
    traffic, rate = bad
    with pytest.raises(ValueError, match="must"):
        foresee([demand(Limits(max=0.5), rate)], [step(5)], traffic)


@pytest.mark.parametrize(
    ("limits", "rate", "worse"),
    [
        pytest.param(Limits(max=0.01), 0.005, 0.02, id="max"),
        pytest.param(Limits(ratio=1.5), 0.02, 0.06, id="ratio"),
        pytest.param(Limits(min=0.9), 0.95, 0.8, id="min"),
    ],
)
def test_harm_is_found_in_simulations_when_it_is_foreseen(limits: Limits, rate: float, worse: float) -> None:
    (found,) = foresee([demand(limits, rate)], [step(WEIGHT)], TRAFFIC)
    assert found.harm_seconds is not None
    times = _simulated(limits, rate, worse, Verdict.HARM)
    assert statistics.median(times) == pytest.approx(found.harm_seconds, rel=0.35, abs=EVERY)


@pytest.mark.parametrize(
    ("limits", "rate"),
    [
        pytest.param(Limits(max=0.02, confidence=0.95), 0.01, id="max"),
        pytest.param(Limits(ratio=1.5, no_worse_confidence=0.95), 0.05, id="ratio"),
        pytest.param(Limits(difference=0.03, no_worse_confidence=0.95), 0.05, id="difference"),
    ],
)
def test_a_pass_that_takes_evidence_comes_in_simulations_when_it_is_foreseen(limits: Limits, rate: float) -> None:
    (found,) = foresee([demand(limits, rate)], [step(WEIGHT, seconds=EVERY)], TRAFFIC)
    assert found.seconds is not None
    times = _simulated(limits, rate, rate, Verdict.PASS)
    assert statistics.median(times) == pytest.approx(found.seconds, rel=0.35, abs=2 * EVERY)


def _simulated(limits: Limits, rate: float, candidate: float, wanted: Verdict) -> list[float]:
    """Seconds until the judge says so, in simulated candidates."""
    dice = np.random.default_rng(7)
    return [_until(limits, rate, candidate, wanted, dice) for _ in range(60)]


def _until(limits: Limits, rate: float, candidate: float, wanted: Verdict, dice: np.random.Generator) -> float:
    state = RatioState.start(limits)
    for number in range(1, 4000):
        candidates, others = dice.poisson([TRAFFIC * EVERY * share for share in (WEIGHT / 100, 1 - WEIGHT / 100)])
        tick = Tick(number * EVERY, _drawn(candidates, candidate, dice), _drawn(others, rate, dice), final=True)
        state = fold(state, tick)
        evidence = gather(state, [])
        if judge(demand(limits).check, evidence, evidence, 1).result.verdict is wanted:
            return number * EVERY
    return math.inf


def _drawn(total: int, rate: float, dice: np.random.Generator) -> Counts:
    return Counts(int(dice.binomial(total, rate)), int(total))


def test_words() -> None:
    assert [in_words(seconds) for seconds in (45, 90, 7200, 181_440)] == ["45s", "1.5m", "2h", "2.1d"]
