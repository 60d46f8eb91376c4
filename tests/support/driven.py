"""One operator, driven look by look against the real API server: each of its requests may be its last, or go wrong.

Time and metrics are given, so that a rollout takes as long as its requests; what it asks and writes is real.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast
from unittest.mock import patch

from kubernetes.aio.client import ApiClient, CoreV1Api

from modelrollout.analysis.outcome import NoData
from modelrollout.api.errors import TransientError
from modelrollout.api.names import LABEL_REVISION
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.api.status import ModelRolloutStatus, RevisionRef
from modelrollout.engine.observed import Evidence
from modelrollout.engine.revisions import revision_of
from modelrollout.kube.client import KubeClient, PatchType, Request
from modelrollout.kube.resources import (
    AUTOSCALER,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    EVENT,
    GATEWAY,
    GATEWAY_CLASS,
    JOB,
    MODEL_ROLLOUT,
    SERVICE,
    Object,
    Resource,
)
from modelrollout.kube.status import read_rollout
from modelrollout.runtime.app import App
from tests.support import weather
from tests.support.exporter import Exporter
from tests.support.faults import Fault, Faults, Killed, Wrong
from tests.support.objects import manifest, merged
from tests.support.operators import settings_of
from tests.support.players import CONTROLLER, Players, Server
from tests.support.scenes import NOW
from tests.support.told import listen
from tests.support.watches import CHILDREN, Missed, Watches
from tests.support.ways import PROMOTE, SHARE, Way, act
from tests.support.weather import Weather

MOST_LOOKS: Final = 80
SECOND: Final = timedelta(seconds=1)
SPEC: Final[dict[str, Any]] = {
    "workload": {"deployment": {"replicas": 1, "drain": "1s"}},
    "traffic": {"settle": "1s"},
    "rollbackWindow": "1s",
    "stages": [
        {"name": "canary", "weight": SHARE, "duration": "1s"},
        {"name": "full", "weight": 100, "duration": "1s"},
    ],
}


@dataclass(frozen=True, slots=True)
class Lived:
    """What came of a rollout.

    Attributes:
        steps: decisions, as status tells of them.
        weights: of the candidate in the route, each once, in order.
        end: who serves how, in the end.
        requests: how many it took from the new spec on.
        met: what went wrong.
        lines: what it said in its log, from the new spec on.
    """

    steps: tuple[str, ...]
    weights: tuple[int, ...]
    end: tuple[object, ...]
    requests: tuple[str, ...]
    met: tuple[Wrong, ...]
    lines: tuple[str, ...]


class Metrics:
    """A Prometheus that shows what it is told to, as `Source` with its judge and its provider."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.weather = Weather.GOOD

    @property
    def judge(self) -> Metrics:
        """Itself."""
        return self

    provider = foresight = spreads = usuals = judge

    def of(self, _: ModelRollout) -> Metrics:
        """As Sources."""
        return self

    def forget(self, _: str) -> None:
        """As Sources and Judge."""

    def close(self) -> None:
        """As Sources."""

    async def check(self, _: str) -> None:
        """Every query parses."""

    async def now(self) -> float:
        """As a provider."""
        return self._now().timestamp()

    async def instant(self, *_: object) -> NoData:
        """As a provider: no series are too many."""
        return NoData()

    async def scrapes(self, *_: object, **__: object) -> tuple[bool, datetime]:
        """All pods are scraped."""
        return True, self._now() + SECOND

    async def lines(self, *_: object) -> tuple[str, ...]:
        """As Foresight: nothing is foreseen."""
        return ()

    async def measure(self, *_: object) -> None:
        """As Spreads: nothing is measured."""

    async def evidence(
        self, rollout: ModelRollout, _: RevisionRef, now: datetime, *__: object
    ) -> tuple[Evidence, datetime]:
        """As Judge."""
        attempt = rollout.status.attempt
        assert attempt is not None
        assert attempt.step is not None
        since = attempt.step.in_force_at or attempt.step.accepted_at
        readings = [weather.read(m, self.weather, mixed=True, kept=None) for m in rollout.spec.metrics]
        evidence = Evidence(
            judged=tuple(reading.judged for reading in readings),
            share_shown=True,
            silent=False,
            share_text="counts",
            covered_seconds=(now - since).total_seconds() if since else 0.0,
            at=now,
        )
        return evidence, now + SECOND


@dataclass
class Driven:
    """One ModelRollout in a namespace of its own, and the operator that is driven through it."""

    api: ApiClient
    namespace: str
    way: Way = PROMOTE
    fault: Fault = field(default_factory=Fault)
    mute: Resource | None = None
    missed: Missed | None = None
    now: datetime = NOW
    requests: list[str] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = KubeClient(self.api)
        self.faults = Faults(self.fault)
        self.watches = Watches(self.client, self.namespace, kinds=(*CHILDREN, *self.way.kinds))
        self.key = Key(self.namespace, "digits")
        self.metrics = Metrics(lambda: self.now)
        self._has_written = True
        self.players = Players(self.client, self.namespace)
        for version in ("1", "2"):
            ready = version == "1" or self.way.loads
            self.players.servers[self.hash_of(version)] = Server(cast("Exporter", None), ready)
        self._app = self._start()

    def hash_of(self, version: str) -> str:
        """The revision of a version."""
        return revision_of(self._manifest(version)["spec"]).hash

    def _manifest(self, version: str) -> Object:
        return manifest(
            "digits", self.namespace, **merged(merged(SPEC, self.way.spec), {"model": {"version": version}})
        )

    def backend(self, version: str) -> str:
        """The Service that a version is behind."""
        return f"digits-{self.hash_of(version)}"

    def _start(self) -> App:
        """A process that remembers nothing."""
        with (
            patch("modelrollout.runtime.app.now", lambda: self.now),
            patch("modelrollout.runtime.app.Sources", lambda *_: self.metrics),
        ):
            app = App(settings_of("http://unused", self.namespace), self.api, on_request=self._told)
        setattr(app.client, "_send", self.faults.before(app.client._send))  # noqa: B010 - replaced for this one
        return app

    def _told(self, request: Request) -> None:
        self._has_written |= request.verb not in {"get", "list"}
        if not self.faults.counting:
            return
        self.requests.append(f"{request.verb} {request.resource.kind} {request.status}")
        if self.faults.kills():
            self.faults.counting = False
            raise Killed

    # --- a life -------------------------------------------------------------------------------------------------------

    async def serve_first(self) -> None:
        """Version 1 serves."""
        await CoreV1Api(self.api).create_namespace({"metadata": {"name": self.namespace}})
        await self._make(GATEWAY_CLASS, f"class-{self.namespace}", None, {"controllerName": CONTROLLER})
        listeners = [{"name": "web", "port": 80, "protocol": "HTTP"}]
        spec = {"gatewayClassName": f"class-{self.namespace}", "listeners": listeners}
        await self._make(GATEWAY, "gateway", self.namespace, spec)
        await self._deploy()
        await self.client.create(MODEL_ROLLOUT, self._manifest("1"))
        await self._app.fill()
        await self.until(lambda status: status.phase == "Succeeded")

    async def _deploy(self) -> None:
        """What somebody else has to make first: nothing."""

    async def _make(self, resource: Any, name: str, namespace: str | None, spec: Object) -> None:
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        body = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec}
        await self.client.create(resource, body)

    async def roll_out(self) -> Lived:
        """Version 2 is asked for; from here on requests are counted, and one may go wrong."""
        self.watches.mute, self.watches.missed = self.mute, self.missed
        self.watches.begin(self.now)
        await self.ask_for("2")
        self.faults.counting = True
        lines = listen()

        def over(status: ModelRolloutStatus) -> bool:
            return status.phase == self.way.ends and status.previous is None and not status.retired

        await self.until(over)
        status = await self.status()
        decisions = tuple(f"{entry.action} {entry.stage or '-'} {entry.weight}" for entry in status.log)
        end = await self._end(status)
        return Lived(decisions, tuple(self.weights), end, tuple(self.requests), tuple(self.faults.met), tuple(lines))

    async def ask_for(self, version: str) -> None:
        """A user applies another version."""
        await self._edit({"spec": self._manifest(version)["spec"]})

    async def annotate(self, annotations: Mapping[str, str]) -> None:
        """A person writes annotations, all at once."""
        await self._edit({"metadata": {"annotations": dict(annotations)}})

    async def _edit(self, change: Object) -> None:
        await self.client.patch(MODEL_ROLLOUT, self.namespace, "digits", change, PatchType.MERGE)
        await self.watches.tell(self._app)

    async def events(self) -> list[tuple[str, str]]:
        """(reason, note) of all that was told."""
        items = (await self.client.list(EVENT, self.namespace)).items
        return [(each["reason"], each["note"]) for each in items]

    async def until(self, over: Callable[[ModelRolloutStatus], bool]) -> None:
        """Look again and again, as the work queue does, until it is over and there is nothing more to do."""
        for _ in range(MOST_LOOKS):
            again = await self.look()
            if again is None and over(await self.status()):
                return
        raise AssertionError(f"no end: {await self.status()}")

    async def look(self) -> float | None:
        """One look, and what everybody else makes of it; seconds until the next one, None to wait for an event."""
        again = await self._look()
        if await self._act():
            again = min(again or 0.5, 0.5)
        heals_at = self.watches.heals_at
        self.now += timedelta(seconds=max(again or 0.0, 0.5))
        if heals_at is not None and (again is None or self.now >= heals_at):
            await self._heal(heals_at)
            return 0.0
        return again

    async def _look(self) -> float | None:
        try:
            return await self._app.reconciler.reconcile(self.key)
        except Killed:
            self.faults.met.append(Wrong.KILLED)
            self._app = self._start()
            await self._app.fill()
            self.faults.counting = True
        except TransientError as error:
            self._app._on_error(self.key, error, 0.5)
        return 0.5

    async def _heal(self, now: datetime) -> None:
        """What was not told is found: by a stream that is opened again, or by the resync."""
        counting, self.faults.counting = self.faults.counting, False
        self.now = now
        self.watches.heal()
        await self._app.fill()
        self.faults.counting = counting

    async def _act(self) -> bool:
        """Everybody else acts, and the watches tell of it; where nothing was written, there is nothing to act on.

        Returns:
            whether anybody did what no route and no endpoint tells of.
        """
        if not self._has_written:
            return False
        self._has_written = False
        counting, self.faults.counting = self.faults.counting, False
        route = await self.players.act()
        acted = await act(self.way, self.client, self.watches, self.backend("2"))
        if route is not None:
            name = self.backend("2")
            backends = route["spec"]["rules"][0]["backendRefs"]
            weight = sum(entry.get("weight", 1) for entry in backends if entry["name"] == name)
            if not self.weights or self.weights[-1] != weight:
                self.weights.append(weight)
                await self._deleted_at(weight)
            if weight == self.way.harm_at:
                self.metrics.weather = Weather.BAD
        await self.watches.tell(self._app)
        self.faults.counting = counting
        return acted

    async def _deleted_at(self, weight: int) -> None:
        """Somebody deletes what the watches are going to miss, once the candidate has its first share."""
        missed = self.watches.missed
        if missed is None or weight != SHARE or missed.resource == JOB:
            return
        name = self.key.name if missed.version is None else f"{self.key.name}-{self.hash_of(missed.version)}"
        if missed.resource == ENDPOINT_SLICE:
            name = f"{name}-slice"
        found = await self.client.get(missed.resource, self.namespace, name)
        assert found is not None, f"there is no {missed}"
        await self.client.delete(missed.resource, self.namespace, name, uid=found["metadata"]["uid"])

    async def status(self) -> ModelRolloutStatus:
        """Live."""
        found = await read_rollout(self.client, self.key)
        assert found is not None
        return found.status

    async def _end(self, status: ModelRolloutStatus) -> tuple[object, ...]:
        """Who is stable, who failed of what, what runs, and what serves."""
        pods = await self.client.list(DEPLOYMENT, self.namespace)
        service = await self.client.get(SERVICE, self.namespace, "digits")
        scalers = await self.client.list(AUTOSCALER, self.namespace)
        return (
            status.stable and status.stable.version,
            status.failed and (status.failed.version, status.failed.reason),
            status.attempt,
            sorted(
                (d["metadata"]["labels"][LABEL_REVISION], d["spec"]["replicas"])
                for d in pods.items
                if d["spec"]["replicas"]
            ),
            None if service is None else service["spec"]["selector"][LABEL_REVISION],
            [(each["metadata"]["name"], each["spec"]["minReplicas"]) for each in scalers.items],
            self.weights[-1],
        )
