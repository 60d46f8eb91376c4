"""Queries: which instants are asked for, what is remembered, and what an odd answer is worth."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.outcome import NoData, Outcome, Rejected, Unavailable, Value
from modelrollout.analysis.query import describe
from modelrollout.analysis.verdict import Verdict
from modelrollout.api.metrics import Metric
from modelrollout.metrics.provider import MetricProvider
from modelrollout.runtime.asking import Asking
from modelrollout.runtime.findings import Finding
from modelrollout.runtime.looking import Look
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.looks import look_at
from tests.support.scenes import CANDIDATE, NOW, STABLE

pytestmark = pytest.mark.unit

SETTINGS = Settings(scrape_interval=timedelta(seconds=1), scrape_timeout=timedelta(seconds=1))
LATENCY: dict[str, Any] = {"name": "latency", "unit": "seconds", "query": "p99{$selector}[$window]", "interval": "10s"}


@dataclass
class Prometheus:
    """Answers by a function of the query, and keeps what it was asked."""

    answer: Callable[[str], Outcome] = lambda _: Value(0.2)
    asked: list[tuple[str, float]] = field(default_factory=list)

    async def instant(self, query: str, at: float) -> Outcome:
        self.asked.append((query, at))
        return self.answer(query)

    def instants(self) -> list[float]:
        """All that were asked for since the last time, once each."""
        found = sorted({at for _, at in self.asked})
        self.asked.clear()
        return found


def metric(**changes: Any) -> Metric:
    return Metric.model_validate(LATENCY | {"check": {"max": "0.5"}} | changes)


def look(position: int = 1, *, later: float = 0.0, step_for: float = 60.0) -> Look:
    began = NOW - timedelta(seconds=step_for)
    seen = scenes.with_step(scenes.stepping(position), started_at=began, accepted_at=began, in_force_at=began)
    return look_at(seen, SETTINGS, -later)


def candidate_alone(value: float) -> Callable[[str], Outcome]:
    """The candidate's value; stable's is well."""
    return lambda query: Value(value if CANDIDATE.hash in query else 0.2)


class Bench:
    def __init__(self, **changes: Any) -> None:
        self.prometheus = Prometheus()
        self.asking = Asking(cast(MetricProvider, self.prometheus))
        self.metric = metric(**changes)

    async def judge(self, seen: Look | None = None) -> Finding:
        found = await self.asking.find(seen or look(), self.metric)
        assert found.unavailable is None
        return found


async def test_only_new_instants_are_asked_for_and_only_on_the_grid() -> None:
    bench = Bench(failureLimit=10)
    seen = look()
    await bench.judge(seen)
    first = bench.prometheus.instants()
    assert len(first) == 6
    assert [later - earlier for earlier, later in itertools.pairwise(first)] == [10.0] * 5
    assert seen.step_since < first[0]
    await bench.judge(look(later=10))
    # The last two may have been provisional: one scrape timeout and a second after a tick it is final.
    again = bench.prometheus.instants()
    assert again[-1] == first[-1] + 10
    assert len(again) <= 2


async def test_after_a_restart_no_more_is_read_than_a_verdict_needs() -> None:
    bench = Bench(failureLimit=1)
    await bench.judge(look(step_for=3600))
    assert len(bench.prometheus.instants()) == 4


async def test_a_window_never_reaches_back_before_the_step() -> None:
    bench = Bench(window="5m", failureLimit=20)
    seen = look()
    await bench.judge(seen)
    for query, at in bench.prometheus.asked:
        window = timedelta(milliseconds=int(query.split("[")[1].removesuffix("ms]")))
        assert timedelta(0) < window <= timedelta(seconds=at - seen.step_since)


async def test_another_step_starts_anew() -> None:
    bench = Bench()
    bench.prometheus.answer = candidate_alone(9.0)
    found = await bench.judge()
    assert found.judged.result.verdict is Verdict.HARM
    bench.prometheus.instants()
    bench.prometheus.answer = lambda _: Value(0.1)
    found = await bench.judge(look(2))
    assert found.judged.result.verdict is Verdict.PASS


async def test_stable_is_asked_only_where_it_is_compared_with_and_has_traffic() -> None:
    def revisions(bench: Bench) -> set[str]:
        names = {CANDIDATE.hash: "candidate", STABLE.hash: "stable"}
        return {name for query, _ in bench.prometheus.asked for hash_, name in names.items() if hash_ in query}

    absolute, relative, alone = Bench(), *(Bench(check={"noWorseThan": {"ratio": "1.5"}}) for _ in range(2))
    await absolute.judge()
    await relative.judge()
    await alone.judge(look(5))
    assert [revisions(bench) for bench in (absolute, relative, alone)] == [
        {"candidate"},
        {"candidate", "stable"},
        {"candidate"},
    ]


@pytest.mark.parametrize("lost", [Unavailable("down"), Rejected("too many samples")])
async def test_an_outage_is_said_and_what_is_final_is_kept(lost: Outcome) -> None:
    bench = Bench()
    last = (await bench.judge()).last_final
    bench.prometheus.answer = lambda _: lost
    assert (
        await bench.asking.find(look(later=20), bench.metric)
    ).unavailable == f"{bench.metric.name}: {describe(lost)}"
    bench.prometheus.instants()
    bench.prometheus.answer = lambda _: Value(0.2)
    await bench.judge(look(later=30))
    assert last is not None
    assert min(bench.prometheus.instants()) > last


@pytest.mark.parametrize(
    ("policy", "expected"), [("Hold", Verdict.NO_DATA), ("Fail", Verdict.HARM), ("Pass", Verdict.PASS)]
)
async def test_no_data_is_what_the_user_says_it_is(policy: str, expected: Verdict) -> None:
    bench = Bench(onNoData=policy)
    bench.prometheus.answer = lambda _: NoData()
    found = await bench.judge()
    assert found.judged.result.verdict is expected


@pytest.mark.parametrize(
    ("changes", "position", "verdict"),
    [
        ({}, 1, Verdict.CONTINUE),
        ({"query": "p99[$window]"}, 1, Verdict.HARM),  # the same for all revisions, and so nothing of stable
        ({"mode": "Warn"}, 1, Verdict.HARM),  # it stops nobody: not worth a question
        ({}, 5, Verdict.HARM),  # stable has no requests
    ],
)
async def test_what_stable_breaks_too_is_not_the_candidates(
    changes: dict[str, Any], position: int, verdict: Verdict
) -> None:
    bench = Bench(**changes)
    bench.prometheus.answer = lambda _: Value(9.0)
    result = (await bench.judge(look(position))).judged.result
    assert (result.verdict, result.upstream) == (verdict, verdict is Verdict.CONTINUE)
    assert any(STABLE.hash in query for query, _ in bench.prometheus.asked) is result.upstream


async def test_what_only_holds_is_about_now() -> None:
    """An enforced row of failures has done its harm; a queue that is not full any more holds nobody."""
    found = {}
    for mode in ("Enforce", "Hold"):
        bench = Bench(failureLimit=1, mode=mode)
        bench.prometheus.answer = candidate_alone(9.0)
        first = (await bench.judge()).judged.result
        bench.prometheus.answer = lambda _: Value(0.1)
        later = [(await bench.judge(look(later=10.0 * ticks))).judged.result for ticks in (1, 2)]
        found[mode] = [(each.verdict, each.exceeds) for each in (first, *later)]
    failing, over = (Verdict.HARM, True), (Verdict.PASS, False)
    assert found["Enforce"] == [failing, (Verdict.HARM, False), (Verdict.HARM, False)]
    assert (found["Hold"][0], found["Hold"][-1]) == (failing, over)


async def test_a_query_that_cannot_be_written_out_is_rejected_not_asked() -> None:
    bench = Bench(query="p99{$selectr}")
    found = await bench.asking.find(look(), bench.metric)
    assert "rejected" in str(found.unavailable)
    assert not bench.prometheus.asked


async def test_a_rollout_that_left_its_step_is_forgotten() -> None:
    bench = Bench(failureLimit=10)
    await bench.judge()
    first = bench.prometheus.instants()
    bench.asking.forget("another")
    await bench.judge()
    assert len(bench.prometheus.instants()) < len(first)
    bench.asking.forget("uid")
    await bench.judge(replace(look()))
    assert bench.prometheus.instants() == first
