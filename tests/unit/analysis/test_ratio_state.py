from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.limits import Edge, Limits
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
    ("limits", "edges"),
    [
        pytest.param(Limits(max=0.1), [], id="absolute"),
        pytest.param(Limits(ratio=1.5), [Edge(1.5, 0)], id="ratio"),
        pytest.param(Limits(difference=0.1), [Edge(1, 0.1)], id="difference"),
        pytest.param(Limits(ratio=1.0, difference=0.1), [Edge(1, 0.1)], id="the-difference-implies-the-ratio"),
        pytest.param(Limits(ratio=1.5, difference=0.1), [Edge(1.5, 0), Edge(1, 0.1)], id="both"),
        pytest.param(
            Limits(ratio=1.5, difference=0.1, harm_ratio=1.2, harm_difference=0.01),
            [Edge(1.2, 0), Edge(1, 0.01)],
            id="harm-has-its-own",
        ),
    ],
)
def test_harm_is_compared_with_every_edge_that_can_decide(limits: Limits, edges: list[Edge]) -> None:
    assert [each.edge for each in RatioState.start(limits).worse] == edges


def test_a_pass_compares_only_where_it_needs_evidence() -> None:
    limits = Limits(ratio=1.5, harm_ratio=1.2)
    assert RatioState.start_step(limits).no_worse == ()
    confident = RatioState.start_step(replace(limits, no_worse_confidence=0.95))
    assert [each.edge for each in confident.no_worse] == [Edge(1.5, 0)]


def test_where_more_is_better_the_non_events_are_compared() -> None:
    few_good = tick(Counts(1, 10), Counts(80, 90))
    good_is_better = fold(RatioState.start(Limits(min=0.1, ratio=1.5)), few_good)
    bad_is_worse = fold(RatioState.start(Limits(ratio=1.5)), few_good)
    assert good_is_better.worse[0].log_e > 0 > bad_is_worse.worse[0].log_e
