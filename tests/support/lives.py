"""Many lives of the same rollout, each with one thing that goes wrong, beside one in which nothing does."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Final

import pytest
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient

from modelrollout.kube.resources import Resource
from tests.support.api_server import ApiServer
from tests.support.driven import SHARE, Driven, Lived
from tests.support.faults import Fault
from tests.support.told import heard
from tests.support.watches import Missed

AT_ONCE: Final = 8
WAYS: Final = {"promote": None, "rollback": SHARE}
"""By the way it goes, the weight at which the candidate shows harm."""


class Lives:
    """Rollouts that go one way, in namespaces of their own, some at a time."""

    def __init__(self, api: ApiClient, way: str) -> None:
        self._api = api
        self._harm_at = WAYS[way]
        self._free = asyncio.Semaphore(AT_ONCE)

    async def live(
        self, fault: Fault | None = None, *, mute: Resource | None = None, missed: Missed | None = None
    ) -> Lived:
        """One of them."""
        async with self._free:
            here = Driven(self._api, f"lives-{secrets.token_hex(5)}", fault or Fault(), mute=mute, missed=missed)
            await here.serve_first()
            return await here.roll_out(harm_at=self._harm_at)

    async def all_of(self, faults: Sequence[Fault]) -> list[Lived]:
        """One for each."""
        return await asyncio.gather(*(self.live(fault) for fault in faults))


@pytest.fixture
async def api(api_server: ApiServer) -> AsyncIterator[ApiClient]:
    """What all of them share."""
    async with await config.new_client_from_config(str(api_server.kubeconfig)) as client:
        yield client


@pytest.fixture(params=sorted(WAYS))
def lives(api: ApiClient, request: pytest.FixtureRequest) -> Iterator[Lives]:
    """Of each way."""
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
