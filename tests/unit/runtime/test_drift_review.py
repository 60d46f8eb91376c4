"""What is said of a drift before any traffic moves."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.drift import Drift
from modelrollout.runtime.drift_review import drift_problems

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"of": "ink_bucket{$selector}"}, None),
        ({"of": "predictions_total{$selector}", "label": "prediction"}, None),
        ({"of": "ink{$selector}"}, None),
        ({"of": "ink_sum{$selector}"}, "of: write the histogram, not ink_sum"),
        ({"of": "rate(predictions_total{$selector}[1m])", "label": "prediction"}, "of: a ratio reads raw counters"),
        (
            {
                "of": "ink_bucket{$selector}",
                "against": "Reference",
                "reference": {"snapshot": [{"value": "low", "count": 5}]},
            },
            "reference.snapshot: 'low' is no edge",
        ),
    ],
)
def test_problems(fields: dict[str, Any], says: str | None) -> None:
    problems = list(drift_problems(Drift.model_validate(fields)))
    assert problems == [] if says is None else len(problems) == 1 and problems[0].startswith(says)
