"""A model is judged while those that it works on are still."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.status import RevisionRef
from modelrollout.engine.chains import decide
from modelrollout.engine.decide import decide as plan
from modelrollout.engine.neighbours import Neighbour
from modelrollout.engine.pipeline import pipeline_problems, upstream_changed, upstream_first, upstream_hash
from modelrollout.engine.plan import Action
from modelrollout.engine.situation import Observation, situation_of
from tests.support import scenes
from tests.support.cases import Case, as_stepping, check, table
from tests.support.scenes import CANDIDATE

pytestmark = pytest.mark.unit

RAW = scenes.raw_spec(dependsOn=[{"name": "embedder"}, {"name": "features"}])
V1, V2 = RevisionRef(revision="raaaaaaaaa", version="1"), RevisionRef(revision="rbbbbbbbbb", version="2")
EMBEDDER, FEATURES = Neighbour("embedder", V1), Neighbour("features", V1)


def beside(*neighbours: Neighbour, position: int = 1) -> Observation:
    return replace(scenes.stepping(position, RAW), neighbours=neighbours)


@table(
    Case("all-rest", beside(EMBEDDER, FEATURES), None),
    Case(
        "one-moves",
        beside(EMBEDDER, replace(FEATURES, moves="version 2 is in stage canary")),
        Action.WAIT,
        "UpstreamMoves",
        text="features: version 2 is in stage canary",
    ),
    Case(
        "one-fails",
        beside(replace(EMBEDDER, moves="version 2 loads"), replace(FEATURES, fails="no endpoint is ready")),
        Action.WAIT,
        "UpstreamFails",
        text="features: no endpoint is ready",
    ),
    Case("one-is-missing", beside(EMBEDDER), Action.WAIT, "UpstreamMissing", text="dependsOn names features"),
    Case("depends-on-nobody", replace(scenes.stepping(1), neighbours=(replace(EMBEDDER, moves="moves"),)), None),
)
def test_upstream_first(case: Case) -> None:
    check(upstream_first(as_stepping(case.seen)), case)


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        pytest.param(scenes.stepping(1, RAW), "Passed", id="in-a-step"),
        pytest.param(scenes.loading(2, RAW), "CandidateReady", id="before-the-first-step"),
        pytest.param(replace(scenes.resting(RAW), desired=CANDIDATE), "NewRevision", id="before-it-begins"),
    ],
)
def test_nothing_goes_on_while_one_moves(seen: Observation, reason: str) -> None:
    still = replace(seen, neighbours=(EMBEDDER, FEATURES))
    assert decide(situation_of(still)).reason == reason
    moving = replace(seen, neighbours=(EMBEDDER, replace(FEATURES, moves="version 2 loads")))
    assert (decide(situation_of(moving)).action, decide(situation_of(moving)).reason) == (Action.WAIT, "UpstreamMoves")


def test_harm_acts_whatever_happens_upstream() -> None:
    moving = beside(EMBEDDER, replace(FEATURES, moves="version 2 loads"))
    harmed = scenes.with_evidence(moving, Verdict.HARM)
    assert decide(situation_of(harmed)).action is Action.ROLL_BACK


def begun_on(*neighbours: Neighbour) -> Observation:
    seen = beside(EMBEDDER, FEATURES)
    return replace(scenes.with_step(seen, upstream_hash=upstream_hash(seen)), neighbours=neighbours)


@table(
    Case("the-same-serve", begun_on(EMBEDDER, FEATURES), None),
    Case(
        "another-serves",
        begun_on(EMBEDDER, replace(FEATURES, serves=V2)),
        Action.ENTER,
        "UpstreamChanged",
        step="canary at 5 %",
    ),
    Case("begun-before-this-was-remembered", beside(EMBEDDER, replace(FEATURES, serves=V2)), None),
)
def test_upstream_changed(case: Case) -> None:
    check(upstream_changed(as_stepping(case.seen)), case)


def test_a_step_remembers_what_it_was_judged_on() -> None:
    made = plan(beside(EMBEDDER, FEATURES))
    assert made.action is Action.ENTER
    assert made.status.attempt is not None
    assert made.status.attempt.step is not None
    assert made.status.attempt.step.upstream_hash == upstream_hash(beside(EMBEDDER, FEATURES))
    assert upstream_hash(scenes.stepping(1)) is None


@pytest.mark.parametrize(
    ("neighbours", "says"),
    [
        pytest.param((EMBEDDER, FEATURES), "", id="none"),
        pytest.param((replace(EMBEDDER, depends_on=("digits",)), FEATURES), "digits -> embedder -> digits", id="two"),
        pytest.param(
            (EMBEDDER, replace(FEATURES, depends_on=("raw",)), Neighbour("raw", V1, depends_on=("digits",))),
            "digits -> features -> raw -> digits",
            id="three",
        ),
        pytest.param(
            (replace(EMBEDDER, depends_on=("raw",)), FEATURES, Neighbour("raw", V1, depends_on=("embedder",))),
            "",
            id="of-others",
        ),
    ],
)
def test_a_circle_is_refused(neighbours: tuple[Neighbour, ...], says: str) -> None:
    found = list(pipeline_problems(beside(*neighbours)))
    assert len(found) == bool(says)
    assert all(says in problem for problem in found)


def test_a_guardrail_is_about_another_rollout() -> None:
    metric = {
        "name": "own",
        "of": "digits",
        "ratio": {"events": "errors_total{$selector}", "total": "requests_total{$selector}"},
        "check": {"max": "0.1"},
    }
    seen = scenes.stepping(1, scenes.raw_spec(metrics=[*scenes.METRICS, metric]))
    assert list(pipeline_problems(seen)) == ["spec.metrics[2].of (own): is this rollout itself; leave it out"]
