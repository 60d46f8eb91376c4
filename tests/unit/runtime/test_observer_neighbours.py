"""What the observer gathers of other rollouts, and of outcomes that are still to come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from modelrollout.api.resource import Key
from modelrollout.api.status import LateStatus, RevisionRef
from modelrollout.engine.neighbours import Neighbour
from modelrollout.engine.observed import LateEvidence
from modelrollout.engine.situation import Observation
from modelrollout.runtime.observer import Observer
from tests.support import scenes
from tests.support.scenes import CANDIDATE, NOW, STABLE
from tests.unit.runtime.test_observer import Gates, Sources

pytestmark = pytest.mark.unit

V1 = RevisionRef(revision="raaaaaaaaa", version="1")
KNOWN = LateEvidence((), NOW, is_complete=False)


@dataclass
class Lates:
    """Stands in for who looks for late outcomes."""

    asked: list[str]

    async def find(self, *_: object) -> LateEvidence:
        self.asked.append("lates")
        return KNOWN


@dataclass
class WithLates(Sources):
    """Stands in as `Sources` does, and for who looks for late outcomes."""

    standing: Mapping[str, Neighbour] = field(default_factory=dict)

    @property
    def lates(self) -> Lates:
        return Lates(self.asked)


async def observe(sources: WithLates) -> Observation:
    stand_in, gates = cast(Any, sources), cast(Any, Gates(sources))
    observer = Observer(
        stand_in,
        stand_in,
        stand_in,
        stand_in,
        gates=gates,
        configs=sources.configs,
        standing=lambda key: sources.standing.get(key.name) if key == Key("demo", key.name) else None,
    )
    return await observer.observe(sources.seen.rollout, NOW)


async def test_those_that_it_depends_on_are_seen_and_those_that_they_depend_on() -> None:
    chain = {
        "features": Neighbour("features", V1, depends_on=("raw",)),
        "raw": Neighbour("raw", V1, depends_on=("features",)),
        "nobodys": Neighbour("nobodys", V1),
    }
    sources = WithLates(scenes.stepping(1, scenes.raw_spec(dependsOn=[{"name": "features"}, {"name": "gone"}])))
    sources.standing = chain
    seen = await observe(sources)
    assert {neighbour.name for neighbour in seen.neighbours} == {"features", "raw"}
    assert seen.problems == ()


async def test_a_circle_is_a_problem_of_the_spec() -> None:
    sources = WithLates(scenes.stepping(1, scenes.raw_spec(dependsOn=[{"name": "features"}])))
    sources.standing = {"features": Neighbour("features", V1, depends_on=("digits",))}
    (problem,) = (await observe(sources)).problems
    assert "digits -> features -> digits" in problem


def promoted(*, with_metric: bool) -> Observation:
    metric = {
        "name": "missed",
        "source": "Series",
        "ratio": {"events": "missed_total{$selector}", "total": "labels_total{$selector}"},
        "delayed": {"maturity": "1h", "afterWindow": "Warn"},
        "check": {"max": "0.1"},
        "stages": [],
    }
    seen = scenes.resting(scenes.raw_spec(metrics=[*scenes.METRICS, metric] if with_metric else scenes.METRICS))
    late = LateStatus(**CANDIDATE.ref.model_dump(), against=STABLE.hash, since=NOW, until=NOW, number=1)
    return scenes.with_status(seen, late=late)


async def test_outcomes_that_are_still_to_come_are_looked_for_at_rest() -> None:
    sources = WithLates(promoted(with_metric=True))
    assert (await observe(sources)).late == KNOWN
    assert sources.asked == ["forget", "lates", "validator"]


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(promoted(with_metric=False), id="no-such-metric-any-more"),
        pytest.param(scenes.with_status(promoted(with_metric=True), late=None), id="nothing-awaited"),
        pytest.param(replace(scenes.stepping(), late=None), id="in-a-step"),
    ],
)
async def test_where_none_are_awaited_nobody_asks(seen: Observation) -> None:
    sources = WithLates(seen)
    assert (await observe(sources)).late is None
    assert "lates" not in sources.asked
