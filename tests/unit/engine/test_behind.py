"""Pods behind a Service: who made them, when they have changed, and how their series are told."""

from __future__ import annotations

import re

import pytest

from modelrollout.engine.behind import Behind, group_of, has_changed, pattern_of
from tests.support.behind import NEW, NEWER, behind

pytestmark = pytest.mark.unit

UID = "3f1c9a52-0d1b-4c55-8a35-0b2f6a1c7d11"
SINGLE, OTHER_UID = "digits-0@3f1c9a52", "digits-0@77777777"


@pytest.mark.parametrize(
    ("name", "uid", "group"),
    [
        ("digits-b-79c8b5f4d9-x7k2p", UID, "digits-b-79c8b5f4d9-*"),
        ("digits-b-79c8b5f4-x7k2p", UID, "digits-b-79c8b5f4-*"),
        ("digits-0", UID, "digits-0@3f1c9a52"),
        ("digits-b-x7k2p", UID, "digits-b-x7k2p@3f1c9a52"),
        # A DaemonSet whose name ends in few of those letters is no ReplicaSet.
        ("llm-v2-x7k2p", UID, "llm-v2-x7k2p@3f1c9a52"),
        # Kubernetes has cut the ReplicaSet's name.
        (
            "digits-with-a-name-that-is-much-too-long-79c8b5x7k2p",
            UID,
            "digits-with-a-name-that-is-much-too-long-79c8b5x7k2p@3f1c9a52",
        ),
        ("10.0.0.1", None, "10.0.0.1"),
    ],
)
def test_pods_of_a_replica_set_are_one_group_and_any_other_is_its_own(name: str, uid: str | None, group: str) -> None:
    assert group_of(name, uid) == group


@pytest.mark.parametrize(
    ("known", "seen", "changed"),
    [
        ((NEW,), behind(NEW), False),
        ((NEW,), behind(NEW, also=(NEWER,)), False),
        ((NEW,), behind(NEW, NEWER), True),
        ((NEW,), behind(NEWER, also=(NEW,)), True),
        ((NEW,), behind(NEWER), True),
        ((NEW,), behind(), False),
        ((NEW,), behind(also=(NEWER,)), False),
        ((), behind(NEW), False),
        ((NEW, NEWER), behind(NEWER, also=(NEW,)), False),
        ((NEW, NEWER), behind(NEWER), True),
        ((SINGLE, "digits-1@11111111"), behind(SINGLE), False),
        ((SINGLE,), behind(OTHER_UID), True),
        ((SINGLE,), behind(SINGLE, "digits-1@11111111"), True),
    ],
    ids=[
        "the same",
        "a deployment begins, and none of it is ready",
        "the first new pod is ready",
        "the old ones are not ready any more",
        "all are new",
        "nobody is left",
        "nobody answers",
        "nothing is known yet",
        "one of two is not ready for a moment",
        "one of two deployments is gone",
        "one pod less",
        "a pod of the same name is another one",
        "one pod more, that nobody has looked at",
    ],
)
def test_a_deployment_shows_and_a_restart_does_not(known: tuple[str, ...], seen: Behind, *, changed: bool) -> None:
    assert has_changed(known, seen) is changed


@pytest.mark.parametrize(
    ("groups", "label", "matched", "others"),
    [
        ((NEW,), "pod", ("digits-b-79c8b5f4d9-x7k2p",), ("digits-b-5f6b7c8d9f-x7k2p", "digits-b-79c8b5f4d9-")),
        ((NEW, NEWER), "pod", ("digits-b-5f6b7c8d9f-x7k2p",), ("digits-a-6d4cf56db6-x7k2p",)),
        ((SINGLE,), "pod", ("digits-0",), ("digits-01", "digits-1")),
        (("a.b-0@12345678",), "pod", ("a.b-0",), ("a-b-0",)),
        (("10.0.0.1", "10.0.0.2"), "instance", ("10.0.0.1:8080", "10.0.0.2"), ("10.0.0.11:8080", "10a0b0c1")),
        (("10.0.0.1", SINGLE), "pod", ("digits-0",), ("10.0.0.1",)),
    ],
)
def test_series_are_told_by_the_names_of_the_pods(
    groups: tuple[str, ...], label: str, matched: tuple[str, ...], others: tuple[str, ...]
) -> None:
    kind, pattern = pattern_of(groups)
    assert kind == label
    assert [value for value in matched if not re.fullmatch(pattern, value)] == []
    assert [value for value in others if re.fullmatch(pattern, value)] == []
    assert "\\" not in pattern, "a backslash would have to be escaped in PromQL"
