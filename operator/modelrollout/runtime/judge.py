"""Gathers the evidence of a step: reads what is new, and has it judged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from modelrollout.analysis.outcome import Unavailable
from modelrollout.analysis.query import describe
from modelrollout.api.metrics import Metric
from modelrollout.api.resource import ModelRollout
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import RevisionRef
from modelrollout.engine.neighbours import Neighbour
from modelrollout.engine.observed import Evidence
from modelrollout.metrics.provider import MetricProvider
from modelrollout.metrics.reader import CounterReader
from modelrollout.metrics.sharing import Reads
from modelrollout.runtime.agreements import Agreements
from modelrollout.runtime.asking import Asking
from modelrollout.runtime.counting import Counting, counted_of
from modelrollout.runtime.delayed import Delayed
from modelrollout.runtime.drift import Drifts
from modelrollout.runtime.findings import Finding, Kind, failed, held_at_most
from modelrollout.runtime.guardrails import guarding
from modelrollout.runtime.histograms import Histograms
from modelrollout.runtime.looking import Look, comparable, scope_of
from modelrollout.runtime.means import Means
from modelrollout.runtime.next_look import next_look
from modelrollout.runtime.ratios import Ratios
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.shares import ShareEvidence, Shares
from modelrollout.runtime.throughputs import throughput_of

RECENT_SCRAPES = 3
"""Whoever was not scraped in the time of so many is not scraped."""
CLOCK_TRUST_SECONDS = 60.0
CLOCK_NOISE_SECONDS = 0.3


class Judge:
    """Evidence from one Prometheus. What it remembers only saves reading."""

    def __init__(self, provider: MetricProvider, settings: Settings) -> None:
        self._provider = provider
        self._settings = settings
        self._counting = Counting(CounterReader(provider, settings.scrape_timeout.total_seconds()))
        self._shares = Shares(self._counting)
        ratios = Ratios(self._counting)
        self._kinds: tuple[Kind, ...] = (
            Delayed(provider),
            ratios,
            Histograms(provider, ratios),
            Agreements(provider, self._counting),
            Drifts(provider),
            Means(self._counting),
            Asking(provider),
        )
        self._apart: set[str] = set()
        self._offset: tuple[float, float] | None = None

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step."""
        self._counting.forget(uid)
        self._shares.forget(uid)
        for kind in self._kinds:
            kind.forget(uid)

    async def evidence(
        self, rollout: ModelRollout, stable: RevisionRef, now: datetime, neighbours: Sequence[Neighbour] = ()
    ) -> tuple[Evidence, datetime]:
        """What Prometheus shows of the rollout's step, and when there will be more.

        The rollout has an attempt with a step.

        Args:
            neighbours: other rollouts that it looks at.
        """
        attempt = rollout.status.attempt
        assert attempt is not None  # noqa: S101 - the caller has looked
        assert attempt.step is not None  # noqa: S101 - the caller has looked
        metrics = [metric for metric in rollout.spec.metrics if metric.applies_to(attempt.step.stage)]
        offset = await self._clock_offset(now)
        if isinstance(offset, str):
            later = datetime.fromtimestamp(now.timestamp() + self._settings.scrape_interval.total_seconds(), UTC)
            return _nothing(metrics, offset), later
        look = Look(
            rollout=rollout,
            stable=comparable(rollout, stable.revision),
            stable_version=stable.version,
            attempt=attempt,
            step=attempt.step,
            settings=self._settings,
            now=now.timestamp() + offset,
            offset=offset,
            reads=Reads(self._provider, self._apart),
            neighbours=tuple(neighbours),
        )
        # All at once: each has to wait for Prometheus two or three times, and harm waits for the slowest.
        found, share, throughput = await asyncio.gather(
            asyncio.gather(*(self._find(look, metric) for metric in metrics)),
            self._share(look),
            throughput_of(look, self._provider),
        )
        scraped_at = max((one.scraped_at for one in found if one.scraped_at is not None), default=None)
        evidence = replace(_evidence(look, list(found), share), throughput=throughput)
        return evidence, next_look(look, metrics, scraped_at)

    async def scrapes(
        self, rollout: ModelRollout, candidate: str, stable: str, now: datetime, *, since: datetime | None = None
    ) -> tuple[bool | None, datetime]:
        """Whether the candidate's pods are scraped as those of stable are, and when to ask again.

        None where nothing is known: Prometheus does not answer, or does not name stable's pods as we expect it to.

        Args:
            since: every target of the candidate must have been scraped after this: what its pods were asked before is
                then the baseline of their counters.
        """
        again = now + self._settings.scrape_interval
        offset = await self._clock_offset(now)
        if isinstance(offset, str):
            return None, again
        scope = scope_of(rollout, self._settings)
        against = comparable(rollout, stable)
        if against is None:
            return None, again
        span = RECENT_SCRAPES * self._settings.scrape_interval.total_seconds()
        seen: set[str] = set()
        late = False
        for part in scope.selectors(candidate, against):
            found = await self._provider.raw(f"up{{{part.matchers}}}", now.timestamp() + offset, span)
            if not isinstance(found, tuple):
                return None, again
            alive = [series for series in found if any(value == 1.0 for _, value in series.samples)]
            named = [(part.stand_in or scope.revision_of(one.labels, (candidate, against)), one) for one in alive]
            seen |= {name for name, _ in named if name is not None}
            if since is not None and any(
                name == candidate and series.samples[-1][0] <= since.timestamp() + offset for name, series in named
            ):
                late = True
        return candidate in seen and not late if against in seen else None, again

    async def _clock_offset(self, now: datetime) -> float | str:
        """Prometheus's clock less ours; why it is not known as a text."""
        here = now.timestamp()
        if self._offset is not None and 0 <= here - self._offset[0] < CLOCK_TRUST_SECONDS:
            return self._offset[1]
        there = await self._provider.now()
        if isinstance(there, Unavailable):
            # An old offset is as good as ever: clocks do not drift with Prometheus's availability.
            return self._offset[1] if self._offset is not None else there.message
        offset = round(there - here, 1)
        # What is small is the time of the request, and evidence must not begin anew for it.
        if self._offset is not None and abs(there - here - self._offset[1]) < CLOCK_NOISE_SECONDS:
            offset = self._offset[1]
        self._offset = (here, offset)
        return offset

    async def _find(self, look: Look, metric: Metric) -> Finding:
        where = guarding(look, metric)
        if isinstance(where, Unavailable):
            return failed(metric, where)
        return held_at_most(await next(kind for kind in self._kinds if kind.judges(metric)).find(where, metric))

    async def _share(self, look: Look) -> ShareEvidence | None:
        selector = requests_selector(look.rollout.spec)
        if selector is None or look.stable is None or look.is_off_route:
            return None
        share = await self._shares.share(look, selector)
        if isinstance(share, ShareEvidence):
            return share
        return ShareEvidence(shown=False, silent=False, text=describe(share), last_final=None)


def requests_selector(spec: ModelRolloutSpec) -> str | None:
    """The counter that shows each revision's share, if there is one."""
    counting = [metric for metric in spec.metrics if metric.counts_requests]
    counted = (counted_of(metric) for metric in sorted(counting, key=lambda metric: metric.ratio is None))
    return spec.traffic.requests or next((each.total for each in counted if each is not None), None)


def _nothing(metrics: list[Metric], why: str) -> Evidence:
    judged = tuple(failed(metric, Unavailable(why)).judged for metric in metrics)
    return Evidence(
        judged=judged,
        share_shown=False,
        silent=False,
        share_text="nothing could be counted",
        covered_seconds=0.0,
        unavailable=why,
    )


def _uncounted(look: Look) -> str:
    return "smoke tests alone reach it" if look.is_off_route else "no counter of requests"


def _evidence(look: Look, findings: list[Finding], share: ShareEvidence | None) -> Evidence:
    enforced = [finding for finding in findings if finding.judged.metric.is_enforced]
    ends = [finding.last_final for finding in enforced]
    if not ends:
        # Where nobody counts anything, there is nothing to wait for but time, and a person's approval.
        ends = [share.last_final if share is not None else look.now]
    covered = min((0.0 if end is None else end - look.step_since for end in ends), default=0.0)
    return Evidence(
        judged=tuple(finding.judged for finding in findings),
        share_shown=share.shown if share is not None else None,
        silent=share is not None and share.silent,
        share_text=share.text if share is not None else _uncounted(look),
        covered_seconds=covered,
        unavailable=next((finding.unavailable for finding in enforced if finding.unavailable), None),
        at=datetime.fromtimestamp(look.now, UTC),
        rates=share.rates if share is not None else None,
        frozen_bounds=tuple((f.judged.metric.name, f.bound) for f in findings if f.bound is not None),
    )
