"""People did this before: a shadow is compared with them, then takes over, and can give it back at once."""

from __future__ import annotations

import pytest

from e2e.support.clerk import FALLBACK, QUEUE, open_queue
from e2e.support.kube import MODEL_ROLLOUT
from e2e.support.manifests import LADDER, METRICS, NAME
from e2e.support.scenario import Scenario, serves
from e2e.support.traffic import LAG

pytestmark = pytest.mark.e2e

RELATIVE = [METRICS[0] | {"check": {"noWorseThan": {"ratio": "1.5", "difference": "0.005"}}}, METRICS[1]]


def test_a_manual_task_is_automated_and_given_back(scenario: Scenario) -> None:
    open_queue(scenario)
    scenario.apply("v1", {"fallback": FALLBACK, "metrics": RELATIVE, "rollbackWindow": "10m"})
    traffic = scenario.users(QUEUE)

    scenario.until_step("shadow")
    assert traffic.next(50).versions == {QUEUE}, "a shadow's answers reach nobody"
    status = scenario.until_stable("v1").status
    traffic.until_only("v1")

    assert scenario.journal.mirrors_of("v1") == [0, 100, 0]
    assert scenario.journal.weights_of("v1") == [0, *LADDER]
    for weight, start, end in scenario.journal.spans("v1"):
        answers = traffic.between(start + LAG, end)
        assert answers.follows("v1", weight), f"at weight {weight}: {answers}"
    compared = next(check for check in status.checks if check.name == "error-rate")
    assert compared.stable is not None, "it was compared with the queue"
    assert status.stable is not None

    click = {"metadata": {"annotations": {"modelrollout.io/rollback": status.stable.revision}}}
    scenario.kube.merge(MODEL_ROLLOUT, NAME, scenario.namespace, click)
    scenario.until(lambda s: serves(s, QUEUE), "the queue to answer again")
    traffic.until_only(QUEUE)

    assert scenario.journal.weights_of("v1") == [0, *LADDER, 0], "back in one write"
    assert not traffic.all.failed


@pytest.mark.bad("v3")
def test_a_model_that_is_worse_than_people_never_replaces_them(scenario: Scenario) -> None:
    """Version v3 says 0 to 4 only; people do not. A limit relative to the queue is all there is."""
    relative = {
        "name": "lower-half",
        "category": "Output",
        "ratio": {
            "events": 'ml_predictions_total{$selector,prediction=~"[0-4]"}',
            "total": "ml_predictions_total{$selector}",
        },
        "check": {"noWorseThan": {"ratio": "1.3"}},
        "interval": "1s",
        "minSamples": 30,
    }
    open_queue(scenario)
    scenario.apply("v3", {"fallback": FALLBACK, "metrics": [relative]})
    traffic = scenario.users(QUEUE)

    status = scenario.until_rolled_back("v3", "Harm")

    assert status.failed is not None
    assert status.failed.stage == "shadow"
    assert scenario.journal.weights_of("v3") == [0]
    assert traffic.next(200).versions == {QUEUE}
    assert traffic.all.versions == {QUEUE}
    assert not traffic.all.failed
