"""The code that decides live, fed with counts instead of a Prometheus."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.verdict import Verdict
from modelrollout.api.metrics import Metric
from modelrollout.api.resource import Key, ModelRollout, parse_spec
from modelrollout.api.status import AttemptStatus, FrozenBound, ModelRolloutStatus, StepStatus
from modelrollout.metrics.counters import CounterRules
from modelrollout.metrics.reader import CounterReading
from modelrollout.runtime.counting import Counting
from modelrollout.runtime.findings import Finding
from modelrollout.runtime.levels import budget_of
from modelrollout.runtime.looking import Look
from modelrollout.runtime.ratios import Ratios
from modelrollout.runtime.settings import Settings

TICK_SECONDS = 30.0
"""Two scrapes of 15 s, which is what Prometheus does by default."""
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = Settings()

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stretch:
    """One step: a weight in percent, and for how many ticks it is looked at."""

    weight: int
    ticks: int


@dataclass(frozen=True)
class Moment:
    """One tick of every rollout.

    Attributes:
        step: number of the step it belongs to, from 1.
        counts: whether the step's own evidence has begun.
    """

    step: int
    counts: bool


@dataclass(frozen=True)
class Ending:
    """How one rollout ended.

    Attributes:
        tick: index of the first tick with a verdict that ends it; None if no tick had one.
        metric: which metric's verdict it was.
    """

    tick: int | None
    metric: str | None = None


def spec_of(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A spec with these metrics; what else it says has no part in judging."""
    return {
        "model": {"name": "simulated", "version": "2"},
        "workload": {"deployment": {"template": {"spec": {"containers": [{"name": "model", "image": "model"}]}}}},
        "service": {"port": 80},
        "traffic": {"gatewayAPI": {"parentRefs": [{"name": "gateway"}]}},
        "metrics": [dict(metric) for metric in metrics],
        "stages": [{"name": "full", "weight": 100}],
    }


class Judged:
    """One spec and its steps, judged for as many simulated rollouts as are asked for."""

    def __init__(self, metrics: Sequence[Mapping[str, Any]], stretches: Sequence[Stretch]) -> None:
        raw = spec_of(metrics)
        self._rollout = ModelRollout(
            key=Key("demo", "simulated"),
            uid="simulated",
            resource_version="1",
            generation=1,
            deleting=False,
            spec=parse_spec(raw),
            raw_spec=raw,
            status=ModelRolloutStatus(),
            annotations={},
        )
        self.metrics: tuple[Metric, ...] = self._rollout.spec.metrics
        self._looks = list(_looks(self._rollout, stretches))
        self._counts = _Counts()
        self._ratios = Ratios(self._counts)

    @property
    def moments(self) -> tuple[Moment, ...]:
        """What each tick is."""
        return tuple(Moment(look.step.number, look.now >= look.passes_since + TICK_SECONDS) for look in self._looks)

    @property
    def level(self) -> float:
        """Of one metric in the whole attempt."""
        return budget_of(self._rollout.spec).of_aggregate

    def harm(self, data: Mapping[str, tuple[Numbers, ...]]) -> Ending:
        """The first tick that finds harm, in one rollout.

        Args:
            data: for each metric's name, per tick: candidate's events and total, stable's events and total.
        """
        return self._first(data, Verdict.HARM)

    def passing(self, data: Mapping[str, tuple[Numbers, ...]], from_tick: int) -> Ending:
        """The first tick from `from_tick` on at which all metrics pass; harm before that ends it without one."""
        return self._first(data, Verdict.PASS, from_tick)

    def _first(self, data: Mapping[str, tuple[Numbers, ...]], wanted: Verdict, from_tick: int = 0) -> Ending:
        self._ratios.forget(self._rollout.uid)
        frozen: dict[str, float] = {}
        # All share the level, also those that a simulation leaves out.
        simulated = [metric for metric in self.metrics if metric.name in data]
        for number, look in enumerate(self._looks):
            verdicts = []
            for metric in simulated:
                finding = self._find(look, metric, data[metric.name], number, frozen)
                verdicts.append(finding.judged.result.verdict)
                if verdicts[-1] is Verdict.HARM:
                    return Ending(number if wanted is Verdict.HARM else None, metric.name)
            if wanted is Verdict.PASS and number >= from_tick and set(verdicts) == {Verdict.PASS}:
                return Ending(number)
        return Ending(None)

    def _find(
        self, look: Look, metric: Metric, rows: tuple[Numbers, ...], number: int, frozen: dict[str, float]
    ) -> Finding:
        events, total, stable_events, stable_total = (int(row[number]) for row in rows)
        stable = None if look.leaves_stable_no_share else Counts(stable_events, stable_total)
        self._counts.tick = Tick(look.now, Counts(events, total), stable, final=True)
        if look.leaves_stable_no_share and frozen:
            bounds = tuple(FrozenBound(metric=name, bound=repr(bound)) for name, bound in frozen.items())
            look = replace(look, attempt=look.attempt.model_copy(update={"frozen": bounds}))
        finding = _now(self._ratios.find(look, metric))
        if finding.bound is not None and not look.leaves_stable_no_share:
            frozen[metric.name] = finding.bound
        return finding


class _Counts(Counting):
    """Gives the one tick that is new."""

    def __init__(self) -> None:
        self.tick = Tick(0.0, None, None, final=True)

    def forget(self, uid: str) -> None:
        """Nothing is remembered."""

    async def read(
        self, look: Look, name: str, selectors: tuple[str, str], rules: CounterRules, cursor: float
    ) -> CounterReading:
        """The tick of this look, which is final."""
        return CounterReading((self.tick,), (), self.tick.at)


def _now(awaitable: Coroutine[Any, Any, Finding]) -> Finding:
    """What a coroutine gives that waits for nobody: an event loop would take longer than the judge."""
    try:
        awaitable.send(None)
    except StopIteration as stop:
        found: Finding = stop.value
        return found
    raise AssertionError("nothing here waits")


def _looks(rollout: ModelRollout, stretches: Sequence[Stretch]) -> list[Look]:
    looks: list[Look] = []
    at, before = BEGIN, 0
    for number, stretch in enumerate(stretches, start=1):
        step = StepStatus(
            stage="full",
            stage_index=0,
            index=number - 1,
            number=number,
            weight=stretch.weight,
            previous_weight=before,
            spec_hash="simulated",
            started_at=at,
            accepted_at=at,
            in_force_at=at,
        )
        attempt = AttemptStatus(
            revision="candidate", version="2", started_at=BEGIN, evidence_since=BEGIN, live_since=BEGIN, step=step
        )
        for _ in range(stretch.ticks):
            at += timedelta(seconds=TICK_SECONDS)
            look = Look(
                rollout=rollout,
                stable="stable",
                stable_version="1",
                attempt=attempt,
                step=step,
                settings=SETTINGS,
                now=at.timestamp(),
                offset=0.0,
            )
            looks.append(look)
        before = stretch.weight
    return looks
