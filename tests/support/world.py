"""A small world around the pure core: pods, a gateway, Prometheus, a user, a clock, and an operator that may die.

The operator carries plans out as the runtime does, one write after another, and can be killed between any two of them.
`World.truth` is what really happened, kept apart from what the operator knows: invariants are judged by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from modelrollout.analysis.verdict import CheckResult, Verdict
from modelrollout.api.controls import Control
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.api.status import AttemptStatus, ModelRolloutStatus, StepStatus
from modelrollout.engine.decide import decide
from modelrollout.engine.fallback import fallback_problems, in_use, state_of_fallback
from modelrollout.engine.observed import (
    Acceptance,
    Evidence,
    GateRun,
    JudgedMetric,
    RevisionState,
    RouteDecision,
    RouteState,
    RunState,
)
from modelrollout.engine.plan import LOWERING, Action, Plan
from modelrollout.engine.revisions import Revision
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import Split, only
from modelrollout.engine.validate import problems_of
from tests.support.scenes import NOW, Raw, raw_spec, spec_and_revision

DRAIN = timedelta(seconds=30)
LOOK_EVERY = timedelta(minutes=2)
MOST_DECISIONS = 25
"""More in a row without anything happening is a livelock."""


class Killed(Exception):  # noqa: N818 - not an error
    """The operator ended between two writes."""


class Conflict(Exception):  # noqa: N818 - not an error
    """The API server refused a write that rests on something old."""


@dataclass
class Pods:
    """One revision's Deployment."""

    replicas: int
    created_at: datetime
    ready: int = 0
    crashing: bool = False


@dataclass
class Truth:
    """What really happened to the attempt that status tells of.

    Attributes:
        attempt: counts attempts.
        step: (attempt, number of the step) that the two times below are of.
        accepted, in_force: when status first said so, on Prometheus's clock.
        earned: the highest weight that evidence has opened to this attempt.
        ended: attempts that were rolled back or abandoned by a route that was written.
        failed: the revision that was rolled back last for its own fault, until another one became stable.
        unrouted: when the operator took a revision out of the route, on Prometheus's clock; forgotten when the other
            clock jumps, because a drain is timed by that one.
        served: revisions that have been stable.
    """

    attempt: int = 0
    step: tuple[int, int] = (0, 0)
    accepted: float | None = None
    in_force: float | None = None
    earned: int = 0
    ended: set[int] = field(default_factory=set)
    failed: str | None = None
    unrouted: dict[str, float] = field(default_factory=dict)
    served: set[str] = field(default_factory=set)


Judge = Callable[["World", Observation, Plan], None]


@dataclass
class World:
    """Everything outside of the operator, and its stored status.

    Attributes:
        clock: the operator's clock, which may jump.
        prometheus: Prometheus's clock in seconds, which does not.
        verdict: what enforced metrics say; None while Prometheus does not answer.
        shows_share: whether counters show the step's share; None where nothing counts.
        gates: what runs of gates show; those are under way that are asked for.
        succeeded: runs of gates that have shown success.
        gateway: what the gateway says of any route.
        kill_after: writes until the operator is killed; None to let it live.
        judge: asked about every decision.
    """

    raw: Raw
    judge: Judge
    clock: datetime = NOW
    prometheus: float = 0.0
    generation: int = 1
    version: int = 1
    status: ModelRolloutStatus = field(default_factory=ModelRolloutStatus)
    route: RouteState | None = None
    fresh: bool = False
    pods: dict[str, Pods] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)
    verdict: Verdict | None = Verdict.PASS
    shows_share: bool | None = True
    silent: bool = False
    gates: RunState = RunState.SUCCEEDED
    asked: frozenset[str] = frozenset()
    succeeded: set[str] = field(default_factory=set)
    gateway: Acceptance = Acceptance.ACCEPTED
    kill_after: int | None = None
    fallback_ready: int = 0
    frozen: Observation | None = None
    wake_at: datetime | None = None
    truth: Truth = field(default_factory=Truth)
    decisions: int = 0
    writes: int = 0
    told: list[str] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)
    clicks: int = 0

    # --- what the operator sees ---------------------------------------------------------------------------------------

    def observe(self) -> Observation:
        """As the runtime's observer."""
        spec, desired = spec_and_revision(self.raw)
        self.revisions.setdefault(desired.hash, desired)
        rollout = ModelRollout(
            key=Key("demo", "digits"),
            uid="uid",
            resource_version=str(self.version),
            generation=self.generation,
            deleting=False,
            spec=spec,
            raw_spec=self.raw,
            status=self.status,
            annotations=dict(self.annotations),
        )
        seen = Observation(
            now=self.clock,
            rollout=rollout,
            desired=desired,
            problems=(*problems_of(spec), *fallback_problems(rollout, self.fallback_ready)),
            route=self._route_seen(),
            revisions=tuple(self._state(revision) for revision in self.revisions.values()),
            fallback=self._fallback(rollout),
            gates=tuple(GateRun(run, self.gates, "log") for run in sorted(self.asked)),
        )
        if self.gates is RunState.SUCCEEDED:
            self.succeeded |= self.asked
        step = step_of(self.status)
        if step is None:
            return seen
        return replace(seen, evidence=self._evidence(seen, step), next_evidence_at=self.clock + LOOK_EVERY)

    def _route_seen(self) -> RouteState | None:
        if self.route is None:
            return None
        return replace(self.route, acceptance=Acceptance.PENDING if self.fresh else self.gateway)

    def _fallback(self, rollout: ModelRollout) -> RevisionState | None:
        used = in_use(rollout)
        return None if used is None else state_of_fallback(used, self.fallback_ready)

    def _state(self, revision: Revision) -> RevisionState:
        pods = self.pods.get(revision.hash)
        if pods is None:
            return RevisionState(revision, None, 0)
        ready = min(pods.ready, pods.replicas)
        return RevisionState(revision, pods.replicas, ready, "Error" if pods.crashing else None, pods.created_at)

    def _evidence(self, seen: Observation, step: StepStatus) -> Evidence:
        since = self.truth.in_force if self.truth.in_force is not None else self.truth.accepted
        covered = 0.0 if since is None or self.verdict is None else self.prometheus - since
        metrics = [metric for metric in seen.rollout.spec.metrics if metric.applies_to(step.stage)]
        verdict = self.verdict or Verdict.NO_DATA
        return Evidence(
            judged=tuple(JudgedMetric(m, CheckResult(m.name, verdict, f"{m.name} {verdict}")) for m in metrics),
            share_shown=self.shows_share,
            silent=self.silent,
            share_text="counts",
            covered_seconds=covered,
            unavailable="no answer" if self.verdict is None else None,
            frozen_bounds=(("error-rate", 0.01),) if self.verdict else (),
        )

    # --- the operator -------------------------------------------------------------------------------------------------

    def reconcile(self) -> None:
        """Decide and carry out until there is nothing more to do, or until the operator is killed."""
        for _ in range(MOST_DECISIONS):
            seen, writes = self.observe(), self.writes
            plan = decide(seen)
            self.judge(self, seen, plan)
            self.decisions += 1
            self.wake_at = plan.wake_at
            try:
                self._carry_out(seen, plan)
            except Killed:
                self.kill_after = None
                continue
            if plan.action is Action.WAIT and self.writes == writes:
                return
        raise AssertionError(f"no end of decisions: {self.told[-5:]}")

    def _carry_out(self, seen: Observation, plan: Plan) -> None:
        if plan.action in LOWERING:
            self._write_route(seen, plan)
            self._write_status(seen, plan)
            return
        self._write_status(seen, plan)
        self.asked = frozenset(due.run for due in plan.gates)
        self._write_pods(plan, up=True)
        self._write_route(seen, plan)
        self._write_pods(plan, up=False)
        for revision in plan.collect:
            if revision in self.revisions:
                self._alive()
                left = self.pods.pop(revision, None)
                assert left is None or not left.replicas or self.status.stable is None, "collected while it runs"
                del self.revisions[revision]

    def _alive(self) -> None:
        """Called before each write."""
        if self.kill_after == 0:
            raise Killed
        self.writes += 1
        if self.kill_after is not None:
            self.kill_after -= 1

    def _write_status(self, seen: Observation, plan: Plan) -> None:
        if plan.status == self.status and seen.rollout.resource_version == str(self.version):
            return
        self._alive()
        if seen.rollout.resource_version != str(self.version):
            raise Conflict
        before, self.status = self.status, plan.status
        self.version += 1
        self._remember(before, seen, plan)

    def _remember(self, before: ModelRolloutStatus, seen: Observation, plan: Plan) -> None:
        truth, attempt, step = self.truth, self.status.attempt, step_of(self.status)
        if plan.action is Action.BEGIN:
            truth.attempt += 1
            truth.earned = 0
            truth.unrouted.pop(seen.desired.hash, None)
            truth.failed = None if plan.reason == "Retried" else truth.failed
        if self.status.stable is not None and self.status.stable != before.stable:
            truth.served.add(self.status.stable.revision)
            truth.failed = None
        if plan.reason in {"Aborted", "RolledBackByHand"} and plan.action is not Action.ROLL_BACK:
            truth.failed = self.status.failed.revision if self.status.failed else None
        if attempt is not None and step is not None:
            if truth.step != (truth.attempt, step.number):
                truth.step, truth.accepted, truth.in_force = (truth.attempt, step.number), None, None
                truth.earned = max(truth.earned, step.weight)
            if step.accepted_at is not None and truth.accepted is None:
                truth.accepted = self.prometheus
            if step.in_force_at is not None and truth.in_force is None:
                truth.in_force = self.prometheus
        self.told.append(f"{self.clock:%H:%M:%S} {plan.action} {plan.reason}: {plan.message}")

    def _write_route(self, seen: Observation, plan: Plan) -> None:
        split = plan.split
        known = seen.route
        if split is None or (known is not None and known.carries(split) and known.sequence == plan.status.sequence):
            return
        self._alive()
        lowering = plan.action in LOWERING
        if not lowering and known is not None and _raises(known, split, plan):
            self._refuse_stale(seen, plan)
        decision = RouteDecision(plan.action, _about(seen), plan.reason, plan.message, seen.now)
        acceptance = Acceptance.PENDING
        self.route = RouteState(split.weights, split.mirror, plan.status.sequence, decision, acceptance, "", "1")
        self.fresh = True
        if plan.action in (Action.ROLL_BACK, Action.ABANDON):
            self.truth.ended.add(self.truth.attempt)
        if plan.action is Action.ROLL_BACK and plan.reason != "SpecReverted":
            self.truth.failed = _about(seen)
        if plan.action is not Action.WAIT and known is not None:
            gone = {name for name, _ in known.weights} - split.revisions
            self.truth.unrouted |= dict.fromkeys(gone, self.prometheus)

    def _refuse_stale(self, seen: Observation, plan: Plan) -> None:
        """A raise rests on a live read: of the status that was just written, and of a route that is not ahead."""
        if self.status is not plan.status and seen.rollout.resource_version != str(self.version):
            raise Conflict
        if self.route is not None and self.route.sequence > plan.status.sequence:
            raise Conflict

    def _write_pods(self, plan: Plan, *, up: bool) -> None:
        for revision, replicas in plan.replicas.items():
            pods = self.pods.get(revision)
            if bool(replicas) is not up or (pods is not None and pods.replicas == replicas):
                continue
            self._alive()
            if pods is None:
                self.pods[revision] = Pods(replicas, self.clock)
            else:
                self._scale(revision, pods, replicas)

    def _scale(self, revision: str, pods: Pods, replicas: int) -> None:
        if replicas < pods.replicas:
            status = self.status
            assert status.attempt is None or not status.stable or status.stable.revision != revision, "stable shrinks"
            warm = status.previous is not None and status.previous.revision == revision
            assert not warm or replicas, "previous is stopped within its window"
            assert self.route is None or replicas or not self.route.weight_of(revision), "stopped under traffic"
            gone = self.truth.unrouted.get(revision)
            drained = gone is None or self.prometheus - gone >= DRAIN.total_seconds()
            assert replicas or drained, "stopped before it drained"
        pods.replicas = replicas

    def thaw(self) -> None:
        """Carry out what an operator that was frozen had in mind, up to its first writes."""
        seen, self.frozen = self.frozen, None
        if seen is None:
            return
        plan = decide(seen)
        try:
            if plan.action in LOWERING:
                self._write_route(seen, plan)
            self._write_status(seen, plan)
            self._write_route(seen, plan)
        except (Conflict, Killed):
            self.kill_after = None

    # --- time ---------------------------------------------------------------------------------------------------------

    def pass_time(self, duration: timedelta) -> None:
        """Let time pass; the operator wakes up only when it said it would."""
        end = self.clock + duration
        self.fresh = False
        self.reconcile()
        while self.wake_at is not None and self.clock < self.wake_at <= end:
            self._move(self.wake_at - self.clock)
            self.reconcile()
        self._move(end - self.clock)

    def _move(self, duration: timedelta) -> None:
        self.clock += duration
        self.prometheus += duration.total_seconds()
        self.fresh = False

    # --- who is who ---------------------------------------------------------------------------------------------------

    @property
    def candidate(self) -> str:
        """The candidate, or what may become one."""
        return self.status.attempt.revision if self.status.attempt else spec_and_revision(self.raw)[1].hash

    @property
    def stable(self) -> str:
        """The stable revision, or what may become the first one."""
        return self.status.stable.revision if self.status.stable else self.candidate

    def jump(self, duration: timedelta) -> None:
        """The operator's clock jumps."""
        self.clock += duration
        self.truth.unrouted.clear()

    def edit(self, raw: Raw) -> None:
        """The user applies another spec."""
        if raw != self.raw:
            self.raw = raw
            self.generation += 1
            self.version += 1

    def annotate(self, control: Control, revision: str | None) -> None:
        """A person clicks, or takes it back."""
        self.clicks += 1
        self.version += 1
        self.annotations.pop(control.annotation, None)
        if revision is not None:
            self.annotations[control.annotation] = f"{revision}.{self.clicks}"

    def states(self) -> Iterator[tuple[str, Pods]]:
        """All that runs."""
        yield from self.pods.items()


def step_of(status: ModelRolloutStatus) -> StepStatus | None:
    """The step that status tells of."""
    return status.attempt.step if status.attempt else None


def attempt_of(status: ModelRolloutStatus) -> AttemptStatus:
    """The attempt that must be there."""
    assert status.attempt is not None
    return status.attempt


def new_world(judge: Judge) -> World:
    """Version 1 serves."""
    world = World(raw_spec("1"), judge)
    world.reconcile()
    for _, pods in world.states():
        pods.ready = pods.replicas
    world.reconcile()
    world.pass_time(timedelta(seconds=30))
    assert world.status.stable is not None
    assert world.route is not None
    assert world.route.carries(only(world.status.stable.revision))
    return world


def _about(seen: Observation) -> str:
    return seen.status.attempt.revision if seen.status.attempt else seen.desired.hash


def _raises(route: RouteState, split: Split, plan: Plan) -> bool:
    stable = plan.status.stable.revision if plan.status.stable else None
    return any(
        split.weight_of(name) > route.weight_of(name) or split.mirror_of(name) > route.mirror_of(name)
        for name in split.revisions
        if name != stable
    )
