"""A small world around the pure core: pods, a gateway, Prometheus, a user, a clock, and an operator that may die.

The operator decides with `decide` and carries plans out with the real `CarryOut`, one write after another, and can be
killed between any two of them. `World.truth` is what really happened, kept apart from what the operator knows.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, cast

from modelrollout.api.controls import Control
from modelrollout.api.errors import TransientError
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import ModelRolloutStatus, StepStatus
from modelrollout.engine.decide import decide
from modelrollout.engine.fallback import fallback_problems, in_use, state_of_fallback
from modelrollout.engine.observed import Acceptance, Evidence, GateRun, RevisionState, RouteState, RunState
from modelrollout.engine.plan import Action, Plan
from modelrollout.engine.revisions import Revision
from modelrollout.engine.scale import Bounds
from modelrollout.engine.situation import Observation
from modelrollout.engine.steps import FULL
from modelrollout.engine.validate import problems_of
from modelrollout.runtime.carry_out import CarryOut
from tests.support import weather
from tests.support.scenes import NOW, Raw, spec_and_revision
from tests.support.stand_ins import End, Killed, Pods, RouteWrite, Scaling, StandIns, Trouble
from tests.support.truth import Truth, step_of
from tests.support.weather import Weather

LOOK_EVERY = timedelta(minutes=2)
MOST_DECISIONS = 25
"""More in a row without anything happening is a livelock."""
MOST_IN_A_LAG = 3
"""As many looks are made at caches that stand still: then something else happens."""


_Parsed = tuple[Mapping[str, Any], ModelRolloutSpec, Revision, tuple[str, ...]]


class Watch(Protocol):
    """Whoever looks at everything that the operator does, and objects."""

    def decided(self, world: World, seen: Observation, plan: Plan) -> None:
        """A decision, before anything is written."""

    def routed(self, world: World, write: RouteWrite) -> None:
        """The route is about to be written."""

    def scaled(self, world: World, scaling: Scaling) -> None:
        """A Deployment is about to be scaled."""

    def served(self, world: World, revision: str) -> None:
        """Service `<name>` is about to select a revision."""


@dataclass
class World:
    """Everything outside of the operator, and its stored status.

    Attributes:
        clock: the operator's clock, which may jump.
        prometheus: Prometheus's clock in seconds since the beginning, which does not.
        offset: Prometheus's clock less ours, as the operator saw it last; None since its start.
        weather: what metrics say; by the name of a metric what that one says instead.
        shows_share: whether counters show the step's share; None where nothing counts.
        gates: what runs of gates show; those are under way that are asked for.
        succeeded: runs of gates that have shown success.
        gateway: what the gateway says of any route.
        trouble: how the next reconcile is broken off.
        new_pods: how many of those that are made are ready.
        lagging: parts of the caches that stand still, as they were.
        fallback_ready: ready endpoints of what stands in for a first version.
        left: revisions that an earlier ModelRollout of this name has left serving.
        touched: whether somebody else changed the route since the operator wrote it.
        has_routed: whether the operator ever wrote it.
        deciding: what is being carried out, or was last.
        rest: what was seen when there was nothing to do; None as soon as anything is done.
    """

    raw: Raw
    watch: Watch
    clock: datetime = NOW
    prometheus: float = 0.0
    offset: timedelta | None = None
    generation: int = 1
    version: int = 1
    annotations: dict[str, str] = field(default_factory=dict)
    status: ModelRolloutStatus = field(default_factory=ModelRolloutStatus)
    route: RouteState | None = None
    route_version: int = 0
    touched: bool = False
    has_routed: bool = False
    fresh: bool = False
    service: str | None = None
    pods: dict[str, Pods] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)
    weather: Weather = Weather.GOOD
    weathers: dict[str, Weather] = field(default_factory=dict)
    shows_share: bool | None = True
    silent: bool = False
    scraped: bool | None = True
    unchecked: str | None = None
    gates: RunState = RunState.SUCCEEDED
    asked: frozenset[str] = frozenset()
    succeeded: set[str] = field(default_factory=set)
    gateway: Acceptance = Acceptance.ACCEPTED
    trouble: Trouble | None = None
    lagging: dict[str, Any] = field(default_factory=dict)
    fallback_ready: int = 0
    left: set[str] = field(default_factory=set)
    stopped: list[str] = field(default_factory=list)
    clicks: int = 0
    autoscaled: dict[str, Bounds | None] = field(default_factory=dict)
    previews: dict[str, object] = field(default_factory=dict)
    new_pods: int = 10_000
    frozen: Observation | None = None
    rest: Observation | None = None
    wake_at: datetime | None = None
    truth: Truth = field(default_factory=Truth)
    decisions: int = 0
    writes: int = 0
    ends: dict[End, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = self.raw
        self._stand_ins = self.stand_ins()
        stand_in = cast(Any, self._stand_ins)
        gates = cast(Any, self._stand_ins.gates)
        self._carry_out = CarryOut(stand_in, stand_in, stand_in, stand_in, loans=stand_in, gates=gates)
        self._known: dict[int, _Parsed] = {}
        self.deciding: tuple[Observation, Plan]

    def stand_ins(self) -> StandIns:
        """What the operator writes to."""
        return StandIns(self)

    # --- what the operator sees ---------------------------------------------------------------------------------------

    def observe(self) -> Observation:
        """As the runtime's observer."""
        rollout = self._rollout_seen()
        desired, stored, problems = self.read_spec(rollout)
        if self.gates is RunState.SUCCEEDED:
            self.succeeded |= self.asked
        step = step_of(self.status)
        return Observation(
            now=self.clock,
            rollout=rollout,
            desired=desired,
            problems=(*problems, *fallback_problems(rollout, self.fallback_ready)),
            route=self.route_seen(),
            revisions=tuple(self._state(each) for each in (stored if desired in stored else (*stored, desired))),
            scraped=self.scraped,
            served=self.service,
            unchecked=self.unchecked,
            fallback=self._fallback(rollout),
            gates=tuple(GateRun(run, self.gates, "log") for run in sorted(self.asked)),
            evidence=None if step is None else self._evidence(rollout, step),
            next_evidence_at=None if step is None else self.clock + LOOK_EVERY,
        )

    def read_spec(self, rollout: ModelRollout) -> tuple[Revision, tuple[Revision, ...], tuple[str, ...]]:
        """What the spec asks for, what is known, and what cannot be carried out of the spec."""
        _, _, desired, problems = self._parsed(rollout.raw_spec)
        return desired, tuple(self.revisions.values()), problems

    def _rollout_seen(self) -> ModelRollout:
        """With our own status, which is known at once, and with the user's wishes as far as the watch is."""
        wishes = (self.raw, self.generation, self.annotations)
        raw, generation, annotations = self.lagging.get("rollout", wishes)
        is_old = (raw, generation, annotations) != wishes
        return ModelRollout(
            key=Key("demo", "digits"),
            uid="uid",
            resource_version=str(self.version - 1 if is_old else self.version),
            generation=generation,
            deleting=False,
            spec=self._parsed(raw)[1],
            raw_spec=raw,
            status=self.status,
            annotations=annotations,
        )

    def _parsed(self, raw: Mapping[str, Any]) -> _Parsed:
        """A spec read; known by the object that it is, which nobody changes."""
        if id(raw) not in self._known:
            spec, revision = spec_and_revision(raw)
            # The raw spec is kept too: so its id stays its own.
            self._known[id(raw)] = raw, spec, revision, problems_of(spec)
        return self._known[id(raw)]

    def route_seen(self) -> RouteState | None:
        """The route as the caches have it."""
        if "route" in self.lagging:
            known: RouteState | None = self.lagging["route"]
            return known
        acceptance = Acceptance.PENDING if self.fresh else self.gateway
        if self.route is not None and self.route.acceptance is not acceptance:
            self.route = replace(self.route, acceptance=acceptance)
        return self.route

    def pods_seen(self) -> dict[str, Pods]:
        """Deployments as the caches have them."""
        known: dict[str, Pods] = self.lagging.get("pods", self.pods)
        return known

    def _fallback(self, rollout: ModelRollout) -> RevisionState | None:
        used = in_use(rollout)
        return None if used is None else state_of_fallback(used, self.fallback_ready)

    def _state(self, revision: Revision) -> RevisionState:
        known = self.pods_seen().get(revision.hash)
        if known is None:
            return RevisionState(revision, None, 0)
        ready, left = min(known.ready, known.replicas), revision.hash in self.left
        crashing = "Error" if known.crashing else None
        return RevisionState(revision, known.replicas, ready, crashing, known.created_at, left=left)

    def _evidence(self, rollout: ModelRollout, step: StepStatus) -> Evidence:
        """As the runtime's judge: what is stamped and covered is on Prometheus's clock as far as that is known."""
        attempt = rollout.status.attempt
        frozen = {entry.metric: float(entry.bound) for entry in attempt.frozen} if attempt else {}
        mixed = step.weight < FULL
        kept = {} if mixed else frozen
        readings = [
            weather.read(metric, self.weather_of(metric.name), mixed=mixed, kept=kept.get(metric.name))
            for metric in rollout.spec.metrics
            if metric.applies_to(step.stage)
        ]
        away = next((r.unavailable for r in readings if r.unavailable and r.judged.metric.is_enforced), None)
        truth = NOW + timedelta(seconds=self.prometheus)
        if self.weather.is_answer:
            self.offset = truth - self.clock
        since = step.in_force_at or step.accepted_at
        covered = 0.0 if since is None or away is not None else (truth - since).total_seconds()
        return Evidence(
            judged=tuple(reading.judged for reading in readings),
            share_shown=self.shows_share if self.weather.is_answer else False,
            silent=self.silent and self.weather.is_answer,
            share_text="counts",
            covered_seconds=covered,
            unavailable=away,
            at=None if self.offset is None else self.clock + self.offset,
            frozen_bounds=tuple((r.judged.metric.name, r.bound) for r in readings if r.bound is not None),
        )

    def weather_of(self, metric: str) -> Weather:
        """What a metric shows."""
        return self.weathers.get(metric, self.weather) if self.weather.is_answer else self.weather

    # --- the operator -------------------------------------------------------------------------------------------------

    def reconcile(self) -> None:
        """Decide and carry out until there is nothing more to do."""
        for count in range(MOST_DECISIONS):
            if self.lagging and count == MOST_IN_A_LAG:
                return
            seen, writes = self.observe(), self.writes
            if seen == self.rest and not self.lagging:
                # Decisions are pure, which `machine.at_rest` looks at: there is nothing to do this time either.
                return
            plan = decide(seen)
            self.watch.decided(self, seen, plan)
            self.decisions += 1
            self.wake_at = plan.wake_at
            done = self._attempted(seen, plan)
            if done and plan.action is Action.WAIT and self.writes == writes:
                self.rest = seen
                return
        raise AssertionError(f"no end of decisions: {self.told[-5:]}")

    def _attempted(self, seen: Observation, plan: Plan) -> bool:
        """Whether a plan was carried out to its end."""
        self.deciding, self.rest = (seen, plan), None
        try:
            _run(self._carry_out.carry_out(seen, plan))
        except Killed:
            self._stand_ins.restart()
            self.lagging.clear()
            self.offset = None
        except TransientError:
            pass
        else:
            return True
        if self.trouble is not None and self.trouble.writes < 0:
            self.ends[self.trouble.end] = self.ends.get(self.trouble.end, 0) + 1
            self.trouble = None
        return False

    def thaw(self) -> None:
        """Carry out what an operator that was frozen had in mind, while another one has gone on."""
        seen, self.frozen = self.frozen, None
        if seen is not None:
            self._attempted(seen, decide(seen))

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

    def jump(self, duration: timedelta) -> None:
        """The operator's clock jumps."""
        self.clock += duration
        self.truth.unrouted.clear()

    # --- who is who, and what others do -------------------------------------------------------------------------------

    @property
    def candidate(self) -> str:
        """The candidate, or what may become one."""
        return self.status.attempt.revision if self.status.attempt else self._parsed(self.raw)[2].hash

    @property
    def stable(self) -> str:
        """The stable revision, or what may become the first one."""
        return self.status.stable.revision if self.status.stable else self.candidate

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
        others = {name: value for name, value in self.annotations.items() if name != control.annotation}
        self.annotations = others if revision is None else others | {control.annotation: f"{revision}.{self.clicks}"}

    def put_route(self, route: RouteState | None) -> None:
        """The route as it is from now on; the gateway has yet to see it."""
        self.route_version += 1
        self.fresh = True
        self.route = None if route is None else replace(route, resource_version=str(self.route_version))

    def touch_route(self, **changes: Any) -> None:
        """Somebody else edits the route."""
        if self.route is not None:
            self.put_route(replace(self.route, **changes))
            self.touched = True

    def lag(self, part: str) -> None:
        """From now on a part of the caches stands still: the route, the pods or the rollout's spec."""
        parts: dict[str, Callable[[], Any]] = {
            "route": self.route_seen,
            "pods": lambda: {name: replace(pods) for name, pods in self.pods.items()},
            "rollout": lambda: (self.raw, self.generation, dict(self.annotations)),
        }
        self.lagging.setdefault(part, parts[part]())

    def states(self) -> Iterator[tuple[str, Pods]]:
        """All that runs."""
        yield from self.pods.items()

    def recover(self) -> None:
        """All pods become ready."""
        for _, pods in self.states():
            pods.ready, pods.crashing = 10_000, False

    def is_as(self, plan: Plan) -> bool:
        """Whether the cluster is what a plan says, but for the route."""
        sized = all(self.pods[name].replicas == count for name, count in plan.replicas.items())
        return sized and self.service == plan.serve

    @property
    def running(self) -> set[str]:
        """Revisions with any pod."""
        return {name for name, pods in self.states() if pods.replicas}


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Nothing here waits for anything: one push is the whole way."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("a stand-in waited for something")
