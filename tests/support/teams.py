"""A small world in which others deploy: two Services, the teams behind them, and an operator that may write a route."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from modelrollout.api.resource import ModelRollout
from modelrollout.engine.behind import Behind
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.plan import Plan
from modelrollout.engine.preview import Preview
from modelrollout.engine.revisions import Revision
from modelrollout.engine.services import desired_of, first_of, services_problems, serving_of
from modelrollout.kube.apply import Drift
from tests.support.behind import A, B
from tests.support.scenes import Raw
from tests.support.stand_ins import StandIns
from tests.support.world import World

PODS: Final = 2
NOBODY: Final = Behind(frozenset(), frozenset(), 0)


class Records(StandIns):
    """As ServicesWorkload: it stores records, and makes, scales and selects nothing."""

    async def ensure(self, _: ModelRollout, revision: Revision, replicas: int) -> tuple[Drift, ...]:
        """As a WorkloadProvider."""
        if revision.hash not in self._world.revisions:
            with self._write():
                self._world.revisions[revision.hash] = revision
        return ()

    async def scale(self, *_: object) -> tuple[Drift, ...]:
        """As a WorkloadProvider."""
        return ()

    async def autoscale(self, *_: object) -> tuple[Drift, ...]:
        """As a WorkloadProvider."""
        return ()

    async def serve(self, *_: object) -> tuple[Drift, ...]:
        """As a WorkloadProvider."""
        return ()

    async def preview(self, rollout: ModelRollout, what: object) -> tuple[Drift, ...]:
        """As a TrafficProvider alone."""
        return await super().preview(rollout, what) if what is None or isinstance(what, Preview) else ()


@dataclass
class BetweenServices(World):
    """Two Services.

    Attributes:
        teams: what is behind each.
        deployed: counts deployments.
        manifests: what a revision was asked for with.
        measured: what was behind the candidate's Service when its rollout entered the first step.
        served_by: what was behind a revision's Service when it was replaced.
    """

    teams: dict[str, Behind] = field(default_factory=dict)
    deployed: int = 0
    manifests: dict[str, Raw] = field(default_factory=dict)
    measured: frozenset[str] = frozenset()
    served_by: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for service in (A, B):
            self.deploy(service)
        self.edit(self.raw)

    def stand_ins(self) -> StandIns:
        """As in World."""
        return Records(self)

    # --- what the operator sees ---------------------------------------------------------------------------------------

    def read_spec(self, rollout: ModelRollout) -> tuple[Revision, tuple[Revision, ...], tuple[str, ...]]:
        """As in World; as ServicesWorkload and the observer."""
        _, spec, _, problems = self._parsed(rollout.raw_spec)
        stored = tuple(self.revisions.values())
        first = first_of(spec, rollout.raw_spec, rollout.status)
        stored = stored if first is None or first in stored else (first, *stored)
        desired = desired_of(rollout.raw_spec, stored, rollout.status)
        return desired, stored, (*problems, *services_problems(spec, desired, stored, rollout.status))

    def _state(self, revision: Revision) -> RevisionState:
        teams: dict[str, Behind] = self.lagging.get("pods", self.teams)
        behind = teams.get(revision.service or "", NOBODY)
        ready = behind.endpoints if behind.is_one_deployment else min(1, len(behind.ready))
        known = revision.hash in self.revisions
        return RevisionState(
            revision, 0 if known else None, ready, created_at=self.clock if known else None, behind=behind
        )

    def lag(self, part: str) -> None:
        """As in World."""
        if part == "pods":
            self.lagging.setdefault(part, dict(self.teams))
        else:
            super().lag(part)

    @property
    def candidate(self) -> str:
        """As in World."""
        attempt = self.status.attempt
        return attempt.revision if attempt else self.read_spec(self._rollout_seen())[0].hash

    # --- at rest ------------------------------------------------------------------------------------------------------

    def is_as(self, plan: Plan) -> bool:
        """As in World: all that there is of ours is a record of each revision."""
        return all(revision in self.revisions for revision in plan.replicas)

    @property
    def running(self) -> set[str]:
        """As in World: what serves is known by its record."""
        return {self.stable} & set(self.revisions)

    # --- what their teams do ------------------------------------------------------------------------------------------

    def service_of(self, revision: str) -> str:
        """The Service that a revision is behind."""
        known = self.status.service_of(revision)
        return known.service if known is not None else str(self.raw["workload"]["services"].get("candidate") or A)

    @property
    def serving(self) -> str:
        """The Service that serves."""
        record = serving_of(tuple(self.revisions.values()), self.status)
        return A if record is None or record.service is None else record.service

    def deploy(self, service: str) -> None:
        """Another version is behind it, all at once."""
        new = frozenset({self._name(service)})
        self.teams[service] = Behind(new, new, PODS)

    def begin_to_deploy(self, service: str, *, ready: bool) -> None:
        """A new pod is beside the old ones, and answers or does not yet."""
        old, new = self.teams[service], self._name(service)
        answering = old.ready | {new} if ready else old.ready
        self.teams[service] = Behind(answering, old.all | {new}, old.endpoints + 1)

    def lose(self, service: str, *, whole: bool) -> None:
        """No endpoint is ready, or the Service itself is removed."""
        old = self.teams[service]
        self.teams[service] = NOBODY if whole else Behind(frozenset(), old.all, old.endpoints)

    def recover(self) -> None:
        """As in World: every deployment comes to its end."""
        for service, behind in self.teams.items():
            if not behind.all:
                self.deploy(service)
            elif not behind.is_one_deployment or len(behind.all) > 1:
                newest = frozenset({max(behind.all)})
                self.teams[service] = Behind(newest, newest, PODS)

    def _name(self, service: str) -> str:
        self.deployed += 1
        return f"{service}-{self.deployed:08}-*"

    # --- what the user writes -----------------------------------------------------------------------------------------

    def edit(self, raw: Raw) -> None:
        """As in World."""
        super().edit(raw)
        desired = self._parsed(raw)[2]
        self.manifests.setdefault(desired.hash, {name: raw[name] for name in ("model", "workload")})

    def ask(self, version: str, stable: str, candidate: str | None) -> None:
        """Another version."""
        services = {"stable": stable} | ({} if candidate is None else {"candidate": candidate})
        self.edit({**self.raw, "model": {"name": "digits", "version": version}, "workload": {"services": services}})

    def ask_again(self, revision: str, service: str) -> None:
        """The manifest that a revision was asked for with; of what nobody has named, its Service alone."""
        known = self.manifests.get(revision)
        if known is None:
            self.ask("0", service, None)
        else:
            self.edit({**self.raw, **known})
