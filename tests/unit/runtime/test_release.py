"""What a deletion waits for, and what it does not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from modelrollout.api.names import FINALIZER
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.kube.caches import Cache
from modelrollout.kube.errors import ForbiddenError, NotFoundError, UnavailableError
from modelrollout.runtime.release import PATIENCE, Releaser
from modelrollout.runtime.rollouts import Unreadable
from tests.support import scenes
from tests.support.scenes import NOW

pytestmark = pytest.mark.unit

MOMENT = timedelta(seconds=1)


@dataclass
class Cluster:
    """Stands in for the API server, the routes that are lent, and all else that a release asks."""

    gives: Exception | None = None
    writes: Exception | None = None
    done: list[str] = field(default_factory=list)

    @property
    def lent(self) -> Cluster:
        return self

    async def give_back(self, _: object) -> None:
        self.done.append("give back")
        if self.gives is not None:
            raise self.gives

    async def patch(self, *arguments: Any) -> dict[str, Any]:
        self.done.append(f"finalizers {arguments[3]['metadata']['finalizers']}")
        if self.writes is not None:
            raise self.writes
        return {}


def deleted(*finalizers: str, since: timedelta = MOMENT) -> ModelRollout:
    return replace(scenes.stepping().rollout, deleting=True, finalizers=finalizers, deleted_at=NOW - since)


async def release(cluster: Cluster, rollout: ModelRollout | Unreadable) -> float | None:
    stand_in = cast(Any, cluster)
    return await Releaser(
        client=stand_in,
        cache=Cache(),
        rollouts=stand_in,
        workloads=stand_in,
        traffics=stand_in,
        now=lambda: NOW,
    ).release(rollout)


async def test_without_our_finalizer_nothing_is_done() -> None:
    cluster = Cluster()
    assert await release(cluster, deleted("somebody.example.com/else")) is None
    assert cluster.done == []


async def test_what_is_lent_is_given_back_before_it_may_go() -> None:
    cluster = Cluster()
    await release(cluster, deleted(FINALIZER))
    assert cluster.done == ["give back", "finalizers []"]


async def test_one_that_cannot_be_read_is_let_go_too() -> None:
    cluster = Cluster()
    status = scenes.resting().status
    unreadable = Unreadable(Key("demo", "digits"), "uid", "1", 1, status, ("spec: no",), (FINALIZER,), deleted_at=NOW)
    await release(cluster, unreadable)
    assert cluster.done == ["give back", "finalizers []"]


async def test_an_outage_is_waited_for() -> None:
    cluster = Cluster(gives=UnavailableError("Unavailable", "no answer"))
    with pytest.raises(UnavailableError):
        await release(cluster, deleted(FINALIZER))
    assert cluster.done == ["give back"]


@pytest.mark.parametrize(
    ("gives", "since"),
    [
        (UnavailableError("Unavailable", "no answer"), PATIENCE + MOMENT),
        (ForbiddenError("Forbidden", "a namespace that is deleted"), MOMENT),
    ],
    ids=["but not for ever", "and what is forbidden is not tried again"],
)
async def test_nobody_hangs_on_us(gives: Exception, since: timedelta) -> None:
    cluster = Cluster(gives=gives)
    await release(cluster, deleted(FINALIZER, since=since))
    assert cluster.done == ["give back", "finalizers []"]


async def test_one_that_is_gone_already_is_gone() -> None:
    assert await release(Cluster(writes=NotFoundError("NotFound", "gone")), deleted(FINALIZER)) is None
