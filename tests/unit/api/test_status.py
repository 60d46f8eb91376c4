"""The status is memory: what is written is what is read."""

from __future__ import annotations

import pytest

from modelrollout.api.status import ModelRolloutStatus
from tests.support.statuses import FULL_STATUS

pytestmark = pytest.mark.unit


def test_what_is_written_is_read_back() -> None:
    assert ModelRolloutStatus.model_validate(FULL_STATUS.dump()) == FULL_STATUS


def test_an_object_without_a_status_has_the_empty_one() -> None:
    assert ModelRolloutStatus.model_validate({}) == ModelRolloutStatus()


def test_absent_values_are_left_out() -> None:
    assert "attempt" not in ModelRolloutStatus().dump()
