"""Whether requests follow the weights, and whether the candidate answers them: from counts of requests."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelrollout.analysis.eprocess import log_threshold
from modelrollout.analysis.paired import Paired, PairedTicks
from modelrollout.analysis.share import SILENCE_LEVEL, in_force, mirror_in_force, silence_of
from modelrollout.engine.observed import Rates
from modelrollout.metrics.counters import FORGET_SECONDS
from modelrollout.metrics.reader import CounterReading
from modelrollout.runtime.counting import Counting, Failure, rules_of
from modelrollout.runtime.looking import Look

SHARE = "$requests"
"""What the reader remembers the counting of requests under; no metric can have that name."""

SILENCE_SECONDS = 15.0
"""How long a silence lasts at least: a stall of some seconds, as of a model that warms up, is none."""
RECENT_SECONDS = 45.0
"""The latest part of a step that is looked at on its own, so that a silence is found within a minute."""
LOAD_SECONDS = 60.0
"""The latest part of a step that tells the load; a minute, as load varies by the second."""
RECENT_SILENCE_LEVEL = 1e-6
"""Stricter than that of the whole step: this one is asked anew at each look."""


@dataclass(frozen=True, slots=True)
class ShareEvidence:
    """What request counts say of the step's share."""

    shown: bool
    silent: bool
    text: str
    last_final: float | None
    rates: Rates | None = None


@dataclass(frozen=True, slots=True)
class _Memory:
    identity: tuple[int, float]
    cursor: float
    final: PairedTicks
    last_final: float | None = None


class Shares:
    """Counts the requests of rollouts that are in a step. One call at a time per rollout."""

    def __init__(self, counting: Counting) -> None:
        self._counting = counting
        self._memories: dict[str, _Memory] = {}

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        self._memories.pop(uid, None)

    async def share(self, look: Look, selector: str) -> ShareEvidence | Failure:
        """Say whether requests follow the step's weight or mirror."""
        accepted = look.accepted_since
        identity = (look.step.number, accepted)
        known = self._memories.get(look.rollout.uid)
        rules = rules_of(look, None, accepted)
        if known is None or known.identity != identity:
            known = _Memory(identity, accepted, PairedTicks(interval=rules.grid.interval, keep=FORGET_SECONDS))
        reading = await self._counting.read(look, SHARE, (selector, selector), rules, known.cursor)
        if not isinstance(reading, CounterReading):
            return reading
        begun = accepted + rules.grid.interval
        final = known.final.more([tick for tick in reading.final if tick.at >= begun])
        last_final = reading.final[-1].at if reading.final else known.last_final
        self._memories[look.rollout.uid] = replace(known, cursor=reading.cursor, final=final, last_final=last_final)
        ticks = final.more([tick for tick in reading.provisional if tick.at >= begun])
        return replace(_share_evidence(look, ticks, last_final, accepted), rates=_rates(look, ticks))


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


def _rates(look: Look, ticks: PairedTicks) -> Rates | None:
    lately = ticks.within(look.now - LOAD_SECONDS)
    return Rates(lately.candidate / lately.seconds, lately.stable / lately.seconds) if lately.seconds else None


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
