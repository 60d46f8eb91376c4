"""What `suggest` prints."""

from __future__ import annotations

from decimal import Decimal

import pytest

from modelrollout.analysis.usual import Usual
from modelrollout.api.check import Check, NoWorseThan
from modelrollout.api.metrics import Metric
from modelrollout.cli.suggesting import at_most, in_yaml, lines
from modelrollout.runtime.suggesting import Alarms, Proposal
from tests.support.scenes import METRICS

pytestmark = pytest.mark.unit

ERRORS, LATENCY = (Metric.model_validate(raw) for raw in METRICS)
PROPOSED = Check(max=Decimal("0.0061"), no_worse_than=NoWorseThan(ratio=Decimal("1.5"), difference=Decimal("0.0011")))
FOUND = (
    Proposal(ERRORS, Usual(0.003, 0.00102, 0.002, 0.004, 24), PROPOSED, requests=72000),
    Proposal(LATENCY, why="timeout"),
)


def test_each_metric_and_all_together() -> None:
    alarms = Alarms(rollouts=14, alarms=1, by_metric=(("error-rate", 1),))
    assert list(lines(FOUND, alarms)) == [
        "error-rate: usually 0.003, sigma 0.00102, from 0.002 to 0.004 (24 values, n=72000)",
        '  now:      check: {max: "0.01"}',
        '  proposed: check: {max: "0.0061", noWorseThan: {ratio: "1.5", difference: "0.0011"}}',
        "  false alarms: 1 of 14 rollouts of the version against itself, so at most 30 % (confidence 0.95)",
        "latency: nothing is proposed: timeout",
        "false alarms of all together: 1 of 14 rollouts of the version against itself, so at most 30 % "
        "(confidence 0.95)",
    ]


@pytest.mark.parametrize(
    ("alarms", "text"),
    [
        (Alarms(why="from 2 to 30 pods can be halved, not 1"), "not tried: from 2 to 30 pods can be halved, not 1"),
        (Alarms(), "no rollout came to its end in that time: take a longer one, or shorter stages"),
    ],
)
def test_why_nothing_is_known_of_false_alarms(alarms: Alarms, text: str) -> None:
    assert list(lines(FOUND, alarms))[-1].endswith(text)


def test_a_check_is_written_as_in_a_manifest() -> None:
    assert in_yaml(Check()) == "no limit"
    assert in_yaml(Check(min=Decimal("1E+2"))) == 'check: {min: "100"}'


@pytest.mark.parametrize(
    ("alarms", "rollouts", "bound"),
    [(0, 14, 1 - 0.05 ** (1 / 14)), (0, 1, 0.95), (3, 3, 1.0), (1, 14, 0.2967)],
)
def test_the_bound_is_that_of_clopper_and_pearson(alarms: int, rollouts: int, bound: float) -> None:
    """Without an alarm it is 1 - 0.05^(1/n)."""
    assert at_most(alarms, rollouts) == pytest.approx(bound, abs=2e-4)


@pytest.mark.parametrize(("alarms", "rollouts"), [(0, 0), (2, 1), (-1, 3)])
def test_no_share(alarms: int, rollouts: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        at_most(alarms, rollouts)
