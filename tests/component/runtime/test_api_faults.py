"""Each request of a rollout goes wrong in turn, in each way that the operator tells apart: the rollout ends the same.

A conflict, a refusal, no answer and no effect, an effect without an answer.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import pytest
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient

from tests.support.api_server import ApiServer
from tests.support.driven import Driven, Fault, Lived, Wrong

pytestmark = pytest.mark.component

AT_ONCE = 8
UNANSWERED = (Wrong.BUSY, Wrong.BROKEN, Wrong.TIMEOUT, Wrong.RESET)
"""All the same to the operator (`kube/errors.py`): no answer, no effect. Each request has one of them."""
HARM_AT = {"promote": None, "rollback": 20}


@pytest.fixture
async def api(api_server: ApiServer) -> AsyncIterator[ApiClient]:
    async with await config.new_client_from_config(str(api_server.kubeconfig)) as client:
        yield client


class Runs:
    """Rollouts in namespaces of their own, some at a time."""

    _numbers = itertools.count()

    def __init__(self, api: ApiClient, way: str) -> None:
        self._api, self._way = api, way
        self._free = asyncio.Semaphore(AT_ONCE)

    async def live(self, fault: Fault) -> Lived:
        async with self._free:
            here = Driven(self._api, f"faults-{next(self._numbers)}", fault)
            await here.serve_first()
            return await here.roll_out(harm_at=HARM_AT[self._way])


@pytest.fixture(params=sorted(HARM_AT))
def runs(api: ApiClient, request: pytest.FixtureRequest) -> Runs:
    way = str(request.param)
    return Runs(api, way)


def same(name: str, whole: Lived, found: list[tuple[Fault, Lived]]) -> list[str]:
    """What differs from the run in which nothing went wrong."""
    told = []
    for fault, lived in found:
        for what in ("steps", "weights", "end"):
            if getattr(lived, what) != getattr(whole, what):
                request = whole.requests[fault.number - 1] if fault.number <= len(whole.requests) else "?"
                told.append(f"{name} {fault.number} ({request}): {what} {getattr(lived, what)}")
    return told


@pytest.mark.parametrize("wrong", [(Wrong.CONFLICT,), (Wrong.REFUSED,), (Wrong.LOST,), UNANSWERED], ids="/".join)
async def test_each_request_goes_wrong_in_turn(
    runs: Runs, wrong: tuple[Wrong, ...], record_property: Callable[[str, object], None]
) -> None:
    whole = await runs.live(Fault())
    faults = [Fault(number, wrong[number % len(wrong)]) for number in range(1, len(whole.requests) + 1)]
    lives = await asyncio.gather(*(runs.live(fault) for fault in faults))
    record_property("requests that went wrong", len(faults))
    differs = same("/".join(wrong), whole, list(zip(faults, lives, strict=True)))
    assert not differs, "\n".join(differs)
