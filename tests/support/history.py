"""What may happen to a world, by name: a history is a list of these."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st

from modelrollout.api.automation import Automation
from modelrollout.api.controls import Control
from modelrollout.engine.fallback import is_fallback, names_fallback
from modelrollout.engine.observed import Acceptance, RunState
from modelrollout.engine.split import Mirror
from tests.support import history_of_services
from tests.support.scenes import METRICS, STAGES, Raw, raw_spec
from tests.support.stand_ins import End, Trouble
from tests.support.weather import Weather
from tests.support.world import World

Happening = Callable[[World], None]
CANARY, RAMP, FULL = STAGES[1], STAGES[2], STAGES[3]

GATE: Final[Raw] = {"name": "smoke", "webhook": {"url": "http://smoke"}}
HELD: Final[Raw] = GATE | {"onFailure": "Hold", "timeout": "5m"}

STAGE_LISTS: Final[Mapping[str, list[Raw]]] = {
    "usual": list(STAGES),
    "lower": [STAGES[0], CANARY | {"weight": 3}, *STAGES[2:]],
    "higher": [CANARY | {"weight": 10}, RAMP, FULL],
    "finer": [CANARY, RAMP | {"ramp": {"to": 50, "step": 9, "every": "2m"}}, FULL],
    "coarse": [CANARY | {"weight": 30}, FULL],
    "holdback": [CANARY, FULL | {"holdback": 5}],
    "impatient": [CANARY | {"maxDuration": "20m", "onInconclusive": "Advance"}, FULL],
    "strict": [CANARY | {"maxDuration": "20m", "onInconclusive": "Rollback"}, FULL],
    "renamed": [STAGES[0], CANARY | {"name": "first"}, RAMP, FULL | {"name": "bake"}],
    "longer": [STAGES[0], CANARY | {"duration": "20m"}, RAMP, FULL | {"duration": "1h"}],
    "only": [FULL],
    "invalid": [RAMP, CANARY, FULL],
    "approved": [CANARY | {"approval": "Manual"}, RAMP, FULL],
    "endless": [CANARY],
    "previewed": [{"name": "preview", "preview": {}, "duration": "5m"}, FULL],
    "gated": [
        STAGES[0] | {"pre": [GATE], "post": [GATE]},
        CANARY | {"pre": [GATE, GATE | {"name": "other"}]},
        FULL | {"post": [GATE | {"timeout": "2h"}]},
    ],
    "gated and held": [CANARY | {"pre": [HELD], "post": [HELD]}, RAMP | {"post": [GATE]}, FULL | {"pre": [HELD]}],
}

_STRICT = METRICS[1] | {"mode": "Enforce", "onNoData": "Fail"}
_LENIENT = METRICS[1] | {"mode": "Enforce", "onNoData": "Pass"}
_WORSE = {"check": {"noWorseThan": {"ratio": "1.5", "difference": "0.005"}}}
METRIC_LISTS: Final[Mapping[str, list[Raw]]] = {
    "usual": list(METRICS),
    "other limit": [METRICS[0] | {"check": {"max": "0.02"}}, METRICS[1]],
    "relative": [METRICS[0] | _WORSE, METRICS[1]],
    "both strict": [METRICS[0] | {"onNoData": "Fail"}, _STRICT],
    "both lenient": [METRICS[0] | {"onNoData": "Pass"}, _LENIENT],
    "patient": [METRICS[0], METRICS[1] | {"mode": "Enforce", "failureLimit": 2}],
    "observed": [METRICS[0], METRICS[1] | {"mode": "Observe"}],
}

CLICKS: Final[Mapping[str, tuple[Control, ...]]] = {
    "candidate": (
        Control.PAUSE, Control.ABORT, Control.PROMOTE, Control.PROMOTE_FULL, Control.APPROVE, Control.ROLLBACK,
    ),
    "stable": (Control.ROLLBACK, Control.ABORT, Control.PAUSE, Control.PROMOTE),
}  # fmt: skip


def _time(**duration: float) -> Happening:
    return lambda world: world.pass_time(timedelta(**duration))


def _jump(**duration: float) -> Happening:
    return lambda world: world.jump(timedelta(**duration))


def _set(name: str, *, value: object) -> Happening:
    return lambda world: setattr(world, name, value)


def _pods(who: str, ready: int | None, *, crashing: bool = False) -> Happening:
    """Some pods of one role change; `ready=None` means all."""

    def change(world: World) -> None:
        pods = world.pods.get(str(getattr(world, who)))
        if pods is not None:
            pods.ready = 10_000 if ready is None else ready
            pods.crashing = crashing

    return change


def _gone(who: str) -> Happening:
    def delete(world: World) -> None:
        world.pods.pop(str(getattr(world, who)), None)

    return delete


def _version(version: str) -> Happening:
    """Another model and template; what stands in for the first one stays."""

    def change(world: World) -> None:
        raw = raw_spec(version)
        deployment = raw["workload"]["deployment"] | _adoption(world.raw)
        world.edit({**world.raw, "model": raw["model"], "workload": {"deployment": deployment}})

    return change


def _adoption(raw: Raw) -> Raw:
    adopt = raw["workload"]["deployment"].get("adopt")
    return {} if adopt is None else {"adopt": adopt}


def _new_version(world: World) -> None:
    """One after all that there were; no more than a few, so that they come back."""
    newest = max(int(world.raw["model"]["version"]), len(world.truth.served))
    _version(str(newest % 9 + 1))(world)


def _stages(name: str) -> Happening:
    return lambda world: world.edit({**world.raw, "stages": STAGE_LISTS[name]})


def _field(**fields: object) -> Happening:
    return lambda world: world.edit({**world.raw, **fields})


def _without_stand_in(world: World) -> None:
    """Somebody takes out of the spec what serves until a first version does."""
    deployment = {name: value for name, value in world.raw["workload"]["deployment"].items() if name != "adopt"}
    kept = {name: value for name, value in world.raw.items() if name != "fallback"}
    world.edit({**kept, "workload": {"deployment": deployment}})


def _with_stand_in(world: World) -> None:
    """It is set again, where it still serves."""
    if names_fallback(world.status):
        deployment = world.raw["workload"]["deployment"] | _adoption(world.begun)
        fallback = {name: world.begun[name] for name in ("fallback",) if name in world.begun}
        world.edit({**world.raw, "workload": {"deployment": deployment}, **fallback})
        world.fallback_ready = 2


def _revert(world: World) -> None:
    if world.status.stable is not None and not is_fallback(world.status.stable):
        _version(world.status.stable.version)(world)


def _return(world: World) -> None:
    if world.status.previous is not None and not is_fallback(world.status.previous):
        _version(world.status.previous.version)(world)


def _deployment(**fields: object) -> Happening:
    def change(world: World) -> None:
        deployment = {**world.raw["workload"]["deployment"], **fields}
        kept = {name: value for name, value in deployment.items() if value is not None}
        world.edit({**world.raw, "workload": {"deployment": kept}})

    return change


def _load_is(share: float) -> Happening:
    """Autoscalers act: with no load they leave the fewest pods, with all that they can carry the most."""

    def change(world: World) -> None:
        for revision, bounds in world.autoscaled.items():
            pods = world.pods.get(revision)
            if bounds is not None and pods is not None and pods.replicas:
                pods.replicas = bounds.fewest + round(share * (bounds.most - bounds.fewest))

    return change


def _weights_by_hand(weight: int) -> Happening:
    def change(world: World) -> None:
        if world.route is not None:
            weights = ((world.stable, 100 - weight), (world.candidate, weight))
            world.touch_route(weights=weights if world.stable != world.candidate else weights[:1])

    return change


def _mirror_by_hand(world: World) -> None:
    world.touch_route(mirror=Mirror(world.candidate, 50))


def _annotations_gone(world: World) -> None:
    world.touch_route(sequence=0, decision=None)


def _route_gone(world: World) -> None:
    world.put_route(None)


def _click(control: Control, who: str) -> Happening:
    """Somebody annotates: for the candidate, or whoever it is at the time."""
    return lambda world: world.annotate(control, str(getattr(world, who)))


def _resume(world: World) -> None:
    world.annotate(Control.PAUSE, None)


def _weather(value: Weather) -> Happening:
    """All metrics show the same."""

    def change(world: World) -> None:
        world.weather, world.weathers = value, {}

    return change


def _one_shows(metric: str, value: Weather) -> Happening:
    return lambda world: world.weathers.update({metric: value})


def _trouble(end: End, writes: int) -> Happening:
    return lambda world: setattr(world, "trouble", Trouble(end, writes))


def _lag(part: str) -> Happening:
    return lambda world: world.lag(part)


def _set_back(times: int) -> Happening:
    """Somebody who owns the route applies it again and again."""

    def change(world: World) -> None:
        for _ in range(times):
            world.touch_route(weights=((world.stable, 100),), mirror=None, edition=f"uid/{world.writes}")
            world.reconcile()

    return change


def _freeze(world: World) -> None:
    world.frozen = world.observe()


USUAL: Final[Mapping[str, tuple[int, Happening]]] = {
    # name: (how often, what); time, what a rollout needs, and what ends a disturbance
    "10 seconds": (4, _time(seconds=10)),
    "2 minutes": (4, _time(minutes=2)),
    "10 minutes": (16, _time(minutes=10)),
    "1 hour": (2, _time(hours=1)),
    "all ready": (10, lambda world: world.recover()),
    "new pods come up": (3, _set("new_pods", value=10_000)),
    "good": (8, _weather(Weather.GOOD)),
    "answering": (3, _set("silent", value=False)),
    "share shown": (5, _set("shows_share", value=True)),
    "gateway accepts": (5, _set("gateway", value=Acceptance.ACCEPTED)),
    "version 2": (4, _version("2")),
    "version 3": (1, _version("3")),
    "a new version": (2, _new_version),
    "reverted": (1, _revert),
    "previous wanted": (2, _return),
    "stages as usual": (4, _stages("usual")),
    "metrics usual": (2, _field(metrics=METRIC_LISTS["usual"])),
    "onFailure: Rollback": (2, _field(onFailure="Rollback")),
    "spec checked": (3, _set("unchecked", value=None)),
    "scraped": (3, _set("scraped", value=True)),
    "caches catch up": (4, lambda world: world.lagging.clear()),
    "gates succeed": (3, _set("gates", value=RunState.SUCCEEDED)),
    "resume": (2, _resume),
    "retry": (2, _click(Control.RETRY, "candidate")),
    "automation": (4, _field(automation="Full")),
    "approve": (2, _click(Control.APPROVE, "candidate")),
    "operator thawed": (2, World.thaw),
}
ODD: Final[Mapping[str, Happening]] = {
    "clock 1 hour ahead": _jump(hours=1),
    "clock 1 day ahead": _jump(days=1),
    "clock 1 hour back": _jump(hours=-1),
    "new pods load": _set("new_pods", value=0),
    "fallback unready": _set("fallback_ready", value=0),
    "no stand-in": _without_stand_in,
    "stand-in as in the beginning": _with_stand_in,
    "candidate half ready": _pods("candidate", 1),
    "candidate unready": _pods("candidate", 0),
    "candidate crashes": _pods("candidate", 0, crashing=True),
    "candidate crashes in part": _pods("candidate", 1, crashing=True),
    "candidate's Deployment deleted": _gone("candidate"),
    "stable unready": _pods("stable", 0),
    "stable's Deployment deleted": _gone("stable"),
    **{f"all metrics {weather}": _weather(weather) for weather in Weather if weather is not Weather.GOOD},
    **{f"error-rate {weather}": _one_shows("error-rate", weather) for weather in Weather},
    **{f"latency {weather}": _one_shows("latency", weather) for weather in Weather},
    "silent": _set("silent", value=True),
    "share not shown": _set("shows_share", value=False),
    "nothing counts": _set("shows_share", value=None),
    "gates fail": _set("gates", value=RunState.FAILED),
    "gates run": _set("gates", value=RunState.RUNNING),
    "gates wait": _set("gates", value=RunState.WAITING),
    "gateway slow": _set("gateway", value=Acceptance.PENDING),
    "gateway refuses": _set("gateway", value=Acceptance.REJECTED),
    "version 1": _version("1"),
    **{f"stages {name}": _stages(name) for name in STAGE_LISTS},
    **{f"metrics {name}": _field(metrics=metrics) for name, metrics in METRIC_LISTS.items()},
    "onFailure: Hold": _field(onFailure="Hold"),
    **{f"automation {degree}": _field(automation=str(degree)) for degree in Automation},
    "spec not checked yet": _set("unchecked", value="the API server does not answer"),
    "not scraped yet": _set("scraped", value=False),
    "nobody knows whether scraped": _set("scraped", value=None),
    "no window": _field(rollbackWindow="0s"),
    "no history": _field(revisionHistoryLimit=0),
    "1 replica": _deployment(replicas=1),
    "4 replicas": _deployment(replicas=4),
    "pods by weight": _deployment(scaleWithWeight=True, replicas=8),
    "all pods at once": _deployment(scaleWithWeight=None),
    "autoscaled": _deployment(autoscaling={"maxReplicas": 8}),
    "not autoscaled": _deployment(autoscaling=None),
    "no load": _load_is(0.0),
    "much load": _load_is(0.7),
    "weights by hand": _weights_by_hand(40),
    "all weight by hand": _weights_by_hand(100),
    "mirror by hand": _mirror_by_hand,
    "annotations removed": _annotations_gone,
    "route set back once": _set_back(1),
    "route set back for ever": _set_back(4),
    "route deleted": _route_gone,
    **{f"{end} after {count}": _trouble(end, count) for end in End for count in range(6)},
    "route's cache lags": _lag("route"),
    "pods' cache lags": _lag("pods"),
    "spec's cache lags": _lag("rollout"),
    "operator frozen": _freeze,
    **{f"{control} the {who}": _click(control, who) for who, controls in CLICKS.items() for control in controls},
}
NEED_PODS: Final = frozenset(
    {
        "new pods come up", "version 1", "version 2", "version 3", "a new version", "reverted", "previous wanted",
        "new pods load", "fallback unready", "no stand-in", "stand-in as in the beginning", "candidate half ready",
        "candidate unready", "candidate crashes", "candidate crashes in part", "candidate's Deployment deleted",
        "stable unready", "stable's Deployment deleted", "1 replica", "4 replicas", "pods by weight",
        "all pods at once", "autoscaled", "not autoscaled", "no load", "much load",
    }
)  # fmt: skip
"""What can happen only where the operator makes the pods."""
_HAPPENINGS: Final = (
    {name: happening for table in (USUAL, history_of_services.USUAL) for name, (_, happening) in table.items()}
    | dict(ODD)
    | dict(history_of_services.ODD)
)


@dataclass(frozen=True, slots=True)
class Sort:
    """What may happen in a sort of world: by how often, and what is odd."""

    often: tuple[str, ...]
    odd: tuple[str, ...]


def _often(table: Mapping[str, tuple[int, Happening]]) -> tuple[str, ...]:
    return tuple(name for name, (often, _) in table.items() for _ in range(often))


WITH_PODS: Final = Sort(_often(USUAL), tuple(ODD))
BETWEEN_SERVICES: Final = Sort(
    tuple(name for name in (*_often(USUAL), *_often(history_of_services.USUAL)) if name not in NEED_PODS),
    tuple(name for name in (*ODD, *history_of_services.ODD) if name not in NEED_PODS),
)
_ODD_SHARE: Final = 0.3
_ODD_KINDS: Final = 8


def happen(world: World, name: str) -> None:
    """Let something happen, and let the operator see it."""
    _HAPPENINGS[name](world)
    world.reconcile()


def histories(most: int) -> st.SearchStrategy[list[str]]:
    """Lists of what may happen."""
    return st.lists(st.sampled_from((*WITH_PODS.often, *WITH_PODS.odd)), max_size=most)


def history_of(seed: int, length: int, odd: Sequence[str] = (), among: Sort = WITH_PODS) -> list[str]:
    """The history of a seed, always the same.

    Each has only a few kinds of disturbance: where everything happens to a rollout, it does not get far.

    Args:
        odd: kinds of disturbance; by default some that the seed gives.
    """
    dice = random.Random(seed)  # noqa: S311 - to be repeatable
    odd = odd or dice.sample(among.odd, _ODD_KINDS)
    return [dice.choice(odd if dice.random() < _ODD_SHARE else among.often) for _ in range(length)]
