"""Which clicks are refused, in every situation, and what people are told to do instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.api.controls import Control, ControlOutcome, ControlStatus
from modelrollout.engine.clicks import Click
from modelrollout.engine.controls import FOR, INSTEAD, Role, pause_of, refusal, role_of, wanted
from modelrollout.engine.situation import Observation, situation_of
from tests.support.scenes import (
    CANDIDATE,
    STABLE,
    THIRD,
    empty,
    failure,
    loading,
    pods,
    previous,
    raw_spec,
    resting,
    stepping,
    suspended,
    with_clicks,
    with_pods,
    with_problems,
    with_spec,
)

pytestmark = pytest.mark.unit

FAILED = resting(raw_spec(), failed=failure())
WARM = with_pods(resting(raw_spec("3"), stable=THIRD.ref, previous=previous(STABLE)), pods(STABLE), pods(THIRD))
SITUATIONS = {
    "empty": empty(),
    "serving": resting(),
    "waiting": resting(raw_spec()),
    "failed": FAILED,
    "warm": WARM,
    "loading": loading(),
    "stepping": stepping(),
    "suspended": suspended(stepping()),
}
CAN = {
    ("serving", STABLE.hash): set[Control](),
    ("waiting", CANDIDATE.hash): {Control.PAUSE, Control.ABORT},
    ("failed", CANDIDATE.hash): {Control.RETRY},
    ("warm", THIRD.hash): {Control.ROLLBACK},
    **{
        (name, CANDIDATE.hash): {
            Control.PAUSE,
            Control.ABORT,
            Control.PROMOTE,
            Control.PROMOTE_FULL,
            Control.APPROVE,
        }
        for name in ("loading", "stepping", "suspended")
    },
}
"""Everything that can be carried out; every other pair of a situation and a revision has nothing."""
REVISIONS = {"stable": STABLE.hash, "candidate": CANDIDATE.hash, "third": THIRD.hash, "unknown": "rnobody"}


@pytest.mark.parametrize("control", Control)
@pytest.mark.parametrize("revision", REVISIONS.values(), ids=REVISIONS)
@pytest.mark.parametrize("name", SITUATIONS)
def test_what_can_be_carried_out(name: str, revision: str, control: Control) -> None:
    why_not = refusal(Click(control, revision), situation_of(SITUATIONS[name]))
    if control is Control.APPROVE:
        return
    assert (why_not is None) is (control in CAN.get((name, revision), set()))
    assert why_not is None or ":" in why_not or "there is no revision" in why_not, "the remedy"


def test_every_control_says_what_to_do_instead_for_every_revision_that_it_may_not_name() -> None:
    expected = {(control, role) for control in Control for role in Role if role not in FOR[control]}
    assert set(INSTEAD) == {pair for pair in expected if pair[1] is not Role.UNKNOWN}


@pytest.mark.parametrize(
    ("seen", "control", "value", "text"),
    [
        (stepping(), Control.ROLLBACK, CANDIDATE.hash, "is the candidate: use abort"),
        (stepping(), Control.ROLLBACK, STABLE.hash, "version 2 is on its way"),
        (stepping(), Control.ABORT, STABLE.hash, "is the stable version: use rollback"),
        (stepping(), Control.RETRY, CANDIDATE.hash, "it is on its way"),
        (stepping(), Control.ABORT, "rnobody", f"there is no revision rnobody here; stable is {STABLE.hash}"),
        (stepping(), Control.ABORT, "", "it names no revision: write modelrollout.io/abort=<revision hash>"),
        (with_problems(stepping()), Control.PROMOTE, CANDIDATE.hash, "mend it first: spec.stages[0]: no"),
        (with_problems(loading()), Control.PROMOTE_FULL, CANDIDATE.hash, "mend it first"),
        (with_problems(FAILED), Control.RETRY, CANDIDATE.hash, "mend it first"),
        (FAILED, Control.ABORT, CANDIDATE.hash, "use retry to try it again"),
        (FAILED, Control.PROMOTE, CANDIDATE.hash, "use retry to begin it again"),
        (FAILED, Control.PAUSE, CANDIDATE.hash, "it has no traffic"),
        (with_spec(FAILED, raw_spec("1")), Control.RETRY, CANDIDATE.hash, "apply the manifest of version 2, then"),
        (resting(raw_spec()), Control.PROMOTE, CANDIDATE.hash, "it begins by itself"),
        (resting(), Control.PAUSE, STABLE.hash, "nothing is on its way"),
        (resting(), Control.ROLLBACK, STABLE.hash, "no previous version is kept warm: apply the manifest"),
        (with_pods(WARM, pods(STABLE, 0)), Control.ROLLBACK, THIRD.hash, "the previous version 1 has no ready"),
        (WARM, Control.ROLLBACK, STABLE.hash, "rollback names the version that is to be left"),
        (empty(), Control.ABORT, STABLE.hash, "apply another manifest to replace it"),
    ],
)
def test_a_refusal_says_what_to_do_instead(seen: Observation, control: Control, value: str, text: str) -> None:
    assert text in (refusal(Click(control, value), situation_of(seen)) or "")


@pytest.mark.parametrize(
    ("clicks", "wins", "loses"),
    [
        ({"abort": "1", "promote": "2"}, Control.ABORT, Control.PROMOTE),
        ({"abort": "1", "promote_full": "2"}, Control.ABORT, Control.PROMOTE_FULL),
        ({"abort": "1", "approve": "2"}, Control.ABORT, Control.APPROVE),
        ({"pause": "1", "promote": "2"}, Control.PAUSE, Control.PROMOTE),
        ({"pause": "1", "promote_full": "2"}, Control.PAUSE, Control.PROMOTE_FULL),
        ({"promote": "1", "promote_full": "2"}, Control.PROMOTE, Control.PROMOTE_FULL),
        ({"pause": "1", "abort": "2"}, Control.ABORT, None),
    ],
)
def test_of_two_that_contradict_the_safer_goes_first(
    clicks: dict[str, str], wins: Control, loses: Control | None
) -> None:
    values = {name: f"{CANDIDATE.hash}.{value}" for name, value in clicks.items()}
    seen = with_clicks(stepping(), **values)
    assert wanted(situation_of(seen), wins) is not None
    if loses is not None:
        assert wanted(situation_of(seen), loses) is None


def test_a_retry_waits_for_no_pause() -> None:
    seen = with_clicks(FAILED, pause=CANDIDATE.hash, retry=CANDIDATE.hash)
    text = refusal(Click(Control.RETRY, CANDIDATE.hash), situation_of(seen))
    assert text == "it is paused; to go on: kubectl -n demo annotate mr digits modelrollout.io/pause-"


def test_an_answered_click_is_not_wanted_again() -> None:
    seen = with_clicks(stepping(), promote=CANDIDATE.hash)
    for outcome in ControlOutcome:
        entry = ControlStatus(control=Control.PROMOTE, value=CANDIDATE.hash, outcome=outcome, message="", at=seen.now)
        status = seen.status.model_copy(update={"controls": (entry,)})
        after = situation_of(replace(seen, rollout=replace(seen.rollout, status=status)))
        assert wanted(after, Control.PROMOTE) is None


@pytest.mark.parametrize(
    ("seen", "revision", "holds"),
    [
        (stepping(), CANDIDATE.hash, True),
        (suspended(stepping()), CANDIDATE.hash, True),
        (loading(), CANDIDATE.hash, True),
        (resting(raw_spec()), CANDIDATE.hash, True),
        (stepping(), STABLE.hash, False),
        (resting(), STABLE.hash, False),
        (FAILED, CANDIDATE.hash, False),
        (empty(), STABLE.hash, False),
    ],
)
def test_a_pause_holds_what_is_on_its_way(seen: Observation, revision: str, holds: bool) -> None:  # noqa: FBT001
    paused = with_clicks(seen, pause=revision)
    assert (pause_of(paused, paused.status) is not None) is holds


def test_roles() -> None:
    seen = WARM
    assert role_of(THIRD.hash, seen, seen.status) is Role.STABLE
    assert role_of(STABLE.hash, seen, seen.status) is Role.PREVIOUS
    wanted_again = with_spec(seen, raw_spec("1"))
    assert role_of(STABLE.hash, wanted_again, wanted_again.status) is Role.WAITING
    assert role_of(CANDIDATE.hash, seen, seen.status) is Role.UNKNOWN
