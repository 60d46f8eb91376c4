"""All the evidence of an attempt, read again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from modelrollout.analysis.eprocess import log_threshold
from modelrollout.analysis.verdict import Verdict
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import LogEntry, ModelRolloutStatus, RevisionRef
from modelrollout.engine.plan import Action
from modelrollout.engine.retold import Retold, last_attempt
from modelrollout.runtime.explaining import Explained, explained
from modelrollout.runtime.replay import Trial, replayed
from modelrollout.runtime.settings import Settings
from tests.support.objects import rollout
from tests.support.past import History, Pod

pytestmark = pytest.mark.unit

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE, BAD_FROM = 120.0, 200.0
SETTINGS = Settings(scrape_interval=timedelta(seconds=5), scrape_timeout=timedelta(seconds=1))
STABLE, CANDIDATE = RevisionRef(revision="rstable", version="1"), RevisionRef(revision="rcandidate", version="2")
STAGES = [{"name": "canary", "weight": 10, "duration": "2m"}, {"name": "full", "weight": 50, "duration": "5m"}]
METRICS = [
    {
        "name": "error-rate",
        "ratio": {"events": "errors{$selector}", "total": "requests{$selector}"},
        "check": {"max": "0.01", "noWorseThan": {"ratio": "2", "difference": "0.02"}},
    },
    {"name": "p99", "query": "p99{$selector}", "check": {"max": "0.5"}, "mode": "Observe"},
    {
        "name": "time",
        "mean": {"sum": "seconds{$selector}", "count": "requests{$selector}"},
        "check": {"max": "1"},
        "mode": "Observe",
    },
]


def history(bad: float) -> History:
    """Ten requests a second for each revision; after a while the candidate fails a share of its own."""

    def errors(at: float) -> float:
        return max(0.0, 10 * bad * (at - BEFORE - BAD_FROM))

    pods = (
        Pod(
            "digits-rstable-1", {"requests": lambda at: 10 * at, "errors": lambda _: 0.0, "seconds": lambda at: 2 * at}
        ),
        Pod("digits-rcandidate-1", {"requests": lambda at: 10 * at, "errors": errors, "seconds": lambda at: 3 * at}),
    )
    return History(pods, BEGIN.timestamp() - BEFORE, 800 + BEFORE)


async def lived(past: History, seconds: float) -> tuple[ModelRollout, datetime]:
    """The rollout as the operator left it after so many seconds."""
    given = rollout(stages=STAGES, metrics=METRICS)
    trial = Trial(STABLE, CANDIDATE, BEGIN, BEGIN + timedelta(seconds=seconds))
    last = [moment async for moment in replayed(given, trial, past, SETTINGS)][-1]
    return rollout_with(given, last.plan.status), last.at


def rollout_with(given: ModelRollout, status: ModelRolloutStatus) -> ModelRollout:
    return replace(given, status=status)


async def explain(bad: float, seconds: float) -> tuple[Retold, Explained, Explained, ModelRollout]:
    past = history(bad)
    given, at = await lived(past, seconds)
    told = last_attempt(given.status, given.spec)
    assert isinstance(told, Retold)
    errors, latency, mean = await explained(given, told, past, SETTINGS, at)
    assert [row.means for row in mean.rows] == [pytest.approx((0.3, 0.2))] * len(told.steps)
    return told, errors, latency, given


async def test_an_attempt_that_was_rolled_back_shows_the_evidence_that_did_it() -> None:
    told, errors, _, given = await explain(0.3, 600.0)
    assert told.ended_at is not None
    assert given.status.failed is not None
    assert errors.result is not None
    assert errors.result.verdict is Verdict.HARM
    assert errors.result.reason == given.status.failed.message
    assert [row.label for row in errors.rows] == ["canary at 10 %", "full at 50 %"]
    canary, full = errors.rows
    assert canary.candidate.events == 0
    assert 1000 <= canary.candidate.total <= 1600
    assert full.candidate.events > 0
    assert errors.level == pytest.approx(0.005 / 2)
    assert errors.level is not None
    assert dict(full.log_e)["max"] > log_threshold(errors.level)
    assert set(dict(full.log_e)) == {"max", "noWorseThan"}
    assert errors.more is None


async def test_of_one_under_way_it_is_told_how_many_failures_would_be_harm() -> None:
    told, errors, latency, _ = await explain(0.0, 240.0)
    assert told.ended_at is None
    assert errors.result is not None
    assert errors.result.verdict is not Verdict.HARM
    assert errors.more is not None
    assert 3 <= errors.more <= 100
    assert (latency.level, latency.rows) == (None, ())


def entry(action: Action, minute: int, stage: str | None = None, weight: int = 0, of: str = "rb") -> LogEntry:
    at = BEGIN + timedelta(minutes=minute)
    return LogEntry(at=at, action=action, revision=of, stage=stage, weight=weight, reason="R", message="m")


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ((), "no rollout has been judged"),
        ((entry(Action.BEGIN, 0), entry(Action.ROLL_BACK, 1)), "revision rb had entered no step"),
        ((entry(Action.BEGIN, 0), entry(Action.ENTER, 1, "canary", 10)), "no rollout has been judged"),
    ],
)
def test_what_cannot_be_told_says_why(log: tuple[LogEntry, ...], told: str) -> None:
    found = last_attempt(ModelRolloutStatus(stable=STABLE, log=log), rollout(stages=STAGES).spec)
    assert isinstance(found, str)
    assert told in found


def test_an_attempt_is_told_from_its_own_entries() -> None:
    log = (
        entry(Action.BEGIN, 0, of="ra"),
        entry(Action.ROLL_BACK, 1, "canary", of="ra"),
        entry(Action.BEGIN, 2),
        entry(Action.ENTER, 3, "canary", 10),
        entry(Action.IN_FORCE, 4, "canary", 10),
        entry(Action.ENTER, 5, "full", 50),
        entry(Action.PROMOTE, 6, "full", 100),
        entry(Action.BEGIN, 7, of="rc"),
    )
    status = ModelRolloutStatus(stable=RevisionRef(revision="rb", version="2"), log=log)
    found = last_attempt(status, rollout(stages=STAGES).spec)
    assert isinstance(found, Retold)
    assert (found.attempt.revision, found.attempt.version, found.stable.revision) == ("rb", "2", "gone")
    assert [one.label for one in found.steps] == ["canary at 10 %", "full at 50 %"]
    step = found.attempt.step
    assert step is not None
    assert (step.stage, step.stage_index, step.number, step.in_force_at) == ("full", 1, 2, None)
    assert found.ended_at == BEGIN + timedelta(minutes=6)
    assert len(found.entries) == 5
