"""The state machine test can fail: with a rule taken away or bent, the machine finds a history that breaks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from modelrollout.api.resource import ModelRollout
from modelrollout.api.scaling import Autoscaling
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine import chains
from modelrollout.engine.observed import RouteState
from modelrollout.engine.scale import Bounds
from modelrollout.runtime.carry_out import CarryOut
from tests.support.history import BETWEEN_SERVICES, WITH_PODS, history_of
from tests.support.machine import LENGTH, broken_by
from tests.support.world import World

pytestmark = pytest.mark.machine

DAY = timedelta(days=1)
SERVICES = "begins between two Services"
HISTORIES = 30
"""So many, of 200 steps, are the most that it may take."""


def finds(*odd: str, beginning: str | None = None) -> bool:
    """Whether a history breaks."""
    begins, among = ([], WITH_PODS) if beginning is None else ([beginning], BETWEEN_SERVICES)
    histories = ([*begins, *history_of(seed, LENGTH, odd, among)] for seed in range(HISTORIES))
    return any(not isinstance(broken_by(history), World) for history in histories)


def test_the_machine_finds_nothing_in_what_is_whole() -> None:
    assert not finds("all metrics bad", "stable unready", "clock 1 hour ahead")
    assert not finds("candidate's team is half way", "stable's team deploys", beginning=SERVICES)


@pytest.mark.parametrize(
    ("chain", "policy", "odd"),
    [
        ("STEPPING", "harm", ["all metrics bad"]),
        ("STEPPING", "silence", ["silent"]),
        ("STEPPING", "crash", ["candidate crashes in part"]),
        ("STEPPING", "unready", ["candidate unready"]),
        ("STEPPING", "aborted", ["abort the candidate"]),
        ("STEPPING", "reverted", ["reverted"]),
        ("STEPPING", "superseded", ["version 1"]),
        ("STEPPING", "suspended_for_good", ["candidate unready"]),
        ("STEPPING", "invalid", ["stages invalid"]),
        ("STEPPING", "suspended", ["candidate unready"]),
        ("STEPPING", "edited", ["stages higher"]),
        ("STEPPING", "recovered", ["candidate unready"]),
        ("STEPPING", "inconclusive", ["stages strict", "all metrics open"]),
        ("STEPPING", "contested", ["route set back for ever"]),
        ("STEPPING", "paused", ["pause the candidate"]),
        ("LOADING", "crash", ["candidate crashes", "new pods load"]),
        ("LOADING", "load_deadline", ["new pods load"]),
        ("LOADING", "unchecked", ["spec not checked yet", "new pods load"]),
        ("LOADING", "route_at_rest", ["gateway slow", "new pods load"]),
        ("LOADING", "unscraped", ["not scraped yet"]),
        ("RESTING", "invalid", ["stages invalid"]),
        ("RESTING", "failed_before", ["all metrics bad"]),
        ("RESTING", "warm_return", ["previous wanted"]),
        ("RESTING", "unchecked", ["spec not checked yet"]),
    ],
)
def test_without_a_policy_something_breaks(
    chain: str, policy: str, odd: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: tuple[Callable[..., Any], ...] = getattr(chains, chain)
    rest = tuple(each for each in whole if each.__name__ != policy)
    assert len(rest) == len(whole) - 1
    monkeypatch.setattr(chains, chain, rest)
    assert finds(*odd)


def yes(*_: object) -> bool:
    return True


def no(*_: object) -> None:
    return None


def fewest_of_the_user(scaler: Autoscaling, _: int) -> Bounds:
    return Bounds(scaler.min_replicas, scaler.max_replicas)


async def unread(operator: CarryOut, rollout: ModelRollout, *_: object) -> RouteState | None:
    return await operator._traffics.of(rollout).read(rollout)


KILLED = "killed before a write after 1"


@pytest.mark.parametrize(
    ("where", "instead", "odd"),
    [
        pytest.param("engine.policies.lasted", yes, "version 1", id="steps that need not last"),
        pytest.param("engine.policies.applied", yes, "gateway slow", id="a route that nobody accepted"),
        pytest.param("engine.decide.adopted", lambda status, *_: status, KILLED, id="a route that nobody reads"),
        pytest.param("runtime.carry_out.LOWERING", frozenset(), KILLED, id="status before a lower route"),
        pytest.param("runtime.carry_out.CarryOut._fresh", unread, "operator frozen", id="a raise without a look"),
        pytest.param("engine.shared.scaled_up", no, "candidate half ready", id="weight before its pods"),
        pytest.param("engine.scale._limits", fewest_of_the_user, "autoscaled", id="load takes the way back"),
        pytest.param("engine.drain.ends_at", lambda seen, _: seen.now - DAY, "version 1", id="no drain"),
    ],
)
def test_with_a_rule_bent_something_breaks(
    where: str, instead: object, odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"modelrollout.{where}", instead)
    assert finds(odd, "all metrics bad")


REPLACED = ["stages only", "stages only", "the manifest of the version before", "candidate's team deploys"]


def nothing_forgotten(status: ModelRolloutStatus, *_: object) -> ModelRolloutStatus:
    return status


@pytest.mark.parametrize(
    ("where", "instead", "odd"),
    [
        pytest.param("chains.STEPPING", "replaced", ["candidate's team deploys"], id="whoever answers"),
        pytest.param("chains.LOADING", "unsettled", ["candidate's team begins to deploy"], id="deployments under way"),
        pytest.param(
            "chains.EMPTY", "serves_already", ["candidate's team deploys"], id="a first version beside nobody"
        ),
        pytest.param("decide.services.forgotten", nothing_forgotten, REPLACED, id="any way back"),
        pytest.param("services.has_changed", no, ["candidate's team deploys"], id="pods that nobody looks at"),
    ],
)
def test_where_others_deploy_something_breaks(
    where: str, instead: object, odd: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = where.partition(".")[2]
    if isinstance(instead, str):
        chain: tuple[Callable[..., Any], ...] = getattr(chains, name)
        instead = tuple(each for each in chain if each.__name__ != instead)
    monkeypatch.setattr(f"modelrollout.engine.{where}", instead)
    assert finds(*odd, beginning=SERVICES)
