"""What a stage says about itself."""

from __future__ import annotations

import pytest

from modelrollout.api.stages import Stage

pytestmark = pytest.mark.unit


def test_a_shadow_reaches_no_client() -> None:
    assert not Stage.model_validate({"name": "shadow", "shadow": {}}).is_live


def test_a_weight_and_a_ramp_reach_clients() -> None:
    assert Stage.model_validate({"name": "canary", "weight": 5}).is_live
    assert Stage.model_validate({"name": "ramp", "ramp": {"to": 50, "step": 10, "every": "1m"}}).is_live
