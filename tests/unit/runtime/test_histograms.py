"""A quantile limit is judged on the counts beyond its edge, and never where the edge is missing."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.outcome import Unavailable
from modelrollout.analysis.ranges import Ranges
from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.metrics.provider import MetricProvider, Native, RawSeries
from modelrollout.runtime.judge import Judge, requests_selector
from modelrollout.runtime.looking import limits_of
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.scenes import CANDIDATE, NOW, STABLE

pytestmark = pytest.mark.unit

LATENCY: dict[str, Any] = {
    "name": "latency",
    "unit": "seconds",
    "histogram": {"buckets": "seconds_bucket{$selector}", "quantile": "0.9"},
    "check": {"max": "0.5"},
    "interval": "1s",
}
EDGES = ("0.25", "5e-01", "1.0", "+Inf")
BEGAN = NOW.timestamp() - 700
_LE = re.compile(r'le=(~?)"([^"]*)"')


@dataclass
class Histogram:
    """What one revision's pod observes each second, and how it spells its edges."""

    shares: tuple[float, ...]
    edges: tuple[str, ...] = EDGES
    per_second: int = 10


@dataclass
class Prometheus:
    """A source that has scraped steady histograms each second.

    Attributes:
        reads: the selectors that were asked for.
    """

    revisions: dict[str, Histogram]
    away: bool = False
    reads: list[str] = field(default_factory=list)

    async def now(self) -> float:
        return NOW.timestamp()

    async def raw(self, selector: str, at: float, seconds: float) -> Any:
        self.reads.append(selector)
        if self.away:
            return Unavailable("connection refused")
        times = range(int(at - seconds) + 1, int(at) + 1)
        if selector.startswith('{__name__=~"seconds|up",'):
            plain = selector.partition(",")[2]
            return (*await self.raw(f"seconds{{{plain}", at, seconds), *await self.raw(f"up{{{plain}", at, seconds))
        if selector.startswith("up{"):
            return tuple(
                RawSeries(self._labels(name) | {"__name__": "up"}, tuple((float(second), 1.0) for second in times))
                for name in self.revisions
            )
        if selector.startswith("seconds{"):
            return tuple(self._native(name, one, times) for name, one in self.revisions.items())
        wanted = _LE.search(selector)
        return tuple(
            RawSeries(self._labels(name) | {"le": edge}, self._samples(one, share, times))
            for name, one in self.revisions.items()
            for edge, share in zip(one.edges, one.shares, strict=True)
            if wanted is None or (re.fullmatch(wanted[2], edge) if wanted[1] else wanted[2] == edge)
        )

    def _native(self, name: str, one: Histogram, times: range) -> RawSeries:
        """The same counts, in buckets that end at the same edges."""
        bounds = (0.0, *(float(edge) for edge in one.edges))
        natives: list[tuple[float, Native]] = []
        for samples in zip(*(self._samples(one, share, times) for share in one.shares), strict=True):
            at, below = samples[0][0], (0.0, *(value for _, value in samples))
            parts = zip(itertools.pairwise(bounds), itertools.pairwise(below), strict=True)
            ranges = tuple((low, high, now - before) for (low, high), (before, now) in parts if now > before)
            natives.append((at, Native(Ranges(ranges, below[-1]), 0.0)))
        counts = tuple((at, native.ranges.total) for at, native in natives)
        return RawSeries(self._labels(name) | {"__name__": "seconds"}, counts, tuple(natives))

    def _labels(self, name: str) -> dict[str, str]:
        return {"namespace": "demo", "pod": f"digits-{name}-x1", "job": "pods", "instance": name}

    def _samples(self, one: Histogram, share: float, times: range) -> tuple[tuple[float, float], ...]:
        return tuple(
            (float(second), float(round(share * one.per_second * (second - BEGAN))))
            for second in times
            if second > BEGAN
        )


async def judged(
    candidate: Histogram | None, stable: Histogram | None, *, times: int = 1, away: bool = False, **fields: Any
) -> tuple[CheckResult, Prometheus]:
    both = {CANDIDATE.hash: candidate, STABLE.hash: stable}
    prometheus = Prometheus({name: one for name, one in both.items() if one is not None}, away)
    settings = Settings(scrape_interval=timedelta(seconds=1), scrape_timeout=timedelta(seconds=1))
    judge = Judge(cast(MetricProvider, prometheus), settings)
    seen = scenes.stepping(0, scenes.raw_spec(stages=scenes.STAGES[1:], metrics=[LATENCY | fields]))
    found = [await judge.evidence(seen.rollout, STABLE.ref, NOW) for _ in range(times)]
    return found[-1][0].judged[0].result, prometheus


GOOD = Histogram((0.5, 0.95, 1, 1))
SLOW = Histogram((0.5, 0.6, 1, 1))


async def test_a_share_within_the_limit_passes() -> None:
    result, _ = await judged(GOOD, GOOD)
    assert result.verdict is Verdict.PASS
    assert re.fullmatch(r"latency p90 <= 0\.5 s: (5|4\.99|5\.01) % above 0\.5 s \(<= 10 %\), n=\d{4}", result.reason)
    assert result.candidate == pytest.approx(0.05, abs=0.001)


async def test_a_share_beyond_it_is_harm() -> None:
    result, _ = await judged(SLOW, GOOD)
    assert result.verdict is Verdict.HARM
    assert re.match(r"latency p90 <= 0\.5 s: 40(\.\d+)? % above 0\.5 s \(limit 10 %\), n=", result.reason)


async def test_a_smallest_value_limits_what_lies_at_or_below_it() -> None:
    confident, unsure = Histogram((0.02, 0.05, 1, 1)), Histogram((0.1, 0.4, 1, 1))
    limits: dict[str, Any] = {
        "check": {"min": "0.5"},
        "unit": "none",
        "histogram": {"buckets": "b_bucket{$selector}", "quantile": "0.1"},
    }
    assert (await judged(confident, confident, **limits))[0].verdict is Verdict.PASS
    assert (await judged(unsure, confident, **limits))[0].verdict is Verdict.HARM


async def test_beside_stable_the_shares_beyond_the_edge_are_compared() -> None:
    check: dict[str, Any] = {"check": {"max": "0.5", "noWorseThan": {"ratio": "1.5"}}}
    fine, worse = Histogram((0.5, 0.999, 1, 1)), Histogram((0.5, 0.95, 1, 1))
    assert (await judged(worse, worse, **check))[0].verdict is Verdict.PASS
    result, _ = await judged(worse, fine, **check)
    assert result.verdict is Verdict.HARM
    assert result.stable == pytest.approx(0.001, abs=0.0005)


@pytest.mark.parametrize(
    ("candidate", "stable", "says"),
    [
        (Histogram((0.5, 1, 1), ("0.25", "1", "+Inf")), GOOD, "set the limit to one of 0.25, 1"),
        (GOOD, Histogram((0.5, 1, 1), ("0.25", "2", "+Inf")), "set the limit to one of 0.25"),
        (GOOD, Histogram((0.5, 1), ("0.3", "+Inf")), "which have none in common"),
    ],
)
async def test_without_the_edge_in_both_nothing_is_judged_and_the_common_edges_are_told(
    candidate: Histogram, stable: Histogram, says: str
) -> None:
    for policy in ("Hold", "Fail", "Pass"):
        result, _ = await judged(candidate, stable, onNoData=policy)
        assert result.verdict is Verdict.NO_DATA
        assert "0.5 is no edge of the buckets of both revisions" in result.reason
        assert says in result.reason


async def test_a_histogram_whose_first_bucket_holds_everything_is_refused() -> None:
    dull = Histogram((0.98, 0.99, 1, 1))
    result, _ = await judged(GOOD, dull)
    assert result.verdict is Verdict.NO_DATA
    assert "98 % of the stable revision's 7000 observations lie in the first bucket, at or below 0.25" in result.reason
    assert "export finer buckets" in result.reason
    few = Histogram((1, 1, 1, 1), per_second=0)
    assert (await judged(GOOD, few))[0].verdict is Verdict.PASS


async def test_a_candidate_that_shows_no_buckets_yet_is_not_blamed() -> None:
    result, _ = await judged(None, GOOD)
    assert result.verdict is Verdict.NO_DATA
    assert result.reason == (
        "latency p90 <= 0.5 s: the candidate shows no buckets of this histogram yet (if it is a native one, write "
        "seconds{$selector})"
    )
    assert (await judged(None, GOOD, onNoData="Fail"))[0].verdict is Verdict.HARM


NATIVE: dict[str, Any] = {"histogram": {"buckets": "seconds{$selector}", "quantile": "0.9"}}


@pytest.mark.parametrize("candidate", [GOOD, SLOW], ids=["good", "slow"])
@pytest.mark.parametrize("limit", [{"max": "0.5"}, {"min": "0.25"}, {"max": "0.5", "noWorseThan": {"ratio": "1.5"}}])
async def test_a_native_histogram_is_judged_as_a_classic_one_of_the_same_counts(
    candidate: Histogram, limit: dict[str, Any]
) -> None:
    result, prometheus = await judged(candidate, GOOD, check=limit, **NATIVE)
    assert result == (await judged(candidate, GOOD, check=limit))[0]
    assert result.samples > 0
    assert not any("le=" in selector for selector in prometheus.reads)


async def test_a_limit_within_a_native_bucket_of_either_revision() -> None:
    coarse = Histogram((0.6, 1, 1), ("0.25", "1.0", "+Inf"))
    for candidate, stable in ((coarse, GOOD), (GOOD, coarse)):
        result, _ = await judged(candidate, stable, **NATIVE)
        assert result.verdict is Verdict.NO_DATA
        assert result.reason.startswith(
            "latency p90 <= 0.5 s: 0.5 is no bound of the native buckets: the nearest are 0.25 and 1; powers of two"
        )


async def test_what_is_named_as_a_native_histogram_and_is_none() -> None:
    result, _ = await judged(None, GOOD, **NATIVE)
    assert result.reason.endswith("(if it is a classic one, write seconds_bucket{$selector})")


async def test_an_absolute_limit_needs_nothing_of_stable() -> None:
    assert (await judged(SLOW, None))[0].verdict is Verdict.HARM


async def test_edges_are_looked_at_once() -> None:
    _, prometheus = await judged(GOOD, GOOD, times=3)
    assert sum("le=" not in selector and "seconds_bucket" in selector for selector in prometheus.reads) == 1
    _, prometheus = await judged(GOOD, None, times=3)
    assert sum("le=" not in selector and "seconds_bucket" in selector for selector in prometheus.reads) == 3


async def test_an_outage_is_told_as_one() -> None:
    result, _ = await judged(GOOD, GOOD, away=True)
    assert result.verdict is Verdict.NO_DATA
    assert result.reason == "latency: unavailable: connection refused"


def test_the_limit_on_the_share_is_what_the_quantile_leaves() -> None:
    seen = scenes.stepping(
        0, scenes.raw_spec(metrics=[LATENCY | {"histogram": {"buckets": "b_bucket{$selector}", "quantile": "0.99"}}])
    )
    (metric,) = seen.rollout.spec.metrics
    assert limits_of(metric).max == 0.01
    assert requests_selector(seen.rollout.spec) == 'b_bucket{le="+Inf",$selector}'
    seen = scenes.stepping(0, scenes.raw_spec(metrics=[LATENCY | NATIVE]))
    assert requests_selector(seen.rollout.spec) == "seconds{$selector}"


@dataclass
class Languages(Prometheus):
    """The same revisions, each with a pod that counts two languages: in the second one the candidate is slow."""

    async def raw(self, selector: str, at: float, seconds: float) -> Any:
        found = await super().raw(selector, at, seconds)
        if selector.startswith("up{") or not isinstance(found, tuple):
            return found
        slow = {"le": "0.5"}
        return tuple(
            RawSeries(
                {**series.labels, "language": language},
                tuple(
                    (time, value if language == "en" or not _is_slow(series, slow) else float(round(value * 0.4)))
                    for time, value in series.samples
                ),
            )
            for series in found
            for language in ("en", "fi")
        )


def _is_slow(series: RawSeries, slow: dict[str, str]) -> bool:
    is_candidate = CANDIDATE.hash in series.labels["pod"]
    return is_candidate and float(series.labels["le"]) <= float(slow["le"])


async def sliced_by_language(prometheus: Prometheus) -> CheckResult:
    sliced: dict[str, Any] = {
        "check": {"max": "0.5", "noWorseThan": {"difference": "0.3"}},
        "histogram": {"buckets": "seconds_bucket{$selector}", "quantile": "0.4"},
        "sliceBy": {"label": "language", "maxSlices": 3},
    }
    settings = Settings(scrape_interval=timedelta(seconds=1), scrape_timeout=timedelta(seconds=1))
    judge = Judge(cast(MetricProvider, prometheus), settings)
    seen = scenes.stepping(0, scenes.raw_spec(stages=scenes.STAGES[1:], metrics=[LATENCY | sliced]))
    evidence, _ = await judge.evidence(seen.rollout, STABLE.ref, NOW)
    return evidence.judged[0].result


async def test_a_slice_that_is_slow_is_harm_and_says_of_what() -> None:
    result = await sliced_by_language(Languages({CANDIDATE.hash: GOOD, STABLE.hash: GOOD}))
    assert result.verdict is Verdict.HARM, result.reason
    assert result.reason.startswith("latency{language=fi} ")
    assert result.reason.endswith(" (of slices the share above 0.5 s)")
    assert result.worst_slice is not None
    assert result.worst_slice.startswith("language=fi ")


async def test_buckets_without_the_label_are_not_judged() -> None:
    result = await sliced_by_language(Prometheus({CANDIDATE.hash: GOOD, STABLE.hash: GOOD}))
    assert (result.verdict, result.reason) == (Verdict.NO_DATA, "latency: no series has the label language")
