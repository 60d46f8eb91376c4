"""Evidence from counters: ratios, the candidate's share, its silence."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelrollout.analysis.eprocess import log_threshold
from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.analysis.ratio import Judgement, RatioCheck, judge
from modelrollout.analysis.ratio_state import RatioState, gather
from modelrollout.analysis.share import SILENCE_LEVEL, in_force, mirror_in_force, silence_of
from modelrollout.api.metrics import Metric
from modelrollout.metrics.counters import CounterRules
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
    final: tuple[Tick, ...]


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
        memory = known if known is not None and known.identity == identity else _ShareMemory(identity, accepted, ())
        rules = _rules(look, None, accepted)
        reading = await self._read(look, SHARE, (selector, selector), rules, memory.cursor)
        if not isinstance(reading, CounterReading):
            return reading
        final = (*memory.final, *reading.final)
        self._shares[look.rollout.uid] = replace(memory, cursor=reading.cursor, final=_compact(final))
        return _share_evidence(look, (*final, *reading.provisional), rules.grid.interval, accepted)

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


_COMPACT_ABOVE = 512


def _compact(ticks: tuple[Tick, ...]) -> tuple[Tick, ...]:
    """Add the older half of many ticks up into one: a share needs sums only."""
    if len(ticks) <= _COMPACT_ABOVE:
        return ticks
    old, new = ticks[: _COMPACT_ABOVE // 2], ticks[_COMPACT_ABOVE // 2 :]
    candidate, stable = _sums(old)
    total = Tick(at=old[-1].at, candidate=Counts(0, candidate), stable=Counts(0, stable), final=True)
    return (total, *new)


def _sums(ticks: tuple[Tick, ...]) -> tuple[int, int]:
    """Requests of both revisions in the ticks in which both are known."""
    known = [(t.candidate, t.stable) for t in ticks if t.candidate is not None and t.stable is not None]
    return sum(candidate.total for candidate, _ in known), sum(stable.total for _, stable in known)


def _share_evidence(look: Look, ticks: tuple[Tick, ...], interval: float, accepted: float) -> ShareEvidence:
    step = look.step
    candidate, stable = _sums(tuple(tick for tick in ticks if tick.at - interval >= accepted))
    last_final = max((tick.at for tick in ticks if tick.final), default=None)
    settled = accepted + look.rollout.spec.traffic.settle.total_seconds()
    silent = _is_silent(look, ticks, interval, settled)
    if step.mirror_percent:
        shown = mirror_in_force(candidate, stable, step.mirror_percent / 100)
        return ShareEvidence(shown, silent, f"the shadow answered {candidate} copies of {stable} requests", last_final)
    total = candidate + stable
    shown = in_force(candidate, total, step.weight / 100, step.previous_weight / 100)
    return ShareEvidence(shown, silent, f"the candidate answered {candidate} of {total} requests", last_final)


def _is_silent(look: Look, ticks: tuple[Tick, ...], interval: float, settled: float) -> bool:
    """Whether the candidate answers improbably few, in the whole step or lately: a long good time hides nothing."""
    if look.leaves_stable_no_share:
        # Nobody else's answers show what was asked: there is no evidence of silence.
        return False
    lately = max(settled, look.now - RECENT_SECONDS)
    return any(
        _is_silent_since(look, tuple(tick for tick in ticks if tick.at - interval >= since), interval, level)
        for since, level in ((settled, SILENCE_LEVEL), (lately, RECENT_SILENCE_LEVEL))
    )


def _is_silent_since(look: Look, ticks: tuple[Tick, ...], interval: float, level: float) -> bool:
    if not ticks or ticks[-1].at - ticks[0].at + interval < SILENCE_SECONDS:
        return False
    candidate, stable = _sums(ticks)
    if look.step.mirror_percent:
        evidence = silence_of(min(candidate, stable), stable, look.step.mirror_percent / 100)
    else:
        evidence = silence_of(candidate, candidate + stable, look.step.weight / 100)
    return evidence >= log_threshold(level)
