"""The order of writes, and what a raise rests on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.resource import ModelRollout
from modelrollout.engine.decide import decide
from modelrollout.engine.observed import RouteState
from modelrollout.engine.plan import Action, Event, Plan
from modelrollout.engine.revisions import Revision
from modelrollout.engine.scale import Bounds
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import Split, only
from modelrollout.gates.gates import Gates
from modelrollout.kube.apply import Drift
from modelrollout.kube.client import KubeClient
from modelrollout.kube.errors import ConflictError, UnavailableError
from modelrollout.runtime.carry_out import CarryOut
from modelrollout.runtime.loans import Loans
from modelrollout.runtime.record import Recorder
from modelrollout.traffic.registry import Traffics
from modelrollout.workload.registry import Workloads
from tests.support import scenes
from tests.support.scenes import CANDIDATE, STABLE

pytestmark = pytest.mark.unit


@dataclass
class Cluster:
    """Stands in for everything that is written to, and keeps the order.

    Attributes:
        live: the route as a live read shows it.
        version: resourceVersion of the ModelRollout after its status was written.
        live_version: the one that a live read shows.
        breaks_at: a write that fails.
        autoscaled: revisions that have an autoscaler.
        leaves_jobs: whether a Job runs that nobody asks for.
    """

    live: RouteState | None
    done: list[str] = field(default_factory=list)
    guards: list[RouteState | None] = field(default_factory=list)
    version: str = "8"
    live_version: str = "8"
    breaks_at: str = ""
    drift_found: Drift | None = None
    autoscaled: frozenset[str] = frozenset()
    leaves_jobs: bool = False

    def _do(self, what: str) -> None:
        if what == self.breaks_at:
            raise UnavailableError("Unavailable", what)
        self.done.append(what)

    # the workloads' and the traffics' registry, and what they give
    def of(self, _: ModelRollout) -> Cluster:
        return self

    async def ensure(self, _: ModelRollout, revision: Any, replicas: int) -> tuple[Drift, ...]:
        self._do(f"ensure {revision.version} {replicas}")
        return ()

    async def scale(self, _: ModelRollout, revision: str, replicas: int) -> tuple[Drift, ...]:
        self._do(f"scale {revision} {replicas}")
        return ()

    async def autoscale(self, _: ModelRollout, revision: str, bounds: Bounds | None) -> tuple[Drift, ...]:
        if bounds is not None:
            self._do(f"autoscale {revision} {bounds.fewest}-{bounds.most}")
        elif revision in self.autoscaled:
            self._do(f"no autoscaler {revision}")
        return ()

    async def serve(self, _: ModelRollout, revision: str) -> tuple[Drift, ...]:
        self._do(f"serve {revision}")
        return ()

    async def preview(self, _: ModelRollout, preview: object) -> tuple[Drift, ...]:
        if preview is not None:
            self._do("preview")
        return ()

    def has_preview(self, _: ModelRollout) -> bool:
        return False

    async def sweep(self, _: ModelRollout) -> None:
        """Nothing is left over here."""

    async def collect(self, _: ModelRollout, revision: str) -> None:
        self._do(f"collect {revision}")

    def needs_write(self, _: ModelRollout, split: Split, sequence: int) -> bool:
        return self.live is None or not self.live.carries(split) or self.live.sequence != sequence

    def drift(self, *_: object) -> Drift | None:
        return self.drift_found

    async def read(self, _: ModelRollout) -> RouteState | None:
        self._do("read route")
        return self.live

    async def write(self, _: ModelRollout, split: Split, *__: object, guard: RouteState | None) -> None:
        self._do(f"route {split.weight_of(CANDIDATE.hash)}")
        self.guards.append(guard)

    async def shift(self, _: ModelRollout, split: Split, *__: object, guard: RouteState | None) -> None:
        if guard is not None and self.live is not None and guard.resource_version != self.live.resource_version:
            raise ConflictError("Conflict", "the route has changed")
        self._do(f"shift {split.weight_of(CANDIDATE.hash)}")
        self.guards.append(guard)

    # the loans
    async def before(self, seen: Observation, _: Plan) -> Observation:
        return seen

    async def after(self, *_: object) -> None:
        return

    # the recorder
    async def status(self, seen: Observation, plan: Plan) -> ModelRollout:
        self._do("status")
        return replace(seen.rollout, status=plan.status, resource_version=self.version)

    async def event(self, _: ModelRollout, event: Event) -> None:
        self._do(f"event {event.reason}")


@dataclass
class Asked:
    """Stands in for the gates.

    Attributes:
        jobs: Jobs that run and that nobody asks for.
    """

    cluster: Cluster
    jobs: tuple[str, ...] = ("digits-gabc",)

    async def run(self, _: ModelRollout, plan: Plan, candidate: Revision | None) -> None:
        for due in plan.gates:
            assert candidate == CANDIDATE
            self.cluster.done.append(f"gate {due.name}")

    def left(self, _: ModelRollout, plan: Plan) -> tuple[str, ...]:
        return self.jobs if self.cluster.leaves_jobs and not plan.gates else ()

    async def end(self, _: ModelRollout, name: str) -> None:
        self.cluster.done.append(f"end {name}")

    async def collect(self, *_: object) -> None:
        return


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster(scenes.stepping().route)

    async def is_unchanged(_: KubeClient, rollout: ModelRollout) -> bool:
        made.done.append("read rollout")
        return rollout.resource_version == made.live_version

    monkeypatch.setattr("modelrollout.runtime.carry_out.is_unchanged", is_unchanged)
    return made


async def carry_out(cluster: Cluster, seen: Observation) -> Plan:
    stand_in = cast(Any, cluster)
    made = CarryOut(
        cast(KubeClient, None),
        cast(Workloads, stand_in),
        cast(Traffics, stand_in),
        cast(Recorder, stand_in),
        loans=cast(Loans, stand_in),
        gates=cast(Gates, Asked(cluster)),
    )
    plan = decide(seen)
    await made.carry_out(seen, plan)
    return plan


HARM = scenes.with_evidence(scenes.stepping(), Verdict.HARM)


async def test_down_the_route_goes_first_then_status_then_events(cluster: Cluster) -> None:
    plan = await carry_out(cluster, HARM)
    assert plan.action is Action.ROLL_BACK
    assert cluster.done == ["shift 0", "status", "event RolledBack"], "a lowering waits for no read"


async def test_a_route_that_somebody_touched_is_lowered_all_the_same(cluster: Cluster) -> None:
    assert cluster.live is not None
    cluster.live = replace(cluster.live, resource_version="10")
    await carry_out(cluster, HARM)
    assert cluster.done == ["read route", "shift 0", "status", "event RolledBack"]
    assert cluster.guards == [None]


async def test_a_frozen_operator_lowers_nothing_that_another_has_decided_since(cluster: Cluster) -> None:
    """Version 2 is promoted by now, and what it would give all traffic to may be gone."""
    cluster.live = replace(scenes.route(only(CANDIDATE.hash), sequence=9), resource_version="10")
    with pytest.raises(ConflictError):
        await carry_out(cluster, HARM)
    assert cluster.done == ["read route"]


async def test_what_is_stopped_may_be_somebodys_candidate_by_now(cluster: Cluster) -> None:
    """Watches are not equally fast: a new Deployment may show before the decision that it was made for."""
    done = scenes.resting()
    seen = replace(done, revisions=(*done.revisions, scenes.pods(CANDIDATE)))
    cluster.live, cluster.live_version = seen.route, "9"
    with pytest.raises(ConflictError):
        await carry_out(cluster, seen)
    assert not any(line.startswith("scale") for line in cluster.done)


async def test_up_status_goes_first_and_the_route_follows_two_live_reads(cluster: Cluster) -> None:
    plan = await carry_out(cluster, scenes.stepping())
    assert plan.action is Action.ENTER
    reads = cluster.done.index("read rollout"), cluster.done.index("read route")
    assert cluster.done.index("status") < min(reads)
    assert max(reads) < cluster.done.index("route 20")
    assert cluster.guards == [cluster.live]


async def test_nothing_is_scaled_down_before_the_route_is_without_it(cluster: Cluster) -> None:
    done = scenes.with_status(scenes.resting(), sequence=2)
    seen = replace(done, revisions=(*done.revisions, scenes.pods(CANDIDATE)))
    cluster.live = seen.route
    await carry_out(cluster, seen)
    order = [line.split()[0] for line in cluster.done]
    assert order.index("route") < order.index("scale")
    assert f"scale {CANDIDATE.hash} 0" in cluster.done


async def test_what_is_so_already_is_not_written(cluster: Cluster) -> None:
    seen = scenes.resting()
    cluster.live = seen.route
    await carry_out(cluster, seen)
    assert not any(line.startswith(("route", "shift", "event")) for line in cluster.done)


async def test_a_raise_that_rests_on_an_older_rollout_is_refused(cluster: Cluster) -> None:
    cluster.live_version = "9"
    with pytest.raises(ConflictError, match="ModelRollout changed"):
        await carry_out(cluster, scenes.stepping())
    assert not cluster.guards


async def test_a_raise_over_a_later_decision_is_refused(cluster: Cluster) -> None:
    """The other one lowered the route and was killed before its status: only the number tells."""
    cluster.live = scenes.route(only(STABLE.hash), sequence=6)
    with pytest.raises(ConflictError, match="later decision"):
        await carry_out(cluster, scenes.stepping())
    assert not cluster.guards


async def test_what_is_level_rests_on_a_fresh_read_too(cluster: Cluster) -> None:
    """The cache may be that of an operator that was frozen while the weight was taken away."""
    held = scenes.with_evidence(scenes.stepping(), Verdict.CONTINUE)
    assert held.route is not None
    cluster.live = replace(held.route, sequence=held.status.sequence - 1)
    await carry_out(cluster, replace(held, route=cluster.live))
    assert cluster.done.index("read route") < cluster.done.index("route 5")
    assert cluster.guards == [cluster.live]


async def test_a_decision_of_the_same_number_that_was_not_seen_is_not_written_over(cluster: Cluster) -> None:
    """Two operators, one of which lowered the route as its last act: both took the next number."""
    seen = scenes.stepping()
    assert seen.route is not None
    cluster.live = replace(scenes.route(only(STABLE.hash), sequence=seen.status.sequence + 1), resource_version="99")
    with pytest.raises(ConflictError, match="same number"):
        await carry_out(cluster, seen)
    assert not cluster.guards


async def test_restoring_drift_upwards_is_a_raise_too_and_is_reported(cluster: Cluster) -> None:
    held = scenes.with_evidence(scenes.stepping(), Verdict.CONTINUE)
    lowered = scenes.with_route(held, weights=((STABLE.hash, 100),))
    cluster.live, cluster.drift_found = lowered.route, Drift("HTTPRoute", "digits", ("spec.rules",), ("kubectl",))
    await carry_out(cluster, lowered)
    assert cluster.done.index("read rollout") < cluster.done.index("route 5")
    assert cluster.guards == [cluster.live]
    assert cluster.done[-1] == "event DriftRestored"


async def test_what_was_restored_before_a_write_that_fails_is_reported_too(cluster: Cluster) -> None:
    """The next look finds it as it should be."""
    held = scenes.with_evidence(scenes.stepping(), Verdict.CONTINUE)
    lowered = scenes.with_route(held, weights=((STABLE.hash, 100),))
    cluster.live, cluster.drift_found = lowered.route, Drift("HTTPRoute", "digits", ())
    cluster.breaks_at = f"serve {STABLE.hash}"
    with pytest.raises(UnavailableError):
        await carry_out(cluster, lowered)
    assert cluster.done[-2:] == ["route 5", "event DriftRestored"]


async def test_under_an_invalid_spec_only_the_split_is_restored(cluster: Cluster) -> None:
    broken = scenes.with_problems(scenes.with_evidence(scenes.stepping(), Verdict.CONTINUE))
    cluster.live = broken.route
    await carry_out(cluster, broken)
    assert not cluster.guards, "the spec's other wishes move nothing"
    lowered = scenes.with_route(broken, weights=((STABLE.hash, 100),))
    cluster.live = lowered.route
    await carry_out(cluster, lowered)
    assert "shift 5" in cluster.done


@pytest.mark.parametrize(
    ("seen", "breaks_at", "left"),
    [
        pytest.param(HARM, "shift 0", [], id="a lowering that fails writes nothing"),
        pytest.param(HARM, "status", ["shift 0"], id="a lowering stands without its status"),
        pytest.param(scenes.stepping(), "status", [], id="no step without its status"),
    ],
)
async def test_what_a_failed_write_leaves(cluster: Cluster, seen: Observation, breaks_at: str, left: list[str]) -> None:
    cluster.breaks_at = breaks_at
    with pytest.raises(UnavailableError):
        await carry_out(cluster, seen)
    assert cluster.done == left


async def test_an_autoscaler_comes_after_its_pods_and_goes_before_they_do(cluster: Cluster) -> None:
    """It would scale what is to stop, and be idle over what has none."""
    deployment = {"autoscaling": {"minReplicas": 2, "maxReplicas": 4}}
    serving = scenes.resting(scenes.raw_spec("1", deployment=deployment))
    drained = scenes.with_pods(serving, scenes.pods(CANDIDATE))
    cluster.live, cluster.autoscaled, cluster.live_version = drained.route, frozenset({CANDIDATE.hash}), "8"
    await carry_out(cluster, drained)
    assert [what for what in cluster.done if what != "read rollout"] == [
        "status",
        f"no autoscaler {CANDIDATE.hash}",
        "ensure 1 2",
        f"autoscale {STABLE.hash} 2-4",
        f"serve {STABLE.hash}",
        f"scale {CANDIDATE.hash} 0",
    ]


GATED = scenes.raw_spec(
    stages=(scenes.STAGES[0], scenes.STAGES[1] | {"post": [{"name": "ask", "webhook": {"url": "http://judge"}}]})
)


async def test_a_gate_is_run_when_status_tells_of_it(cluster: Cluster) -> None:
    plan = await carry_out(cluster, scenes.stepping(1, GATED))
    assert plan.action is Action.BEGIN_GATE
    assert (cluster.done[0], cluster.done[-1]) == ("status", "gate ask")


async def test_a_job_that_nobody_asks_for_may_be_somebodys_by_now(cluster: Cluster) -> None:
    cluster.leaves_jobs = True
    await carry_out(cluster, scenes.with_evidence(scenes.stepping(), Verdict.CONTINUE))
    assert cluster.done[-2:] == ["read rollout", "end digits-gabc"]
    cluster.live_version, cluster.done = "9", []
    with pytest.raises(ConflictError):
        await carry_out(cluster, scenes.with_evidence(scenes.stepping(), Verdict.CONTINUE))
    assert "end digits-gabc" not in cluster.done


async def test_a_rollback_waits_for_no_gate(cluster: Cluster) -> None:
    cluster.leaves_jobs = True
    await carry_out(cluster, HARM)
    assert cluster.done == ["shift 0", "status", "event RolledBack"]
