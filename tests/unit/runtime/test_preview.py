"""In which order what shows a candidate appears and goes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from modelrollout.engine.decide import decide
from modelrollout.engine.situation import Observation
from modelrollout.kube.apply import Drift
from modelrollout.runtime.preview import Previews
from tests.support import scenes

pytestmark = pytest.mark.unit

STAGES: list[dict[str, Any]] = [
    {"name": "preview", "preview": {"hostnames": ["p.example.com"]}, "duration": "5m"},
    {"name": "full", "weight": 100},
]
SHOWN = scenes.with_evidence(scenes.stepping(0, scenes.raw_spec(stages=STAGES)), covered=scenes.MINUTE)


@dataclass
class Side:
    """The workload or the traffic."""

    name: str
    done: list[str]
    route: bool = False

    def of(self, _: object) -> Any:
        return self

    async def preview(self, _: object, what: object) -> tuple[Drift, ...]:
        self.done.append(f"{'make' if what is not None else 'remove'} {self.name}")
        return () if what is None else (Drift("Kind", self.name, ()),)

    def has_preview(self, _: object) -> bool:
        return self.route


@dataclass
class Bench:
    route: bool = False
    done: list[str] = field(default_factory=list)

    async def carry_out(self, seen: Observation) -> list[Drift]:
        workload, traffic = Side("service", self.done), Side("route", self.done, self.route)
        previews = Previews(cast(Any, workload), cast(Any, traffic))
        return list(await previews.carry_out(seen, seen.rollout, decide(seen)))


async def test_the_service_is_there_before_the_route() -> None:
    bench = Bench()
    drifts = await bench.carry_out(SHOWN)
    assert bench.done == ["make service", "make route"]
    assert [drift.name for drift in drifts] == ["service", "route"]


@pytest.mark.parametrize(
    ("route", "done"),
    [
        pytest.param(True, ["remove route"], id="the route is still there"),
        pytest.param(False, ["remove route", "remove service"], id="the route is gone"),
    ],
)
async def test_the_service_goes_after_the_route_is_gone(route: bool, done: list[str]) -> None:  # noqa: FBT001 - a column
    bench = Bench(route)
    assert await bench.carry_out(scenes.resting()) == []
    assert bench.done == done


async def test_a_spec_that_cannot_be_carried_out_changes_nothing() -> None:
    bench = Bench()
    assert await bench.carry_out(replace(SHOWN, problems=("no",))) == []
    assert bench.done == []
