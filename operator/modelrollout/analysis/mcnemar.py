"""Judges paired wins and losses: of requests that both revisions answered and whose right answer somebody knows.

Where both are right or both are wrong nothing is learnt about which of them is better. Of the other pairs, the
*discordant* ones, each is the candidate's loss with probability 1/2 if both are equally good (Q. McNemar, *Note on the
sampling error of the difference between correlated proportions or percentages*, 1947), and with probability
r / (1 + r) if it loses r times for each win. So "at most r losses for each win" is a null hypothesis on one proportion,
and the one-sample e-process of `analysis.eprocess` tests it at every tick. How hard the requests are, and how their mix
changes, does not matter: each pair is its own control.
"""

from __future__ import annotations

from dataclasses import dataclass

from modelrollout.analysis.eprocess import log_threshold, one_sample
from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.verdict import CheckResult, Verdict, format_number


@dataclass(frozen=True, slots=True)
class PairedCheck:
    """What wins and losses are held to.

    Attributes:
        name: the metric's name.
        loss_ratio: losses for each win that are still good, above 0.
        min_pairs: pairs that a step needs to pass, ties among them.
        alpha: probability of wrongly finding harm in a whole attempt.
    """

    name: str
    loss_ratio: float
    min_pairs: int
    alpha: float


@dataclass(frozen=True, slots=True)
class Wins:
    """How pairs ended.

    Attributes:
        pairs: all of them, ties among them.
    """

    wins: int
    losses: int
    pairs: int

    @property
    def discordant(self) -> Counts:
        """Losses among the pairs that only one of the two answered rightly."""
        return Counts(self.losses, self.losses + self.wins)


def log_e(wins: Wins, loss_ratio: float) -> float:
    """Give the log e-value against "at most `loss_ratio` losses for each win"."""
    return one_sample(wins.discordant, loss_ratio / (1 + loss_ratio))


def judge_paired(check: PairedCheck, whole: Wins, step: Wins, passing: Wins, step_index: int) -> CheckResult:
    """Judge wins and losses now.

    Args:
        check: what they are held to.
        whole: since the attempt began, ticks that can still change among them: what harm may be seen in.
        step: since the current step began, in the same way.
        passing: the step's final ticks: all that a pass may rest on.
        step_index: which step of the attempt this is, from 1; a process that starts with step j has level
            alpha / (j (j + 1)), and all of them together alpha.
    """
    processes = [(whole, 1)] if step_index == 1 else [(whole, 1), (step, step_index)]
    for wins, process in processes:
        if log_e(wins, check.loss_ratio) >= log_threshold(check.alpha / (process * (process + 1))):
            return _result(check, wins, Verdict.HARM, _text(check, wins))
    if passing.pairs == 0:
        return CheckResult(check.name, Verdict.NO_DATA, f"{check.name}: no pairs with a known answer yet")
    if passing.pairs < check.min_pairs:
        reason = f"{check.name}: {passing.pairs} of {check.min_pairs} pairs"
        return _result(check, passing, Verdict.CONTINUE, reason)
    if passing.losses <= check.loss_ratio * passing.wins:
        return _result(check, passing, Verdict.PASS, _text(check, passing))
    return _result(check, passing, Verdict.CONTINUE, f"{_text(check, passing)}, which may still be chance")


def _text(check: PairedCheck, wins: Wins) -> str:
    limit = format_number(check.loss_ratio * wins.wins)
    sign = "<=" if wins.losses <= check.loss_ratio * wins.wins else ">"
    return f"{check.name} {wins.losses} losses {sign} {limit} beside {wins.wins} wins (n={wins.pairs})"


def _result(check: PairedCheck, wins: Wins, verdict: Verdict, reason: str) -> CheckResult:
    ratio = wins.losses / wins.wins if wins.wins else None
    return CheckResult(check.name, verdict, reason, ratio, None, check.loss_ratio, wins.pairs)
