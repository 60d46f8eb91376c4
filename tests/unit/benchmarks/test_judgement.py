"""A small version of the benchmark: seeds are fixed, so that it gives the same counts each time."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.judgement import schedules
from benchmarks.judgement.history import measured
from benchmarks.judgement.judged import Judged, Stretch
from benchmarks.judgement.report import page, upper
from benchmarks.judgement.rules import LEVEL, NEVER, five_strikes, peeked_z
from benchmarks.judgement.tables import (
    FAULTS,
    Fault,
    detection,
    false_rollbacks,
    metric,
    slower,
    wrong_promotions,
)
from benchmarks.judgement.worlds import CLUSTER, WORLDS, Arms, Requests, requests

pytestmark = pytest.mark.unit

RUNS, TICKS = 12, 30
RATE = 0.02
WEIGHTS = np.full(TICKS, 20)


def arms(world: str, factor: float = 1.0, *, seed: int = 5, traffic: float = 20.0) -> Arms:
    dice = np.random.default_rng(seed)
    sent = requests(dice, RUNS, WEIGHTS, traffic)
    events = WORLDS[world](dice, sent, np.repeat([[factor * RATE], [RATE]], TICKS, axis=1))
    return Arms(events[0], sent.candidate, events[1], sent.stable)


def judged() -> Judged:
    return Judged([metric("empty")], [Stretch(20, TICKS)])


def rolled_back(world: str, factor: float = 1.0) -> int:
    judge, data = judged(), arms(world, factor)
    return sum(judge.harm({"empty": data.run(run)}).tick is not None for run in range(RUNS))


@pytest.mark.parametrize("world", ["independent errors", "common shocks"])
def test_the_judge_keeps_a_candidate_that_is_as_good_where_the_usual_rules_do_not(world: str) -> None:
    assert rolled_back(world) == 0
    data = [arms(world)]
    assert (five_strikes(data, [2 * RATE]) != NEVER).sum() + (peeked_z(data) != NEVER).sum() > 0


def test_the_judge_finds_a_candidate_that_is_five_times_as_bad() -> None:
    judge, data = judged(), arms("independent errors", 5.0)
    ticks = [judge.harm({"empty": data.run(run)}).tick for run in range(RUNS)]
    assert all(tick is not None and tick <= 5 for tick in ticks)


def test_who_is_rolled_back_did_not_pass() -> None:
    judge, data = judged(), arms("independent errors", 5.0)
    ending = judge.passing({"empty": data.run(0)}, from_tick=0)
    assert (ending.tick, ending.metric) == (None, "empty")


def test_a_good_one_passes_when_it_has_its_samples() -> None:
    judge, data = judged(), arms("independent errors", 0.5)
    assert judge.passing({"empty": data.run(0)}, from_tick=4).tick == 4


def test_one_rollout_leaves_nothing_for_the_next() -> None:
    judge, bad, good = judged(), arms("independent errors", 5.0), arms("independent errors")
    first = judge.harm({"empty": good.run(1)})
    assert judge.harm({"empty": bad.run(0)}).tick is not None
    assert judge.harm({"empty": good.run(1)}) == first


@pytest.mark.parametrize("world", sorted(WORLDS))
def test_every_world_has_the_rate_that_is_asked_for(world: str) -> None:
    dice = np.random.default_rng(3)
    sent = Requests(np.full((400, TICKS), 500), np.full((400, TICKS), 2000))
    events = WORLDS[world](dice, sent, np.full((2, TICKS), RATE))
    for found, total in zip(events, (sent.candidate, sent.stable), strict=True):
        assert found.sum() / total.sum() == pytest.approx(RATE, rel=0.05)


@pytest.mark.parametrize(
    ("world", "inflated"),
    [("independent errors", 1.0), ("bursts of 5", CLUSTER), ("overdispersed, phi 5", CLUSTER)],
)
def test_clusters_inflate_the_variance_as_much_as_they_declare(world: str, inflated: float) -> None:
    dice = np.random.default_rng(4)
    sent = Requests(np.full((1000, TICKS), 2000), np.full((1000, TICKS), 2000))
    events, _ = WORLDS[world](dice, sent, np.full((2, TICKS), 0.01))
    assert np.var(events) / np.mean(events) == pytest.approx(inflated, rel=0.1)


def test_the_strikes_count_looks_and_never_reset() -> None:
    flags = [1, 0, 1, 0, 1, 0, 1, 0, 0, 1]
    total = np.full((1, 10), 100)
    data = Arms(np.array([[50 * flag for flag in flags]]), total, total * 0, total)
    # Over windows of two looks every lone bad tick is seen twice.
    assert five_strikes([data], [0.1]).tolist() == [4]
    assert five_strikes([data], [0.9]).tolist() == [NEVER]


def test_slower_answers_pass_an_edge_more_often() -> None:
    shares = [slower(percent) for percent in (0.0, 10.0, 25.0, 100.0)]
    assert shares[0] == pytest.approx(1.0)
    assert shares == sorted(shares)
    assert FAULTS[-1] == Fault("latency +100 %", "slow", shares[-1])


def test_every_table_is_made_and_shown() -> None:
    false = false_rollbacks("bursts of 5", 10.0, 1)
    found = detection(Fault("errors x 20", "errors", 20.0), 100.0, 0, 2)
    margin = wrong_promotions(None, 100.0, 2)
    assert false["judge"] == 0
    assert found["judge"]["found"] == 2
    assert found["judge"]["minutes"] <= 2
    assert margin["good_promoted"] == 2
    starts = schedules.row(1000.0, 3, seed=1)
    text = page({"false": [false], "detection": [found], "starts": [starts], "margin": [margin]})
    assert "| bursts of 5 | all | 1 | **0.0%**" in text
    assert "| errors x 20 | 100 | 2 | " in text
    assert "| not set | 100 | 2 | " in text
    assert "| 1000 | 3 | " in text
    assert "made with starts weighted" not in text
    assert "1 of these 1 rows were made with starts weighted 1, 0, 0" in page(
        {"starts": [starts | {"starts": [1, 0, 0]}]}
    )


def test_one_start_alone_is_late_where_many_are_not() -> None:
    found = schedules.row(1000.0, 5, seed=1)
    assert found["judge"] <= 1 < 10 < found["alone"]
    assert found["at_start"] <= found["between"]


def test_the_bound_of_a_count_is_that_of_clopper_and_pearson() -> None:
    assert upper(0, 100) == pytest.approx(0.0295, abs=1e-4)
    assert upper(5, 100) == pytest.approx(0.1023, abs=1e-3)


def test_the_peeked_test_is_that_of_two_proportions() -> None:
    """Its statistic squared is chi-square of the 2 x 2 table, without correction."""
    data = arms("independent errors", 1.6, seed=9)
    columns = (data.candidate_events, data.candidate_total, data.stable_events, data.stable_total)
    totals = [np.cumsum(column, axis=1) for column in columns]
    expected = []
    for run in range(RUNS):
        for look in range(TICKS):
            x1, n1, x2, n2 = (int(column[run, look]) for column in totals)
            if x1 + x2 and x1 / n1 > x2 / n2:
                square = stats.chi2_contingency([[x1, n1 - x1], [x2, n2 - x2]], correction=False).statistic
                if square > stats.norm.isf(LEVEL) ** 2:
                    expected.append((run, look))
                    break
    found = peeked_z([data])
    assert [(run, int(look)) for run, look in enumerate(found) if look != NEVER] == expected
    assert expected


@pytest.mark.parametrize(
    ("world", "low", "high"),
    [("independent errors", 2.0, 2.0), ("common shocks", 2.0, 2.0), ("bursts of 5", 3.5, 6.0)],
)
def test_a_day_of_history_shows_what_comes_together(world: str, low: float, high: float) -> None:
    assert low <= measured(np.random.default_rng(2), world, 100.0, 0.01) <= high
