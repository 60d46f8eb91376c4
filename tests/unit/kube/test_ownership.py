from __future__ import annotations

import json
from typing import Any

import pytest

from modelrollout.kube.ownership import lost_fields

pytestmark = pytest.mark.unit

CONTAINER = {
    "name": "c",
    "image": "i",
    "args": ["a"],
    "ports": [{"containerPort": 80}],
    "env": [{"name": "A", "value": "1"}],
}
DESIRED = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "d",
        "labels": {"app": "x"},
        "ownerReferences": [{"uid": "u", "name": "o"}],
        "finalizers": ["not looked at"],
    },
    "spec": {"replicas": 2, "template": {"spec": {"containers": [CONTAINER], "nodeSelector": {}}}},
}


def owned() -> dict[str, Any]:
    """All of DESIRED, as the API server writes it."""
    container: dict[str, Any] = {
        ".": {},
        "f:name": {},
        "f:image": {},
        "f:args": {},
        "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
        "f:env": {'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}},
    }
    return {
        "f:metadata": {
            "f:labels": {"f:app": {}},
            "f:ownerReferences": {'k:{"uid":"u"}': {}},
        },
        "f:spec": {
            "f:replicas": {},
            "f:template": {"f:spec": {"f:containers": {'k:{"name":"c"}': container}, "f:nodeSelector": {}}},
        },
    }


def test_what_is_owned_whole_is_not_lost() -> None:
    assert lost_fields(DESIRED, json.dumps(owned())) == ()


@pytest.mark.parametrize(
    ("path", "lost"),
    [
        (("f:spec", "f:replicas"), "spec.replicas"),
        (("f:metadata", "f:labels", "f:app"), "metadata.labels.app"),
        (("f:metadata", "f:ownerReferences", 'k:{"uid":"u"}'), "metadata.ownerReferences[uid=u]"),
        (("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"c"}'), "spec.template.spec.containers[name=c]"),
        (
            ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"c"}', "f:image"),
            "spec.template.spec.containers[name=c].image",
        ),
        (
            ("f:spec", "f:template", "f:spec", "f:containers", 'k:{"name":"c"}', "f:env", 'k:{"name":"A"}', "f:value"),
            "spec.template.spec.containers[name=c].env[name=A].value",
        ),
    ],
)
def test_a_field_that_somebody_took_is_named(path: tuple[str, ...], lost: str) -> None:
    fields = owned()
    node = fields
    for part in path[:-1]:
        node = node[part]
    # Another entry stays, as a list or map that lost its last entry is owned no more at all.
    node["f:other" if path[-1].startswith("f:") else 'k:{"name":"other"}'] = {}
    del node[path[-1]]
    assert lost_fields(DESIRED, json.dumps(fields)) == (lost,)


def test_sets_are_compared_by_value() -> None:
    desired = {"metadata": {}, "spec": {"set": ["a", "b"]}}
    assert lost_fields(desired, json.dumps({"f:spec": {"f:set": {'v:"a"': {}}}})) == ("spec.set[b]",)


def test_nothing_owned_means_all_was_lost() -> None:
    assert lost_fields(DESIRED, "") == ("spec",)


@pytest.mark.parametrize("empty", [None, {}, []])
def test_an_empty_value_has_nothing_to_lose(empty: object) -> None:
    assert lost_fields({"metadata": {}, "spec": {"a": empty}}, json.dumps({"f:spec": {"f:b": {}}})) == ()
