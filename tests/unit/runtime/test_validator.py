"""Who is asked about a spec, how often, and what an objection is worth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.outcome import Ambiguous, Outcome, Value
from modelrollout.api.conditions import Condition, ConditionStatus, ConditionType
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.gates.gates import Gates
from modelrollout.kube.errors import ForbiddenError, UnavailableError
from modelrollout.metrics.provider import MetricProvider, ProviderUnavailableError
from modelrollout.runtime.validator import ASK_AGAIN, Validator
from modelrollout.traffic.registry import Traffics
from modelrollout.workload.registry import Workloads
from tests.support import scenes
from tests.support.scenes import NOW, STABLE

pytestmark = pytest.mark.unit

SECOND = timedelta(seconds=1)


@dataclass
class Judges:
    """Stand in for all who know something: the caches, the API server, Prometheus.

    Attributes:
        asked: who was asked, in order; what the caches tell is free and not counted.
    """

    cached: tuple[str, ...] = ()
    workload: tuple[str, ...] = ()
    route: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    parse_error: str | None = None
    outcome: Outcome = Value(1.0)  # noqa: RUF009 - frozen
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def of(self, _: ModelRollout) -> Any:
        return _Providers(self)

    async def check(self, _: str) -> str | None:
        self.asked.append("parse")
        if self.error is not None:
            raise self.error
        return self.parse_error

    async def problems(self, *_: object) -> tuple[str, ...]:
        self.asked.append("gates")
        return self.gates

    async def now(self) -> float:
        return 1000.0

    async def instant(self, *_: object) -> Outcome:
        return self.outcome


@dataclass
class _Providers:
    judges: Judges

    def problems(self, _: ModelRollout, *desired: object) -> Any:
        if not desired:
            return self.judges.cached

        async def ask() -> tuple[str, ...]:
            self.judges.asked.append("workload")
            return self.judges.workload

        return ask()

    def objections(self, *_: object) -> tuple[str, ...]:
        return ()

    async def review(self, _: ModelRollout) -> tuple[str, ...]:
        self.judges.asked.append("route")
        return self.judges.route


EVERYBODY = ["workload", "route", "gates", "parse"]
ROLLOUT = scenes.rollout(scenes.raw_spec(), ModelRolloutStatus(stable=STABLE.ref))


class Bench:
    def __init__(self, **answers: Any) -> None:
        self.judges = Judges(**answers)
        stand_in = cast(Any, self.judges)
        self.validator = Validator(cast(Workloads, stand_in), cast(Traffics, stand_in), cast(Gates, stand_in))

    async def problems(self, rollout: ModelRollout = ROLLOUT, now: datetime = NOW) -> tuple[str, ...]:
        desired = scenes.revision("2")
        return await self.validator.problems(rollout, desired, cast(MetricProvider, self.judges), now)


async def test_a_good_spec_is_asked_about_once_for_each_generation() -> None:
    bench = Bench()
    assert await bench.problems() == ()
    assert await bench.problems(now=NOW + timedelta(days=1)) == ()
    assert bench.judges.asked == EVERYBODY
    assert bench.validator.ask_again_at(ROLLOUT.key) is None
    await bench.problems(replace(ROLLOUT, generation=ROLLOUT.generation + 1))
    await bench.problems(replace(ROLLOUT, uid="another"))
    assert bench.judges.asked == EVERYBODY * 3


_STEPPING = scenes.stepping().rollout
IN_A_STEP = replace(_STEPPING, status=_STEPPING.status.model_copy(update={"observed_generation": _STEPPING.generation}))
OBJECTED = Condition(
    type=ConditionType.STALLED, status=ConditionStatus.TRUE, last_transition_time=NOW, reason="NameTaken"
)


async def test_after_a_restart_who_is_in_a_step_is_judged_before_the_spec_is_asked_about_again() -> None:
    """Whoever led before has asked: no step begins before."""
    bench = Bench(workload=("bad template",))
    assert await bench.problems(IN_A_STEP) == ()
    assert await bench.problems(IN_A_STEP, NOW + ASK_AGAIN - SECOND) == ()
    assert bench.judges.asked == []
    assert bench.validator.ask_again_at(IN_A_STEP.key) == NOW + ASK_AGAIN
    assert await bench.problems(IN_A_STEP, NOW + ASK_AGAIN) == ("bad template",)


SETTLED = scenes.rollout(
    scenes.raw_spec(), ModelRolloutStatus(observed_generation=ROLLOUT.generation, stable=scenes.revision("2").ref)
)


async def test_after_a_restart_nobody_is_asked_about_who_rests_at_what_its_spec_asks_for() -> None:
    bench = Bench(workload=("bad template",), cached=("no Gateway",))
    assert await bench.problems(SETTLED) == ("no Gateway",)
    assert await bench.problems(SETTLED, NOW + timedelta(days=1)) == ("no Gateway",)
    assert bench.judges.asked == []
    assert bench.validator.ask_again_at(SETTLED.key) is None


@pytest.mark.parametrize(
    "rollout",
    [
        pytest.param(replace(IN_A_STEP, generation=IN_A_STEP.generation + 1), id="edited-meanwhile"),
        pytest.param(replace(SETTLED, generation=SETTLED.generation + 1), id="edited-at-rest"),
        pytest.param(
            scenes.rollout(scenes.raw_spec(), SETTLED.status.model_copy(update={"stable": STABLE.ref})),
            id="has-to-begin",
        ),
        pytest.param(
            replace(IN_A_STEP, status=IN_A_STEP.status.model_copy(update={"conditions": (OBJECTED,)})), id="objected"
        ),
    ],
)
async def test_after_a_restart_nobody_else_is_trusted(rollout: ModelRollout) -> None:
    assert await Bench(workload=("bad template",)).problems(rollout) == ("bad template",)


async def test_all_who_object_are_heard_at_once_and_asked_again_later() -> None:
    bench = Bench(cached=("no Gateway",), workload=("bad template",), route=("bad route",), parse_error="unexpected )")
    expected = (
        "no Gateway",
        "bad template",
        "bad route",
        "spec.metrics[1].query (latency): does not parse: unexpected )",
    )
    assert await bench.problems() == expected
    assert await bench.problems(now=NOW + ASK_AGAIN - SECOND) == expected
    assert bench.judges.asked == EVERYBODY
    assert bench.validator.ask_again_at(ROLLOUT.key) == NOW + ASK_AGAIN
    bench.judges.workload = bench.judges.route = ()
    bench.judges.parse_error = None
    assert await bench.problems(now=NOW + ASK_AGAIN) == ("no Gateway",)


async def test_what_the_caches_tell_counts_at_every_look() -> None:
    bench = Bench(cached=("no Gateway",))
    assert await bench.problems() == ("no Gateway",)
    bench.judges.cached = ()
    assert await bench.problems() == ()
    bench.judges.cached = ("no Gateway",)
    assert await bench.problems() == ("no Gateway",)
    assert bench.judges.asked == EVERYBODY


@pytest.mark.parametrize("error", [ProviderUnavailableError("away"), UnavailableError("Unavailable", "away")])
async def test_not_knowing_is_no_objection_and_is_asked_again(error: Exception) -> None:
    bench = Bench(error=error, workload=("bad template",))
    assert await bench.problems() == ("bad template",)
    assert bench.validator.unanswered(ROLLOUT.key) == str(error)
    bench.judges.workload = ()
    bench.judges.error = None
    assert await bench.problems(now=NOW + ASK_AGAIN) == ()
    assert bench.validator.unanswered(ROLLOUT.key) is None
    assert bench.judges.asked == EVERYBODY * 2


async def test_a_missing_right_is_an_objection_with_a_remedy() -> None:
    bench = Bench(error=ForbiddenError("Forbidden", "the operator may not create deployments.apps; grant it"))
    assert await bench.problems() == ("the operator may not create deployments.apps; grant it",)


async def test_a_query_of_several_series_is_refused_by_what_stable_shows() -> None:
    (problem,) = await Bench(outcome=Ambiguous(2)).problems()
    assert problem.startswith("spec.metrics[1].query (latency): returns 2 series")
    without_stable = scenes.rollout(scenes.raw_spec(), ModelRolloutStatus())
    assert await Bench(outcome=Ambiguous(2)).problems(without_stable) == ()


async def test_counters_of_too_many_series_are_refused_by_what_stable_shows() -> None:
    assert [problem.partition(":")[0] for problem in await Bench(outcome=Value(5001.0)).problems()] == [
        "spec.metrics[0].ratio.total (error-rate)",
        "spec.metrics[0].ratio.events (error-rate)",
    ]


async def test_what_is_no_label_matcher_is_refused() -> None:
    fallback = {"service": {"name": "queue", "port": 80}, "selector": "up"}
    bench = Bench()
    found = await bench.problems(scenes.rollout(scenes.raw_spec(fallback=fallback), ModelRolloutStatus()))
    assert [problem.partition(":")[0] for problem in found] == ["spec.fallback.selector"]


async def test_what_is_remembered_of_a_gone_rollout_is_dropped() -> None:
    bench = Bench()
    await bench.problems()
    bench.validator.forget(ROLLOUT.key)
    await bench.problems()
    assert bench.judges.asked == EVERYBODY * 2
