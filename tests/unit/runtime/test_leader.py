"""Becoming the leader, staying it, and knowing when not to be: against a Lease in memory, by a clock that is set."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest

from modelrollout.kube.election import Record, Timing
from modelrollout.kube.errors import ConflictError, ForbiddenError, NotFoundError, UnavailableError
from modelrollout.kube.lease import LeaseStore
from modelrollout.runtime import leader
from modelrollout.runtime.leader import Alone, Elected, LeaseLostError, elapsed, identity, pod_namespace
from modelrollout.runtime.telemetry import Telemetry

pytestmark = pytest.mark.unit

TIMING = Timing(duration=15, deadline=10, retry=0.002)
"""Tries follow each other at once; how long they may go on is by the clock that the tests set."""


@dataclass
class Clock:
    now: float = 1000.0


@dataclass
class Lease:
    """The one that all contend for."""

    record: Record | None = None
    version: int = 0

    def write(self, record: Record) -> Record:
        self.version += 1
        self.record = replace(record, renewed=str(self.version), resource_version=str(self.version))
        return self.record


@dataclass
class Store:
    """As one of them reaches it.

    Attributes:
        before, after: what happens before a write has its effect, and before its answer arrives.
    """

    lease: Lease
    me: str
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    writes: list[str] = field(default_factory=list)

    async def read(self) -> Record | None:
        await asyncio.sleep(0)
        return self.lease.record

    async def create(self) -> Record:
        return await self._write("create", Record(self.me, "", 15, 0, ""))

    async def take(self, known: Record) -> Record:
        return await self._write("take", replace(known, holder=self.me, transitions=known.transitions + 1))

    async def renew(self, known: Record) -> Record:
        self.before()
        return await self._write("renew", known)

    async def release(self, known: Record) -> None:
        await self._write("release", replace(known, holder=""))

    async def _write(self, what: str, record: Record) -> Record:
        await asyncio.sleep(0)
        there = self.lease.record
        if what != "create" and there is None:
            raise NotFoundError("NotFound", "it is gone")
        if there is not None and there.resource_version != record.resource_version:
            raise ConflictError("Conflict", "it has changed, or exists already")
        self.writes.append(what)
        written = self.lease.write(record)
        self.after()
        return written


@dataclass
class One:
    """One process."""

    store: Store
    clock: Clock
    telemetry: Telemetry = field(default_factory=Telemetry)

    def __post_init__(self) -> None:
        self.elected = Elected(cast(LeaseStore, self.store), TIMING, lambda: self.clock.now, self.telemetry)
        self.task = asyncio.create_task(self.elected.run())

    async def leads(self) -> None:
        async with asyncio.timeout(10):
            await self.elected.leading.wait()

    async def writes(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.store.writes) < count:
                await asyncio.sleep(0.001)

    async def lost(self, match: str) -> None:
        async with asyncio.timeout(10):
            with pytest.raises(LeaseLostError, match=match):
                await self.task
        with pytest.raises(LeaseLostError):
            self.elected.check()
        assert self.telemetry.leader._value.get() == 0


@pytest.fixture
def lease() -> Lease:
    return Lease()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_it_leads_renews_and_releases(lease: Lease, clock: Clock) -> None:
    one = One(Store(lease, "one"), clock)
    with pytest.raises(LeaseLostError, match="does not lead"):
        one.elected.check()
    await one.leads()
    one.elected.check()
    assert one.telemetry.leader._value.get() == 1
    await one.writes(4)
    assert one.store.writes[:4] == ["create", "renew", "renew", "renew"]
    one.task.cancel()
    await asyncio.gather(one.task, return_exceptions=True)
    await one.elected.release()
    assert lease.record is not None
    assert lease.record.holder == ""
    with pytest.raises(LeaseLostError):
        one.elected.check()


async def test_of_two_that_start_together_one_leads(lease: Lease, clock: Clock) -> None:
    """Both have read that there is none before either writes."""
    both = One(Store(lease, "one"), clock), One(Store(lease, "two"), clock)
    await asyncio.wait([asyncio.create_task(each.leads()) for each in both], return_when=asyncio.FIRST_COMPLETED)
    await both[0].writes(3)
    leading = [each for each in both if each.elected.leading.is_set()]
    assert len(leading) == 1
    assert not any(each.store.writes for each in both if each not in leading)
    for each in both:
        each.task.cancel()


async def test_a_lease_that_nobody_renews_is_taken_when_it_has_run_out_before_our_eyes(
    lease: Lease, clock: Clock
) -> None:
    lease.write(Record("dead", "", 15, 4, ""))
    one = One(Store(lease, "one"), clock)
    await asyncio.sleep(0.05)
    assert not one.elected.leading.is_set(), "however old it may be: it was first seen now"
    clock.now += 15.1
    await one.leads()
    assert one.store.writes[0] == "take"
    assert lease.record is not None
    assert (lease.record.holder, lease.record.transitions) == ("one", 5)
    one.task.cancel()


async def test_a_leader_that_was_stopped_gives_up_without_a_request(lease: Lease, clock: Clock) -> None:
    one = One(Store(lease, "one"), clock)
    await one.leads()
    clock.now += 10
    with pytest.raises(LeaseLostError, match=r"not renewed within 10 s"):
        one.elected.check()
    made = len(one.store.writes)
    await one.lost("not renewed within 10 s")
    assert len(one.store.writes) == made
    await one.elected.release()
    assert lease.record is not None
    assert lease.record.holder == "one", "what may be somebody else's by now is not released"


async def test_stopped_while_it_took_the_lease_it_does_not_lead(lease: Lease, clock: Clock) -> None:
    store = Store(lease, "one")

    def stop_once() -> None:
        clock.now += 60
        store.after = lambda: None

    store.after = stop_once
    one = One(store, clock)
    await one.leads()
    assert store.writes[:2] == ["create", "take"], "once more, by what it knows now"
    one.elected.check()
    one.task.cancel()


async def test_renewals_that_fail_for_a_while_do_no_harm(lease: Lease, clock: Clock) -> None:
    store = Store(lease, "one")
    one = One(store, clock)
    await one.leads()
    failures = 0

    def fail() -> None:
        nonlocal failures
        failures += 1
        clock.now += 4
        if failures == 2:
            store.before = lambda: None
        raise UnavailableError("Unavailable", "no answer")

    store.before = fail
    made = len(store.writes)
    await one.writes(made + 2)
    one.elected.check()
    assert failures == 2
    assert one.telemetry.renewals.labels("error")._value.get() == 2
    one.task.cancel()


@pytest.mark.parametrize(
    "error", [UnavailableError("Unavailable", "no answer"), ForbiddenError("Forbidden", "no right to leases")]
)
async def test_renewals_that_fail_for_too_long_end_it(lease: Lease, clock: Clock, error: Exception) -> None:
    store = Store(lease, "one")
    one = One(store, clock)
    await one.leads()

    def fail() -> None:
        clock.now += 4
        raise error

    store.before = fail
    await one.lost("not renewed within 10 s")
    assert clock.now == 1012


async def test_a_renewal_whose_answer_was_lost_counts_from_the_next(lease: Lease, clock: Clock) -> None:
    store = Store(lease, "one")
    one = One(store, clock)
    await one.leads()

    def lose_once() -> None:
        store.after = lambda: None
        raise UnavailableError("Unavailable", "reset by peer")

    store.after = lose_once
    made = len(store.writes)
    await one.writes(made + 4)
    one.elected.check()
    one.task.cancel()


@pytest.mark.parametrize(
    ("found", "match"),
    [
        pytest.param(Record("two", "", 15, 9, ""), "another operator", id="taken"),
        pytest.param(None, "somebody deleted it", id="deleted"),
    ],
)
async def test_a_lease_that_is_not_ours_any_more_ends_it_at_once(
    lease: Lease, clock: Clock, found: Record | None, match: str
) -> None:
    one = One(Store(lease, "one"), clock)
    await one.leads()
    if found is None:
        lease.record = None
    else:
        lease.write(found)
    await one.lost(match)
    assert clock.now == 1000


async def test_a_renewal_that_the_end_cut_off_does_not_keep_the_lease(lease: Lease, clock: Clock) -> None:
    one = One(Store(lease, "one"), clock)
    await one.leads()
    one.task.cancel()
    await asyncio.gather(one.task, return_exceptions=True)
    assert lease.record is not None
    lease.write(lease.record)
    await one.elected.release()
    assert lease.record.holder == ""


async def test_without_a_right_to_leases_it_ends_and_says_so(lease: Lease, clock: Clock) -> None:
    store = Store(lease, "one")

    async def refused() -> Record | None:
        raise ForbiddenError("Forbidden", "the operator may not get leases")

    store.read = refused  # type: ignore[method-assign]
    one = One(store, clock)
    with pytest.raises(ForbiddenError):
        await one.task


async def test_alone_it_leads_at_once() -> None:
    alone = Alone(Telemetry())
    task = asyncio.create_task(alone.run())
    async with asyncio.timeout(10):
        await alone.leading.wait()
    alone.check()
    await alone.release()
    task.cancel()


def test_the_clock_goes_on() -> None:
    assert elapsed() <= elapsed()


def test_two_processes_of_a_pod_have_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "modelrollout-0")
    assert identity().startswith("modelrollout-0_")
    assert identity() != identity()


def test_outside_of_a_pod_there_is_no_namespace_to_agree_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert pod_namespace() is None


def test_in_a_pod_it_is_that_of_its_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setattr(leader, "_ACCOUNT_NAMESPACE", tmp_path / "namespace")
    assert pod_namespace() is None
    (tmp_path / "namespace").write_text("modelrollout-system")
    assert pod_namespace() == "modelrollout-system"
