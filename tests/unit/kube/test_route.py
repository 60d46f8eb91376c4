from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.names import ANNOTATION_DECISION, ANNOTATION_SEQUENCE
from modelrollout.kube.route import Backend, route_view
from tests.support.objects import managed, merged, raw_object

pytestmark = pytest.mark.unit


def rule(*references: dict[str, Any], mirror: dict[str, Any] | None = None) -> dict[str, Any]:
    filters = (
        [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "m"}} | mirror}]
        if mirror is not None
        else []
    )
    return {"backendRefs": list(references), "filters": filters}


def backends(*references: dict[str, Any]) -> tuple[Backend, ...]:
    return route_view(raw_object("digits", spec={"rules": [rule(*references)]})).rules[0].backends


def test_a_backend_without_weight_has_one() -> None:
    assert backends({"name": "a"}, {"name": "b", "weight": 0}) == (
        Backend("a", plain=True, weight=1),
        Backend("b", plain=True, weight=0),
    )


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ({"name": "a", "namespace": "other"}, "Service other/a"),
        ({"name": "a", "kind": "TraefikService", "group": "traefik.io"}, "TraefikService demo/a"),
    ],
)
def test_anything_but_a_service_of_the_namespace_is_foreign(reference: dict[str, Any], name: str) -> None:
    assert backends(reference) == (Backend(name, plain=False, weight=1),)


@pytest.mark.parametrize(
    ("mirror", "percents"),
    [
        ({}, [100]),
        ({"percent": 20}, [20]),
        ({"percent": 0}, []),
        ({"fraction": {"numerator": 1, "denominator": 8}}, [13]),
        ({"fraction": {"numerator": 42}}, [42]),
    ],
)
def test_the_share_of_a_mirror(mirror: dict[str, Any], percents: list[int]) -> None:
    view = route_view(raw_object("digits", spec={"rules": [rule(mirror=mirror)]}))
    assert [entry.weight for entry in view.rules[0].mirrors] == percents


def test_a_mirror_on_a_backend_is_noticed() -> None:
    reference = {"name": "a", "filters": [{"type": "RequestMirror"}]}
    view = route_view(raw_object("digits", spec={"rules": [rule(reference), rule({"name": "a"})]}))
    assert [entry.has_backend_mirror for entry in view.rules] == [True, False]


@pytest.mark.parametrize("ours", [True, False])
def test_annotations_count_while_they_are_ours(*, ours: bool) -> None:
    fields: dict[str, Any] = {
        "f:metadata": {"f:annotations": {f"f:{ANNOTATION_SEQUENCE}": {}, f"f:{ANNOTATION_DECISION}": {}}}
    }
    metadata = {
        "annotations": {ANNOTATION_SEQUENCE: "9", ANNOTATION_DECISION: "{}"},
        "managedFields": [managed(fields, "modelrollout" if ours else "kubectl-edit")],
    }
    view = route_view(merged(raw_object("digits", spec={}), {"metadata": metadata}))
    assert (view.sequence, view.decision) == (("9", "{}") if ours else ("", ""))


def test_parents_are_in_the_namespace_of_the_route_unless_they_say_so() -> None:
    spec = {"parentRefs": [{"name": "a"}, {"name": "b", "namespace": "infra", "sectionName": "web", "port": 80}]}
    first, second = route_view(raw_object("digits", spec=spec)).parent_refs
    assert (first.namespace, first.section_name, first.port) == ("demo", None, None)
    assert (second.namespace, second.section_name, second.port) == ("infra", "web", 80)


def test_an_empty_route_is_read() -> None:
    view = route_view(raw_object("digits", spec={}))
    assert (view.rules, view.parent_refs, view.parents) == ((), (), ())


def test_marks_count_while_we_own_them() -> None:
    ours = {"modelrollout.io/sequence-digits": "7", "modelrollout.io/decision-digits": "{}", "theirs": "x"}
    fields: dict[str, Any] = {
        "f:metadata": {"f:annotations": {"f:modelrollout.io/sequence-digits": {}, "f:theirs": {}}}
    }
    rules: dict[str, Any] = {"f:spec": {"f:rules": {}}}
    entries = [managed(fields, operation="Update"), managed(rules, "argocd-controller"), managed(rules, "modelrollout")]
    raw = merged(raw_object("shop", spec={}), {"metadata": {"annotations": ours, "managedFields": entries}})
    view = route_view(raw)
    assert view.marks == (("modelrollout.io/sequence-digits", "7"),)
    assert view.text_of("modelrollout.io/sequence", "digits") == "7"
    assert view.text_of("modelrollout.io/decision", "digits") == "", "somebody else has written it"
    assert (view.marked_for, view.rules_by, view.has_annotations) == (("digits",), ("argocd-controller",), True)
