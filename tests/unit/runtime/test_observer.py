"""What is gathered before a decision, and what nobody waits for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.gates import GateState, GateStatus
from modelrollout.api.resource import Key
from modelrollout.api.status import AttemptStatus, DispersionStatus, SeenConfig
from modelrollout.engine.config import Config
from modelrollout.engine.decide import decide
from modelrollout.engine.observed import Evidence, GateRun, RouteState, RunState
from modelrollout.engine.plan import Action
from modelrollout.engine.revisions import revision_of
from modelrollout.engine.rounds import round_of
from modelrollout.engine.situation import Observation
from modelrollout.engine.usual import FoundLimits
from modelrollout.runtime.configs import NEVER_READ, UNTRACKED, Reading
from modelrollout.runtime.observer import Observer
from tests.support import scenes
from tests.support.scenes import NOW

pytestmark = pytest.mark.unit


@dataclass
class StoredConfigs:
    """Stands in for what reads ConfigMaps.

    Attributes:
        before, now: what is known without a look, and what a look shows.
    """

    before: Reading = UNTRACKED
    now: Reading = UNTRACKED
    looks: int = 0

    def known(self, _: object) -> Reading:
        return self.before

    async def read(self, *_: object) -> Reading:
        self.looks += 1
        return self.now


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
    presets: Any = None
    history: Any = None
    ahead: tuple[str, ...] = ("at 9 requests/s:",)
    foreseen: int = 0
    spread: DispersionStatus | None = None
    measured: int = 0
    configs: Any = field(default_factory=StoredConfigs)

    @property
    def judge(self) -> Sources:
        return self

    @property
    def foresight(self) -> Sources:
        return self

    usuals = spreads = foresight

    async def measure(self, *_: object) -> DispersionStatus | None:
        self.measured += 1
        return self.spread

    async def find(self, *_: object) -> tuple[FoundLimits, datetime]:
        self.asked.append("history")
        return self.history, NOW + timedelta(minutes=5)

    async def lines(self, *_: object) -> tuple[str, ...]:
        self.foreseen += 1
        return self.ahead

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

    async def scrapes(self, *_: object, since: datetime | None) -> tuple[bool | None, datetime]:
        self.asked.append("scrapes" if since is None else f"scrapes since {since:%H:%M}")
        return False, NOW

    def unanswered(self, _: Key) -> str | None:
        return None

    async def problems(self, *_: object) -> tuple[str, ...]:
        self.asked.append("validator")
        return self.objections


@dataclass
class Gates:
    """Stand in for the gates."""

    sources: Sources

    async def observe(self, seen: Observation) -> tuple[GateRun, ...]:
        if self.sources.seen.gates:
            self.sources.asked.append("gates")
        return self.sources.seen.gates or ()


async def observe(sources: Sources) -> Observation:
    stand_in = cast(Any, sources)
    gates = cast(Any, Gates(sources))
    observer = Observer(stand_in, stand_in, stand_in, stand_in, gates=gates, configs=sources.configs)
    return await observer.observe(sources.seen.rollout, NOW)


async def test_in_a_step_everything_is_gathered() -> None:
    sources = Sources(scenes.stepping(), ("bad",))
    seen = await observe(sources)
    assert sources.asked == ["prometheus", "validator"]
    assert (seen.problems, seen.evidence, seen.next_evidence_at) == (("bad",), sources.seen.evidence, NOW)


async def test_outside_of_a_step_prometheus_is_not_asked() -> None:
    sources = Sources(scenes.resting())
    await observe(sources)
    assert sources.asked == ["forget", "validator"]


async def test_configuration_is_read_last_and_may_ask_for_another_revision() -> None:
    sources = Sources(scenes.stepping())
    digests = {"ConfigMap/model": "rone"}
    sources.configs = StoredConfigs(NEVER_READ, Reading(Config(tracked=True, digests=digests)))
    with_config = revision_of(sources.seen.rollout.raw_spec, digests)
    sources.seen = scenes.with_pods(sources.seen, scenes.pods(with_config, 0, None))
    first = scenes.with_status(sources.seen, config=(SeenConfig(revision=scenes.CANDIDATE.hash, digest="rother"),))
    sources.seen = first
    seen = await observe(sources)
    assert seen.desired == with_config
    assert seen.config == first.status.config
    assert decide(seen).action is Action.ABANDON


async def test_what_cannot_be_read_stops_only_what_has_not_begun() -> None:
    sources = Sources(scenes.stepping())
    sources.configs = StoredConfigs(NEVER_READ, Reading(Config(tracked=True), unread="ConfigMap model is away"))
    seen = await observe(sources)
    assert (seen.desired, seen.unchecked) == (scenes.CANDIDATE, "ConfigMap model is away")
    assert decide(seen).action is Action.ENTER


async def test_harm_does_not_wait_for_configuration() -> None:
    sources = Sources(scenes.with_evidence(scenes.stepping(), Verdict.HARM))
    assert decide(await observe(sources)).action is Action.ROLL_BACK
    assert sources.configs.looks == 0


def at_first_step(raw: dict[str, Any], ready: int = 2) -> Observation:
    """A candidate of this spec that has loaded, or still does."""
    seen = scenes.resting(raw)
    attempt = AttemptStatus(**seen.desired.ref.model_dump(), started_at=NOW)
    return replace(
        scenes.with_status(seen, attempt=attempt),
        revisions=(scenes.pods(scenes.STABLE), scenes.pods(seen.desired, ready)),
    )


LIVE_FIRST = scenes.raw_spec(stages=scenes.STAGES[1:])


async def test_what_lies_ahead_is_asked_for_once() -> None:
    sources = Sources(at_first_step(LIVE_FIRST))
    plan = decide(await observe(sources))
    assert plan.status.attempt is not None
    assert (plan.status.attempt.forecast, sources.foreseen) == (sources.ahead, 1)
    sources.seen = replace(sources.seen, rollout=replace(sources.seen.rollout, status=plan.status))
    await observe(sources)
    assert sources.foreseen == 1


async def test_how_requests_hang_together_is_measured_once() -> None:
    spread = DispersionStatus(measured_at=NOW, hours=24)
    sources = Sources(at_first_step(LIVE_FIRST), spread=spread)
    plan = decide(await observe(sources))
    assert plan.status.attempt is not None
    assert (plan.status.attempt.dispersion, sources.measured) == (spread, 1)
    sources.seen = replace(sources.seen, rollout=replace(sources.seen.rollout, status=plan.status))
    await observe(sources)
    assert sources.measured == 1


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


GATE = {"name": "ask", "webhook": {"url": "http://judge"}}


def gated(raw: dict[str, Any], state: GateState) -> Observation:
    """A candidate that has loaded, and its first gate."""
    seen = at_first_step(raw)
    assert seen.status.attempt is not None
    (due,) = round_of(seen.rollout.spec, seen.status.attempt)
    entry = GateStatus(
        run=due.run,
        name=due.name,
        stage=due.stage,
        when=due.when,
        state=state,
        started_at=NOW,
        deadline=NOW + timedelta(minutes=1),
        ended_at=None if state is GateState.RUNNING else NOW,
    )
    return scenes.with_attempt(seen, gates=(entry,))


@pytest.mark.parametrize("stage", scenes.STAGES[:2], ids=["shadow", "live"])
async def test_what_a_gate_asked_is_nobodys_evidence(stage: dict[str, Any]) -> None:
    """Also not that of a shadow: the candidate must be scraped after the gate, before anything is counted."""
    raw = scenes.raw_spec(stages=[stage | {"pre": [GATE]}, scenes.STAGES[3]])
    sources = Sources(gated(raw, GateState.SUCCEEDED))
    plan = decide(await observe(sources))
    assert sources.asked == ["forget", "scrapes since 12:00", "validator"]
    assert plan.reason == "CandidateNotScraped"


async def test_a_gate_that_says_no_waits_for_no_dry_run_and_harm_not_for_a_gate() -> None:
    seen = gated(scenes.raw_spec(stages=[scenes.STAGES[1] | {"pre": [GATE]}, scenes.STAGES[3]]), GateState.RUNNING)
    assert seen.status.attempt is not None
    shown = replace(seen, gates=(GateRun(seen.status.attempt.gates[0].run, RunState.FAILED, "no"),))
    sources = Sources(shown)
    assert decide(await observe(sources)).reason == "GateFailed"
    assert sources.asked == ["forget", "gates"]
    harmed = Sources(replace(scenes.with_evidence(scenes.stepping(), Verdict.HARM), gates=shown.gates))
    assert decide(await observe(harmed)).reason == "Harm"
    assert harmed.asked == ["prometheus"]
