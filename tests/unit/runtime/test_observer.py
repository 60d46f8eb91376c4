"""What is gathered before a decision, and what nobody waits for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.resource import Key
from modelrollout.api.status import AttemptStatus
from modelrollout.engine.decide import decide
from modelrollout.engine.observed import Evidence, RouteState
from modelrollout.engine.plan import Action
from modelrollout.engine.situation import Observation
from modelrollout.runtime.observer import Observer
from tests.support import scenes
from tests.support.scenes import NOW

pytestmark = pytest.mark.unit


@dataclass
class Sources:
    """Stand in for caches, Prometheus and the validator, made from an observation.

    Attributes:
        asked: who was waited for.
    """

    seen: Observation
    objections: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    provider: Any = None

    @property
    def judge(self) -> Sources:
        return self

    def of(self, _: object) -> Any:
        return self

    def revisions(self, _: object) -> Any:
        return tuple(state.revision for state in self.seen.revisions)

    def observe(self, _: object, *revision: Any) -> Any:
        if not revision:
            return self.route()
        return self.seen.state_of(revision[0].hash)

    def fallback(self, _: object) -> Any:
        return self.seen.fallback

    def route(self) -> RouteState | None:
        return self.seen.route

    def served(self, _: object) -> str | None:
        return self.seen.served

    def forget(self, _: object) -> None:
        self.asked.append("forget")

    async def evidence(self, *_: object) -> tuple[Evidence, datetime]:
        self.asked.append("prometheus")
        assert self.seen.evidence is not None
        return self.seen.evidence, NOW

    async def scrapes(self, *_: object) -> tuple[bool | None, datetime]:
        self.asked.append("scrapes")
        return False, NOW

    def unanswered(self, _: Key) -> str | None:
        return None

    async def problems(self, *_: object) -> tuple[str, ...]:
        self.asked.append("validator")
        return self.objections


async def observe(sources: Sources) -> Observation:
    stand_in = cast(Any, sources)
    return await Observer(stand_in, stand_in, stand_in, stand_in).observe(sources.seen.rollout, NOW)


async def test_in_a_step_everything_is_gathered() -> None:
    sources = Sources(scenes.stepping(), ("bad",))
    seen = await observe(sources)
    assert sources.asked == ["prometheus", "validator"]
    assert (seen.problems, seen.evidence, seen.next_evidence_at) == (("bad",), sources.seen.evidence, NOW)


async def test_outside_of_a_step_prometheus_is_not_asked() -> None:
    sources = Sources(scenes.resting())
    await observe(sources)
    assert sources.asked == ["forget", "validator"]


def at_first_step(raw: dict[str, Any], ready: int = 2) -> Observation:
    """A candidate of this spec that has loaded, or still does."""
    seen = scenes.resting(raw)
    attempt = AttemptStatus(**seen.desired.ref.model_dump(), started_at=NOW)
    return replace(
        scenes.with_status(seen, attempt=attempt),
        revisions=(scenes.pods(scenes.STABLE), scenes.pods(seen.desired, ready)),
    )


LIVE_FIRST = scenes.raw_spec(stages=scenes.STAGES[1:])


async def test_before_the_first_live_request_somebody_must_be_watching() -> None:
    sources = Sources(at_first_step(LIVE_FIRST))
    seen = await observe(sources)
    assert sources.asked == ["forget", "scrapes", "validator"]
    assert (seen.scraped, seen.next_evidence_at) == (False, NOW)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(at_first_step(LIVE_FIRST, ready=1), id="loading"),
        pytest.param(scenes.loading(2), id="a shadow first"),
    ],
)
async def test_whoever_gets_no_live_request_now_needs_nobody_watching(seen: Observation) -> None:
    sources = Sources(seen)
    assert (await observe(sources)).scraped is None
    assert sources.asked == ["forget", "validator"]


async def test_harm_waits_for_no_dry_run() -> None:
    sources = Sources(scenes.with_evidence(scenes.stepping(), Verdict.HARM))
    seen = await observe(sources)
    assert sources.asked == ["prometheus"]
    assert decide(seen).action is Action.ROLL_BACK


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(scenes.candidate_down(scenes.stepping()), id="unready"),
        pytest.param(scenes.with_spec(scenes.stepping(), scenes.raw_spec("1")), id="reverted"),
    ],
)
async def test_what_the_caches_show_waits_for_nobody(seen: Observation) -> None:
    sources = Sources(seen)
    assert decide(await observe(sources)).action in {Action.SUSPEND, Action.ROLL_BACK}
    assert sources.asked == []


async def test_a_lowering_that_only_a_valid_spec_may_ask_for_waits_for_the_validator() -> None:
    """All stages below the canary's weight are gone from the spec, and the new one is not valid."""
    raw = scenes.raw_spec(stages=[{"name": "full", "weight": 100}])
    seen = scenes.with_spec(scenes.stepping(), raw)
    assert decide(seen).action is Action.ABANDON
    sources = Sources(seen, ("bad",))
    plan = decide(await observe(sources))
    assert (plan.action, plan.reason) == (Action.WAIT, "InvalidSpec")


async def test_what_was_stored_keeps_its_hash_whatever_todays_recipe_makes_of_it() -> None:
    old = replace(scenes.STABLE, hash="raaaaaaaaa")
    resting = scenes.resting(stable=old.ref)
    seen = replace(resting, revisions=(scenes.pods(old),))
    assert (await observe(Sources(seen))).desired == old
