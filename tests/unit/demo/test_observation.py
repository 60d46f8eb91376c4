"""When a rollout has come to an end, and which decisions are about it."""

from __future__ import annotations

import pytest

from e2e.demo.observation import Observation, parse
from tests.unit.demo.objects import decision, promoted, revision, rolled_back, seen

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("observation", "settled"),
    [
        pytest.param(promoted("v2"), True, id="promoted"),
        pytest.param(rolled_back("v5", "bad"), True, id="rolled back"),
        pytest.param(seen("v2", phase="Invalid"), True, id="refused"),
        pytest.param(seen("v2", stable=revision("v1"), attempt=revision("v2")), False, id="under way"),
        pytest.param(
            seen("v2", phase="Succeeded", stable=revision("v1")), False, id="still that of the version before"
        ),
        pytest.param(seen("v2", phase="Succeeded", stable=revision("v2"), observedGeneration=1), False, id="stale"),
    ],
)
def test_an_end_is_one_of_the_version_that_the_spec_asks_for(observation: Observation, *, settled: bool) -> None:
    assert observation.settled is settled


def test_decisions_are_those_about_the_version_that_the_spec_asks_for() -> None:
    log = [decision("v2", "Promote"), decision("v5", "Begin"), decision("v5", "Enter", "shadow")]
    observation = seen("v5", *log, stable=revision("v2"), attempt=revision("v5"))
    assert [entry.action for entry in observation.decisions] == ["Begin", "Enter"]


def test_an_object_without_a_status_is_read() -> None:
    read = parse('{"metadata": {"generation": 1}, "spec": {"model": {"version": "v1"}}}')
    assert (read.status.phase, read.settled, read.revision) == ("Pending", False, None)
