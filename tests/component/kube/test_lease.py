"""The Lease on a real API server: every write rests on the version that was read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from modelrollout.kube.election import Record
from modelrollout.kube.errors import ConflictError, NotFoundError
from modelrollout.kube.lease import LeaseStore
from modelrollout.kube.resources import LEASE
from tests.support.lab import Lab

pytestmark = pytest.mark.component

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


async def there(one: LeaseStore) -> Record:
    found = await one.read()
    assert found is not None
    return found


def store(lab: Lab, me: str) -> LeaseStore:
    return LeaseStore(lab.client, lab.namespace, "operators", me, 14.5, lambda: NOW)


async def test_it_is_made_renewed_taken_and_released(lab: Lab) -> None:
    one, two = store(lab, "one"), store(lab, "two")
    assert await one.read() is None
    made = await one.create()
    assert (made.holder, made.duration, made.transitions) == ("one", 15.0, 0)
    renewed = await one.renew(made)
    assert renewed.transitions == 0
    taken = await two.take(renewed)
    assert (taken.holder, taken.transitions) == ("two", 1)
    assert (await two.take(taken)).transitions == 1, "taken from oneself it is the same term"
    await two.release(await two.renew(await there(two)))
    released = await there(one)
    assert (released.holder, released.transitions) == ("", 1)
    assert (await one.take(released)).transitions == 2


async def test_of_two_that_make_it_one_is_refused(lab: Lab) -> None:
    await store(lab, "one").create()
    with pytest.raises(ConflictError):
        await store(lab, "two").create()


async def test_of_two_that_take_it_one_is_refused(lab: Lab) -> None:
    left = await store(lab, "left").create()
    await store(lab, "one").take(left)
    for late in (store(lab, "two").take(left), store(lab, "left").renew(left), store(lab, "left").release(left)):
        with pytest.raises(ConflictError):
            await late
    assert (await there(store(lab, "one"))).holder == "one"


async def test_one_that_was_deleted_is_not_renewed(lab: Lab) -> None:
    one = store(lab, "one")
    made = await one.create()
    await asyncio.to_thread(lab.kubectl, "delete", "lease", "operators")
    with pytest.raises(NotFoundError):
        await one.renew(made)


async def test_what_people_put_on_it_stays(lab: Lab) -> None:
    one = store(lab, "one")
    await one.create()
    stored = await lab.live(LEASE, "operators")
    stored["metadata"]["labels"] = {"team": "ml"}
    await lab.client.replace(LEASE, stored)
    await one.renew(await there(one))
    assert (await lab.live(LEASE, "operators"))["metadata"]["labels"] == {"team": "ml"}
