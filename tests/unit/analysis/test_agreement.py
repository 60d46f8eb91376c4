"""How often two models agree, class by class."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from modelrollout.analysis.agreement import AgreementCheck, judge_agreement
from modelrollout.analysis.evidence import Counts, Slice, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.slices import SlicesState, fold_slices
from modelrollout.analysis.verdict import Verdict

pytestmark = pytest.mark.unit

CHECK = AgreementCheck("agreement", "class", minimum=0.9, min_pairs=50, max_classes=10)
Pairs = Mapping[str, tuple[int, int]]
"""By class: (pairs that agree, all pairs)."""


def state(pairs: Pairs) -> SlicesState:
    slices = tuple(Slice(value, Counts(*counts), None) for value, counts in pairs.items())
    return fold_slices(SlicesState(Limits(), 10), Tick(0.0, Counts(), None, final=True, slices=slices))


@pytest.mark.parametrize(
    ("pairs", "verdict", "reason"),
    [
        pytest.param({}, Verdict.NO_DATA, "agreement: no pairs are counted yet", id="nothing"),
        pytest.param({"3": (40, 49)}, Verdict.CONTINUE, "agreement: no class has 50 pairs yet", id="few"),
        pytest.param(
            {"3": (990, 1000), "8": (985, 1000)},
            Verdict.PASS,
            "agreement: class=8 agrees in 0.985 >= 0.9 (n=1000), the least of 2 classes",
            id="agrees",
        ),
        pytest.param(
            {"3": (990, 1000), "8": (47, 50)},
            Verdict.CONTINUE,
            "agreement: class=8 agrees in 0.94 >= 0.9 (n=50); 2 of 2 classes have 50 pairs",
            id="not-sure-yet",
        ),
        pytest.param(
            {"3": (990, 1000), "8": (30, 30)},
            Verdict.CONTINUE,
            "agreement: class=3 agrees in 0.99 >= 0.9 (n=1000); 1 of 2 classes have 50 pairs",
            id="a-class-is-waited-for",
        ),
        pytest.param(
            {"3": (9990, 10000), "8": (2, 60)},
            Verdict.HARM,
            "agreement: class=8 agrees in 0.0333 < 0.9 (n=60)",
            id="a-rare-class-is-not-lost-in-the-whole",
        ),
        pytest.param(
            {"3": (50, 100), "8": (2, 60)},
            Verdict.HARM,
            "agreement: class=8 agrees in 0.0333 < 0.9 (n=60) (and 1 more classes)",
            id="several",
        ),
    ],
)
def test_verdicts(pairs: Pairs, verdict: Verdict, reason: str) -> None:
    found = judge_agreement(CHECK, state(pairs), state(pairs), {})
    assert (found.verdict, found.reason) == (verdict, reason)


def test_no_model_has_to_agree_more_often_than_stable_does_with_itself() -> None:
    pairs = state({"8": (700, 1000)})
    assert judge_agreement(CHECK, pairs, pairs, {}).verdict is Verdict.HARM
    found = judge_agreement(CHECK, pairs, pairs, {"8": Counts(690, 1000)})
    assert found.verdict is Verdict.CONTINUE
    assert "stable with itself" in found.reason
    few = judge_agreement(CHECK, pairs, pairs, {"8": Counts(20, 40)})
    assert few.verdict is Verdict.HARM, "a ceiling of few pairs is none"


def test_only_final_ticks_of_the_step_pass() -> None:
    many = state({"8": (990, 1000)})
    assert judge_agreement(CHECK, many, state({}), {}).verdict is Verdict.CONTINUE


def test_too_many_classes_are_said() -> None:
    pairs = state({str(value): (9, 10) for value in range(11)})
    found = judge_agreement(CHECK, pairs, pairs, {})
    assert found.verdict is Verdict.NO_DATA
    assert "maxClasses: 10" in found.reason
