"""What people and tools read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.conditions import Condition, ConditionStatus, ConditionType, find_condition
from modelrollout.api.status import LOG_MAX, LogEntry, ModelRolloutStatus
from modelrollout.engine.decide import decide
from modelrollout.engine.fit import STATUS_BYTES_MAX
from modelrollout.engine.observed import Acceptance, Evidence
from modelrollout.engine.situation import Observation
from modelrollout.engine.split import only
from tests.support.scenes import (
    CANDIDATE,
    METRICS,
    NOW,
    STABLE,
    candidate_down,
    empty,
    failure,
    judged,
    loading,
    raw_spec,
    resting,
    route,
    stable_down,
    stepping,
    suspended,
    with_evidence,
    with_problems,
    with_route,
    with_spec,
    with_status,
    with_step,
)

pytestmark = pytest.mark.unit

ROLLED_BACK = resting(raw_spec(), failed=failure())
GATHERING = with_evidence(stepping(), Verdict.CONTINUE)


def line(seen: Observation) -> str:
    """As kubectl get prints it: version, stable, phase, stage, weight, verdict."""
    status = decide(seen).status
    stable = status.stable.version if status.stable else ""
    parts = (seen.rollout.spec.model.version, stable, status.phase, status.stage or "", status.weight, status.verdict)
    return " | ".join(str(part) for part in parts)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (empty(), "1 |  | Pending |  | 0 | 0/2 endpoints of the first version 1 ready"),
        (resting(), "1 | 1 | Succeeded |  | 100 | version 1 serves"),
        (loading(), "2 | 1 | Progressing |  | 0 | 0/2 endpoints of version 2 ready"),
        (
            with_step(stepping(2), started_at=NOW),
            "2 | 1 | Progressing | 3/4 ramp | 20 | passing: 1/1 checks, n=640",
        ),
        (GATHERING, "2 | 1 | Progressing | 2/4 canary | 5 | error-rate Continue"),
        (ROLLED_BACK, "2 | 1 | RolledBack | 2/4 canary | 0 | error-rate 0.08 > 0.01 (n=640)"),
        (
            candidate_down(suspended(stepping())),
            "2 | 1 | Suspended | 2/4 canary | 0 | no endpoint of 2 is ready",
        ),
        (
            with_problems(resting(raw_spec()), "spec.stages[0]: must be so", "spec.metrics[0]: no"),
            "2 | 1 | Invalid |  | 0 | spec.stages[0]: must be so (and 1 more)",
        ),
        (
            with_problems(stepping(), "spec.stages[0]: must be so"),
            "2 | 1 | Progressing | 2/4 canary | 5 | spec.stages[0]: must be so",
        ),
        (
            with_evidence(stepping(), unavailable="prometheus: connection refused"),
            "2 | 1 | Progressing | 2/4 canary | 5 | prometheus: connection refused",
        ),
    ],
    ids=lambda value: value.split(" | ")[2] if isinstance(value, str) else "",
)
def test_the_line_of_kubectl_get(seen: Observation, expected: str) -> None:
    assert line(seen) == expected


T, F, U = "True", "False", "Unknown"


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        #                                                       Ready Reconciling Stalled Succeeded RolledBack
        pytest.param(empty(), (F, F, T, U, F), id="the first revision is late"),
        pytest.param(empty(ready=2), (T, F, F, T, F), id="the first revision is adopted"),
        pytest.param(resting(), (T, F, F, T, F), id="serving"),
        pytest.param(stable_down(resting()), (F, F, F, T, F), id="stable is down"),
        pytest.param(resting(raw_spec()), (T, T, F, U, F), id="begins"),
        pytest.param(loading(), (T, T, F, U, F), id="loading"),
        pytest.param(GATHERING, (T, T, F, U, F), id="gathering"),
        pytest.param(candidate_down(stepping()), (T, T, F, U, F), id="suspended"),
        pytest.param(ROLLED_BACK, (T, F, T, F, T), id="rolled back"),
        pytest.param(with_evidence(stepping(), Verdict.HARM), (T, F, T, F, T), id="rolling back"),
        pytest.param(with_spec(stepping(), raw_spec("1")), (T, F, F, T, F), id="reverted by the user"),
        pytest.param(with_problems(resting(raw_spec())), (T, F, T, F, F), id="invalid"),
        pytest.param(with_problems(stepping()), (T, F, T, U, F), id="invalid in mid-rollout"),
        pytest.param(with_route(stepping(), Acceptance.REJECTED), (T, F, T, U, F), id="route refused"),
        pytest.param(stable_down(with_evidence(stepping(), Verdict.HARM)), (F, T, F, U, F), id="no safe target"),
        pytest.param(
            with_evidence(stepping(1, raw_spec(onFailure="Hold")), Verdict.HARM), (T, F, T, U, F), id="harm held"
        ),
        pytest.param(stepping(5), (T, F, F, T, F), id="promoted"),
    ],
)
def test_conditions(seen: Observation, expected: tuple[str, ...]) -> None:
    status = decide(seen).status
    kinds = (
        ConditionType.READY,
        ConditionType.RECONCILING,
        ConditionType.STALLED,
        ConditionType.SUCCEEDED,
        ConditionType.ROLLED_BACK,
    )
    assert tuple(condition(status, kind).status.value for kind in kinds) == expected
    assert {entry.type for entry in status.conditions} == set(ConditionType)
    assert {entry.observed_generation for entry in status.conditions} == {seen.rollout.generation}
    assert kstatus(status) == _kstatus_of(expected)


def condition(status: ModelRolloutStatus, kind: ConditionType) -> Condition:
    found = find_condition(status.conditions, kind)
    assert found is not None
    return found


def kstatus(status: ModelRolloutStatus) -> str:
    """As kstatus reads conditions, in its order: Reconciling, Stalled, Ready."""
    if condition(status, ConditionType.RECONCILING).status is ConditionStatus.TRUE:
        return "InProgress"
    if condition(status, ConditionType.STALLED).status is ConditionStatus.TRUE:
        return "Failed"
    return "Current" if condition(status, ConditionType.READY).status is ConditionStatus.TRUE else "InProgress"


def _kstatus_of(expected: tuple[str, ...]) -> str:
    ready, reconciling, stalled, _, _ = expected
    assert (reconciling, stalled) != (T, T), "a resource cannot be both"
    return "InProgress" if reconciling == T else "Failed" if stalled == T else "Current" if ready == T else "InProgress"


def test_after_a_rollback_the_reason_is_in_every_condition_that_tells_of_it() -> None:
    status = decide(ROLLED_BACK).status
    for kind in (ConditionType.STALLED, ConditionType.ROLLED_BACK, ConditionType.SUCCEEDED):
        assert condition(status, kind).message == "error-rate 0.08 > 0.01 (n=640)"
    assert condition(status, ConditionType.STALLED).reason == "Harm"


def test_a_condition_keeps_the_time_at_which_its_status_changed() -> None:
    first = decide(GATHERING).status
    later = replace(with_status(GATHERING, **dict(first)), now=NOW + timedelta(seconds=10))
    assert {entry.last_transition_time for entry in decide(later).status.conditions} == {NOW}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (GATHERING, ("True", "Accepted")),
        (with_route(GATHERING, Acceptance.PENDING), ("Unknown", "Pending")),
        (with_route(GATHERING, Acceptance.REJECTED), ("False", "Rejected")),
        (with_route(GATHERING, sequence=3), ("Unknown", "Pending")),
        (with_route(GATHERING, weights=((STABLE.hash, 100),)), ("False", "Drifted")),
        (with_route(GATHERING, uniform=False), ("False", "Drifted")),
        (empty(), ("Unknown", "NoRoute")),
    ],
    ids=["accepted", "pending", "rejected", "not written yet", "drifted", "rules differ", "no route"],
)
def test_traffic_applied(seen: Observation, expected: tuple[str, str]) -> None:
    found = condition(decide(seen).status, ConditionType.TRAFFIC_APPLIED)
    assert (found.status.value, found.reason) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (resting(), "Unknown"),
        (GATHERING, "True"),
        (with_evidence(stepping(), unavailable="timeout"), "False"),
    ],
)
def test_metrics_available(seen: Observation, expected: str) -> None:
    assert condition(decide(seen).status, ConditionType.METRICS_AVAILABLE).status.value == expected


def test_weights_are_what_the_route_has() -> None:
    by_hand = with_route(GATHERING, weights=((STABLE.hash, 2), (CANDIDATE.hash, 1)))
    status = decide(by_hand).status
    assert (status.weight, status.traffic.stable, status.traffic.candidate) == (34, 67, 34)
    mirrored = decide(with_evidence(stepping(0), Verdict.CONTINUE)).status
    assert (mirrored.weight, mirrored.traffic.stable, mirrored.traffic.mirror) == (0, 100, 100)
    gone = decide(replace(GATHERING, route=None)).status
    assert (gone.weight, gone.traffic.stable) == (0, 0)


def test_checks_tell_values_limits_and_samples() -> None:
    status = decide(with_evidence(stepping(), Verdict.HARM)).status
    check = status.checks[0]
    assert (check.name, check.verdict, check.candidate, check.limit, check.samples) == (
        "error-rate",
        "Harm",
        "0.001",
        "0.01",
        640,
    )
    assert decide(with_status(ROLLED_BACK, checks=status.checks)).status.checks == status.checks


def test_checks_of_the_last_attempt_end_when_another_begins() -> None:
    checks = decide(stepping()).status.checks
    assert decide(with_status(resting(raw_spec()), checks=checks)).status.checks == ()


# --- whatever the texts, the status can be written --------------------------------------------------------------------

LONG = "ü" * 40_000


def overlong() -> list[Observation]:
    bad = stepping()
    harm = replace(with_evidence(bad), evidence=_evidence_with(bad, LONG))
    return [
        harm,
        stable_down(harm),
        with_problems(resting(), LONG, LONG),
        with_evidence(stepping(), unavailable=LONG),
        replace(stepping(), route=route(only(STABLE.hash), 4, Acceptance.REJECTED, message=LONG)),
        with_status(ROLLED_BACK, log=tuple(_entry(number) for number in range(LOG_MAX))),
    ]


def _evidence_with(seen: Observation, reason: str) -> Evidence:
    evidence = with_evidence(seen).evidence
    assert evidence is not None
    return replace(evidence, judged=(judged(seen, "error-rate", Verdict.HARM, reason),), share_text=reason)


def _entry(number: int) -> LogEntry:
    return LogEntry(
        at=NOW, action="Enter", revision="r" * 63, stage="s" * 63, weight=1, reason=f"R{number}", message="ü" * 1024
    )


@pytest.mark.parametrize("seen", overlong(), ids=["harm", "latched", "invalid", "unavailable", "route", "log"])
def test_status_is_what_the_schema_takes(seen: Observation) -> None:
    status = decide(seen).status
    assert ModelRolloutStatus.model_validate(status.dump()) == status
    assert len(status.model_dump_json(by_alias=True, exclude_none=True).encode()) <= STATUS_BYTES_MAX
    assert len(status.verdict or "") <= 160


def test_many_metrics_and_a_full_log_fit_too() -> None:
    metrics = [METRICS[0] | {"name": f"m{number}"} for number in range(32)]
    seen = stepping(1, raw_spec(metrics=metrics))
    evidence = with_evidence(seen).evidence
    assert evidence is not None
    results = tuple(judged(seen, f"m{number}", Verdict.CONTINUE, LONG) for number in range(32))
    seen = replace(seen, evidence=replace(evidence, judged=results))
    full = with_status(seen, log=tuple(_entry(number) for number in range(LOG_MAX)))
    status = decide(full).status
    assert len(status.model_dump_json(by_alias=True, exclude_none=True).encode()) <= STATUS_BYTES_MAX
    assert len(status.checks) == 32
