"""Leading: one operator of several writes, and one that cannot show that it leads writes nothing."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from kubernetes.aio.client import ApiClient

from modelrollout.api.errors import ModelRolloutError, TransientError
from modelrollout.kube.client import KubeClient, Request
from modelrollout.kube.election import Sighting, Tenure, Timing, is_free, sight
from modelrollout.kube.errors import ConflictError, NotFoundError
from modelrollout.kube.lease import LeaseStore
from modelrollout.runtime.logs import logger
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.telemetry import Telemetry

Clock = Callable[[], float]
RELEASE_SECONDS: Final = 3.0
"""How long a process that ends tries to hand over; after that the others wait for the Lease to run out."""
_ACCOUNT_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class LeaseLostError(TransientError):
    """This process may not write any more. It ends, and is started again as one that stands by."""

    def __init__(self, message: str) -> None:
        super().__init__("LeaseLost", message)


class Leadership(Protocol):
    """Whether this process may act."""

    @property
    def leading(self) -> asyncio.Event:
        """Set once it may."""
        ...

    async def run(self) -> None:
        """Become the leader, and stay it for ever.

        Raises:
            LeaseLostError: it is not, or may not be, the leader any more.
            TerminalError: it can never be, for instance because it has no right to Leases.
        """
        ...

    def check(self) -> None:
        """Asked right before each write.

        Raises:
            LeaseLostError: this write might cross one of another leader.
        """
        ...

    async def release(self) -> None:
        """Let others lead at once. Nothing may be written afterwards."""
        ...


class Alone:
    """The only operator there is, because whoever started it says so: no Lease, and always leading."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.leading = asyncio.Event()
        self._telemetry = telemetry

    async def run(self) -> None:
        """As in Leadership."""
        self._telemetry.leader.set(1)
        self.leading.set()
        await asyncio.Event().wait()

    def check(self) -> None:
        """As in Leadership."""

    async def release(self) -> None:
        """As in Leadership."""


class Elected:
    """One of several, by a Lease."""

    def __init__(self, store: LeaseStore, timing: Timing, clock: Clock, telemetry: Telemetry) -> None:
        """Stand by.

        Args:
            clock: seconds that go on while the process is stopped.
        """
        self.leading = asyncio.Event()
        self._store, self._timing, self._clock, self._telemetry = store, timing, clock, telemetry
        self._seen: Sighting | None = None
        self._tenure: Tenure | None = None
        self._told = ""

    async def run(self) -> None:
        """As in Leadership."""
        await self._acquire()
        self._telemetry.leader.set(1)
        self.leading.set()
        try:
            await self._hold()
        except LeaseLostError:
            self._telemetry.leader.set(0)
            self._tenure = None
            raise

    def check(self) -> None:
        """As in Leadership."""
        if self._tenure is None:
            raise LeaseLostError(f"{self._store.me} does not lead")
        self._check(self._tenure)

    async def release(self) -> None:
        """As in Leadership."""
        tenure, self._tenure = self._tenure, None
        self._telemetry.leader.set(0)
        if tenure is None or tenure.left(self._timing, self._clock()) <= 0:
            return
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                try:
                    await self._store.release(tenure.record)
                except ConflictError:
                    # The end has cut off a renewal: we do not know the version that it made.
                    found = await self._store.read()
                    if found is not None and tenure.continues(found):
                        await self._store.release(found)
            logger().info("lease released", holder=self._store.me)
        except (ModelRolloutError, TimeoutError) as error:
            logger().warning("lease not released; others wait for it to run out", error=_text(error))

    async def _acquire(self) -> None:
        """Look until it is free, and take it."""
        while not await self._attempt():  # noqa: ASYNC110 - the condition is in the cluster
            # Twice as often as it is renewed, so that a released one is taken within a second or so. The jitter keeps
            # two that wait from asking in step.
            await asyncio.sleep(self._timing.retry / 2 * random.uniform(1.0, 1.2))  # noqa: S311 - jitter

    async def _attempt(self) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                found = await self._store.read()
                self._seen = sight(self._seen, found, self._clock())
                self._tell(self._seen)
                if not is_free(self._seen, self._store.me, self._timing, self._clock()):
                    return False
                sent = self._clock()
                record = await (self._store.create() if found is None else self._store.take(found))
        except (TransientError, TimeoutError) as error:
            logger().info("lease not taken", error=_text(error))
            return False
        tenure = Tenure(record, sent)
        # The process may have been stopped while it asked: then others may have taken it since.
        if tenure.left(self._timing, self._clock()) <= 0:
            return False
        self._tenure = tenure
        logger().info("leading", holder=self._store.me, term=record.transitions)
        return True

    def _tell(self, seen: Sighting) -> None:
        holder = seen.record.holder if seen.record is not None and seen.exists else ""
        if holder and holder != self._told:
            logger().info("standing by", leader=holder)
        self._told = holder

    async def _hold(self) -> None:
        """Renew until that fails for too long.

        Raises:
            LeaseLostError: always, in the end.
        """
        while self._tenure is not None:
            await asyncio.sleep(min(self._timing.retry, max(0.0, self._tenure.left(self._timing, self._clock()))))
            self._check(self._tenure)
            self._tenure = await self._renewed(self._tenure)

    async def _renewed(self, tenure: Tenure) -> Tenure:
        """The tenure, longer if it could be renewed."""
        sent = self._clock()
        try:
            async with asyncio.timeout(min(self._patience, tenure.left(self._timing, sent))):
                try:
                    record = await self._store.renew(tenure.record)
                except (ConflictError, NotFoundError):
                    # A renewal whose answer was lost, somebody's label, or another leader.
                    found = await self._store.read()
                    if found is None or not tenure.continues(found):
                        raise LeaseLostError(_taken(found)) from None
                    sent = self._clock()
                    record = await self._store.renew(found)
        except LeaseLostError:
            raise
        except (ModelRolloutError, TimeoutError) as error:
            self._telemetry.renewals.labels("error").inc()
            left = round(tenure.left(self._timing, self._clock()), 1)
            logger().warning("lease not renewed", error=_text(error), ends_in_seconds=left)
            return tenure
        self._telemetry.renewals.labels("ok").inc()
        return Tenure(record, sent)

    def _check(self, tenure: Tenure) -> None:
        over = -tenure.left(self._timing, self._clock())
        if over >= 0:
            raise LeaseLostError(
                f"the lease was not renewed within {self._timing.deadline:g} s, and ended {over:.1f} s ago: the API"
                " server did not answer, or this process was stopped"
            )

    @property
    def _patience(self) -> float:
        """Seconds for one try: a slow API server gets two within the deadline."""
        return self._timing.deadline / 2


def leadership(
    settings: Settings,
    api: ApiClient,
    telemetry: Telemetry,
    now: Callable[[], datetime],
    on_request: Callable[[Request], None],
) -> Leadership:
    """By a Lease where there is a namespace for one, else alone.

    Args:
        on_request: told of each request about the Lease.
    """
    namespace = settings.lease_namespace or pod_namespace()
    if namespace is None:
        logger().info("no namespace for a lease: this is taken to be the only operator")
        return Alone(telemetry)
    # Without the gate that other writes go through: the Lease is what it goes by.
    store = LeaseStore(
        client=KubeClient(api, on_request=on_request),
        namespace=namespace,
        name=settings.lease_name,
        me=identity(),
        duration=settings.lease.duration,
        now=now,
    )
    return Elected(store, settings.lease, elapsed, telemetry)


def elapsed() -> float:
    """Seconds that go on while the process is stopped, and where the system can tell, while the machine sleeps."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


def identity() -> str:
    """A name of this process alone: its successor in the same pod has another, as requests may still be on the way."""
    host = os.environ.get("POD_NAME") or socket.gethostname()
    return f"{host}_{secrets.token_hex(4)}"


def pod_namespace() -> str | None:
    """The namespace of the pod that this is, if it is one."""
    if "KUBERNETES_SERVICE_HOST" not in os.environ:
        return None
    try:
        return _ACCOUNT_NAMESPACE.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _taken(found: object) -> str:
    return "the lease is gone: somebody deleted it" if found is None else "another operator has taken the lease"


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
