"""From when evidence counts, metric by metric."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pytest

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.situation import Observation
from modelrollout.runtime.looking import Look, comparable, scope_of
from modelrollout.runtime.settings import Settings
from tests.support.behind import NEW, NEWER, OLD, ONE, THREE, TWO, asks, known
from tests.support.looks import look_at
from tests.support.scenes import NOW, raw_spec, rollout, stepping, with_attempt

pytestmark = pytest.mark.unit

FIRST = NOW - timedelta(minutes=30)
LIVE = NOW - timedelta(minutes=9)
SCRAPE = timedelta(seconds=1)


def looking(seen: Observation, offset: float = 0.0) -> Look:
    return look_at(seen, Settings(scrape_interval=SCRAPE), offset=offset)


def at_canary(live_since: datetime | None = LIVE) -> Observation:
    return with_attempt(stepping(1, raw_spec()), evidence_since=FIRST, live_since=live_since)


def test_a_metric_of_all_stages_counts_from_the_first_request_shadow_included() -> None:
    look = looking(at_canary())
    metric = look.rollout.spec.metrics[0].model_copy(update={"stages": None})
    assert look.evidence_since(metric) == FIRST.timestamp()


def test_a_metric_kept_out_of_the_shadow_begins_a_scrape_after_clients_were_met() -> None:
    look = looking(at_canary())
    live = tuple(stage.name for stage in look.rollout.spec.stages if stage.is_live)
    metric = look.rollout.spec.metrics[0].model_copy(update={"stages": live})
    assert look.evidence_since(metric) == (LIVE + SCRAPE).timestamp()


def test_before_the_gateway_has_left_the_shadow_it_begins_with_the_step() -> None:
    look = looking(at_canary(live_since=None))
    live = tuple(stage.name for stage in look.rollout.spec.stages if stage.is_live)
    metric = look.rollout.spec.metrics[0].model_copy(update={"stages": live})
    assert look.step.accepted_at is not None
    assert look.evidence_since(metric) == (look.step.accepted_at + SCRAPE).timestamp()


def test_latency_counts_anew_from_when_there_were_pods_enough() -> None:
    relieved = NOW - timedelta(minutes=3)
    look = looking(with_attempt(at_canary(), latency_since=relieved))
    errors, latency = (metric.model_copy(update={"stages": None}) for metric in look.rollout.spec.metrics)
    assert latency.is_latency
    assert look.evidence_since(latency) == (relieved + SCRAPE).timestamp()
    assert look.evidence_since(errors) == FIRST.timestamp()


def test_our_times_are_taken_to_prometheus_clock() -> None:
    look = looking(at_canary(), offset=3.5)
    metric = look.rollout.spec.metrics[0].model_copy(update={"stages": None})
    assert look.evidence_since(metric) == FIRST.timestamp() + 3.5


def test_evidence_of_a_step_is_another_one_once_it_is_in_force() -> None:
    seen = at_canary()
    attempt = seen.status.attempt
    assert attempt is not None
    assert attempt.step is not None
    pending = with_attempt(seen, step=attempt.step.model_copy(update={"in_force_at": None}))
    assert looking(pending).step_identity != looking(seen).step_identity
    assert looking(pending).step_since < looking(seen).step_since


def test_what_may_pass_is_counted_from_in_force_and_after_the_settling() -> None:
    seen = at_canary()
    attempt = seen.status.attempt
    assert attempt is not None
    assert attempt.step is not None
    settle = seen.rollout.spec.traffic.settle
    for in_force_after, expected in ((timedelta(seconds=1), settle), (3 * settle, 3 * settle)):
        accepted = NOW - timedelta(minutes=5)
        step = attempt.step.model_copy(update={"accepted_at": accepted, "in_force_at": accepted + in_force_after})
        assert looking(with_attempt(seen, step=step)).passes_since == (accepted + expected).timestamp()


def test_the_first_answers_of_a_new_pod_let_nothing_pass() -> None:
    seen = at_canary()
    look = looking(seen)
    settle = seen.rollout.spec.traffic.settle.total_seconds()
    ticking = look.grid_for(None)
    begin = math.ceil(look.passes_since + ticking.interval)
    ticks = [Tick(float(begin + number), Counts(0, 1), None, final=True, joined=number == 3) for number in range(60)]
    found = look.settled(ticks, ticking, -math.inf)
    left_out = [tick.at for tick in ticks if tick not in found.ticks]
    assert left_out == [tick.at for tick in ticks if 0 <= tick.at - ticks[3].at < settle]
    assert left_out


def test_a_frozen_bound_is_used_only_where_stable_has_no_share() -> None:
    bounds = [{"metric": "error-rate", "bound": "0.0125"}]
    mixed, alone = (with_attempt(stepping(position)) for position in (1, 5))
    for seen, expected in ((mixed, None), (alone, 0.0125)):
        attempt = seen.status.attempt
        assert attempt is not None
        kept = type(attempt).model_validate(attempt.dump() | {"frozen": bounds})
        look = looking(with_attempt(seen, frozen=kept.frozen))
        assert look.frozen("error-rate") == expected
        assert look.frozen("another") is None


def test_series_of_what_others_deploy_are_those_of_the_pods_that_status_names() -> None:
    services = (known(ONE, OLD), known(TWO, NEW, NEWER), known(THREE))
    made = rollout(asks(), ModelRolloutStatus(stable=ONE.ref, services=services))
    scope = scope_of(made, Settings())
    assert scope.selector(ONE.hash) == 'namespace="demo",pod=~"digits-a-6d4cf56db6-[a-z0-9]{5}"'
    assert [(part.stand_in, part.matchers) for part in scope.selectors(ONE.hash, TWO.hash)] == [
        (ONE.hash, 'namespace="demo",pod=~"digits-a-6d4cf56db6-[a-z0-9]{5}"'),
        (TWO.hash, 'namespace="demo",pod=~"digits-b-5f6b7c8d9f-[a-z0-9]{5}|digits-b-79c8b5f4d9-[a-z0-9]{5}"'),
    ]
    assert comparable(made, ONE.hash) == ONE.hash


def test_series_of_what_others_deploy_need_no_label_of_ours() -> None:
    """An operator whose Prometheus knows revisions by a label: pods of others do not bear it."""
    made = rollout(asks(), ModelRolloutStatus(stable=ONE.ref, services=(known(ONE, OLD),)))
    scope = scope_of(made, Settings(revision_label="revision"))
    assert scope.selector(ONE.hash) == 'namespace="demo",pod=~"digits-a-6d4cf56db6-[a-z0-9]{5}"'
