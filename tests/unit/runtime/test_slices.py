"""A sliced ratio from raw samples to its verdict: one digit goes wrong while the whole looks well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.metrics.provider import MetricProvider, RawSeries
from modelrollout.metrics.reader import CounterReader
from modelrollout.runtime.counting import Counting
from modelrollout.runtime.ratios import Ratios
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.looks import look_at
from tests.support.scenes import CANDIDATE, NOW, STABLE

pytestmark = pytest.mark.unit

SECONDS = 1200
SETTINGS = Settings(scrape_interval=timedelta(seconds=1), scrape_timeout=timedelta(seconds=1))
WRONG: dict[str, Any] = {
    "name": "wrong",
    "ratio": {"events": 'labelled{$selector,outcome="wrong"}', "total": "labelled{$selector}"},
    "check": {"noWorseThan": {"difference": "0.15"}},
    "sliceBy": {"label": "digit", "maxSlices": 10, "minSamples": 20},
}


@dataclass
class Prometheus:
    """One pod of each revision, scraped each second, one request of each digit a second.

    Attributes:
        wrong: of how many requests of a digit one is answered wrongly, by revision and digit; 10 where not given.
    """

    wrong: Mapping[tuple[str, str], int]
    digits: tuple[str, ...] = tuple("0123456789")
    asked: list[str] = field(default_factory=list)

    async def raw(self, selector: str, at: float, seconds: float) -> tuple[RawSeries, ...]:
        self.asked.append(selector)
        begin = int(NOW.timestamp()) - SECONDS
        times = [float(time) for time in range(begin, int(NOW.timestamp()) + 1) if at - seconds < time <= at]
        found = []
        for revision in (CANDIDATE.hash, STABLE.hash):
            base = {"namespace": "demo", "pod": f"digits-{revision}-0", "job": "pods", "instance": revision}
            if selector.startswith("up"):
                found.append(RawSeries(base | {"__name__": "up"}, tuple((time, 1.0) for time in times)))
                continue
            for digit in self.digits:
                every = self.wrong.get((revision, digit), 10)
                for outcome in ("wrong", "right"):
                    if outcome == "right" and "wrong" in selector:
                        continue
                    labels = base | {"__name__": "labelled", "digit": digit, "outcome": outcome}
                    counted = ((time, _count(int(time) - begin, every, outcome)) for time in times)
                    found.append(RawSeries(labels, tuple(counted)))
        return tuple(found)


def _count(requests: int, every: int, outcome: str) -> float:
    wrong = requests // every
    return float(wrong if outcome == "wrong" else requests - wrong)


class Bench:
    def __init__(self, metric: dict[str, Any] = WRONG, **prometheus: Any) -> None:
        self.prometheus = Prometheus(**({"wrong": {}} | prometheus))
        reader = CounterReader(cast(MetricProvider, self.prometheus), 1.0)
        self.ratios = Ratios(Counting(reader))
        self.seen = scenes.stepping(0, scenes.raw_spec(stages=scenes.STAGES[1:], metrics=[metric]))

    async def result(self, seconds_ago: float = 0.0) -> CheckResult:
        look = look_at(self.seen, SETTINGS, seconds_ago)
        finding = await self.ratios.find(look, self.seen.rollout.spec.metrics[0])
        return finding.judged.result


async def test_harm_to_one_digit_while_the_whole_is_well() -> None:
    """The eights are always wrong: 19 % of all instead of 10 %, where 25 % would be allowed."""
    found = await Bench(wrong={(CANDIDATE.hash, "8"): 1}).result()
    assert found.verdict is Verdict.HARM
    assert found.reason.startswith("wrong{digit=8} 1 > 0.2")
    plain = {name: value for name, value in WRONG.items() if name != "sliceBy"}
    unsliced = await Bench(plain, wrong={(CANDIDATE.hash, "8"): 1}).result()
    assert unsliced.verdict is Verdict.PASS
    assert unsliced.candidate == pytest.approx(0.19, abs=0.01)


async def test_equal_slices_pass_and_the_worst_is_named() -> None:
    found = await Bench(wrong={(CANDIDATE.hash, "8"): 8}).result()
    assert found.verdict is Verdict.PASS
    assert found.worst_slice is not None
    assert found.worst_slice.startswith("digit=8 0.12")
    assert found.reason.endswith(f"worst slice: {found.worst_slice}")


async def test_slices_cost_no_query_of_their_own_and_looking_often_gives_the_same() -> None:
    bench = Bench(wrong={(CANDIDATE.hash, "8"): 8})
    for ago in (40.0, 25.0, 10.0):
        await bench.result(ago)
    often = await bench.result()
    once = Bench(wrong={(CANDIDATE.hash, "8"): 8})
    assert (await once.result()).worst_slice == often.worst_slice
    plain = Bench({name: value for name, value in WRONG.items() if name != "sliceBy"})
    await plain.result()
    assert set(bench.prometheus.asked) == set(plain.prometheus.asked)


async def test_too_many_values_hold_the_step_and_say_what_to_do() -> None:
    narrow = WRONG | {"sliceBy": {"label": "digit", "maxSlices": 5}}
    found = await Bench(narrow).result()
    assert found.verdict is Verdict.NO_DATA
    assert found.reason == (
        "wrong: 10 values of the label digit are more than maxSlices: 5: raise it, or use a coarser label"
    )


async def test_a_gap_between_digits_is_harm_although_stable_has_it_too() -> None:
    unfair = {(revision, "8"): 2 for revision in (CANDIDATE.hash, STABLE.hash)}
    fair = WRONG | {"sliceBy": {"label": "digit", "maxGap": "0.1"}}
    found = await Bench(fair, wrong=unfair).result()
    assert found.verdict is Verdict.HARM
    assert "digit=8 0.5" in found.reason
    assert "maxGap 0.1 apart" in found.reason
