"""The fast copy of the judge ends every rollout where the real code does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.judgement.judged import Judged, Stretch
from benchmarks.judgement.rules import NEVER
from benchmarks.judgement.tables import metric
from benchmarks.judgement.twin import ODDS, harms, log_blocks
from benchmarks.judgement.worlds import WORLDS, Arms, requests
from modelrollout.analysis.comparison import block
from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.limits import Edge

pytestmark = pytest.mark.unit

RUNS = 6
STEPS = (Stretch(10, 6), Stretch(30, 6), Stretch(60, 6))
WEIGHTS = np.repeat([step.weight for step in STEPS], 6)


@st.composite
def counted(draw: st.DrawFn) -> Counts:
    total = draw(st.integers(1, 10**9))
    return Counts(draw(st.integers(0, total)), total)


@given(counted(), counted(), st.floats(0.5, 4), st.floats(0, 1))
def test_a_block_is_worth_the_same(candidate: Counts, stable: Counts, ratio: float, expected: float) -> None:
    columns = np.array([[candidate.events], [candidate.total], [stable.events], [stable.total]], dtype=float)
    found = log_blocks(ratio, np.array([expected]), columns)[0]
    real = block(Edge(ratio), expected, candidate, stable, upwards=True)
    assert found == pytest.approx(real, rel=1e-9, abs=1e-9 * (candidate.total + stable.total))
    assert len(found) == len(ODDS)


def arms(world: str, factor: float, traffic: float) -> Arms:
    """Candidates that go bad in the second step."""
    dice = np.random.default_rng(8)
    sent = requests(dice, RUNS, WEIGHTS, traffic)
    rates = np.repeat([[0.02], [0.02]], len(WEIGHTS), axis=1)
    rates[0, 8:] *= factor
    events = WORLDS[world](dice, sent, rates)
    return Arms(events[0], sent.candidate, events[1], sent.stable)


@pytest.mark.parametrize("traffic", [0.05, 20.0], ids=["some-ticks-empty", "busy"])
@pytest.mark.parametrize("world", ["independent errors", "common shocks", "bursts of 5"])
def test_every_rollout_ends_where_the_real_code_ends_it(world: str, traffic: float) -> None:
    sizes = (None, "2", "5")
    judged = [
        Judged([metric("empty", {"ratio": "1.1"}, size=size), metric("errors", size=size)], STEPS) for size in sizes
    ]
    data = {"empty": arms(world, 8.0, traffic), "errors": arms(world, 4.0, traffic)}
    for each, copied in zip(judged, harms(judged, data), strict=True):
        real = [each.harm({name: arm.run(run) for name, arm in data.items()}).tick for run in range(RUNS)]
        assert copied.tolist() == [NEVER if tick is None else tick for tick in real]
        assert traffic < 1 or {tick for tick in real if tick is not None}


def test_limits_that_it_does_not_know_are_refused() -> None:
    judged = Judged([metric("empty", {"difference": "0.1"})], STEPS)
    with pytest.raises(ValueError, match="knows noWorseThan"):
        harms([judged], {"empty": arms("independent errors", 1.0, 20.0)})


def test_what_differs_in_more_than_clusters_is_judged_apart() -> None:
    judged = [Judged([metric("empty", {"ratio": ratio})], STEPS) for ratio in ("1", "2")]
    with pytest.raises(ValueError, match="have to be the same"):
        harms(judged, {"empty": arms("independent errors", 1.0, 20.0)})
