"""What befalls counters that a real Prometheus scrapes every 15 s: all that it shows is counted once, nobody is blamed
for it, and it hides nobody who is bad.

The histories are written, not waited for, and looked at minute by minute as the operator would have.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings
from modelrollout.metrics.provider import RawOutcome
from modelrollout.runtime.replay import Past
from tests.component.metrics.looking_back import ALL_SEEN, LOOK_EVERY, MIN_SAMPLES, Told, aligned, counted, looked
from tests.support.backfill import RECEIVES, write_all
from tests.support.prometheus import RealPrometheus
from tests.support.scenes import CANDIDATE, STABLE
from tests.support.scraped import SCRAPE_SECONDS, Scraped

pytestmark = pytest.mark.component

BEFORE, SCRAPES = 8, 72
HASHES = {"candidate": CANDIDATE.hash, "stable": STABLE.hash}
GOOD, BAD, SHOCK = 0.01, 0.12, 0.4

Play = Callable[[Scraped], None]


def steady(pods: Scraped) -> None:
    pods.run(SCRAPES)


def processes_start_again(pods: Scraped) -> None:
    for number in range(SCRAPES // 6):
        pods.run(5)
        pods.serve(0.4)
        pods.restart("candidate-1", f"stable-{number % 3 + 1}")
        pods.serve(0.6)
        pods.scrape()


def pods_come_and_go(pods: Scraped) -> None:
    """Each pod is replaced, two minutes after the one before, by one with another name."""
    names = ["candidate-1", "stable-1", "stable-2", "stable-3"]
    for number in range(SCRAPES // 8):
        pods.run(6)
        old, new = names.pop(0), f"{'candidate' if number % 4 == 0 else 'stable'}-{number + 10}"
        pods.start(new)
        pods.run(2)
        pods.end(old)
        names.append(new)


def scrapes_are_missed(pods: Scraped) -> None:
    for number in range(SCRAPES):
        missed = ("candidate-1",) if number % 5 == 0 else ("stable-2", "stable-3") if number % 7 == 0 else ()
        pods.unscraped = set(missed)
        pods.run(1)


def prometheus_is_away(pods: Scraped) -> None:
    """For a minute and a half, twice: it starts again, and reads its log for that long."""
    for _ in range(2):
        pods.run(15)
        pods.away = True
        pods.run(6)
        pods.away = False
        pods.run(15)


def upstream_fails_unseen(pods: Scraped, unscraped: tuple[str, ...]) -> None:
    """Both revisions fail for a minute and a half, and scrapes of one of them do, too."""
    pods.run(30)
    before, pods.rates = pods.rates, {"candidate": SHOCK, "stable": SHOCK}
    pods.unscraped = set(unscraped)
    pods.run(6)
    pods.rates, pods.unscraped = before, set()
    pods.run(SCRAPES - 36)


STORIES: dict[str, Play] = {
    "steady": steady,
    "resets": processes_start_again,
    "churn": pods_come_and_go,
    "missed": scrapes_are_missed,
    "away": prometheus_is_away,
}
SHOCKS: dict[str, tuple[str, ...]] = {
    "shock-seen": (),
    "shock-candidate": ("candidate-1",),
    "shock-stable": ("stable-1", "stable-2", "stable-3"),
}


@pytest.fixture(scope="module")
def past(prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    with RealPrometheus(prometheus_binary, tmp_path_factory.mktemp("histories"), options=RECEIVES) as one:
        yield one


@pytest.fixture(scope="module")
def told(past: RealPrometheus) -> dict[str, Told]:
    """All histories, each in a namespace of its own; the bad ones with a candidate that fails."""
    begin = aligned(time.time() - (BEFORE + SCRAPES) * SCRAPE_SECONDS - 90)
    found = {}
    plays: dict[str, tuple[Play, float]] = {name: (play, GOOD) for name, play in STORIES.items()}
    plays |= {f"bad-{name}": (play, BAD) for name, play in STORIES.items()}
    for name, unscraped in SHOCKS.items():
        plays[name] = partial(upstream_fails_unseen, unscraped=unscraped), GOOD
    plays["lost"] = loses_its_history, GOOD
    for name, (play, rate) in plays.items():
        pods = Scraped(begin, since=begin + BEFORE * SCRAPE_SECONDS, rates={"candidate": rate, "stable": GOOD})
        pods.start("candidate-1", "stable-1", "stable-2", "stable-3")
        pods.run(BEFORE)
        play(pods)
        write_all(past.url, pods.series(name, HASHES))
        found[name] = Told(name, pods.since, pods.now, pods.counted)
    return found


def loses_its_history(pods: Scraped) -> None:
    """All but the last five minutes."""
    pods.run(SCRAPES - 20)
    pods.forget()
    pods.run(20)


@pytest.fixture
async def provider(past: RealPrometheus) -> AsyncIterator[PrometheusProvider]:
    async with PrometheusProvider(PrometheusSettings(past.url, timeout=60.0, shortest_scrape=SCRAPE_SECONDS)) as one:
        yield one


class Delayed(Past):
    """A Prometheus that gets each sample so many seconds late, as one that is written to by others does."""

    def __init__(self, provider: PrometheusProvider, at: datetime, seconds: float) -> None:
        super().__init__(provider, at)
        self._seconds = seconds

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        late = max(0.0, at - self.at.timestamp() + self._seconds)
        return await super().raw(selector, at - late, seconds - late) if seconds > late else ()


def verdicts(results: list[CheckResult]) -> set[Verdict]:
    return {result.verdict for result in results}


@pytest.mark.parametrize("name", [*STORIES, *SHOCKS, "lost"])
async def test_what_scrapes_show_is_counted_once(
    told: dict[str, Told], provider: PrometheusProvider, name: str
) -> None:
    of = told[name]
    assert await counted(of, provider) == of.counted
    assert of.counted["candidate"].events > 0


@pytest.mark.parametrize("name", STORIES)
async def test_a_good_candidate_is_never_blamed_and_passes(
    told: dict[str, Told], provider: PrometheusProvider, name: str
) -> None:
    of = told[name]
    past = Past(provider, datetime.now(UTC))
    found = await looked(of, past)
    for results in (found.absolute, found.relative):
        assert Verdict.HARM not in verdicts(results), results
        assert results[-1].verdict is Verdict.PASS, results[-1].reason
        assert all(one.samples >= MIN_SAMPLES for one in results if one.verdict is Verdict.PASS)
    # Whoever begins to look only now sees the same.
    again = await looked(of, past, first=of.end - of.since)
    assert again.last == found.last


@pytest.mark.parametrize("name", STORIES)
async def test_a_bad_one_is_found_all_the_same(told: dict[str, Told], provider: PrometheusProvider, name: str) -> None:
    found = await looked(told[f"bad-{name}"], Past(provider, datetime.now(UTC)))
    for results in (found.absolute, found.relative):
        assert Verdict.PASS not in verdicts(results), results
        assert results[-1].verdict is Verdict.HARM, results[-1].reason


@pytest.mark.parametrize("name", SHOCKS)
async def test_what_hits_both_blames_nobody_whoever_is_not_scraped_meanwhile(
    told: dict[str, Told], provider: PrometheusProvider, name: str
) -> None:
    found = await looked(told[name], Past(provider, datetime.now(UTC)))
    assert Verdict.HARM not in verdicts(found.relative), found.relative
    assert found.relative[-1].verdict is Verdict.PASS, found.relative[-1].reason


async def test_lost_history_is_gathered_anew(told: dict[str, Told], provider: PrometheusProvider) -> None:
    of = told["lost"]
    found = await looked(of, Past(provider, datetime.now(UTC)))
    lost = int(((SCRAPES - 20) * SCRAPE_SECONDS - ALL_SEEN) // LOOK_EVERY)
    for results in (found.absolute, found.relative):
        assert verdicts(results[:lost]) == {Verdict.NO_DATA}
        assert results[lost].verdict in {Verdict.NO_DATA, Verdict.CONTINUE}
        assert results[-1].verdict is Verdict.PASS
        assert all(one.samples >= MIN_SAMPLES for one in results if one.verdict is Verdict.PASS)


@pytest.mark.parametrize("name", ["churn", "bad-missed"])
async def test_the_operators_clock_does_not_matter(
    told: dict[str, Told], provider: PrometheusProvider, name: str
) -> None:
    past = Past(provider, datetime.now(UTC))
    right = await looked(told[name], past)
    for skew in (-3600.0, 7.3, 86_400.0):
        assert await looked(told[name], past, skew) == right


@pytest.mark.parametrize("name", ["steady", "bad-steady"])
async def test_samples_that_come_late_hold_the_step(
    told: dict[str, Told], provider: PrometheusProvider, name: str
) -> None:
    """By a minute: all that is final should be there by then, and nothing is."""
    late = Delayed(provider, datetime.now(UTC), 60.0)
    found = await looked(told[name], late, every=SCRAPE_SECONDS, last=300.0)
    for results in (found.absolute, found.relative):
        assert verdicts(results) == {Verdict.NO_DATA}
