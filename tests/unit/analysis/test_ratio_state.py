import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.ratio_state import RatioState, fold, gather

pytestmark = pytest.mark.unit

BOTH = Limits(max=0.1, ratio=1.5)


def tick(candidate: Counts | None, stable: Counts | None, *, final: bool = True, at: float = 0.0) -> Tick:
    return Tick(at, candidate, stable, final)


@st.composite
def ticks(draw: st.DrawFn) -> list[Tick]:
    sizes = st.one_of(st.none(), st.tuples(st.integers(0, 3), st.integers(3, 40)).map(lambda pair: Counts(*pair)))
    count = draw(st.integers(0, 12))
    final = draw(st.integers(0, count))
    return [tick(draw(sizes), draw(sizes), final=index < final, at=float(index)) for index in range(count)]


def test_unknown_counts_are_not_zeros() -> None:
    evidence = gather(
        RatioState.start(BOTH),
        [
            tick(Counts(1, 10), Counts(2, 90)),
            tick(Counts(3, 10), None),
            tick(None, Counts(9, 90)),
        ],
    ).final
    assert evidence.candidate == Counts(4, 20)
    assert (evidence.paired_candidate, evidence.paired_stable) == (Counts(1, 10), Counts(2, 90))
    assert (evidence.ticks, evidence.missed, evidence.missed_pairs) == (2, 1, 2)


def test_a_known_tick_ends_a_row_of_missed_ones() -> None:
    state = gather(RatioState.start(BOTH), [tick(None, None), tick(Counts(0, 0), Counts(0, 0))]).final
    assert (state.missed, state.missed_pairs) == (0, 0)


def test_provisional_ticks_are_never_kept() -> None:
    evidence = gather(
        RatioState.start(BOTH),
        [tick(Counts(0, 10), Counts(0, 90)), tick(Counts(5, 10), Counts(0, 90), final=False)],
    )
    assert evidence.final.candidate == Counts(0, 10)
    assert evidence.latest.candidate == Counts(5, 20)


@given(ticks(), st.integers(0, 12))
def test_folding_what_is_new_gives_the_same_as_folding_everything(history: list[Tick], cut: int) -> None:
    settled = [each for each in history[:cut] if each.final]
    kept = gather(RatioState.start(BOTH), settled).final
    assert gather(kept, history[len(settled) :]) == gather(RatioState.start(BOTH), history)


@pytest.mark.parametrize(
    ("limits", "compared"),
    [
        pytest.param(Limits(max=0.1), False, id="absolute"),
        pytest.param(Limits(ratio=1.5), True, id="ratio"),
        pytest.param(Limits(difference=0.1), False, id="difference"),
        pytest.param(Limits(ratio=1.0, difference=0.1), False, id="the-difference-implies-the-ratio"),
    ],
)
def test_the_ratio_is_compared_where_it_can_decide(limits: Limits, *, compared: bool) -> None:
    state = fold(RatioState.start(limits), tick(Counts(5, 10), Counts(1, 90)))
    assert (state.comparison is not None) is compared


def test_where_more_is_better_the_non_events_are_compared() -> None:
    few_good = tick(Counts(1, 10), Counts(80, 90))
    good_is_better = fold(RatioState.start(Limits(min=0.1, ratio=1.5)), few_good)
    bad_is_worse = fold(RatioState.start(Limits(ratio=1.5)), few_good)
    assert good_is_better.comparison is not None
    assert bad_is_worse.comparison is not None
    assert good_is_better.comparison.log_e > 0 > bad_is_worse.comparison.log_e
