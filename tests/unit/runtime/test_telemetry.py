"""The operator's own metrics."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelrollout.api.resource import Key
from modelrollout.api.status import ModelRolloutStatus, Phase, TrafficStatus
from modelrollout.runtime.telemetry import Telemetry

pytestmark = pytest.mark.unit

KEY = Key("demo", "digits")


def series(telemetry: Telemetry, name: str) -> dict[str, float]:
    families = text_string_to_metric_families(telemetry.exposition().decode())
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {sample.labels.get("phase", sample.labels.get("name", "")): sample.value for sample in samples}


def test_only_the_phase_that_it_is_in_is_shown_for_each_rollout() -> None:
    telemetry = Telemetry()
    telemetry.rollout(KEY, ModelRolloutStatus(phase=Phase.PROGRESSING))
    telemetry.rollout(KEY, ModelRolloutStatus(phase=Phase.ROLLED_BACK, traffic=TrafficStatus(stable=95, candidate=5)))
    phases = series(telemetry, "modelrollout_phase")
    assert phases == {"RolledBack": 1.0}
    assert series(telemetry, "modelrollout_candidate_weight") == {"digits": 5.0}


def test_a_rollout_that_is_gone_shows_nothing_and_may_be_forgotten_twice() -> None:
    telemetry = Telemetry()
    telemetry.rollout(KEY, ModelRolloutStatus())
    telemetry.rollout(Key("demo", "other"), ModelRolloutStatus())
    telemetry.forget(KEY)
    telemetry.forget(KEY)
    assert set(series(telemetry, "modelrollout_candidate_weight")) == {"other"}


def test_two_operators_in_one_process_do_not_share_counts() -> None:
    one, other = Telemetry(), Telemetry()
    one.reconciles.labels("ok").inc()
    assert b'modelrollout_reconciles_total{outcome="ok"} 1.0' in one.exposition()
    assert b"modelrollout_reconciles_total{" not in other.exposition()
