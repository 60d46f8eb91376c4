"""Gates as Jobs."""

from __future__ import annotations

from typing import Final

from modelrollout.api.errors import ModelRolloutError, TerminalError
from modelrollout.api.gates import GateJob
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.engine.observed import GateRun, RunState
from modelrollout.engine.rounds import Due
from modelrollout.engine.texts import squeezed
from modelrollout.gates.render import Candidate, job, job_name
from modelrollout.gates.shown import speaker, state_of
from modelrollout.kube.apply import Applier
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient
from modelrollout.kube.resources import JOB
from modelrollout.kube.views import JobView, PodView

LOG_LINES: Final = 20
LOG_CHARACTERS: Final = 600
"""What is kept of a log: its end. The Job stays for an hour for those who want to read more."""
ENDED: Final = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT})


class JobGates:
    """One Job per run, found by its name: made twice, it is there once."""

    def __init__(self, client: KubeClient, cache: Cache, applier: Applier) -> None:
        self._client = client
        self._cache = cache
        self._applier = applier
        self._refusals: dict[tuple[Key, str], str] = {}

    async def observe(self, rollout: ModelRollout, due: Due, *, is_late: bool) -> GateRun | None:
        """What the caches show of a run, and once it has ended, or is late, the tail of its log."""
        found = self._job(rollout, due.run)
        if found is None:
            refusal = self._refusals.get((rollout.key, due.run))
            return None if refusal is None else GateRun(due.run, RunState.WAITING, refusal)
        pods = self._cache.job_pods(rollout.key, found.meta.name)
        state, text = state_of(found, pods)
        if state in ENDED or (is_late and state is RunState.RUNNING):
            log = await self._tail(rollout.key, pods)
            text = ": ".join(part for part in (text, log) if part)
        return GateRun(due.run, state, text)

    async def start(self, candidate: Candidate, due: Due, wanted: GateJob) -> bool:
        """Make the Job if there is none; False if that is to be tried again because the API server refuses it now.

        Raises:
            TransientError: as KubeClient does.
        """
        rollout = candidate.rollout
        if self._job(rollout, due.run) is not None:
            return True
        try:
            if await self._applier.find(rollout, JOB, job_name(rollout, due.run)) is None:
                await self._applier.create(rollout, JOB, job(candidate, due, wanted))
        except TerminalError as error:
            # A quota that is full, an admission webhook, a right that is missing: no fault of the candidate, and no
            # reason to leave the rollout unattended. The gate's timeout ends it.
            self._refusals[rollout.key, due.run] = error.message
            return False
        self._refusals.pop((rollout.key, due.run), None)
        return True

    def idle(self, rollout: ModelRollout, asked: frozenset[str]) -> tuple[JobView, ...]:
        """Jobs that nobody asks for and that have not ended."""
        names = {job_name(rollout, run) for run in asked}
        return tuple(
            found
            for found in self._cache.jobs(rollout.key)
            if found.meta.is_controlled_by(rollout.uid)
            and not (found.complete or found.failed or found.deleting)
            and found.meta.name not in names
        )

    async def delete(self, rollout: ModelRollout, name: str) -> None:
        """Delete a Job and, in the background, its pods."""
        await self._applier.delete(rollout, JOB, name)

    async def collect(self, rollout: ModelRollout, revision: str) -> None:
        """Delete all Jobs of a revision."""
        for found in self._cache.jobs(rollout.key):
            if found.meta.revision == revision and found.meta.is_controlled_by(rollout.uid):
                await self._applier.delete(rollout, JOB, found.meta.name)

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a rollout."""
        for known in [known for known in self._refusals if known[0] == key]:
            del self._refusals[known]

    def _job(self, rollout: ModelRollout, run: str) -> JobView | None:
        found = self._cache.job(rollout.key.namespace, job_name(rollout, run))
        return found if found is not None and found.meta.is_controlled_by(rollout.uid) else None

    async def _tail(self, key: Key, pods: tuple[PodView, ...]) -> str:
        """The end of the log; why it cannot be read, where it cannot. No decision waits for it twice."""
        who = speaker(pods)
        if who is None:
            return ""
        pod, container = who
        try:
            text = await self._client.log(key.namespace, pod, container, lines=LOG_LINES)
        except ModelRolloutError as error:
            return f"(its log could not be read: {squeezed(error.message, 200)})"
        text = text.strip()
        return text if len(text) <= LOG_CHARACTERS else f"…{text[-LOG_CHARACTERS:]}"
