"""What slices show: harm to a few that is lost among the many, and never a pass."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from modelrollout.analysis.evidence import Counts, Slice, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.slices import (
    SliceRules,
    SlicesEvidence,
    SlicesJudgement,
    SlicesState,
    fold_slices,
    gather_slices,
    judge_slices,
    slice_limits,
    with_slices,
)
from modelrollout.analysis.verdict import CheckResult, Verdict

pytestmark = pytest.mark.unit

RULES = SliceRules("wrong", "digit", max_slices=10, min_samples=20, alpha=0.005)
RELATIVE = Limits(ratio=1.5, difference=0.05)
MAX = Limits(max=0.2)

Table = dict[str, tuple[tuple[int, int], tuple[int, int]]]
"""By value of the label: (events, total) of the candidate and of stable."""


def tick(table: Table, *, final: bool = True) -> Tick:
    slices = tuple(Slice(value, Counts(*mine), Counts(*theirs)) for value, (mine, theirs) in table.items())
    mine = sum((part.candidate for part in slices if part.candidate), Counts())
    theirs = sum((part.stable for part in slices if part.stable), Counts())
    return Tick(0.0, mine, theirs, final, slices)


def gathered(limits: Limits, *ticks: Tick, max_slices: int = 10) -> SlicesEvidence:
    return gather_slices(SlicesState(slice_limits(limits), max_slices), ticks)


def judged(limits: Limits, *ticks: Tick, rules: SliceRules = RULES, alone: bool = False) -> SlicesJudgement:
    span = gathered(limits, *ticks, max_slices=rules.max_slices)
    return judge_slices(rules, span, span, 1, alone=alone)


@pytest.mark.parametrize(
    ("limits", "table", "harm", "worst"),
    [
        pytest.param(
            RELATIVE,
            {"3": ((1, 60), (10, 600)), "8": ((50, 60), (60, 600))},
            "wrong{digit=8} 0.833 > 0.15 (stable 0.1, n=60)",
            "digit=8 0.833 > 0.15 (stable 0.1, n=60)",
            id="one-slice-is-worse-than-stable",
        ),
        pytest.param(
            RELATIVE,
            {"3": ((1, 60), (10, 600)), "8": ((7, 60), (60, 600))},
            None,
            "digit=8 0.117 <= 0.15 (stable 0.1, n=60)",
            id="a-slice-that-is-hard-for-both-blames-nobody",
        ),
        pytest.param(
            Limits(max=0.05, ratio=1.5, difference=0.05),
            {"8": ((30, 60), (300, 600))},
            None,
            "digit=8 0.5 <= 0.75 (stable 0.5, n=60)",
            id="a-maximum-is-for-the-whole-where-stable-can-be-compared-with",
        ),
        pytest.param(
            MAX,
            {"3": ((1, 60), (0, 0)), "8": ((50, 60), (0, 0))},
            "wrong{digit=8} 0.833 > 0.2 (n=60)",
            "digit=8 0.833 > 0.2 (n=60)",
            id="beyond-the-maximum",
        ),
        pytest.param(
            Limits(min=0.8, ratio=1.5),
            {"8": ((10, 60), (590, 600))},
            "wrong{digit=8} 0.167 < 0.975 (stable 0.983, n=60)",
            "digit=8 0.167 < 0.975 (stable 0.983, n=60)",
            id="with-a-minimum-falling-is-worse",
        ),
        pytest.param(MAX, {"8": ((19, 19), (0, 0))}, None, None, id="too-few-requests-of-it"),
        pytest.param(
            MAX,
            {"1": ((60, 60), (0, 0)), "2": ((60, 60), (0, 0))},
            "wrong{digit=2} 1 > 0.2 (n=60) (and in 1 more)",
            "digit=2 1 > 0.2 (n=60)",
            id="several",
        ),
        pytest.param(
            MAX,
            {"": ((50, 60), (0, 0))},
            "wrong{without digit} 0.833 > 0.2 (n=60)",
            "without digit 0.833 > 0.2 (n=60)",
            id="what-has-no-label-is-a-slice",
        ),
        pytest.param(Limits(), {"8": ((6, 60), (0, 0))}, None, "digit=8 0.1 (n=60)", id="nothing-to-hold-it-against"),
    ],
)
def test_harm_and_the_worst(limits: Limits, table: Table, harm: str | None, worst: str | None) -> None:
    found = judged(limits, tick(table))
    told = found.harm and re.sub(", confidence [^ ]+", "", found.harm)
    assert (told, found.worst) == (harm, worst)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        pytest.param(
            {"en": ((2, 400), (0, 0)), "fi": ((60, 200), (0, 0))},
            "wrong: digit=fi 0.3 (n=200) and digit=en 0.005 (n=400) are more than maxGap 0.1 apart",
            id="far",
        ),
        pytest.param({"en": ((20, 400), (0, 0)), "fi": ((28, 200), (0, 0))}, None, id="near"),
        pytest.param({"en": ((0, 30), (0, 0)), "fi": ((5, 30), (0, 0))}, None, id="may-be-chance"),
        pytest.param({"en": ((2, 400), (0, 0)), "fi": ((19, 19), (0, 0))}, None, id="too-few"),
    ],
)
def test_the_gap_between_slices(table: Table, expected: str | None) -> None:
    assert judged(Limits(max=0.9), tick(table), rules=replace(RULES, max_gap=0.1)).harm == expected


@pytest.mark.parametrize("size", [1.0, 20.0])
def test_what_may_fail_together_is_less_evidence(size: float) -> None:
    state = SlicesState(slice_limits(MAX), 10, dispersion=size)
    span = gather_slices(state, [tick({"3": ((0, 60), (0, 0)), "8": ((30, 60), (0, 0))})])
    fair = replace(RULES, max_gap=0.1)
    assert (judge_slices(fair, span, span, 1).harm is not None) == (size == 1.0)


def test_harm_may_be_seen_in_ticks_that_can_still_change_and_only_final_ones_are_kept() -> None:
    span = gathered(MAX, tick({"8": ((50, 60), (0, 0))}, final=False))
    assert span.final.slices == {}
    assert judge_slices(RULES, span, span, 1).harm is not None


def test_at_weight_100_a_slice_is_held_to_what_stable_had_shown_before() -> None:
    before, after = tick({"8": ((2, 60), (30, 600))}), tick({"8": ((50, 60), (0, 0))})
    alone = replace(after, slices=tuple(replace(part, stable=None) for part in after.slices), stable=None)
    whole, step = gathered(RELATIVE, before, alone), gathered(RELATIVE, alone)
    assert judge_slices(RULES, whole, step, 2).harm is None
    assert "frozen" in str(judge_slices(RULES, whole, step, 2, alone=True).harm)


def test_more_values_than_were_declared_are_said_and_nothing_is_kept_of_them() -> None:
    table: Table = {str(value): ((9, 10), (0, 0)) for value in range(11)}
    span = gathered(MAX, tick(dict(list(table.items())[:5])), tick(dict(list(table.items())[5:])))
    assert span.latest.slices == {}
    found = judge_slices(RULES, span, span, 1)
    assert (found.harm, found.problem) == (
        None,
        "over 10 values of the label digit are more than maxSlices: 10: raise it, or use a coarser label",
    )
    # For good: what was lost of some slices is not made up for by few later ones.
    again = fold_slices(span.latest, tick({"1": ((50, 60), (0, 0))}))
    assert again.overflow
    assert again.slices == {}


def test_a_tick_that_could_not_be_sliced_is_said() -> None:
    found = judged(MAX, replace(tick({}), unsliced="no series has the label digit"))
    assert found.problem == "no series has the label digit"
    assert judged(MAX, replace(tick({}), unsliced="for now"), tick({"8": ((1, 60), (0, 0))})).problem is None


PASS = CheckResult("wrong", Verdict.PASS, "wrong 0.1 <= 0.2 (n=60)", 0.1, samples=60)
HARM = replace(PASS, verdict=Verdict.HARM, reason="wrong 0.5 > 0.2 (n=60)")


@pytest.mark.parametrize(
    ("result", "found", "verdict", "reason"),
    [
        pytest.param(
            PASS,
            SlicesJudgement(None, "digit=8 0.1 <= 0.2 (n=30)", None, 2, 3),
            Verdict.PASS,
            "wrong 0.1 <= 0.2 (n=60); worst slice: digit=8 0.1 <= 0.2 (n=30)",
            id="names-the-worst",
        ),
        pytest.param(
            PASS,
            SlicesJudgement(None, None, None, 0, 3),
            Verdict.PASS,
            "wrong 0.1 <= 0.2 (n=60); 0 of 3 slices have 20 samples",
            id="never-holds-a-pass-for-want-of-samples",
        ),
        pytest.param(
            PASS, SlicesJudgement("so bad", "w", None, 1, 1), Verdict.HARM, "so bad", id="harm-in-a-slice-is-harm"
        ),
        pytest.param(
            HARM, SlicesJudgement(None, None, "odd", 0, 0), Verdict.HARM, HARM.reason, id="harm-of-the-whole-stays"
        ),
        pytest.param(
            PASS, SlicesJudgement(None, None, "odd", 0, 0), Verdict.NO_DATA, "wrong: odd", id="unslicable-holds"
        ),
    ],
)
def test_the_verdict_of_the_whole(result: CheckResult, found: SlicesJudgement, verdict: Verdict, reason: str) -> None:
    combined = with_slices(result, RULES, found)
    assert (combined.verdict, combined.reason) == (verdict, reason)
    assert combined.worst_slice == found.worst


def test_a_long_value_is_cut() -> None:
    assert RULES.name("x" * 100) == f"digit={'x' * 39}…"


@pytest.mark.parametrize("limits", [RELATIVE, Limits(max=0.1)], ids=["relative", "absolute"])
def test_the_level_of_all_slices_together(limits: Limits) -> None:
    """Ten slices, each just at its limit in truth and looked at after every tick: harm as seldom as was paid for."""
    rules = replace(RULES, alpha=0.1, min_samples=5, max_gap=0.9)
    dice = np.random.default_rng(7)
    runs, alarms = 20, 0
    for _ in range(runs):
        state = SlicesState(slice_limits(limits), rules.max_slices)
        for _ in range(30):
            table: Table = {}
            for value in range(10):
                mine, theirs = int(dice.poisson(3)), int(dice.poisson(9))
                stable_rate = 0.04
                rate = 0.1 if not limits.is_relative else stable_rate + 0.05
                table[str(value)] = (
                    (int(dice.binomial(mine, rate)), mine),
                    (int(dice.binomial(theirs, stable_rate)), theirs),
                )
            span = gather_slices(state, [tick(table)])
            state = span.final
            if judge_slices(rules, span, span, 1).harm is not None:
                alarms += 1
                break
    assert alarms <= 0.1 * runs + 2
