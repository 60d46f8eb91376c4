"""When status is written, and what is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.resource import Key
from modelrollout.api.status import ModelRolloutStatus, Phase
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Plan
from modelrollout.engine.situation import Observation
from modelrollout.runtime.complain import Complainer
from modelrollout.runtime.record import NUMBERS_A_SECOND, QUIET, Recorder, essence
from modelrollout.runtime.rollouts import Rollouts
from modelrollout.runtime.telemetry import Telemetry
from tests.support import scenes
from tests.support.objects import manifest, merged
from tests.support.scenes import NOW

pytestmark = pytest.mark.unit

KEY = Key("demo", "digits")
SECOND = timedelta(seconds=1)
GATHERING = decide(scenes.with_evidence(scenes.stepping(), Verdict.CONTINUE))


def seen_with(status: ModelRolloutStatus) -> Observation:
    seen = scenes.stepping()
    return replace(seen, rollout=replace(seen.rollout, status=status))


def with_samples(plan: Plan, samples: int) -> Plan:
    checks = tuple(check.model_copy(update={"samples": samples}) for check in plan.status.checks)
    return replace(plan, status=plan.status.model_copy(update={"checks": checks}))


class Bench:
    """A recorder, its clock, and what it wrote."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = NOW
        self.written: list[ModelRolloutStatus] = []
        self.telemetry = Telemetry()
        self.rollouts = Rollouts()
        metadata = {"uid": "uid", "resourceVersion": "1", "generation": 2}
        self.rollouts.put(merged(manifest(), {"metadata": metadata, "status": GATHERING.status.dump()}))

        async def write_status(_: object, __: object, status: ModelRolloutStatus) -> str:
            self.written.append(status)
            return str(len(self.written) + 1)

        monkeypatch.setattr("modelrollout.runtime.record.write_status", write_status)
        nobody = cast(Any, None)
        self.recorder = Recorder(
            client=nobody,
            rollouts=self.rollouts,
            events=nobody,
            telemetry=self.telemetry,
            complainer=Complainer(nobody, self.rollouts, nobody, self.now),
            now=self.now,
        )
        self.status = GATHERING.status.model_copy(update={"phase": Phase.PENDING})

    def now(self) -> datetime:
        return self.clock

    async def record(self, plan: Plan) -> None:
        self.status = (await self.recorder.status(seen_with(self.status), plan)).status


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


async def test_numbers_alone_are_written_at_most_every_15_seconds(bench: Bench) -> None:
    await bench.record(with_samples(GATHERING, 1))
    assert len(bench.written) == 1
    for second in range(1, 14):
        bench.clock = NOW + second * SECOND
        await bench.record(with_samples(GATHERING, 1 + second))
    assert len(bench.written) == 1
    bench.clock = NOW + QUIET
    await bench.record(with_samples(GATHERING, 99))
    assert [status.checks[0].samples for status in bench.written] == [1, 99]


async def test_after_a_restart_numbers_alone_wait_like_any_others(bench: Bench) -> None:
    """A thousand that are judged again are not a thousand writes at once."""
    bench.status = GATHERING.status
    await bench.record(with_samples(GATHERING, 2))
    assert bench.written == []
    assert bench.recorder.lag(KEY, with_samples(GATHERING, 2).status) == QUIET.total_seconds()
    bench.clock += QUIET
    await bench.record(with_samples(GATHERING, 3))
    assert len(bench.written) == 1


async def test_numbers_of_very_many_rollouts_are_written_less_often(bench: Bench) -> None:
    for number in range(50 * NUMBERS_A_SECOND - 1):
        seen = seen_with(GATHERING.status)
        other = replace(seen.rollout, key=Key("demo", f"other-{number}"))
        await bench.recorder.status(replace(seen, rollout=other), GATHERING)
    await bench.record(with_samples(GATHERING, 1))
    bench.clock = NOW + 49 * SECOND
    held_back = with_samples(GATHERING, 2)
    await bench.record(held_back)
    assert len(bench.written) == 1
    bench.clock = NOW + 50 * SECOND
    await bench.record(with_samples(GATHERING, 3))
    assert [status.checks[0].samples for status in bench.written] == [1, 3]


async def test_a_change_of_outcome_is_written_at_once(bench: Bench) -> None:
    await bench.record(with_samples(GATHERING, 1))
    passing = decide(scenes.with_evidence(scenes.with_step(scenes.stepping(), started_at=NOW), Verdict.PASS))
    assert essence(passing.status) != essence(GATHERING.status)
    await bench.record(passing)
    assert bench.written[-1] == passing.status


async def test_the_same_is_never_written_again(bench: Bench) -> None:
    await bench.record(with_samples(GATHERING, 1))
    bench.clock = NOW + timedelta(days=1)
    await bench.record(with_samples(GATHERING, 1))
    assert len(bench.written) == 1


async def test_a_clock_that_is_set_back_does_not_silence_it(bench: Bench) -> None:
    await bench.record(with_samples(GATHERING, 1))
    bench.clock = NOW - timedelta(hours=1)
    await bench.record(with_samples(GATHERING, 2))
    assert len(bench.written) == 2


async def test_what_was_held_back_is_looked_at_again_when_it_may_be_written(bench: Bench) -> None:
    await bench.record(with_samples(GATHERING, 1))
    bench.clock = NOW + 5 * SECOND
    held_back = with_samples(GATHERING, 2)
    await bench.record(held_back)
    assert bench.recorder.lag(KEY, held_back.status) == QUIET.total_seconds() - 5
    assert bench.recorder.lag(KEY, bench.written[-1]) is None


async def test_where_a_rollout_is_shows_in_the_metrics_even_if_nothing_is_written(bench: Bench) -> None:
    bench.status = GATHERING.status
    await bench.record(GATHERING)
    assert not bench.written
    assert b'modelrollout_phase{name="digits",namespace="demo",phase="Progressing"} 1.0' in bench.telemetry.exposition()
    bench.recorder.forget(KEY)
    assert b'name="digits"' not in bench.telemetry.exposition()
    bench.recorder.forget(KEY)
