"""What evidence is divided by, on simulated histories whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelrollout.analysis.dispersion import MOST, Spread, factor_of, spread_of, spread_of_ticks
from modelrollout.analysis.evidence import Counts, Slice, Tick

pytestmark = pytest.mark.unit

HOURS = 24
TICKS = 10


def tick(pods: list[Counts]) -> Tick:
    parts = tuple(Slice(f"pod-{number}", counts, None) for number, counts in enumerate(pods))
    return Tick(0.0, sum(pods, Counts()), None, final=True, slices=parts)


def history(
    seed: int, *, pods: int = 4, rate: float = 0.02, burst: int = 1, shocks: bool = False, noise: float = 0.0
) -> list[Spread]:
    """A day of 300 requests a minute and pod, with errors in bursts that stay on one pod."""
    random = np.random.default_rng(seed)
    spans = []
    for _ in range(HOURS):
        ticks = []
        for _ in range(TICKS):
            now = rate * (float(random.choice([1.0, 10.0])) if shocks else 1.0)
            counts = []
            for _ in range(pods):
                mine = min(1.0, now * float(random.gamma(1 / noise**2, noise**2))) if noise else now
                bursts = int(random.binomial(300 // burst, mine))
                counts.append(Counts(bursts * burst, 300))
            ticks.append(tick(counts))
        spans.append(spread_of_ticks(ticks))
    return spans


@pytest.mark.parametrize(
    ("spans", "low", "high"),
    [
        pytest.param(history(1), 0.8, 1.2, id="independent"),
        pytest.param(history(2, rate=0.5), 0.8, 1.2, id="independent-and-not-rare"),
        pytest.param(history(3, burst=5), 3.5, 5.5, id="bursts-of-five"),
        pytest.param(history(4, burst=20, rate=0.05), 14.0, 22.0, id="bursts-of-twenty"),
        pytest.param(history(5, shocks=True), 0.8, 1.2, id="outages-that-hit-all-pods-alike"),
        pytest.param(history(6, noise=1.0), 3.0, 8.0, id="pods-with-noise-of-their-own"),
        pytest.param(history(7, pods=1), 0.7, 1.3, id="one-pod-alone"),
        pytest.param(history(8, pods=1, burst=5), 3.0, 6.0, id="bursts-on-one-pod-alone"),
    ],
)
def test_what_is_measured(spans: list[Spread], low: float, high: float) -> None:
    factor = factor_of(spans)
    assert factor is not None
    assert low <= factor <= high


def test_an_incident_does_not_disarm_a_day() -> None:
    spans = history(1)
    terrible = spread_of_ticks([tick([Counts(300, 300), *[Counts(6, 300)] * 3])] * TICKS)
    assert terrible.factor > 50
    calm, disturbed = factor_of(spans), factor_of([*spans[2:], terrible, terrible])
    assert calm is not None
    assert disturbed is not None
    assert disturbed == pytest.approx(calm, abs=0.3)


def test_what_lasts_is_no_incident_and_is_bounded() -> None:
    terrible = spread_of_ticks([tick([Counts(3000, 3000), *[Counts(60, 3000)] * 3])] * TICKS)
    assert factor_of([terrible] * HOURS) == MOST


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([], id="no-history"),
        pytest.param([Spread()] * HOURS, id="no-events"),
        pytest.param(history(1, rate=0.00001), id="next-to-none"),
    ],
)
def test_too_little_tells_nothing(spans: list[Spread]) -> None:
    assert factor_of(spans) is None


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=6))
def test_the_expected_variance_is_that_of_the_hypergeometric_distribution(rows: list[tuple[int, int]]) -> None:
    cells = [Counts(events, events + others) for events, others in rows]
    total, events = sum(one.total for one in cells), sum(one.events for one in cells)
    found = spread_of(cells)
    if not 0 < events < total:
        assert found == Spread()
        return
    with np.errstate(divide="ignore", invalid="ignore"):  # of its kurtosis, which it reckons along with the variance
        variances = [float(stats.hypergeom(total, events, one.total).var()) for one in cells]
        means = [float(stats.hypergeom(total, events, one.total).mean()) for one in cells]
    assert found.expected == pytest.approx(sum(variances))
    assert found.observed == pytest.approx(sum((c.events - m) ** 2 for c, m in zip(cells, means, strict=True)))


def test_numbers_as_large_as_they_get() -> None:
    found = spread_of([Counts(10**9, 10**9), Counts(0, 10**9)])
    assert factor_of([found] * HOURS) == MOST
    assert spread_of([Counts(10**9, 10**9)] * 2) == Spread()
    assert spread_of([Counts(0, 0), Counts(1, 2)]).observed == 0


def test_a_tick_without_requests_is_passed_over() -> None:
    lone = [tick([Counts(1, 100)]), Tick(0.0, None, None, final=True), tick([Counts()]), tick([Counts(3, 100)])]
    assert spread_of_ticks(lone) == spread_of([Counts(1, 100), Counts(3, 100)])


def test_pods_that_cannot_be_told_apart_are_one() -> None:
    whole = [Tick(0.0, Counts(events, 100), None, final=True, unsliced="no pods") for events in (1, 3)]
    assert spread_of_ticks(whole) == spread_of([Counts(1, 100), Counts(3, 100)])
