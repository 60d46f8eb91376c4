"""Each watch in turn goes mute, or misses a deletion: the rollout ends the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from modelrollout.kube.resources import (
    AUTOSCALER,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    JOB,
    MODEL_ROLLOUT,
    POD,
    SERVICE,
    Resource,
)
from tests.support.lives import Lives, api, differences, lives
from tests.support.watches import CHILDREN, Missed
from tests.support.ways import DELETED_JOB

pytestmark = pytest.mark.component

__all__ = ["api", "lives"]

WATCHED = (MODEL_ROLLOUT, *CHILDREN)
DELETED = (
    *(Missed(resource, version) for resource in (DEPLOYMENT, SERVICE, ENDPOINT_SLICE) for version in ("1", "2")),
    Missed(SERVICE, None),
    Missed(HTTP_ROUTE, None),
)
"""Not the record of a revision: nobody can make it again, and the operator says so."""


async def test_each_watch_goes_mute_in_turn(lives: Lives, record_property: Callable[[str, object], None]) -> None:
    whole = await lives.live()
    found = await asyncio.gather(*(lives.live(mute=resource) for resource in WATCHED))
    objections = []
    for resource, life in zip(WATCHED, found, strict=True):
        objections += differences(f"mute: {resource.kind}", life, whole)
    assert not objections, "\n".join(objections)
    record_property("mute watches", len(found))


async def test_each_deletion_is_missed_in_turn(lives: Lives, record_property: Callable[[str, object], None]) -> None:
    whole = await lives.live()
    found = await asyncio.gather(*(lives.live(missed=missed) for missed in DELETED))
    objections = []
    for missed, life in zip(DELETED, found, strict=True):
        objections += differences(f"deleted unseen: {missed.resource.kind} {missed.version}", life, whole)
    assert not objections, "\n".join(objections)
    record_property("missed deletions", len(found))


@pytest.mark.parametrize(
    ("lives", "mute"),
    [
        ("gated", JOB),
        ("gated", POD),
        ("autoscaled", AUTOSCALER),
        ("crashing", POD),
        ("promote between Services", ENDPOINT_SLICE),
        ("promote between Services", HTTP_ROUTE),
    ],
    indirect=["lives"],
    ids=lambda each: each.kind if isinstance(each, Resource) else None,
)
async def test_the_watch_of_what_only_some_have_goes_mute(lives: Lives, mute: Resource) -> None:
    whole, life = await asyncio.gather(lives.live(), lives.live(mute=mute))
    assert not differences(f"mute: {mute.kind}", life, whole)


@pytest.mark.parametrize(
    ("lives", "missed"),
    [
        ("gated", DELETED_JOB),
        ("autoscaled", Missed(AUTOSCALER, "1")),
        ("autoscaled", Missed(AUTOSCALER, "2")),
    ],
    indirect=["lives"],
    ids=lambda each: f"{each.resource.kind} {each.version}" if isinstance(each, Missed) else None,
)
async def test_a_deletion_of_what_only_some_have_is_missed(lives: Lives, missed: Missed) -> None:
    whole, life = await asyncio.gather(lives.live(), lives.live(missed=missed))
    assert not differences(f"deleted unseen: {missed.resource.kind} {missed.version}", life, whole)
