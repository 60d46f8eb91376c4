"""What is remembered of ModelRollouts: the newest, and only users' changes wake anybody."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.resource import Key, ModelRollout
from modelrollout.api.status import ModelRolloutStatus, Phase
from modelrollout.runtime.rollouts import AT_HAND, Rollouts, Unreadable
from tests.support.statuses import FULL_STATUS

pytestmark = pytest.mark.unit

KEY = Key("ns", "digits")


def raw(version: int = 1, generation: int = 1, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "ns",
            "name": "digits",
            "uid": "u1",
            "resourceVersion": str(version),
            "generation": generation,
            **metadata,
        },
        "spec": {
            "model": {"name": "digits", "version": "1"},
            "workload": {"deployment": {"template": {}}},
            "service": {"port": 80},
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "gw"}]}},
            "stages": [{"name": "full", "weight": 100}],
        },
    }


def test_a_new_one_and_a_users_change_wake_us_and_our_own_status_does_not() -> None:
    rollouts = Rollouts()
    assert rollouts.put(raw(1)) == KEY
    assert rollouts.put(raw(2) | {"status": {"phase": "Progressing"}}) is None
    assert rollouts.put(raw(3, generation=2)) == KEY
    assert rollouts.put(raw(4, generation=2, annotations={"modelrollout.io/pause": "x"})) == KEY


def test_an_older_version_than_the_known_one_changes_nothing() -> None:
    rollouts = Rollouts()
    rollouts.put(raw(5))
    rollouts.wrote(KEY, ModelRolloutStatus(phase=Phase.PROGRESSING), "9")
    assert rollouts.put(raw(7, generation=1)) is None
    known = rollouts.get(KEY)
    assert isinstance(known, ModelRollout)
    assert (known.resource_version, known.status.phase) == ("9", Phase.PROGRESSING)


def test_what_is_known_at_this_version_is_not_read_again() -> None:
    """A list of ten thousand would keep the leader from renewing its Lease."""
    rollouts = Rollouts()
    rollouts.put(raw(5))
    known = rollouts.get(KEY)
    assert rollouts.put(raw(5)) is None
    assert rollouts.get(KEY) is known


@pytest.mark.parametrize("status", [FULL_STATUS, ModelRolloutStatus()], ids=["full", "empty"])
def test_one_that_was_not_looked_at_for_long_reads_the_same(status: ModelRolloutStatus) -> None:
    rollouts = Rollouts()
    rollouts.put(raw(5, annotations={"modelrollout.io/pause": "x"}, finalizers=["a/b"]))
    rollouts.wrote(KEY, status, "9")
    before = rollouts.get(KEY)
    for number in range(2 * AT_HAND):
        rollouts.put(raw(1, name=f"other-{number}"))
    assert rollouts.get(KEY) is not before
    assert rollouts.get(KEY) == before
    assert isinstance(before, ModelRollout)
    assert before.status == status


def test_who_moves_is_known_without_reading_it() -> None:
    rollouts = Rollouts()
    rollouts.put(raw(5))
    assert (rollouts.moves(KEY), rollouts.version(KEY)) == (False, 5)
    rollouts.wrote(KEY, FULL_STATUS, "9")
    assert (rollouts.moves(KEY), rollouts.version(KEY)) == (True, 9)
    rollouts.remove(KEY)
    assert (rollouts.moves(KEY), rollouts.version(KEY)) == (False, None)


def test_those_of_a_gateway_or_of_somebody_elses_route_are_found() -> None:
    rollouts = Rollouts()
    rollouts.put(raw(1))
    assert rollouts.of_gateway("ns", "gw") == {KEY}
    changed = raw(2, generation=2)
    changed["spec"]["traffic"] = {"gatewayAPI": {"httpRouteRef": {"name": "shop", "rule": "predict"}}}
    rollouts.put(changed)
    assert not rollouts.of_gateway("ns", "gw")
    assert rollouts.of_route("ns", "shop") == {KEY}
    assert rollouts.foreign_routes() == (("ns", "shop"),)
    rollouts.remove(KEY)
    assert not rollouts.of_route("ns", "shop")
    assert not rollouts.foreign_routes()


def test_a_recreated_one_is_another_one() -> None:
    rollouts = Rollouts()
    rollouts.put(raw(9))
    assert rollouts.put(raw(3, uid="u2")) == KEY


def test_one_that_cannot_be_read_is_kept_with_all_its_problems() -> None:
    rollouts = Rollouts()
    broken = raw(1)
    del broken["spec"]["service"], broken["spec"]["stages"]
    assert rollouts.put(broken) == KEY
    known = rollouts.get(KEY)
    assert isinstance(known, Unreadable)
    assert [problem.split(":")[0] for problem in known.problems] == ["spec.service", "spec.stages"]


def test_an_answer_that_comes_after_what_followed_it_sets_nothing_back() -> None:
    """A user's change was seen by the watch before the answer to our own write before it."""
    rollouts = Rollouts()
    rollouts.put(raw(5))
    rollouts.put(raw(12, generation=2))
    rollouts.wrote(KEY, ModelRolloutStatus(phase=Phase.PROGRESSING), "11")
    known = rollouts.get(KEY)
    assert isinstance(known, ModelRollout)
    assert (known.resource_version, known.generation) == ("12", 2)


def test_one_whose_status_cannot_be_read_is_left_alone_and_the_others_are_not() -> None:
    rollouts = Rollouts()
    rollouts.put(raw(1))
    assert rollouts.put(raw(2) | {"status": {"sequence": "many"}}) is None
    assert rollouts.get(KEY) is None
    assert rollouts.put(raw(3) | {"status": {"sequence": 3}}) == KEY


def test_who_moves_requests_between_services_of_others_is_found_by_each_of_them() -> None:
    rollouts = Rollouts()
    between = raw() | {"status": {"services": [{"revision": "r1", "service": "c", "since": "2026-01-01T12:00:00Z"}]}}
    between["spec"] |= {"workload": {"services": {"stable": "a", "candidate": "b"}}}
    rollouts.put(between)
    for service in ("a", "b", "c"):
        assert rollouts.of_service("ns", service) == {KEY}, "also what serves, when the spec names it no more"
    rollouts.remove(KEY)
    assert not rollouts.of_service("ns", "b")


def test_those_that_depend_on_one_are_woken_when_others_see_something_new_of_it() -> None:
    woken: list[Key] = []
    rollouts = Rollouts(woken.append)
    ranker = raw(1, name="ranker", uid="u2")
    rollouts.put(ranker | {"spec": ranker["spec"] | {"dependsOn": [{"name": "digits"}]}})
    rollouts.put(raw(2))
    assert woken == [Key("ns", "ranker")]
    moving = ModelRolloutStatus(attempt=FULL_STATUS.attempt)
    rollouts.wrote(KEY, moving, "3")
    assert woken == [Key("ns", "ranker")] * 2
    rollouts.wrote(KEY, moving.model_copy(update={"verdict": "n=640"}), "4")
    assert len(woken) == 2
    standing = rollouts.standing(KEY)
    assert standing is not None
    assert standing.moves == "version 3 is in stage ramp"
    rollouts.remove(KEY)
    assert len(woken) == 3
    assert rollouts.standing(KEY) is None
