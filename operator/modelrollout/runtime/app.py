"""Puts the parts together and keeps them running."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import partial
from urllib.request import getproxies

from kubernetes.aio import client as kubernetes_client
from kubernetes.aio import config as kubernetes_config

from modelrollout.api.errors import TerminalError, TransientError
from modelrollout.api.resource import Key
from modelrollout.gates.gates import Gates
from modelrollout.kube.apply import Applier
from modelrollout.kube.caches import Cache
from modelrollout.kube.client import KubeClient, Listing, Request
from modelrollout.kube.errors import ForbiddenError, UnavailableError
from modelrollout.kube.events import EventRecorder
from modelrollout.kube.resources import HTTP_ROUTE, MODEL_ROLLOUT, Resource
from modelrollout.runtime import handlers
from modelrollout.runtime.carry_out import CarryOut
from modelrollout.runtime.complain import Complainer
from modelrollout.runtime.configs import Configs
from modelrollout.runtime.ending import StuckError, cancelled, ended
from modelrollout.runtime.handlers import Intake, Watch, patience
from modelrollout.runtime.health import Health
from modelrollout.runtime.leader import LeaseLostError, leadership
from modelrollout.runtime.loans import Loans
from modelrollout.runtime.logs import logger
from modelrollout.runtime.namespaces import without_gone
from modelrollout.runtime.observer import Observer
from modelrollout.runtime.queue import WorkQueue
from modelrollout.runtime.reconciler import Reconciler
from modelrollout.runtime.record import Recorder
from modelrollout.runtime.release import Releaser
from modelrollout.runtime.rollouts import Rollouts
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.sources import Sources
from modelrollout.runtime.telemetry import Telemetry
from modelrollout.runtime.validator import Validator
from modelrollout.traffic.registry import Traffics
from modelrollout.workload.registry import Workloads

DRAIN_SECONDS = 10.0


def now() -> datetime:
    """The wall clock. What rests on it is checked against Prometheus's, as clocks jump."""
    return datetime.now(UTC)


class App:
    """One operator process."""

    def __init__(
        self,
        settings: Settings,
        api: kubernetes_client.ApiClient,
        *,
        on_request: Callable[[Request], None] | None = None,
    ) -> None:
        """Put together.

        Args:
            on_request: told of each request to the API server but the watches', after its answer.
        """
        self._settings = settings
        self._namespaces = settings.namespaces
        self._on_request = on_request
        self.telemetry = Telemetry()
        self.leadership = leadership(settings, api, self.telemetry, now, self._count_api)
        self.health = Health(self.telemetry, time.monotonic, self.leadership.leading.is_set)
        self.queue: WorkQueue[Key] = WorkQueue(time.monotonic)
        self.rollouts = Rollouts(self.queue.add)
        self.cache = Cache()
        self.client = KubeClient(api, on_request=self._count_api, may_write=self.leadership.check)
        self._sources = Sources(settings, self._count_prometheus)
        self._applier = Applier(self.client, self.cache)
        events = EventRecorder(self.client, instance=os.environ.get("POD_NAME", "modelrollout"), log=logger(), now=now)
        traffics = Traffics(self.client, self.cache, self._applier)
        workloads = Workloads(self.client, self.cache, self._applier)
        self._gates = Gates(self.client, self.cache, self._applier, self.queue.add_after)
        self._validator = Validator(workloads, traffics, self._gates)
        self._configs = Configs(self.client)
        loans = Loans(self.client, self.rollouts, traffics, self._applier)
        complainer = Complainer(self.client, self.rollouts, events, now)
        recorder = Recorder(
            client=self.client,
            rollouts=self.rollouts,
            events=events,
            telemetry=self.telemetry,
            complainer=complainer,
            now=now,
        )
        self.reconciler = Reconciler(
            rollouts=self.rollouts,
            observer=Observer(
                workloads,
                traffics,
                self._sources,
                self._validator,
                gates=self._gates,
                configs=self._configs,
                standing=self.rollouts.standing,
            ),
            carry_out=CarryOut(self.client, workloads, traffics, recorder, loans=loans, gates=self._gates),
            recorder=recorder,
            complainer=complainer,
            releaser=Releaser(
                client=self.client,
                cache=self.cache,
                rollouts=self.rollouts,
                workloads=workloads,
                traffics=traffics,
                now=now,
            ),
            telemetry=self.telemetry,
            now=now,
            look_after=self.queue.add_after,
            forget=self._forget,
        )
        self.intake = Intake(self.rollouts, self.cache, self.queue.add, self._gone)

    async def fill(self) -> None:
        """Read everything once. Nothing is decided on half-filled caches; and deletions that no watch told are noticed.

        Raises:
            ModelRolloutError: a kind cannot be listed, for instance because its CRD is not installed.
        """
        await self._fill(frozenset(watched.resource for watched in self.cache.resources()))

    async def _fill(self, kinds: frozenset[Resource]) -> None:
        # The rollouts first: they are looked at in the order in which they are first heard of.
        await self.intake.list_of_rollouts(self._pages(MODEL_ROLLOUT, None))
        for watched in self.cache.resources():
            if watched.resource in kinds:
                pages = self._pages(watched.resource, watched.label_selector)
                await self.intake.list_of_children(watched.resource, pages)

    async def _pages(self, resource: Resource, label_selector: str | None) -> AsyncIterator[Listing]:
        """All objects of a kind in the namespaces that are served, or everywhere where others refer to them."""
        everywhere = not self._namespaces or not resource.namespaced or resource in handlers.SHARED
        for namespace in (None,) if everywhere else self._namespaces:
            async for page in self.client.pages(resource, namespace, label_selector=label_selector):
                yield page

    async def run(self) -> None:
        """Serve until a signal, or until a part that must run for ever ends.

        Raises:
            Exception: of the part that ended.
        """
        runner = await self.health.serve(self._settings.http_port)
        heartbeat = asyncio.create_task(self.health.run_heartbeat(), name="heartbeat")
        try:
            await self._fill_first()
            await self._run_parts(heartbeat)
        finally:
            heartbeat.cancel()
            await runner.cleanup()
            await self._gates.close()
            self._sources.close()

    async def _fill_first(self) -> None:
        """Fill the caches, however long the API server is away.

        A process that ended instead would be started later and later, and be late when the API server is back.
        """
        for seconds in patience():
            try:
                await self._fill_what_is_there()
                break
            except UnavailableError as error:
                logger().warning("waiting for the API server", error=str(error), again_in_seconds=seconds)
                await asyncio.sleep(seconds)

    async def _fill_what_is_there(self) -> None:
        try:
            await self.fill()
        except ForbiddenError as error:
            there = await without_gone(self.client, self._namespaces)
            if not there or there == self._namespaces:
                raise
            logger().warning("serving what is left", namespaces=there, of=self._namespaces, error=str(error))
            self._namespaces = there
            await self._fill_what_is_there()

    async def _run_parts(self, heartbeat: asyncio.Task[None]) -> None:
        # Before kopf: at its end it cancels every task that began after it.
        caught_up = asyncio.create_task(self._catch_up(), name="catching up")
        over: list[Watch] = []
        any_over = asyncio.Event()
        ending = asyncio.create_task(any_over.wait(), name="ending")
        parts = [
            heartbeat,
            asyncio.create_task(self.leadership.run(), name="leadership"),
            asyncio.create_task(self.queue.run_clock(), name="clock"),
            asyncio.create_task(self._run_resync(), name="resync"),
            *(
                asyncio.create_task(self._run_worker(caught_up), name=f"worker-{number}")
                for number in range(self._settings.workers)
            ),
        ]

        def end(watch: Watch) -> None:
            over.append(watch)
            any_over.set()

        watching = {
            watch: asyncio.create_task(handlers.follow(watch, self.intake, partial(end, watch)), name="watching")
            for watch in handlers.watches(self.cache.resources(), self._namespaces)
        }
        drain = DRAIN_SECONDS
        try:
            done, _ = await asyncio.wait([ending, *watching.values(), *parts], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task in parts:
                    self.health.fail(f"{task.get_name()} has ended")
                task.result()
        except LeaseLostError:
            # Nothing of it may be written any more.
            drain = 0.0
            raise
        finally:
            # The Lease is renewed meanwhile.
            await self.queue.stop(drain)
            await cancelled(ending, caught_up, *parts)
            await self.leadership.release()
            # The first that is over says whether that was a signal or a failure; it takes the others along.
            first = watching.pop(over[0]) if over else None
            await ended(first, watching.values())
        if first is not None:
            await first

    async def _run_worker(self, caught_up: asyncio.Task[None]) -> None:
        await asyncio.shield(caught_up)
        await self.queue.run_worker(self._reconcile, self._on_error)

    async def _catch_up(self) -> None:
        """Once leading, read what another leader wrote last: the watches may not have told it yet.

        A decision that only its route tells of has the number that we would take next.
        """
        await self.intake.arrived()
        # Not before: whoever leads is ended in a rolling update as soon as its successor is ready.
        self.health.ready()
        await self.leadership.leading.wait()
        for seconds in patience():
            try:
                await self._fill(frozenset({HTTP_ROUTE}))
                break
            except TransientError as error:
                logger().warning("not caught up with the former leader yet; trying again", error=str(error))
                await asyncio.sleep(seconds)

    async def _run_resync(self) -> None:
        """Look at everything now and then: heals what a mute watch or a relist has missed."""
        while True:
            await asyncio.sleep(self._settings.resync.total_seconds() * random.uniform(0.9, 1.1))  # noqa: S311 - jitter
            left_out = tuple(name for name in self._settings.namespaces if name not in self._namespaces)
            try:
                await self.fill()
                appeared = await without_gone(self.client, left_out)
            except (TransientError, TerminalError) as error:
                logger().warning("resync failed; trying again at the next one", error=str(error))
                continue
            if appeared:
                # What is watched is decided at the start.
                raise TerminalError("NamespaceAppeared", f"{', '.join(appeared)} can be served again: starting anew")

    async def _reconcile(self, key: Key) -> float | None:
        self.telemetry.queue.set(len(self.queue))
        return await self.reconciler.reconcile(key)

    def _on_error(self, key: Key, error: Exception, seconds: float) -> None:
        expected = isinstance(error, TransientError)
        report = logger().info if expected else logger().error
        report(
            "reconcile failed",
            rollout=str(key),
            error=f"{type(error).__name__}: {error}",
            again_in_seconds=round(seconds, 1),
            exc_info=None if expected else error,
        )

    def _gone(self, key: Key) -> None:
        self.reconciler.gone(key)
        self.queue.drop(key)

    def _forget(self, key: Key, uid: str) -> None:
        self._sources.forget(uid)
        self._validator.forget(key)
        self._configs.forget(key)
        self._applier.forget(key)
        self._gates.forget(key)

    def _count_api(self, request: Request) -> None:
        outcome = "error" if request.status == 0 or request.status >= 400 else "ok"
        self.telemetry.api_requests.labels(request.verb, request.resource.full_name, outcome).inc()
        if self._on_request is not None:
            self._on_request(request)

    def _count_prometheus(self, outcome: str, _: float) -> None:
        self.telemetry.prometheus_requests.labels(outcome).inc()


async def run(settings: Settings) -> None:
    """Connect to the cluster that the environment names, and serve.

    Raises:
        TerminalError: the environment names none.
        Exception: as `App.run`.
    """
    # kopf has its own from when it runs; until then the kernel ignores signals to the first process of a container.
    if (this := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    await connect()
    async with kubernetes_client.ApiClient(client_settings()) as api:
        await serve(App(settings, api))


async def serve(app: App) -> None:
    """Run it as the only one of this process, and end the process at once if it may not write any more.

    Raises:
        Exception: as `App.run`.
    """
    try:
        await app.run()
    except (LeaseLostError, StuckError) as error:
        logger().error("cannot run", reason=error.reason, message=error.message)
        # Not in order: neither a thread that waits for Prometheus nor kopf must keep the process from ending.
        os._exit(1)


def client_settings() -> kubernetes_client.Configuration:
    """How to connect, once `connect` has found out where to.

    Where the environment names no proxy there is nothing to look up in it: the client's default reads ~/.netrc in a
    thread at each request, which is a tenth of the processor time of many requests.
    """
    settings = kubernetes_client.Configuration.get_default_copy()
    settings.client_session_kwargs = {"trust_env": bool(getproxies())}
    return settings


async def connect() -> None:
    """Configure the client by the account of the pod, else by a kubeconfig.

    Raises:
        TerminalError: there is neither, or it cannot be read.
    """
    try:
        if "KUBERNETES_SERVICE_HOST" in os.environ:
            kubernetes_config.load_incluster_config()
        else:
            await kubernetes_config.load_kube_config()
    except (kubernetes_config.ConfigException, OSError) as error:
        raise TerminalError(
            "NoCluster",
            f"no cluster to connect to: {error}. Run in a pod with a service account, or set KUBECONFIG to a file that"
            " names a cluster and credentials",
        ) from error
