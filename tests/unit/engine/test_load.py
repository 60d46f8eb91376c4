"""How much a pod has to do, and what a latency at another load is worth."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.engine.chains import decide
from modelrollout.engine.load import load_of
from modelrollout.engine.observed import Rates
from modelrollout.engine.plan import Action
from modelrollout.engine.situation import Observation, situation_of
from tests.support import scenes
from tests.support.cases import Case, as_stepping, check, table
from tests.support.scenes import CANDIDATE, STABLE, pods, raw_spec, stepping, with_pods

pytestmark = pytest.mark.unit

LATENCY: dict[str, Any] = {"name": "latency", "unit": "seconds", "query": "p99{$selector}", "check": {"max": "0.5"}}


def seen(position: int = 1, rates: Rates | None = None, sizes: tuple[int, int] = (2, 2), **latency: Any) -> Observation:
    """A step in which all checks pass, with pods of candidate and stable."""
    found = stepping(position, raw_spec(metrics=(scenes.METRICS[0], LATENCY | latency)))
    assert found.evidence is not None
    candidate, stable = sizes
    sized = with_pods(found, pods(CANDIDATE, candidate), pods(STABLE, stable))
    return replace(sized, evidence=replace(found.evidence, rates=rates))


@pytest.mark.parametrize(
    ("rates", "sizes", "candidate", "stable", "share"),
    [
        (Rates(5, 95), (2, 2), 2.5, 47.5, 5 / 95),
        (Rates(5, 95), (1, 19), 5, 5, 1),
        (Rates(50, 0), (2, 2), 25, None, None),
        (Rates(50, 50), (2, 0), 25, None, None),
    ],
)
def test_the_load_of_a_pod(
    rates: Rates, sizes: tuple[int, int], candidate: float, stable: float | None, share: float | None
) -> None:
    load = load_of(as_stepping(seen(1, rates, sizes)))
    assert load is not None
    assert (load.candidate, load.stable) == (candidate, stable)
    assert load.share == (None if share is None else pytest.approx(share))


def test_without_counts_or_pods_nobody_knows_it() -> None:
    assert load_of(as_stepping(seen(1, None))) is None
    assert load_of(as_stepping(seen(1, Rates(5, 95), (0, 2)))) is None


@table(
    Case("any load will do", seen(1, Rates(5, 95)), Action.ENTER, "Passed", step="ramp at 20 %",
         text="; latency at 2.5 requests/s for each ready pod (stable 47.5) only"),
    Case("too light", seen(1, Rates(5, 95), minLoad="0.8"), Action.WAIT, "Gathering",
         text="latency is kept, but at 2.5 requests/s for each ready pod (stable 47.5), less than 0.8"),
    Case("enough", seen(1, Rates(5, 95), (1, 19), minLoad="0.8"), Action.ENTER, "Passed", step="ramp at 20 %"),
    Case("a shadow of everything", seen(0, Rates(100, 100), minLoad="1"), Action.ENTER, "Passed",
         step="canary at 5 %"),
    Case("nothing counts requests", seen(1, None, minLoad="0.8"), Action.WAIT, "Gathering", text="nothing tells"),
    Case("at weight 100 it has all there is", seen(5, Rates(100, 0), minLoad="0.8"), Action.PROMOTE, "Passed"),
    Case("nothing counts requests at weight 100", seen(5, None, minLoad="0.8"), Action.PROMOTE, "Passed"),
)  # fmt: skip
def test_a_pass_at_a_light_load(case: Case) -> None:
    check(decide(situation_of(case.seen)), case)
