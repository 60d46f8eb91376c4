"""Gathers everything that a decision looks at, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from modelrollout.api.automation import Automation
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.api.status import SeenConfig
from modelrollout.engine import usual
from modelrollout.engine.config import wanted
from modelrollout.engine.decide import decision_on
from modelrollout.engine.dispersion import is_unmeasured, with_measured
from modelrollout.engine.forecast import is_unforeseen
from modelrollout.engine.gates import gates_ended_at
from modelrollout.engine.late import is_awaited
from modelrollout.engine.neighbours import Neighbour, reached
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.pipeline import pipeline_problems
from modelrollout.engine.plan import LOWERING, Action
from modelrollout.engine.presets import is_open, with_chosen, with_found
from modelrollout.engine.revisions import Revision
from modelrollout.engine.situation import Observation
from modelrollout.engine.steps import steps_of
from modelrollout.gates.gates import Gates
from modelrollout.runtime.configs import Configs, Reading
from modelrollout.runtime.sources import Source, Sources
from modelrollout.runtime.validator import Validator
from modelrollout.traffic.registry import Traffics
from modelrollout.workload.registry import Workloads

UNCHECKED: Final = ("the spec has not been checked yet",)


class Observer:
    """Reads caches, and Prometheus where a step is being judged."""

    def __init__(
        self,
        workloads: Workloads,
        traffics: Traffics,
        sources: Sources,
        validator: Validator,
        *,
        gates: Gates,
        configs: Configs,
        standing: Callable[[Key], Neighbour | None] = lambda _: None,
    ) -> None:
        """Put together.

        Args:
            standing: what others see of a rollout; None where there is no such rollout.
        """
        self._workloads = workloads
        self._traffics = traffics
        self._sources = sources
        self._validator = validator
        self._gates = gates
        self._configs = configs
        self._standing = standing

    async def observe(self, rollout: ModelRollout, now: datetime) -> Observation:
        """Gather.

        What the caches show, or then Prometheus, may already take the candidate's traffic away: then nobody waits for a
        dry run, or for Prometheus, which may be slow just when things break.
        """
        rollout = usual.with_kept(with_chosen(rollout))
        known = self._configs.known(rollout)
        desired, states, _ = self._revisions(rollout, known)
        glance = Observation(
            now=now,
            rollout=rollout,
            desired=desired,
            problems=(),
            route=self._traffics.of(rollout).observe(rollout),
            revisions=states,
            served=self._workloads.of(rollout).served(rollout),
            fallback=self._traffics.of(rollout).fallback(rollout),
            neighbours=self._neighbours(rollout),
        )
        if _lowers(glance):
            return glance
        source = self._sources.of(rollout)
        glance = await self._with_preset(glance, source)
        if not _in_step(glance):
            glance = await self._with_usual(glance, source)
        rollout = glance.rollout
        judged = await self._judged(glance, source)
        if _lowers(judged):
            return judged
        # After harm, in a step: history takes many queries. Before a step it was there first, for what it allows.
        judged = await self._with_usual(judged, source)
        # After harm: the log of a gate that has ended is read here, and harm waits for nobody.
        judged = replace(judged, gates=await self._gates.observe(judged))
        if _lowers(judged):
            return judged
        reading = await self._configs.read(rollout, now)
        desired, states, config = self._revisions(rollout, reading)
        problems = await self._validator.problems(rollout, desired, source.provider, now)
        return replace(
            judged,
            desired=desired,
            revisions=states,
            problems=(*reading.problems, *problems, *pipeline_problems(judged)),
            unchecked=reading.unread or self._validator.unanswered(rollout.key),
            config=config,
        )

    def ask_again_at(self, key: Key) -> datetime | None:
        """When an objection to a spec is to be checked again."""
        times = (self._validator.ask_again_at(key), self._configs.ask_again_at(key))
        return min((at for at in times if at is not None), default=None)

    def _neighbours(self, rollout: ModelRollout) -> tuple[Neighbour, ...]:
        """Those that it looks at, and all that they depend on."""
        found: dict[str, Neighbour] = {}
        names = list(reached(rollout.spec))
        while names:
            name = names.pop()
            standing = None if name in found else self._standing(Key(rollout.key.namespace, name))
            if standing is not None:
                found[name] = standing
                names += standing.depends_on
        return tuple(found.values())

    def _revisions(
        self, rollout: ModelRollout, reading: Reading
    ) -> tuple[Revision, tuple[RevisionState, ...], tuple[SeenConfig, ...]]:
        """What the spec asks for, what all revisions do, and what those without configuration were seen with."""
        workload = self._workloads.of(rollout)
        stored = workload.revisions(rollout)
        found = wanted(rollout.raw_spec, stored, rollout.status, reading.config)
        revisions = stored if found.revision in stored else (*stored, found.revision)
        return found.revision, tuple(workload.observe(rollout, revision) for revision in revisions), found.seen

    async def _with_preset(self, glance: Observation, source: Source) -> Observation:
        """With the metrics of its preset, where an attempt has begun without them."""
        if not is_open(glance.rollout):
            return glance
        found, again_at = await source.presets.find(glance.rollout, glance.now)
        return replace(with_found(glance, found), next_evidence_at=None if found.preset else again_at)

    async def _with_usual(self, glance: Observation, source: Source) -> Observation:
        """With the limits that history makes, where an attempt has begun without them."""
        if not usual.is_open(glance.rollout):
            return glance
        found, again_at = await source.usuals.find(glance.rollout, glance.now)
        # What was judged without a limit that is there now says nothing of it.
        seen = replace(usual.with_found(glance, found), evidence=None if found.limits else glance.evidence)
        return replace(seen, next_evidence_at=_sooner(again_at, glance.next_evidence_at)) if found.why else seen

    async def _judged(self, glance: Observation, source: Source) -> Observation:
        """With evidence, in a step; before the first one, with whether there will be any."""
        rollout, status = glance.rollout, glance.status
        if status.attempt is None or status.attempt.step is None or status.stable is None:
            source.judge.forget(rollout.uid)
            glance = await self._with_late(glance, source)
            return await self._foreseen(await self._awaited(glance, source), source)
        evidence, more_at = await source.judge.evidence(rollout, status.stable, glance.now, glance.neighbours)
        return replace(glance, evidence=evidence, next_evidence_at=more_at)

    async def _with_late(self, glance: Observation, source: Source) -> Observation:
        """With what became of the requests that both revisions answered before the last promotion."""
        rollout, late = glance.rollout, glance.status.late
        if late is None or not is_awaited(glance):
            return glance
        return replace(glance, late=await source.lates.find(rollout, late, glance.now))

    async def _foreseen(self, seen: Observation, source: Source) -> Observation:
        """With how much requests hang together and what the steps will take, each once for an attempt."""
        if seen.status.stable is None:
            return seen
        stable = seen.status.stable.revision
        if is_unmeasured(seen):
            seen = replace(seen, dispersion=await source.spreads.measure(seen.rollout, stable, seen.now))
        if not is_unforeseen(seen):
            return seen
        rollout = with_measured(seen).rollout
        return replace(seen, forecast=await source.foresight.lines(rollout, stable, seen.now.timestamp()))

    async def _awaited(self, glance: Observation, source: Source) -> Observation:
        """With whether a candidate that would get its first live requests now is scraped."""
        rollout, status = glance.rollout, glance.status
        if not rollout.spec.enforced_metrics or not _would_enter(glance):
            return glance
        if status.attempt is None or status.stable is None:
            return glance
        asked_until = gates_ended_at(status.attempt)
        if asked_until is None and steps_of(rollout.spec)[0].weight == 0:
            return glance
        scraped, again_at = await source.judge.scrapes(
            rollout, status.attempt.revision, status.stable.revision, glance.now, since=asked_until
        )
        # Once it is, nobody asks again: a person who is asked to confirm may take days.
        return replace(glance, scraped=scraped, next_evidence_at=None if scraped else again_at)


def _in_step(seen: Observation) -> bool:
    return seen.status.attempt is not None and seen.status.attempt.step is not None


def _sooner(one: datetime, other: datetime | None) -> datetime:
    return one if other is None else min(one, other)


def _would_enter(seen: Observation) -> bool:
    """Whether a step comes next, by itself or if a person confirms it: who is asked is to know what is known."""
    free = seen.rollout.spec.model_copy(update={"automation": Automation.FULL})
    unrestrained = replace(seen, rollout=replace(seen.rollout, spec=free))
    return any(decision_on(each).action is Action.ENTER for each in (seen, unrestrained))


def _lowers(seen: Observation) -> bool:
    """Whether traffic is taken away whatever else is found: by a rule that acts under an invalid spec too."""
    return decision_on(replace(seen, problems=UNCHECKED)).action in LOWERING
