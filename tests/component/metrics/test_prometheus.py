"""The provider and a real Prometheus: values, mistakes in queries, and a Prometheus that goes away."""

from __future__ import annotations

import asyncio

import pytest

from modelrollout.analysis.outcome import Ambiguous, NoData, NotFinite, Rejected, Unavailable, Value
from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings
from modelrollout.metrics.promql import Scope, SelectorStyle, expand, variables_of
from modelrollout.metrics.provider import ProviderUnavailableError
from tests.component.metrics.conftest import SCRAPE_SECONDS, Pods
from tests.support.prometheus import RealPrometheus

pytestmark = pytest.mark.component


async def test_the_values_of_one_revision(pods: Pods) -> None:
    pods.add("candidate", total__code_200=3)
    pods.add("stable", total__code_200=40)
    variables = variables_of(pods.scope, "candidate", "2", window=60)
    both = pods.scope.selector("candidate", "stable")
    now, provider = await pods.scraped(), pods.provider
    assert await provider.instant(expand("total{$selector}", variables), now) == Value(3.0)
    assert await provider.instant(expand("sum(last_over_time(total{$selector}[$window]))", variables), now) == Value(
        3.0
    )
    assert await provider.instant(f"total{{{both}}}", now) == Ambiguous(2)
    assert await provider.instant(expand('total{$selector,code="404"}', variables), now) == NoData()
    assert await provider.instant("vector(0.5)", now) == Value(0.5)
    assert await provider.instant("2", now) == Value(2.0)


@pytest.mark.parametrize("query", ["0/0", "vector(0)/0", "1/0"])
async def test_not_finite(provider: PrometheusProvider, query: str) -> None:
    assert isinstance(await provider.instant(query, 1000.0), NotFinite)


@pytest.mark.parametrize(
    ("query", "part"),
    [
        pytest.param("sum(rate(m[1m])", "parse error: unclosed left parenthesis", id="parse"),
        pytest.param("rate(m)", "expected type range vector", id="type"),
        pytest.param("nofunction(m)", "unknown function", id="function"),
    ],
)
async def test_a_query_that_does_not_parse_gives_prometheus_own_words(
    provider: PrometheusProvider, query: str, part: str
) -> None:
    text = await provider.check(query)
    assert text is not None
    assert part in text
    outcome = await provider.instant(query, 1000.0)
    assert isinstance(outcome, Rejected)
    assert part in outcome.message


async def test_a_query_that_parses(provider: PrometheusProvider) -> None:
    variables = variables_of(Scope('a"b', "d"), "candidate", "v'1`\\", window=60)
    for text in ('rate(m{$selector,v="$version"}[$window])', "m{v='$version'}", "m{v=`$version`}"):
        assert await provider.check(expand(text, variables)) is None


@pytest.mark.parametrize("style", [SelectorStyle(), SelectorStyle(revision_label="r", rollout_label="n")])
async def test_names_with_special_characters_select_only_themselves(
    provider: PrometheusProvider, style: SelectorStyle
) -> None:
    name = "a.b(c|d)\"'`\\$^*+?{}[]"
    assert await provider.check(f"m{{{Scope(name, name, style).selector(name, 'x')}}}") is None


async def test_a_query_that_fails_while_it_runs_is_rejected(pods: Pods) -> None:
    pods.add("candidate", total__code_200=3, total__code_500=1)
    selector = f"total{{{pods.scope.selector('candidate')}}}"
    now = await pods.scraped()
    outcome = await pods.provider.instant(f"{selector} * on(pod) {selector}", now)
    assert isinstance(outcome, Rejected)
    assert "found duplicate series for the match group" in outcome.message


async def test_raw_samples_are_the_same_in_one_read_and_in_chunks(pods: Pods) -> None:
    pods.add("candidate", total__code_200=3)
    selector = f"total{{{pods.scope.selector('candidate')}}}"
    await pods.scraped()
    now = await pods.scraped()
    series = await pods.provider.raw(selector, now, 20.0)
    assert isinstance(series, tuple)
    assert len(series[0].samples) > 5
    async with PrometheusProvider(PrometheusSettings(pods.prometheus.url, shortest_scrape=0.0001)) as chunked:
        assert await chunked.raw(selector, now, 20.0) == series


async def test_too_many_series_are_refused_with_the_remedy(pods: Pods) -> None:
    pods.add("candidate", total__code_200=1, total__code_500=1, total__code_503=1)
    selector = f"total{{{pods.scope.selector('candidate')}}}"
    now = await pods.scraped()
    async with PrometheusProvider(PrometheusSettings(pods.prometheus.url, max_series=2)) as provider:
        outcome = await provider.raw(selector, now, 10.0)
        assert outcome == Rejected("the selector matches more than 2 series; add matchers to it")
    async with PrometheusProvider(PrometheusSettings(pods.prometheus.url, max_series=3)) as provider:
        assert isinstance(await provider.raw(selector, now, 10.0), tuple)


async def test_a_prometheus_that_stops_and_comes_back(own_prometheus: RealPrometheus) -> None:
    await asyncio.to_thread(own_prometheus.start)
    seen: list[str] = []
    settings = PrometheusSettings(own_prometheus.url, timeout=2.0, shortest_scrape=SCRAPE_SECONDS)
    async with PrometheusProvider(settings, on_request=lambda outcome, _: seen.append(outcome)) as provider:
        before = await provider.now()
        assert isinstance(before, float)
        await asyncio.to_thread(own_prometheus.stop)
        async with asyncio.timeout(20):
            assert isinstance(await provider.now(), Unavailable)
            assert isinstance(await provider.instant("up", before), Unavailable)
            assert isinstance(await provider.raw("up", before, 10.0), Unavailable)
            with pytest.raises(ProviderUnavailableError, match=r"cannot reach 127\.0\.0\.1:"):
                await provider.check("up")
        await asyncio.to_thread(own_prometheus.start)
        after = await provider.now()
        assert isinstance(after, float)
        assert after > before
    assert seen == ["ok", *["unavailable"] * 5, "ok"]
