"""What CEL cannot see, with the field and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.engine.validate import problems_of
from tests.support.scenes import METRICS, STAGES, Raw, raw_spec, spec_and_revision

pytestmark = pytest.mark.unit

FULL: Raw = {"name": "full", "weight": 100}
CANARY: Raw = {"name": "canary", "weight": 5}
RELATIVE: Raw = METRICS[0] | {"check": {"noWorseThan": {"ratio": "1.5"}}}
QUERY: Raw = METRICS[1] | {"mode": "Enforce"}


def problems(**changes: Any) -> tuple[str, ...]:
    return problems_of(spec_and_revision(raw_spec(**changes))[0])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stages": [FULL]},
        {"stages": [CANARY, CANARY | {"name": "again"}, FULL]},
        {"stages": [CANARY, FULL | {"holdback": 50}]},
        {"stages": [FULL | {"holdback": 5}], "metrics": [RELATIVE]},
        {"stages": [CANARY, FULL], "metrics": [RELATIVE]},
        {"stages": [CANARY, FULL], "metrics": [QUERY]},
        {"stages": [CANARY | {"approval": "Manual"}, FULL | {"approval": "Manual"}], "metrics": [], "preset": "none"},
        {"stages": [STAGES[0], CANARY, FULL], "metrics": []},
        {"stages": [CANARY, FULL], "metrics": [QUERY | {"mode": "Warn"}], "preset": "kserve"},
        {"stages": [STAGES[0], CANARY, FULL], "metrics": [QUERY], "traffic": {"requests": "requests_total{$selector}"}},
        {"stages": [STAGES[0], CANARY, FULL], "metrics": [METRICS[0] | {"stages": ["canary", "full"]}]},
        {"stages": [FULL], "metrics": [METRICS[0], RELATIVE | {"name": "warned", "mode": "Warn"}]},
    ],
)
def test_specs_that_can_be_carried_out(changes: Raw) -> None:
    assert problems(**changes) == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"stages": [CANARY | {"weight": 50}, {"name": "less", "weight": 20}, FULL]},
            ["spec.stages[1] (less): weights never fall, but 20 comes after 50: move the stage forward or raise its "
             "weight"], id="falling"),
        pytest.param(
            {"stages": [CANARY, STAGES[0], FULL]},
            ["spec.stages[1] (shadow): weights never fall, but 0 comes after 5: move the stage forward or raise its "
             "weight"], id="shadow after live"),
        pytest.param(
            {"stages": [CANARY | {"weight": 60}, FULL | {"holdback": 50}]},
            ["spec.stages[1] (full): weights never fall, but 50 comes after 60: lower its holdback"],
            id="too much held back"),
        pytest.param(
            {"stages": [CANARY | {"weight": 50}, STAGES[2], FULL]},
            ["spec.stages[1].ramp.to (ramp): must be above 50, the weight before the ramp"], id="a ramp to nowhere"),
        pytest.param(
            {"stages": [CANARY]}, ["spec.stages[0] (canary): the last stage must have weight: 100"], id="no end"),
        pytest.param(
            {"stages": [CANARY, {"name": "ramp", "ramp": {"to": 100, "step": 5, "every": "1m"}}]},
            ["spec.stages[1] (ramp): the last stage must have weight: 100"], id="a ramp is no bake"),
        pytest.param(
            {"metrics": [METRICS[0], METRICS[1] | {"stages": ["canary", "cannary"]}]},
            ["spec.metrics[1].stages[1] (latency): there is no stage 'cannary'; stages are shadow, canary, ramp, full"],
            id="a stage that is not"),
        pytest.param(
            {"stages": [CANARY, FULL], "metrics": [METRICS[0] | {"stages": ["canary"]}, METRICS[1]]},
            ["spec.stages[1] (full): a stage with live traffic needs a metric with mode: Enforce that applies to it, "
             "a preset, or approval: Manual; time alone promotes nothing"], id="nothing to judge by"),
        pytest.param(
            {"stages": [STAGES[0], CANARY, FULL], "metrics": [QUERY]},
            ["spec.stages[0].shadow (shadow): nothing counts the copies that the shadow answers: set "
             "spec.traffic.requests or add a metric with ratio or histogram"], id="uncounted copies"),
        pytest.param(
            {"stages": [FULL], "metrics": [RELATIVE]},
            ["spec.metrics[0].check.noWorseThan (error-rate): nothing is left to compare with in the first stage, "
             "full: set holdback there or put a stage below 100 before it"], id="nothing to compare with"),
        pytest.param(
            {"stages": [CANARY, FULL], "metrics": [METRICS[0], RELATIVE | {"name": "late", "stages": ["full"]}]},
            ["spec.metrics[1].check.noWorseThan (late): nothing is left to compare with in full, the first stage that "
             "it is judged in: set holdback there, or let it apply to a stage below 100 before it"],
            id="compared too late"),
        pytest.param(
            {"capacity": {"qps": "1000", "p99": "0.5"}},
            ["spec.capacity: needs a metric with histogram and unit: seconds or signal: Latency, to tell its p99"],
            id="a goal that nothing tells"),
        pytest.param(
            {"capacity": {"qps": "1000", "p99": "0.5", "latency": "latency"}},
            ["spec.capacity.latency: there is no metric 'latency' with histogram: name one that has"],
            id="a goal on a query"),
    ],
)  # fmt: skip
def test_specs_that_cannot(changes: Raw, expected: list[str]) -> None:
    assert list(problems(**changes)) == expected


def test_all_problems_are_told_at_once() -> None:
    assert len(problems(stages=[CANARY | {"weight": 50}, CANARY | {"name": "less"}], metrics=[], preset="none")) == 4
