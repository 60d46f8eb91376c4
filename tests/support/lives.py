"""Many lives of the same rollout, each with one thing that goes wrong, beside one in which nothing does."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Final

import pytest
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient

from modelrollout.kube.resources import Resource
from tests.support.api_server import ApiServer
from tests.support.driven import Driven, Lived
from tests.support.driven_services import DrivenBetween
from tests.support.faults import Fault
from tests.support.told import heard
from tests.support.watches import Missed
from tests.support.ways import AUTOSCALED, CRASHING, GATED, PROMOTE, ROLLBACK, Way

AT_ONCE: Final = 8
USUAL: Final = ("promote", "rollback")
WAYS: Final[Mapping[str, tuple[type[Driven], Way]]] = {
    "promote": (Driven, PROMOTE),
    "rollback": (Driven, ROLLBACK),
    "promote between Services": (DrivenBetween, PROMOTE),
    "rollback between Services": (DrivenBetween, ROLLBACK),
    "gated": (Driven, GATED),
    "autoscaled": (Driven, AUTOSCALED),
    "crashing": (Driven, CRASHING),
}


class Lives:
    """Rollouts that go one way, in namespaces of their own, some at a time."""

    def __init__(self, api: ApiClient, way: str) -> None:
        self._api = api
        self._driven, self._way = WAYS[way]
        self._free = asyncio.Semaphore(AT_ONCE)

    async def live(
        self, fault: Fault | None = None, *, mute: Resource | None = None, missed: Missed | None = None
    ) -> Lived:
        """One of them."""
        async with self._free:
            name = f"lives-{secrets.token_hex(5)}"
            here = self._driven(self._api, name, self._way, fault or Fault(), mute=mute, missed=missed)
            await here.serve_first()
            return await here.roll_out()

    async def all_of(self, faults: Sequence[Fault]) -> list[Lived]:
        """One for each."""
        return await asyncio.gather(*(self.live(fault) for fault in faults))


@pytest.fixture
async def api(api_server: ApiServer) -> AsyncIterator[ApiClient]:
    """What all of them share."""
    async with await config.new_client_from_config(str(api_server.kubeconfig)) as client:
        yield client


@pytest.fixture(params=USUAL)
def lives(api: ApiClient, request: pytest.FixtureRequest) -> Iterator[Lives]:
    """Of each usual way, or of those that a test names."""
    with heard():
        yield Lives(api, str(request.param))


def differences(name: str, lived: Lived, whole: Lived) -> list[str]:
    """What is not as in the life in which nothing went wrong."""
    return [
        f"{name}: {what} {getattr(lived, what)}"
        for what in ("steps", "weights", "end")
        if getattr(lived, what) != getattr(whole, what)
    ]


def request_of(whole: Lived, fault: Fault) -> str:
    """The request that goes wrong, for people."""
    made = whole.requests[fault.number - 1] if fault.number <= len(whole.requests) else "?"
    return f"{'/'.join(fault.wrongs)} {fault.number} ({made})"
