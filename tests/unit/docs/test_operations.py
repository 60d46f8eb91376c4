"""Every reason, event, condition, phase and metric of the operator is explained, and nothing that does not exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelrollout
from modelrollout.api.conditions import ConditionType
from modelrollout.api.resource import Key
from modelrollout.api.status import ModelRolloutStatus, Phase
from modelrollout.engine.adopt import STOPPED
from modelrollout.engine.answers import REFUSED
from modelrollout.engine.decide import EVENTS, TELLING_WAITS
from modelrollout.engine.late import LATE_HARM
from modelrollout.engine.reviews import REVIEWED
from modelrollout.engine.services import PREVIOUS_REPLACED, STABLE_REPLACED
from modelrollout.engine.upstream import INPUT_DRIFT
from modelrollout.runtime.telemetry import Telemetry

pytestmark = pytest.mark.unit

PACKAGE = Path(modelrollout.__file__).parent
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
REASON_AT = {"wait": 0, "away": 1, "forward": 1, "Decision": 1}
"""Which argument of a call in the engine is a reason."""
TERMINAL = {"TerminalError", "NameTakenError", "ForbiddenError"}


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def first_cells(text: str, head: str) -> set[str]:
    """First cells, without backticks, of the table with that head."""
    table = text.split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0]
    return set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))


def calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node


def constants(node: ast.expr) -> Iterator[str]:
    """The words in an expression: one, or one per branch."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def reasons_of_policies() -> set[str]:
    return {
        reason
        for file in (PACKAGE / "engine").glob("*.py")
        for name, call in calls(file)
        if name in REASON_AT and len(call.args) > REASON_AT[name]
        for reason in constants(call.args[REASON_AT[name]])
    }


def terminal_reasons() -> set[str]:
    return {
        reason
        for file in PACKAGE.rglob("*.py")
        for name, call in calls(file)
        if name in TERMINAL and call.args
        for reason in constants(call.args[0])
    }


def condition_rows() -> Iterator[tuple[ConditionType, str]]:
    """Conditions and their own reasons in `report.py`: tuples of type, status, reason, message."""
    for node in ast.walk(ast.parse((PACKAGE / "engine" / "report.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Tuple) and len(node.elts) == 4 and isinstance(node.elts[0], ast.Attribute):
            for reason in constants(node.elts[2]):
                yield ConditionType[node.elts[0].attr], reason


def test_every_reason_of_a_decision_is_explained() -> None:
    reasons = reasons_of_policies()
    assert len(reasons) > 25
    assert first_cells(section("Reasons of decisions"), "reason") == reasons


def test_every_error_that_a_person_must_mend_is_explained() -> None:
    text = section("Reasons of decisions").split("Errors that a person must mend", 1)[1]
    reasons = terminal_reasons() | {"Refused"}
    assert {"NameTaken", "Forbidden", "RevisionLost"} <= reasons
    assert first_cells(text, "reason") == reasons - reasons_of_policies()


def test_every_event_is_explained() -> None:
    text = section("Events")
    besides = {"DriftRestored", INPUT_DRIFT, LATE_HARM, REFUSED, REVIEWED, STOPPED, STABLE_REPLACED, PREVIOUS_REPLACED}
    assert first_cells(text, "event") == {name for _, name in EVENTS.values()} | besides
    assert set(re.findall(r"`(\w+)`", text.split("A warning is also recorded", 1)[1])) == TELLING_WAITS


def test_every_condition_is_explained_with_its_reasons() -> None:
    text = section("Conditions")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert set(rows) == {kind.value for kind in ConditionType}
    reasons: dict[str, set[str]] = {kind: set() for kind in rows}
    for kind, reason in condition_rows():
        reasons[kind.value].add(reason)
    assert sum(map(len, reasons.values())) > 15
    assert {kind: set(re.findall(r"`(\w+)`", row)) for kind, row in rows.items()} == reasons


def test_every_phase_is_explained() -> None:
    assert first_cells(PAGE, "phase") == {phase.value for phase in Phase}


def test_metrics_exist() -> None:
    telemetry = Telemetry()
    telemetry.rollout(Key("demo", "digits"), ModelRolloutStatus())
    telemetry.reconciles.labels("error").inc()
    telemetry.prometheus_requests.labels("ok").inc()
    telemetry.decisions.labels("Wait", "Serving").inc()
    telemetry.api_requests.labels("get", "httproutes", "ok").inc()
    telemetry.renewals.labels("ok").inc()
    shown = telemetry.exposition().decode()
    named = set(re.findall(r"`(modelrollout_\w+)", section("The operator itself")))
    assert len(named) == 10
    assert {name for name in named if not re.search(rf"^{name}(_bucket)?[{{ ]", shown, re.MULTILINE)} == set()
