"""Evidence from counters: ratios, the candidate's share, its silence."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelrollout.analysis.eprocess import log_threshold
from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.analysis.paired import Paired, PairedTicks
from modelrollout.analysis.ratio import Judgement, RatioCheck, judge
from modelrollout.analysis.ratio_state import RatioState, gather
from modelrollout.analysis.share import SILENCE_LEVEL, in_force, mirror_in_force, silence_of
from modelrollout.api.metrics import Metric
from modelrollout.metrics.counters import FORGET_SECONDS, CounterRules
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from modelrollout.runtime.looking import Look, limits_of

Failure = Unavailable | Rejected | Partial
SHARE = "$requests"
"""What the reader remembers the counting of requests under; no metric can have that name."""

SILENCE_SECONDS = 15.0
"""How long a silence lasts at least: a stall of some seconds, as of a model that warms up, is none."""
RECENT_SECONDS = 45.0
"""The latest part of a step that is looked at on its own, so that a silence is found within a minute."""
RECENT_SILENCE_LEVEL = 1e-6
"""Stricter than that of the whole step: this one is asked anew at each look."""


@dataclass(frozen=True, slots=True)
class RatioEvidence:
    """A ratio judged; how far its final ticks reach and when the candidate was last scraped, on Prometheus's clock."""

    judgement: Judgement
    last_final: float | None
    scraped_at: float | None


@dataclass(frozen=True, slots=True)
class _RatioMemory:
    """Final evidence folded so far. Losing it costs reading, never evidence."""

    identity: tuple[float, str, str]
    cursor: float
    whole: RatioState
    step_identity: tuple[int, float]
    step: RatioState
    last_final: float | None


@dataclass(frozen=True, slots=True)
class ShareEvidence:
    """What request counts say of the step's share."""

    shown: bool
    silent: bool
    text: str
    last_final: float | None


@dataclass(frozen=True, slots=True)
class _ShareMemory:
    identity: tuple[int, float]
    cursor: float
    final: PairedTicks
    last_final: float | None = None


class Counting:
    """Judges counters of rollouts that are in a step. One call at a time per rollout."""

    def __init__(self, reader: CounterReader) -> None:
        self._reader = reader
        self._ratios: dict[tuple[str, str], _RatioMemory] = {}
        self._shares: dict[str, _ShareMemory] = {}

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        self._reader.forget(uid)
        self._shares.pop(uid, None)
        for key in [key for key in self._ratios if key[0] == uid]:
            del self._ratios[key]

    async def ratio(self, look: Look, metric: Metric, alpha: float) -> RatioEvidence | Failure:
        """Judge one `ratio` metric.

        Args:
            alpha: probability of wrongly finding harm in the whole attempt, by this metric.
        """
        assert metric.ratio is not None  # noqa: S101 - the caller has looked
        marked = metric.ratio.events or metric.ratio.good
        assert marked is not None  # noqa: S101 - the model has looked
        memory = self._ratio_memory(look, metric)
        rules = _rules(look, metric, look.evidence_since(metric))
        reading = await self._read(look, metric.name, (metric.ratio.total, marked), rules, memory.cursor)
        if not isinstance(reading, CounterReading):
            return reading
        ticks = (*reading.final, *reading.provisional)
        begins = look.step_since + rules.grid.interval
        whole = gather(memory.whole, ticks)
        step = gather(memory.step, [tick for tick in ticks if tick.at >= begins])
        last_final = reading.final[-1].at if reading.final else memory.last_final
        self._ratios[look.rollout.uid, metric.name] = replace(
            memory, cursor=reading.cursor, whole=whole.final, step=step.final, last_final=last_final
        )
        check = RatioCheck(name=metric.name, min_samples=metric.min_samples, alpha=alpha)
        judgement = judge(check, whole, step, look.step.number, look.frozen(metric.name))
        return RatioEvidence(judgement, last_final, reading.newest)

    def _ratio_memory(self, look: Look, metric: Metric) -> _RatioMemory:
        start = RatioState.start(limits_of(metric))
        since = look.evidence_since(metric)
        identity = (since, look.attempt.revision, metric.model_dump_json())
        known = self._ratios.get((look.rollout.uid, metric.name))
        if known is None or known.identity != identity:
            return _RatioMemory(identity, since, start, look.step_identity, start, None)
        if known.step_identity != look.step_identity:
            return replace(known, step_identity=look.step_identity, step=start)
        return known

    async def share(self, look: Look, selector: str) -> ShareEvidence | Failure:
        """Say whether requests follow the step's weight or mirror."""
        accepted = look.accepted_since
        identity = (look.step.number, accepted)
        known = self._shares.get(look.rollout.uid)
        rules = _rules(look, None, accepted)
        if known is None or known.identity != identity:
            known = _ShareMemory(identity, accepted, PairedTicks(interval=rules.grid.interval, keep=FORGET_SECONDS))
        reading = await self._read(look, SHARE, (selector, selector), rules, known.cursor)
        if not isinstance(reading, CounterReading):
            return reading
        begun = accepted + rules.grid.interval
        final = known.final.more([tick for tick in reading.final if tick.at >= begun])
        last_final = reading.final[-1].at if reading.final else known.last_final
        self._shares[look.rollout.uid] = replace(known, cursor=reading.cursor, final=final, last_final=last_final)
        ticks = final.more([tick for tick in reading.provisional if tick.at >= begun])
        return _share_evidence(look, ticks, last_final, accepted)

    async def _read(
        self, look: Look, name: str, selectors: tuple[str, str], rules: CounterRules, cursor: float
    ) -> CounterReading | Failure:
        """Read what is new of two counters: all things, and those that are marked."""
        total, marked = selectors
        request = CounterRequest(
            uid=look.rollout.uid, metric=name, total=total, marked=marked, rules=rules, cursor=cursor, now=look.now
        )
        return await self._reader.read(request)


def _rules(look: Look, metric: Metric | None, since: float) -> CounterRules:
    good = metric is not None and metric.ratio is not None and metric.ratio.events is None
    return CounterRules(
        grid=look.grid_for(metric),
        since=since,
        scope=look.scope,
        candidate=look.attempt.revision,
        stable=look.stable,
        marks="good" if good else "events",
    )


def _share_evidence(look: Look, ticks: PairedTicks, last_final: float | None, accepted: float) -> ShareEvidence:
    step, counted = look.step, ticks.total()
    silent = _is_silent(look, ticks, accepted + look.rollout.spec.traffic.settle.total_seconds())
    if step.mirror_percent:
        shown = mirror_in_force(counted.candidate, counted.stable, step.mirror_percent / 100)
        text = f"the shadow answered {counted.candidate} copies of {counted.stable} requests"
        return ShareEvidence(shown, silent, text, last_final)
    total = counted.candidate + counted.stable
    shown = in_force(counted.candidate, total, step.weight / 100, step.previous_weight / 100)
    text = f"the candidate answered {counted.candidate} of {total} requests"
    return ShareEvidence(shown, silent, text, last_final)


def _is_silent(look: Look, ticks: PairedTicks, settled: float) -> bool:
    """Whether the candidate answers improbably few, in the whole step or lately: a long good time hides nothing."""
    if look.leaves_stable_no_share:
        # Nobody else's answers show what was asked: there is no evidence of silence.
        return False
    lately = max(settled, look.now - RECENT_SECONDS)
    return _shows_silence(look, ticks.total(settled), SILENCE_LEVEL) or _shows_silence(
        look, ticks.within(lately), RECENT_SILENCE_LEVEL
    )


def _shows_silence(look: Look, counted: Paired, level: float) -> bool:
    if counted.seconds < SILENCE_SECONDS:
        return False
    if look.step.mirror_percent:
        answered, share = min(counted.candidate, counted.stable), look.step.mirror_percent / 100
        evidence = silence_of(answered, counted.stable, share)
    else:
        evidence = silence_of(counted.candidate, counted.candidate + counted.stable, look.step.weight / 100)
    return evidence >= log_threshold(level)
