"""A revision against itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from modelrollout.api.services import PODS_MAX
from modelrollout.api.status import RevisionRef
from modelrollout.engine.plan import Action
from modelrollout.runtime.halves import CANDIDATE, STABLE, halved, pods_of, trials
from modelrollout.runtime.replay import Trial
from modelrollout.runtime.settings import Settings
from tests.support.objects import rollout
from tests.support.past import History, Pod

pytestmark = pytest.mark.unit

BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECONDS = 600.0
SETTINGS = Settings(scrape_interval=timedelta(seconds=5), scrape_timeout=timedelta(seconds=1))
ASKED = Trial(RevisionRef(revision="rstable", version="1"), CANDIDATE, BEGIN, BEGIN + timedelta(seconds=SECONDS))
STAGES = [{"name": "canary", "weight": 50, "duration": "2m"}, {"name": "full", "weight": 100, "duration": "1m"}]


def history(*bad: float) -> History:
    """As many pods of one revision; each fails a share of its own of ten requests a second."""
    pods = tuple(Pod(f"digits-rstable-{number}", _counters(share)) for number, share in enumerate(bad))
    return History(pods, BEGIN.timestamp() - 120, SECONDS + 120)


def _counters(bad: float) -> dict[str, Callable[[float], float]]:
    return {"requests": lambda at: 10 * at, "errors": lambda at: int(10 * bad * at)}


async def ended(past: History) -> list[Action]:
    given = rollout(stages=STAGES)
    pods = await pods_of(given, ASKED, past, SETTINGS)
    assert isinstance(pods, tuple)
    trial = Trial(STABLE, CANDIDATE, ASKED.begin, ASKED.end, halved(pods, BEGIN))
    return [moment.plan.action async for moment in trials(given, trial, past, SETTINGS)]


async def test_one_trial_follows_the_other_until_history_ends() -> None:
    actions = await ended(history(0.0, 0.0, 0.0, 0.0))
    assert actions == [Action.PROMOTE] * 2 + [Action.WAIT]


async def test_a_pod_that_is_worse_than_its_like_raises_the_alarm() -> None:
    actions = await ended(history(0.0, 0.3))
    assert set(actions[:-1]) == {Action.ROLL_BACK}


async def test_pods_are_those_of_the_revision() -> None:
    assert await pods_of(rollout(), ASKED, history(0.0, 0.0), SETTINGS) == ("digits-rstable-0", "digits-rstable-1")


def test_halves_are_alike_in_size_and_have_no_pod_in_common() -> None:
    one, other = halved([f"digits-rstable-{number}" for number in range(5)], BEGIN)
    assert (len(one.pods), len(other.pods)) == (3, 2)
    assert not set(one.pods) & set(other.pods)


@pytest.mark.parametrize("count", [0, 1, PODS_MAX + 1])
def test_what_cannot_be_halved_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="pods can be halved"):
        halved([f"pod-{number}" for number in range(count)], BEGIN)
