"""What `get` and `watch` print."""

from __future__ import annotations

from datetime import timedelta

import pytest

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.status import DispersionFactor, DispersionStatus
from modelrollout.cli.seeing import seen
from modelrollout.cli.showing import detail, line, table
from tests.support.commands import raw_of, seen_of
from tests.support.scenes import (
    CANDIDATE,
    NOW,
    failure,
    raw_spec,
    resting,
    stepping,
    with_clicks,
    with_evidence,
    with_problems,
    with_status,
)

pytestmark = pytest.mark.unit

OPEN = with_evidence(stepping(), Verdict.CONTINUE, warn=Verdict.CONTINUE)


def test_a_line_each_with_a_head() -> None:
    rollouts = [seen_of(OPEN, decided=True), seen_of(resting(), decided=True)]
    lines = table(rollouts, NOW).splitlines()
    assert lines[0].split() == ["NAME", "VERSION", "STABLE", "PHASE", "STAGE", "WEIGHT", "VERDICT", "AGE"]
    moving = ["digits", "2", "1", "Progressing", "2/4", "canary", "5", "error-rate", "Continue", "60m"]
    assert lines[1].split() == moving
    assert lines[2].split() == ["digits", "1", "1", "Succeeded", "100", "version", "1", "serves", "60m"]
    assert table(rollouts, NOW, with_namespace=True).splitlines()[1].startswith("demo ")


@pytest.mark.parametrize(
    ("elapsed", "text"), [(90, "90s"), (600, "10m"), (3 * 3600, "3h"), (72 * 3600, "3d"), (-5, "0s")]
)
def test_ages_are_as_kubectl_writes_them(elapsed: int, text: str) -> None:
    one = seen_of(resting())
    assert table([one], one.created_at + timedelta(seconds=elapsed)).splitlines()[1].split()[-1] == text


def test_the_detail_of_one() -> None:
    text = detail(seen_of(with_clicks(OPEN, pause=CANDIDATE.hash, rollback=CANDIDATE.hash), decided=True), NOW)
    assert f"candidate: version 2, revision {CANDIDATE.hash}" in text
    assert "  [x] shadow at mirror 100 %" in text
    assert "  [>] canary at 5 %" in text
    assert "  [ ] full at 100 %" in text
    assert "Progressing (paused)" in text
    assert "  Continue   error-rate   Enforce   error-rate Continue" in text
    assert "  pause: CarriedOut: goes no further" in text
    assert "  rollback: Refused: " in text
    assert "2026-01-01 12:00:00Z Pause canary at 5 %: ControlCarriedOut" in text


def test_where_it_was_rolled_back() -> None:
    text = detail(seen_of(resting(raw_spec(), failed=failure()), decided=True), NOW)
    assert "  [!] canary at 5 %" in text
    assert "rolled back: version 2" in text


def test_one_line_for_watching() -> None:
    assert line(seen_of(OPEN, decided=True)) == "2 Progressing 2/4 canary 5 %  error-rate Continue"
    paused = seen_of(with_clicks(OPEN, pause=CANDIDATE.hash), decided=True)
    assert line(paused).startswith("2 Progressing (paused) 2/4 canary 5 %  paused by hand")


def test_a_spec_that_cannot_be_read_is_shown_as_far_as_it_goes() -> None:
    raw = raw_of(with_problems(stepping()), decided=True)
    raw["spec"]["stages"] = "none"
    shown = detail(seen(raw), NOW)
    assert "spec.stages[0]: no" in shown
    assert "STAGES" not in shown


def test_what_evidence_is_divided_by_is_told_with_its_age() -> None:
    assert "EVIDENCE DIVIDED BY" not in detail(seen_of(OPEN), NOW)
    attempt = OPEN.status.attempt
    assert attempt is not None
    measured = DispersionStatus(
        measured_at=NOW - timedelta(minutes=5), hours=24, factors=(DispersionFactor(metric="error-rate", factor="3.2"),)
    )
    found = with_status(OPEN, attempt=attempt.model_copy(update={"dispersion": measured}))
    assert "  3.2 (error-rate), measured 5m ago on 24 of 24 hours of the stable version" in detail(seen_of(found), NOW)
