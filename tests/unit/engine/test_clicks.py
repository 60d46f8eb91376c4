"""Annotations as clicks."""

from __future__ import annotations

import pytest

from modelrollout.api.controls import Control, ControlOutcome, ControlStatus
from modelrollout.api.resource import Key
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.clicks import Click, click_of, clicks_of, command, outcome_of, removal
from tests.support.scenes import NOW

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "revision"),
    [("rabc", "rabc"), ("rabc.2", "rabc"), ("rabc.2026-01-01.again", "rabc"), (" rabc\n", "rabc"), ("", "")],
)
def test_a_click_names_a_revision_and_perhaps_more(value: str, revision: str) -> None:
    (click,) = clicks_of({"modelrollout.io/abort": value, "example.com/abort": "x"})
    assert (click.control, click.revision) == (Control.ABORT, revision)


def test_every_control_is_read() -> None:
    annotations = {control.annotation: "rabc" for control in Control}
    assert {click.control for click in clicks_of(annotations)} == set(Control)
    assert click_of(annotations, Control.PROMOTE_FULL) == Click(Control.PROMOTE_FULL, "rabc")
    assert click_of({}, Control.PAUSE) is None


def test_a_novel_in_an_annotation_still_fits_into_status() -> None:
    (click,) = clicks_of({"modelrollout.io/abort": "r" * 10_000})
    assert len(click.value) == 128


def test_an_answer_is_to_one_value() -> None:
    entry = ControlStatus(control=Control.RETRY, value="rabc.1", outcome=ControlOutcome.CARRIED_OUT, message="", at=NOW)
    status = ModelRolloutStatus(controls=(entry,))
    assert outcome_of(status, Click(Control.RETRY, "rabc.1")) is ControlOutcome.CARRIED_OUT
    assert outcome_of(status, Click(Control.RETRY, "rabc.2")) is None
    assert outcome_of(status, Click(Control.ABORT, "rabc.1")) is None


def test_what_to_type() -> None:
    key = Key("demo", "digits")
    expected = "kubectl -n demo annotate mr digits --overwrite modelrollout.io/promote-full=rabc.4"
    assert command(key, Click(Control.PROMOTE_FULL, "rabc.4")) == expected
    assert removal(key, Control.PAUSE) == "kubectl -n demo annotate mr digits modelrollout.io/pause-"
