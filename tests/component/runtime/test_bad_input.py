"""Bad input that the CRD lets through: all of it named at once, and nothing that works is touched."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.kube.resources import CONTROLLER_REVISION, DEPLOYMENT, GATEWAY, GATEWAY_CLASS, SERVICE
from tests.support.objects import merged
from tests.support.operators import running
from tests.support.playground import QUICK, Playground
from tests.support.waiting import eventually

pytestmark = pytest.mark.component

RATIO: dict[str, Any] = QUICK["metrics"][0]
CONTAINER = {"name": "server", "image": "localhost/digits:2", "ports": [{"name": "http", "containerPort": 8080}]}


def query(text: str) -> dict[str, Any]:
    return {"metrics": [RATIO, {"name": "latency", "query": text, "check": {"max": "1"}}]}


def template(**content: Any) -> dict[str, Any]:
    return {"workload": {"deployment": {"template": content}}}


def stages(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"stages": [*entries, {"name": "full", "weight": 100}]}


def gateway(name: str) -> dict[str, Any]:
    return {"traffic": {"gatewayAPI": {"parentRefs": [{"name": name}]}}}


def beside(**metric: Any) -> dict[str, Any]:
    return {"metrics": [RATIO, {"name": "wide", **metric}]}


USERS = 5001
WIDE = {"events": 'wide{$selector,user="7"}', "total": "wide{$selector}"}

CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "falling weights": (
        stages({"name": "high", "weight": 50}, {"name": "low", "weight": 20}),
        ("spec.stages[1] (low): weights never fall",),
    ),
    "no enforced metric": (
        {"metrics": [{**RATIO, "mode": "Warn"}]},
        ("spec.stages[1] (canary): a stage with live traffic needs a metric",),
    ),
    "a gateway that mirrors all or nothing": (
        gateway("coarse"),
        ('spec.stages[0].shadow: Gateway "coarse"', "not 50 percent"),
    ),
    "a gateway that does not exist": (
        gateway("nowhere"),
        ('spec.traffic.gatewayAPI.parentRefs[0].name: no Gateway "nowhere"',),
    ),
    "PromQL that does not parse": (
        query("sum(requests{$selector}"),
        ("spec.metrics[1].query (latency): does not parse",),
    ),
    "an unknown variable": (query("sum(requests{$selectr})"), ("spec.metrics[1].query (latency)", "$selectr")),
    "a query that returns two series": (
        query('{__name__=~"requests|errors",$selector}'),
        ("spec.metrics[1].query (latency): returns 2 series",),
    ),
    "a ratio that is no selector": (
        {"metrics": [{**RATIO, "ratio": {"events": "rate(errors[1m])", "total": "requests{$selector}"}}]},
        ("spec.metrics[0].ratio.events (error-rate)",),
    ),
    "limits that contradict each other": (
        beside(query="max(up{$selector})", check={"min": "2", "max": "1"}),
        ("spec.metrics[1].check.min (wide): 2 is above max, 1",),
    ),
    "a share in percent": (
        {"metrics": [{**RATIO, "check": {"max": "5"}}]},
        ("spec.metrics[0].check.max (error-rate): a ratio is a share", "5 % is 0.05"),
    ),
    "more series than are read": (
        beside(ratio=WIDE, check={"max": "0.1"}),
        (f"spec.metrics[1].ratio.total (wide): selects {USERS} series of the stable version", "add matchers"),
    ),
    "slices by a label that names things": (
        beside(ratio=WIDE, check={"max": "0.1"}, sliceBy={"label": "user", "maxSlices": 10}),
        (f"spec.metrics[1].sliceBy.maxSlices (wide): {USERS} values of the label user",),
    ),
    "a drift of a label that names things": (
        beside(drift={"of": "wide{$selector}", "label": "user", "method": "JS"}),
        (f"spec.metrics[1].drift.of (wide): the label user has {USERS} values", "use a coarser label"),
    ),
    "a template that the API server refuses": (
        template(spec={"containers": [{"name": "Not A Name", "ports": [{"name": "http", "containerPort": 8080}]}]}),
        ("spec.workload.deployment.template.spec.containers[0].name", "spec.containers[0].image"),
    ),
    "a field that no pod has": (
        template(spec={"containers": [CONTAINER], "replcas": 2}),
        ('unknown field "spec.workload.deployment.template.spec.replcas"',),
    ),
    "a template with our labels": (
        template(metadata={"labels": {"modelrollout.io/name": "mine"}}, spec={"containers": [CONTAINER]}),
        ("modelrollout.io/name",),
    ),
    "a port that the template does not expose": (
        {"service": {"targetPort": "grpc"}},
        ("spec.service.targetPort", "grpc"),
    ),
    "a route that the API server refuses": (
        {"traffic": {"gatewayAPI": {"rules": [{"filters": [{"type": "RequestHeaderModifier"}]}]}}},
        ("spec.traffic.gatewayAPI.rules[0].filters[0]",),
    ),
}


async def make_coarse_gateway(play: Playground) -> None:
    name = f"coarse-{play.namespace}"
    await play.make(GATEWAY_CLASS, name, spec={"controllerName": "projectcontour.io/gateway-controller"})
    listeners = [{"name": "web", "port": 80, "protocol": "HTTP"}]
    await play.make(GATEWAY, "coarse", spec={"gatewayClassName": name, "listeners": listeners})


async def owned(play: Playground) -> dict[str, str]:
    """All that the operator made, as {kind/name: resourceVersion}; the route by its spec alone."""
    objects = {}
    for resource in (CONTROLLER_REVISION, DEPLOYMENT, SERVICE):
        for item in (await play.client.list(resource, play.namespace)).items:
            objects[f"{resource.kind}/{item['metadata']['name']}"] = item["metadata"]["resourceVersion"]
    return objects | {"route": str((await play.route())["spec"])}


async def stalled(play: Playground, *texts: str) -> str:
    """Wait until the condition says all of it; the condition's message."""
    generation = (await play.rollout()).generation

    async def said() -> str | None:
        rows = [row for row in (await play.status()).conditions if row.type == "Stalled" and row.status == "True"]
        found = [row.message for row in rows if (row.reason, row.observed_generation) == ("InvalidSpec", generation)]
        return found[0] if found and all(text in found[0] for text in texts) else None

    try:
        return await eventually(f"Stalled says {texts}", said)
    except TimeoutError as error:
        raise TimeoutError(f"{error}; conditions {(await play.status()).conditions}") from error


async def test_every_bad_input_is_named_by_its_field_and_touches_nothing(play: Playground) -> None:
    await make_coarse_gateway(play)
    play.servers["1"].exporter.set(**{f"wide__user_{number}": 1.0 for number in range(USERS)})
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.until("it rests", waits="Serving")
        before = await owned(play)
        for case, (patch, texts) in CASES.items():
            await play.apply("2", **patch)
            await stalled(play, *texts)
            status = await play.status()
            assert (case, status.phase, status.weight) == (case, "Invalid", 0)
            assert (case, await owned(play)) == (case, before)
        await play.apply("1")
        await play.until("the mended spec is served", phase="Succeeded", reason=None)


async def test_all_errors_are_told_at_once_in_the_condition_and_in_one_event(play: Playground) -> None:
    names = (
        "falling weights",
        "a gateway that does not exist",
        "PromQL that does not parse",
        "a field that no pod has",
    )
    patch: dict[str, Any] = {}
    for name in names:
        patch = merged(patch, CASES[name][0])
    texts = [text for name in names for text in CASES[name][1]]
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **patch)
        message = await stalled(play, *texts)

        async def told() -> list[str]:
            return [note for reason, note in await play.events() if reason == "InvalidSpec"]

        assert await eventually("an event tells", told) == [message]


async def test_a_gateway_that_is_made_later_mends_it_without_a_change_of_the_spec(play: Playground) -> None:
    async with running(play.server.kubeconfig, play.settings):
        await play.apply("1", **gateway("late"))
        await stalled(play, 'no Gateway "late"')
        listeners = [{"name": "web", "port": 80, "protocol": "HTTP"}]
        await play.make(GATEWAY, "late", spec={"gatewayClassName": f"class-{play.namespace}", "listeners": listeners})
        await play.until("the first version serves", stable="1", phase="Succeeded", seconds=20)


async def test_a_bad_spec_in_a_canary_moves_nothing_and_harm_still_acts(play: Playground) -> None:
    broad = stages({"name": "canary", "weight": 20, "duration": "60s"})
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")
        await play.apply("2", **broad)
        await play.until("the canary is in force", stage="canary", in_force=True)
        before = await owned(play)
        await play.apply("2", **merged(broad, CASES["a route that the API server refuses"][0]))
        await stalled(play, *CASES["a route that the API server refuses"][1])
        assert await owned(play) == before
        play.servers["2"].error_rate = 0.5

        async def gone() -> bool:
            return await play.weights() == {"1": 100}

        await eventually("the candidate's traffic is gone", gone)

        async def told() -> bool:
            return "RollBack canary 0" in play.decisions(await play.status())

        await eventually("status tells what the route did first", told)


async def test_a_margin_that_can_never_be_shown_is_told_before_any_traffic_moves(play: Playground) -> None:
    play.servers["2"].ready = False
    hopeless = stages({"name": "canary", "weight": 20, "maxDuration": "1m"})
    hopeless["metrics"] = [{**RATIO, "minSamples": 10_000_000}]
    async with running(play.server.kubeconfig, play.settings):
        await play.serving("1")

        async def answered() -> bool:
            return play.servers["1"].answered > 1500

        await eventually("it has answered many requests", answered)
        await play.apply("2", **hopeless)

        async def foretold() -> tuple[str, ...]:
            attempt = (await play.status()).attempt
            return () if attempt is None else attempt.forecast

        traffic, canary, *_ = await eventually("its steps are foretold", foretold)
        assert traffic.endswith(" requests/s:")
        assert canary.startswith("! canary at 20 %: error-rate can never be shown at this traffic (")
        assert await play.weights() == {"1": 100}
