"""Runs what the engine asks for, and tells what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from modelrollout.api.gates import Gate, GateJob
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.api.status import AttemptStatus
from modelrollout.engine.gates import asked_gates
from modelrollout.engine.observed import GateRun
from modelrollout.engine.plan import Plan
from modelrollout.engine.revisions import Revision
from modelrollout.engine.rounds import Due, all_dues, find_status
from modelrollout.engine.situation import Observation
from modelrollout.gates.jobs import JobGates
from modelrollout.gates.render import candidate_of, job, job_problems
from modelrollout.gates.webhooks import WebhookGates
from modelrollout.kube.apply import Applier
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient
from modelrollout.kube.errors import ForbiddenError
from modelrollout.kube.resources import JOB
from modelrollout.workload.dry_run import DryRun

AGAIN_SECONDS: Final = 10.0
"""How soon a Job is tried again that the API server refuses now."""
QUOTA: Final = "exceeded quota"
OF_A_DEPLOYMENT: Final = "spec.workload.deployment.template"
"""How a dry run names a pod template."""


class Gates:
    """Jobs and webhooks, by what status and the manifest say."""

    def __init__(
        self, client: KubeClient, cache: Cache, applier: Applier, look_after: Callable[[Key, float], None]
    ) -> None:
        """Put together.

        Args:
            look_after: enqueues a rollout after some seconds.
        """
        self._jobs = JobGates(client, cache, applier)
        self._webhooks = WebhookGates(lambda key: look_after(key, 0.0))
        self._dry_run = DryRun(client)
        self._look_after = look_after

    async def observe(self, seen: Observation) -> tuple[GateRun, ...]:
        """What the runs show that status says are under way."""
        attempt = seen.status.attempt
        if attempt is None or not attempt.gates:
            return ()
        found = await asyncio.gather(*(self._observe(seen, attempt, due) for due in asked_gates(seen, seen.status)))
        return tuple(run for run in found if run is not None)

    async def _observe(self, seen: Observation, attempt: AttemptStatus, due: Due) -> GateRun | None:
        if isinstance(due.gate, Gate) and due.gate.webhook is not None:
            return self._webhooks.observe(seen.rollout.key, due.run)
        begun = find_status(attempt, due)
        return await self._jobs.observe(seen.rollout, due, is_late=begun is not None and seen.now >= begun.deadline)

    async def run(self, rollout: ModelRollout, plan: Plan, candidate: Revision | None) -> None:
        """Start what is asked for and does not run yet. Webhooks that nobody asks for any more end.

        Args:
            rollout: with the status that was just written.
            candidate: its revision; None where there is none, or where its input is lost.

        Raises:
            TransientError: as KubeClient does.
        """
        self._webhooks.stop(rollout.key, frozenset(due.run for due in plan.gates))
        if not plan.gates:
            self._jobs.forget(rollout.key)
        attempt = rollout.status.attempt
        if attempt is None:
            return
        about = candidate_of(rollout, attempt, candidate)
        for due in plan.gates:
            if isinstance(due.gate, Gate) and due.gate.webhook is not None:
                self._webhooks.start(about, due, due.gate.webhook)
            elif (wanted := due.gate.job) is not None and not await self._jobs.start(about, due, wanted):
                self._look_after(rollout.key, AGAIN_SECONDS)

    def left(self, rollout: ModelRollout, plan: Plan) -> tuple[str, ...]:
        """Names of Jobs that run and that nobody asks for any more."""
        asked = frozenset(due.run for due in plan.gates)
        return tuple(found.meta.name for found in self._jobs.idle(rollout, asked))

    async def end(self, rollout: ModelRollout, name: str) -> None:
        """Delete a Job that was left."""
        await self._jobs.delete(rollout, name)

    async def collect(self, rollout: ModelRollout, revision: str) -> None:
        """Delete the Jobs of a revision that is collected."""
        await self._jobs.collect(rollout, revision)

    async def problems(self, rollout: ModelRollout, desired: Revision, now: datetime) -> tuple[str, ...]:
        """Why a gate's Job can never be made, one line each, naming the field.

        Raises:
            TransientError, ForbiddenError: as KubeClient does; but a quota that is full now may have room by then.
        """
        found: list[str] = []
        attempt = AttemptStatus(**desired.ref.model_dump(), started_at=now)
        about = candidate_of(rollout, attempt, desired)
        for due in all_dues(rollout.spec, attempt):
            wanted: GateJob | None = due.gate.job
            if wanted is None:
                continue
            found += job_problems(due.path, wanted)
            try:
                causes = await self._dry_run.problems(JOB, job(about, due, wanted))
            except ForbiddenError as error:
                if QUOTA not in error.message:
                    raise
                continue
            found += [_translated(due.path, cause) for cause in causes]
        return tuple(found)

    def forget(self, key: Key) -> None:
        """A rollout is gone."""
        self._webhooks.stop(key)
        self._jobs.forget(key)

    async def close(self) -> None:
        """End everything that this process does."""
        await self._webhooks.close()


def _translated(path: str, cause: str) -> str:
    if OF_A_DEPLOYMENT in cause:
        return cause.replace(OF_A_DEPLOYMENT, f"{path}.job.template")
    return f"{path}.job: {cause}"
