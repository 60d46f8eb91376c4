"""Wins and losses on the same requests: who is right more often."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from modelrollout.analysis.mcnemar import PairedCheck, Wins, judge_paired, log_e
from modelrollout.analysis.verdict import Verdict

pytestmark = pytest.mark.unit

CHECK = PairedCheck("wins", loss_ratio=1.0, min_pairs=100, alpha=0.01)


@pytest.mark.parametrize(
    ("wins", "verdict", "reason"),
    [
        pytest.param(Wins(0, 0, 0), Verdict.NO_DATA, "wins: no pairs with a known answer yet", id="nothing"),
        pytest.param(Wins(3, 2, 60), Verdict.CONTINUE, "wins: 60 of 100 pairs", id="few"),
        pytest.param(Wins(30, 10, 600), Verdict.PASS, "wins 10 losses <= 30 beside 30 wins (n=600)", id="better"),
        pytest.param(Wins(0, 0, 600), Verdict.PASS, "wins 0 losses <= 0 beside 0 wins (n=600)", id="always-alike"),
        pytest.param(
            Wins(20, 24, 600),
            Verdict.CONTINUE,
            "wins 24 losses > 20 beside 20 wins (n=600), which may still be chance",
            id="near",
        ),
        pytest.param(Wins(5, 40, 600), Verdict.HARM, "wins 40 losses > 5 beside 5 wins (n=600)", id="worse"),
        pytest.param(
            Wins(0, 20, 20), Verdict.HARM, "wins 20 losses > 0 beside 0 wins (n=20)", id="harm-needs-no-minimum"
        ),
    ],
)
def test_verdicts(wins: Wins, verdict: Verdict, reason: str) -> None:
    found = judge_paired(CHECK, wins, wins, wins, 1)
    assert (found.verdict, found.reason) == (verdict, reason)


def test_a_step_that_turns_bad_is_not_saved_by_the_good_time_before() -> None:
    whole, step = Wins(400, 100, 5000), Wins(2, 60, 200)
    assert judge_paired(CHECK, whole, step, step, 3).verdict is Verdict.HARM
    assert judge_paired(CHECK, whole, step, step, 1).verdict is not Verdict.HARM


def test_more_losses_than_wins_may_be_allowed() -> None:
    tolerant = PairedCheck("wins", loss_ratio=2.0, min_pairs=100, alpha=0.01)
    wins = Wins(40, 60, 600)
    assert judge_paired(tolerant, wins, wins, wins, 1).verdict is Verdict.PASS


@given(st.integers(0, 400), st.integers(0, 400))
def test_it_never_claims_more_than_the_exact_test_of_one_look(wins: int, losses: int) -> None:
    """An e-value is at most the inverse of a p-value that is valid at this one look (Ville, Markov)."""
    evidence = log_e(Wins(wins, losses, wins + losses), 1.0)
    if wins + losses == 0:
        assert evidence == pytest.approx(0.0, abs=1e-12)
        return
    exact = binomtest(losses, wins + losses, 0.5, alternative="greater").pvalue
    assert evidence <= -math.log(exact) + 1e-9


def test_its_level_holds_however_often_it_is_looked_at() -> None:
    dice = np.random.default_rng(3)
    check = PairedCheck("wins", loss_ratio=1.0, min_pairs=1, alpha=0.2)
    runs, alarms = 100, 0
    for _ in range(runs):
        lost = np.cumsum(dice.random(300) < 0.5)
        for looked in range(1, 301, 3):
            losses = int(lost[looked - 1])
            wins = Wins(looked - losses, losses, looked)
            if judge_paired(check, wins, wins, wins, 1).verdict is Verdict.HARM:
                alarms += 1
                break
    assert alarms <= 0.2 * runs
