"""Which Service of the user's is which revision, and the other way round."""

from __future__ import annotations

import pytest

from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import AttemptStatus, ModelRolloutStatus
from modelrollout.engine.revisions import HASH_VERSION, Revision
from modelrollout.kube.caches import Cache
from modelrollout.kube.errors import ConflictError
from modelrollout.kube.resources import CONTROLLER_REVISION
from modelrollout.traffic.render import Address
from modelrollout.traffic.services import address_of, revisions_by_service
from tests.support.behind import FIRST, NEW, OLD, ONE, THREE, TWO, A, B, C, asks, known
from tests.support.objects import UID, raw_object
from tests.support.scenes import NOW, previous, rollout

pytestmark = pytest.mark.unit


def records(*revisions: Revision) -> Cache:
    """A cache with the records of revisions, oldest first."""
    cache = Cache()
    for number, revision in enumerate(revisions, 1):
        data = {"hashVersion": HASH_VERSION, "hash": revision.hash, "input": revision.input}
        body = raw_object(f"digits-{revision.hash}", revision=revision.hash, controller=UID, data=data)
        cache.apply_event(CONTROLLER_REVISION, None, body | {"revision": number})
    return cache


def asked(raw: object = None, **status: object) -> ModelRollout:
    return rollout(raw or asks(), ModelRolloutStatus().model_copy(update=status))  # type: ignore[arg-type]


def attempt(of: Revision) -> AttemptStatus:
    return AttemptStatus(**of.ref.model_dump(), started_at=NOW)


@pytest.mark.parametrize(
    ("of", "cache", "made", "service"),
    [
        (TWO, records(TWO), asked(asks("1", A, None)), B),
        (TWO, records(), asked(asks("1", A, None), services=(known(TWO, NEW),)), B),
        (TWO, records(), asked(), B),
        (FIRST, records(), asked(), A),
        (ONE, records(ONE), asked(asks("3", B, C)), A),
    ],
    ids=["by its record", "by status", "as the spec asks for", "as it is to be stable", "whatever the spec says"],
)
def test_where_a_revision_is(of: Revision, cache: Cache, made: ModelRollout, service: str) -> None:
    assert address_of(made, of.hash, cache) == Address(service, 8080)


def test_nothing_is_sent_to_a_revision_that_nobody_knows() -> None:
    with pytest.raises(ConflictError, match="which tells the Service, is missing"):
        address_of(asked(), THREE.hash, records())


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (asked(), {A: THREE.hash, B: TWO.hash}),
        (asked(stable=ONE.ref), {A: ONE.hash, B: TWO.hash}),
        (asked(stable=TWO.ref, previous=previous(ONE)), {A: ONE.hash, B: TWO.hash}),
        (asked(stable=TWO.ref, attempt=attempt(THREE)), {A: THREE.hash, B: TWO.hash}),
        (asked(stable=TWO.ref, previous=previous(ONE), attempt=attempt(THREE)), {A: THREE.hash, B: TWO.hash}),
    ],
    ids=[
        "the last that there was",
        "what serves, before what was tried after it",
        "what is warm, before what was tried after it",
        "what is on its way",
        "what is on its way, before what was there",
    ],
)
def test_one_service_is_another_revision_from_rollout_to_rollout(made: ModelRollout, expected: dict[str, str]) -> None:
    assert revisions_by_service(made, records(ONE, TWO, THREE)) == expected


def test_what_status_says_needs_no_record() -> None:
    made = asked(stable=ONE.ref, services=(known(ONE, OLD),))
    assert revisions_by_service(made, records()) == {A: ONE.hash}
