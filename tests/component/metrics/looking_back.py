"""Looks at a history that a real Prometheus holds, as the operator would have looked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from modelrollout.analysis.evidence import NOTHING, Counts
from modelrollout.analysis.verdict import CheckResult
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.metrics.counters import CounterRules
from modelrollout.metrics.prometheus import PrometheusProvider
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from modelrollout.metrics.ticks import grid
from modelrollout.runtime.judge import Judge
from modelrollout.runtime.looking import scope_of
from modelrollout.runtime.replay import Past
from modelrollout.runtime.settings import Settings
from tests.support import scenes
from tests.support.scenes import CANDIDATE, STABLE
from tests.support.scraped import SCRAPE_SECONDS

SETTINGS = Settings(scrape_interval=timedelta(seconds=SCRAPE_SECONDS), scrape_timeout=timedelta(seconds=10))
MIN_SAMPLES = 300
LOOK_EVERY = 90.0
ALL_SEEN = 12.0
"""So long after the first scrape of an interval, every pod has been scraped in it."""
UID = "uid"
COUNTED = {"events": "errors_total{$selector}", "total": "requests_total{$selector}"}
METRICS = [
    {"name": "absolute", "ratio": COUNTED, "check": {"max": "0.05"}},
    {"name": "relative", "ratio": COUNTED, "check": {"noWorseThan": {"ratio": "1.5", "difference": "0.005"}}},
]


def aligned(at: float) -> float:
    """A moment just after a tick, not later than `at`: two scrapes of every pod lie within each tick that compares.

    Otherwise one revision's scrape may lie before the end of a tick and the other's after it, and what begins at once
    for both would begin a scrape earlier for one of them.
    """
    return grid(UID, SCRAPE_SECONDS, SCRAPE_SECONDS, scrapes=2).tick_at_or_before(at) + 0.5


@dataclass(frozen=True)
class Told:
    """A history that Prometheus holds, and what is to be counted in it."""

    namespace: str
    since: float
    end: float
    counted: dict[str, Counts]


def stepping(of: Told, skew: float = 0.0) -> ModelRollout:
    """In its first step since then; our clock is so many seconds ahead of Prometheus's."""
    metrics = [metric | {"minSamples": MIN_SAMPLES, "interval": "15s"} for metric in METRICS]
    seen = scenes.stepping(0, scenes.raw_spec(stages=scenes.STAGES[1:], metrics=metrics))
    attempt = seen.status.attempt
    assert attempt is not None
    assert attempt.step is not None
    ours, theirs = (datetime.fromtimestamp(of.since + ahead, UTC) for ahead in (skew, 0.0))
    step = attempt.step.model_copy(update={"started_at": ours, "accepted_at": theirs, "in_force_at": theirs})
    attempt = attempt.model_copy(update={"step": step, "evidence_since": ours, "live_since": theirs})
    rollout = scenes.rollout(seen.rollout.spec.dump(), seen.status.model_copy(update={"attempt": attempt}))
    return replace(rollout, key=Key(of.namespace, "digits"))


@dataclass(frozen=True)
class Looked:
    """What was seen, look by look, of each metric."""

    absolute: list[CheckResult]
    relative: list[CheckResult]

    @property
    def last(self) -> tuple[CheckResult, CheckResult]:
        return self.absolute[-1], self.relative[-1]


async def looked(
    of: Told, past: Past, skew: float = 0.0, first: float = 0.0, every: float = LOOK_EVERY, last: float | None = None
) -> Looked:
    """Look every so often, and once more at the end.

    Args:
        first: how long after the step's beginning nobody looks.
        last: how long after it is the end; by default when all is final.
    """
    judge, rollout, found = Judge(past, SETTINGS), stepping(of, skew), Looked([], [])
    end = of.end + 2 * SCRAPE_SECONDS if last is None else of.since + last
    now = of.since + ALL_SEEN + first
    while now < end:
        now = min(now + every, end)
        past.at = datetime.fromtimestamp(now, UTC)
        evidence, _ = await judge.evidence(rollout, STABLE.ref, datetime.fromtimestamp(now + skew, UTC))
        absolute, relative = (one.result for one in evidence.judged)
        found.absolute.append(absolute)
        found.relative.append(relative)
    return found


async def counted(of: Told, provider: PrometheusProvider) -> dict[str, Counts]:
    """All that is final at the end, as the reader counts it."""
    rules = CounterRules(
        grid=grid(UID, SCRAPE_SECONDS, SCRAPE_SECONDS, scrapes=2),
        since=of.since,
        scope=scope_of(stepping(of), SETTINGS),
        candidate=CANDIDATE.hash,
        stable=STABLE.hash,
        marks="events",
    )
    request = CounterRequest(
        UID, "counted", COUNTED["total"], COUNTED["events"], rules, cursor=of.since, now=of.end + 60
    )
    reading = await CounterReader(provider, scrape_timeout=10).read(request)
    assert isinstance(reading, CounterReading)
    return {
        "candidate": _sum(tick.candidate for tick in reading.final),
        "stable": _sum(tick.stable for tick in reading.final),
    }


def _sum(counts: Iterator[Counts | None]) -> Counts:
    return sum((each for each in counts if each is not None), NOTHING)
