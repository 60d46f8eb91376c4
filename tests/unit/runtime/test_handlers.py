"""What is watched where."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import kopf
import pytest

from modelrollout.kube.caches import WATCHED
from modelrollout.kube.resources import GATEWAY, GATEWAY_CLASS, HTTP_ROUTE, MODEL_ROLLOUT
from modelrollout.runtime.handlers import configure, watches

pytestmark = pytest.mark.unit


def test_without_namespaces_everything_is_watched_everywhere() -> None:
    (watch,) = watches(WATCHED, ())

    assert watch.namespaces == ()
    assert {entry.resource for entry in watch.entries} == {MODEL_ROLLOUT, *(entry.resource for entry in WATCHED)}


def test_a_gateway_of_another_namespace_is_seen_by_an_operator_of_one_namespace() -> None:
    served, shared = watches(WATCHED, ("team-a",))

    assert served.namespaces == ("team-a",)
    assert {MODEL_ROLLOUT, HTTP_ROUTE} <= {entry.resource for entry in served.entries}
    assert shared.namespaces == ()
    assert {entry.resource for entry in shared.entries} == {GATEWAY, GATEWAY_CLASS}
    assert len(served.entries) + len(shared.entries) == len(WATCHED) + 1


def test_no_outage_is_long_enough_to_end_kopf() -> None:
    settings = kopf.OperatorSettings()
    configure(settings, WATCHED)
    backoffs = settings.networking.error_backoffs
    assert isinstance(backoffs, Iterable)
    for _ in range(2):  # each request begins anew
        first = list(itertools.islice(backoffs, 1000))
        assert len(first) == 1000
        assert first == sorted(first)
        assert first[-1] <= 10


def test_kopf_keeps_no_copy_of_an_object_to_compare_it_with() -> None:
    settings = kopf.OperatorSettings()
    configure(settings, WATCHED)
    storage = settings.persistence.diffbase_storage
    body = kopf.Body({"metadata": {"name": "digits"}, "spec": {"model": {}}})
    assert storage.build(body=body) == {}
    assert storage.fetch(body=body) is None
