"""What metrics that stop nothing would have done, counted when a rollout ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.metrics import Mode
from modelrollout.api.reviews import Fired, MetricReview
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action, Plan
from modelrollout.engine.reviews import ENOUGH, REVIEWED, advice
from modelrollout.engine.revisions import metric_digest
from modelrollout.engine.situation import Observation
from tests.support.scenes import (
    METRICS,
    MINUTE,
    NOW,
    latched,
    raw_spec,
    stepping,
    with_attempt,
    with_evidence,
    with_spec,
    with_status,
)

pytestmark = pytest.mark.unit

LAST_STEP, CANARY = 5, 1
DIGEST = metric_digest(stepping().rollout.spec.metrics[1])


def fired(at: datetime) -> tuple[Fired, ...]:
    return (Fired(metric="latency", at=at, stage="canary"),)


def ending(position: int, verdict: Verdict, warn: Verdict = Verdict.PASS, **attempt: Any) -> Observation:
    return with_evidence(with_attempt(stepping(position), **attempt), verdict, warn=warn)


def again(seen: Observation, plan: Plan) -> Observation:
    return replace(seen, rollout=replace(seen.rollout, status=plan.status))


def review_of(status: ModelRolloutStatus) -> MetricReview:
    assert [review.metric for review in status.reviews] == ["latency"]
    return status.reviews[0]


def test_that_it_fired_is_remembered_once() -> None:
    seen = ending(CANARY, Verdict.CONTINUE, Verdict.HARM)
    plan = decide(seen)
    assert plan.action is Action.WAIT
    assert plan.status.attempt is not None
    assert plan.status.attempt.fired == fired(NOW)
    later = decide(replace(again(seen, plan), now=NOW + MINUTE))
    assert later.status.attempt is not None
    assert later.status.attempt.fired == fired(NOW)
    assert plan.status.reviews == ()
    assert REVIEWED not in {event.reason for event in plan.events}


@pytest.mark.parametrize(
    ("seen", "counts", "last"),
    [
        pytest.param(
            ending(LAST_STEP, Verdict.PASS),
            (1, 0, 0, 0, 0),
            "did not fire, and neither did what is enforced",
            id="promoted, silent",
        ),
        pytest.param(
            ending(LAST_STEP, Verdict.PASS, fired=fired(NOW - MINUTE)),
            (1, 1, 0, 1, 0),
            "would have fired at 11:59:00Z in canary, and nothing that is enforced did (promoted)",
            id="promoted, fired before",
        ),
        pytest.param(
            ending(CANARY, Verdict.HARM),
            (1, 0, 0, 0, 1),
            "did not fire, where what is enforced did",
            id="rolled back, silent",
        ),
        pytest.param(
            ending(CANARY, Verdict.HARM, fired=fired(NOW - 3 * MINUTE)),
            (1, 1, 1, 0, 0),
            "would have fired at 11:57:00Z in canary, 3m before what is enforced",
            id="rolled back, fired before",
        ),
        pytest.param(
            ending(CANARY, Verdict.HARM, Verdict.HARM),
            (1, 1, 0, 0, 0),
            "would have fired at 12:00:00Z in canary, no sooner than what is enforced",
            id="rolled back, fired in the same look",
        ),
        pytest.param(
            ending(CANARY, Verdict.PASS, fired=fired(NOW - MINUTE), harm=latched()),
            (1, 1, 0, 0, 0),
            "would have fired at 11:59:00Z in canary, no sooner than what is enforced",
            id="rolled back on latched harm",
        ),
        pytest.param(
            with_spec(ending(CANARY, Verdict.PASS, fired=fired(NOW - MINUTE)), raw_spec("3")),
            (1, 1, 0, 1, 0),
            "would have fired at 11:59:00Z in canary, and nothing that is enforced did (ended for another reason)",
            id="superseded",
        ),
    ],
)
def test_what_it_would_have_done(seen: Observation, counts: tuple[int, ...], last: str) -> None:
    plan = decide(seen)
    review = review_of(plan.status)
    assert (review.rollouts, review.fired, review.ahead, review.alone, review.missed) == counts
    assert review.last == last
    assert (review.mode, review.digest) == (Mode.WARN, DIGEST)
    told = [event.note for event in plan.events if event.reason == REVIEWED]
    assert [note.startswith(f"version 2: latency (mode: Warn) {last}") for note in told] == [True] * review.fired


def test_it_is_counted_once_for_each_rollout_and_told_once() -> None:
    seen = ending(LAST_STEP, Verdict.PASS)
    first = decide(seen)
    after = decide(again(seen, first))
    assert review_of(after.status).rollouts == 1
    assert REVIEWED not in {event.reason for event in after.events}
    second = decide(with_status(ending(LAST_STEP, Verdict.PASS), reviews=first.status.reviews))
    assert review_of(second.status).rollouts == 2


def test_what_is_to_be_thought_of_it_is_told_when_that_changes() -> None:
    before = MetricReview(metric="latency", mode=Mode.WARN, digest=DIGEST, rollouts=ENOUGH - 1)
    ended = with_status(ending(LAST_STEP, Verdict.PASS), reviews=(before,))
    plan = decide(ended)
    told = [event.note for event in plan.events if event.reason == REVIEWED]
    assert [note.split(": ", 2)[:2] for note in told] == [["version 2", "latency"]]
    assert told[0].endswith("nothing enforced did either: prune it, or let it wait for its day")
    then = decide(with_status(ended, reviews=plan.status.reviews))
    assert review_of(then.status).rollouts == ENOUGH + 1
    assert REVIEWED not in {event.reason for event in then.events}


def test_an_edited_metric_is_counted_anew() -> None:
    before = (MetricReview(metric="latency", mode=Mode.WARN, digest="other", rollouts=9, fired=9),)
    plan = decide(with_status(ending(LAST_STEP, Verdict.PASS), reviews=before))
    assert review_of(plan.status).rollouts == 1


def test_a_metric_of_stages_to_come_has_no_part_in_it() -> None:
    raw = raw_spec(metrics=[METRICS[0], METRICS[1] | {"stages": ["full"]}])
    seen = with_evidence(stepping(CANARY, raw), Verdict.HARM)
    plan = decide(seen)
    assert plan.action is Action.ROLL_BACK
    assert plan.status.reviews == ()
    digest = metric_digest(seen.rollout.spec.metrics[1])
    known = (MetricReview(metric="latency", mode=Mode.WARN, digest=digest, rollouts=3, alone=1),)
    assert decide(with_status(seen, reviews=known)).status.reviews == known


def test_what_is_not_measured_any_more_is_forgotten() -> None:
    old = (MetricReview(metric="gone", mode=Mode.WARN, digest="d", rollouts=3),)
    plan = decide(with_status(ending(LAST_STEP, Verdict.PASS), reviews=old))
    assert review_of(plan.status).rollouts == 1


def test_a_metric_without_a_limit_is_told_how_to_get_one() -> None:
    raw = raw_spec(metrics=[METRICS[0], METRICS[1] | {"check": {}, "mode": "Observe"}])
    plan = decide(with_evidence(stepping(CANARY, raw), Verdict.HARM))
    assert "kubectl mr suggest" in review_of(plan.status).last


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"rollouts": 1}, ""),
        ({"rollouts": ENOUGH - 1, "missed": 1}, ""),
        ({"rollouts": ENOUGH, "missed": 1}, "added nothing in 5 rollouts: it can be pruned"),
        ({"rollouts": ENOUGH, "fired": 1}, "added nothing in 5 rollouts: it can be pruned"),
        ({"rollouts": ENOUGH}, "prune it, or let it wait for its day"),
        ({"rollouts": 2, "fired": 1, "ahead": 1}, "sooner than what is enforced in 1 of 2 rollouts: worth enforcing"),
        ({"rollouts": 9, "fired": 2, "alone": 2}, "alone in 2 of 9 rollouts: if it was right, enforce it"),
    ],
)
def test_advice(counts: dict[str, int], text: str) -> None:
    said = advice(MetricReview(metric="latency", mode=Mode.OBSERVE, digest="d", **counts))
    assert (text in said) if text else said == ""
