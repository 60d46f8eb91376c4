"""What may happen to a world, by name: a history is a list of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.controls import Control
from modelrollout.engine.observed import Acceptance, RunState
from modelrollout.engine.split import Mirror
from tests.support.scenes import METRICS, STAGES, Raw, raw_spec
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
    "endless": [CANARY],
    "gated": [
        STAGES[0] | {"pre": [GATE], "post": [GATE]},
        CANARY | {"pre": [GATE, GATE | {"name": "other"}]},
        FULL | {"post": [GATE | {"timeout": "2h"}]},
    ],
    "gated and held": [CANARY | {"pre": [HELD], "post": [HELD]}, RAMP | {"post": [GATE]}, FULL | {"pre": [HELD]}],
}


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


def _all_ready(world: World) -> None:
    for _, pods in world.states():
        pods.ready, pods.crashing = 10_000, False


def _gone(who: str) -> Happening:
    def delete(world: World) -> None:
        world.pods.pop(str(getattr(world, who)), None)

    return delete


def _version(version: str) -> Happening:
    return lambda world: world.edit({**world.raw, **_identity(version)})


def _identity(version: str) -> Raw:
    raw = raw_spec(version)
    return {"model": raw["model"], "workload": raw["workload"]}


def _stages(name: str) -> Happening:
    return lambda world: world.edit({**world.raw, "stages": STAGE_LISTS[name]})


def _field(**fields: object) -> Happening:
    return lambda world: world.edit({**world.raw, **fields})


def _revert(world: World) -> None:
    if world.status.stable is not None:
        _version(world.status.stable.version)(world)


def _return(world: World) -> None:
    if world.status.previous is not None:
        _version(world.status.previous.version)(world)


def _replicas(count: int) -> Happening:
    def change(world: World) -> None:
        deployment = {**world.raw["workload"]["deployment"], "replicas": count}
        world.edit({**world.raw, "workload": {"deployment": deployment}})

    return change


def _weights_by_hand(weight: int) -> Happening:
    def change(world: World) -> None:
        if world.route is not None:
            weights = ((world.stable, 100 - weight), (world.candidate, weight))
            world.route = replace(world.route, weights=weights if world.stable != world.candidate else weights[:1])

    return change


def _mirror_by_hand(world: World) -> None:
    if world.route is not None:
        world.route = replace(world.route, mirror=Mirror(world.candidate, 50))


def _annotations_gone(world: World) -> None:
    if world.route is not None:
        world.route = replace(world.route, sequence=0, decision=None)


def _route_gone(world: World) -> None:
    world.route = None


def _click(control: Control, who: str) -> Happening:
    """Somebody annotates: for the candidate, or whoever it is at the time."""
    return lambda world: world.annotate(control, str(getattr(world, who)))


def _resume(world: World) -> None:
    world.annotate(Control.PAUSE, None)


def _set_back(times: int) -> Happening:
    """Somebody who owns the route applies it again and again."""

    def change(world: World) -> None:
        for _ in range(times):
            if world.route is None:
                return
            edition = f"uid/{world.writes}"
            world.route = replace(world.route, weights=((world.stable, 100),), mirror=None, edition=edition)
            world.reconcile()

    return change


def _freeze(world: World) -> None:
    world.frozen = world.observe()


HAPPENINGS: Final[Mapping[str, tuple[int, Happening]]] = {
    # name: (how often, what)
    "10 seconds": (4, _time(seconds=10)),
    "2 minutes": (4, _time(minutes=2)),
    "10 minutes": (16, _time(minutes=10)),
    "1 hour": (3, _time(hours=1)),
    "clock 1 hour ahead": (1, _jump(hours=1)),
    "clock 1 day ahead": (1, _jump(days=1)),
    "clock 1 hour back": (1, _jump(hours=-1)),
    "all ready": (18, _all_ready),
    "candidate half ready": (1, _pods("candidate", 1)),
    "candidate unready": (2, _pods("candidate", 0)),
    "candidate crashes": (1, _pods("candidate", 0, crashing=True)),
    "candidate crashes in part": (1, _pods("candidate", 1, crashing=True)),
    "candidate's Deployment deleted": (1, _gone("candidate")),
    "stable unready": (2, _pods("stable", 0)),
    "stable ready": (2, _pods("stable", None)),
    "stable's Deployment deleted": (1, _gone("stable")),
    "good": (10, _set("verdict", value=Verdict.PASS)),
    "open": (2, _set("verdict", value=Verdict.CONTINUE)),
    "no data": (1, _set("verdict", value=Verdict.NO_DATA)),
    "Prometheus gone": (1, _set("verdict", value=None)),
    "harm": (1, _set("verdict", value=Verdict.HARM)),
    "silent": (1, _set("silent", value=True)),
    "answering": (3, _set("silent", value=False)),
    "share shown": (6, _set("shows_share", value=True)),
    "share not shown": (1, _set("shows_share", value=False)),
    "nothing counts": (1, _set("shows_share", value=None)),
    "gates succeed": (6, _set("gates", value=RunState.SUCCEEDED)),
    "gates fail": (1, _set("gates", value=RunState.FAILED)),
    "gates run": (1, _set("gates", value=RunState.RUNNING)),
    "gates wait": (1, _set("gates", value=RunState.WAITING)),
    "gateway accepts": (6, _set("gateway", value=Acceptance.ACCEPTED)),
    "gateway slow": (1, _set("gateway", value=Acceptance.PENDING)),
    "gateway refuses": (1, _set("gateway", value=Acceptance.REJECTED)),
    "version 1": (2, _version("1")),
    "version 2": (4, _version("2")),
    "version 3": (2, _version("3")),
    "reverted": (1, _revert),
    "previous wanted": (4, _return),
    **{f"stages {name}": (1, _stages(name)) for name in STAGE_LISTS},
    "stages as usual": (6, _stages("usual")),
    "onFailure: Hold": (1, _field(onFailure="Hold")),
    "onFailure: Rollback": (2, _field(onFailure="Rollback")),
    "other limit": (1, _field(metrics=[METRICS[0] | {"check": {"max": "0.02"}}, METRICS[1]])),
    "usual metrics": (1, _field(metrics=list(METRICS))),
    "no window": (1, _field(rollbackWindow="0s")),
    "no history": (1, _field(revisionHistoryLimit=0)),
    "1 replica": (1, _replicas(1)),
    "4 replicas": (1, _replicas(4)),
    "weights by hand": (1, _weights_by_hand(40)),
    "all weight by hand": (1, _weights_by_hand(100)),
    "mirror by hand": (1, _mirror_by_hand),
    "annotations removed": (1, _annotations_gone),
    "route deleted": (1, _route_gone),
    "pause": (1, _click(Control.PAUSE, "candidate")),
    "resume": (3, _resume),
    "abort": (1, _click(Control.ABORT, "candidate")),
    "retry": (2, _click(Control.RETRY, "candidate")),
    "promote": (2, _click(Control.PROMOTE, "candidate")),
    "promote-full": (1, _click(Control.PROMOTE_FULL, "candidate")),
    "rollback": (1, _click(Control.ROLLBACK, "stable")),
    "abort what is stable": (1, _click(Control.ABORT, "stable")),
    "route set back once": (1, _set_back(1)),
    "route set back for ever": (1, _set_back(4)),
    "killed before a write": (2, _set("kill_after", value=0)),
    "killed after one write": (3, _set("kill_after", value=1)),
    "killed after two writes": (2, _set("kill_after", value=2)),
    "operator frozen": (1, _freeze),
    "operator thawed": (2, World.thaw),
}
NAMES: Final = tuple(name for name, (often, _) in HAPPENINGS.items() for _ in range(often))


def happen(world: World, name: str) -> None:
    """Let something happen, and let the operator see it."""
    HAPPENINGS[name][1](world)
    world.reconcile()


def histories(most: int) -> st.SearchStrategy[list[str]]:
    """Lists of what may happen."""
    return st.lists(st.sampled_from(NAMES), max_size=most)
