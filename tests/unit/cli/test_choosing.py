"""Which annotation a command writes, and what it says when there is nothing that it could be about."""

from __future__ import annotations

import pytest

from modelrollout.api.controls import Control
from modelrollout.cli.choosing import NothingToDoError, check_paused, click_for
from tests.support.commands import described, seen_of
from tests.support.scenes import (
    CANDIDATE,
    STABLE,
    THIRD,
    empty,
    failure,
    loading,
    previous,
    raw_spec,
    resting,
    stepping,
    with_clicks,
)

pytestmark = pytest.mark.unit

FAILED = resting(raw_spec(), failed=failure())
WARM = resting(raw_spec("3"), stable=THIRD.ref, previous=previous(STABLE))


@pytest.mark.parametrize(
    ("control", "rollout", "revision"),
    [
        (Control.PAUSE, stepping(), CANDIDATE),
        (Control.PAUSE, loading(), CANDIDATE),
        (Control.PAUSE, resting(raw_spec()), CANDIDATE),
        (Control.ABORT, stepping(), CANDIDATE),
        (Control.ABORT, resting(raw_spec()), CANDIDATE),
        (Control.RETRY, FAILED, CANDIDATE),
        (Control.PROMOTE, stepping(), CANDIDATE),
        (Control.PROMOTE_FULL, loading(), CANDIDATE),
        (Control.APPROVE, stepping(), CANDIDATE),
        (Control.ROLLBACK, WARM, THIRD),
    ],
)
def test_the_revision_is_found(control: Control, rollout: object, revision: object) -> None:
    click = click_for(control, seen_of(rollout), "20260101T120000")
    assert click.value == f"{described(revision)}.20260101T120000"


@pytest.mark.parametrize(
    ("control", "rollout", "text"),
    [
        (Control.PAUSE, empty(), "nothing to pause: the first version, 1, has not served yet"),
        (Control.PAUSE, resting(), "nothing to pause: version 1 serves, and nothing is on its way"),
        (Control.ABORT, FAILED, "nothing to abort; version 2 was rolled back (Harm): retry begins it again"),
        (Control.PROMOTE, resting(), "nothing to promote: version 1 serves"),
        (Control.PROMOTE_FULL, resting(), "nothing to promote: version 1 serves"),
        (Control.PROMOTE, resting(raw_spec()), "nothing to promote; version 2 has not begun"),
        (Control.APPROVE, FAILED, "nothing to approve; version 2 was rolled back"),
        (Control.RETRY, resting(), "nothing to retry: no version was rolled back: version 1 serves"),
        (Control.RETRY, stepping(), "no version was rolled back; version 2 is on its way"),
        (Control.ROLLBACK, stepping(), "version 2 is on its way: abort takes its traffic away"),
        (Control.ROLLBACK, empty(), "nothing to roll back: the first version"),
    ],
)
def test_nothing_to_do_is_said_clearly(control: Control, rollout: object, text: str) -> None:
    with pytest.raises(NothingToDoError) as error:
        click_for(control, seen_of(rollout), "1")
    assert text in str(error.value)


def test_what_is_paused_is_not_paused_again_but_resumed() -> None:
    paused = seen_of(with_clicks(stepping(), pause=CANDIDATE.hash), decided=True)
    with pytest.raises(NothingToDoError, match="paused already: resume"):
        click_for(Control.PAUSE, paused, "1")
    check_paused(paused)
    with pytest.raises(NothingToDoError, match="nothing to resume: it is not paused; version 2 is on its way"):
        check_paused(seen_of(stepping()))
