"""Whether a chapter came about as told."""

from __future__ import annotations

import pytest

from e2e.demo.clients import Answers, Counts
from e2e.demo.observation import Observation
from e2e.demo.story import CHAPTERS, Chronicle, differences
from tests.unit.demo.objects import decision, promoted, revision, rolled_back, seen

pytestmark = pytest.mark.unit

V1, V2, V5, V3 = CHAPTERS
SHADOW, CANARY = decision("v5", "Enter", "shadow"), decision("v5", "Enter", "canary", 5)
V2_LOG = [
    decision("v2", "Enter", stage, weight)
    for stage, weight in (("shadow", 0), ("canary", 5), ("ramp", 20), ("ramp", 50), ("full", 100))
]


def counts(**answered: int) -> Counts:
    return Counts(versions={name: Answers(answered=n, codes={"200": n}, correct=n) for name, n in answered.items()})


def chronicle(chapter: object, *observations: Observation) -> Chronicle:
    told = Chronicle(chapter)  # type: ignore[arg-type]
    for observation in observations:
        told.saw(observation)
    return told


def test_the_story_as_told() -> None:
    assert differences(chronicle(V1, promoted("v1", decision("v1", "Adopt"))), counts()) == []
    assert differences(chronicle(V2, promoted("v2", *V2_LOG)), counts(v1=900, v2=500)) == []
    assert differences(chronicle(V5, rolled_back("v5", "error-rate 0.5 > 0.01", SHADOW, CANARY)), counts(v5=4)) == []
    blind = rolled_back("v3", "upper-half 0 < 0.3", decision("v3", "Enter", "shadow"))
    assert differences(chronicle(V3, blind), counts(v2=900)) == []


def test_a_version_that_passes_where_it_should_not() -> None:
    log = [SHADOW, CANARY, decision("v5", "Enter", "ramp", 20), decision("v5", "Promote")]
    assert differences(chronicle(V5, promoted("v5", *log)), counts(v5=90)) == [
        "v5: phase should be RolledBack, and was Succeeded",
        "v5: stages should be ('shadow', 'canary'), and was ('shadow', 'canary', 'ramp')",
        "v5: highest weight should be 5, and was 20",
        "v5: error-rate should have stopped it, and this did: why",
    ]


def test_the_right_end_for_another_reason() -> None:
    silent = rolled_back("v5", "the shadow answered 0 copies of 996 requests", SHADOW, CANARY)
    assert differences(chronicle(V5, silent), counts(v5=4)) == [
        "v5: error-rate should have stopped it, and this did: the shadow answered 0 copies of 996 requests"
    ]


def test_clients_say_otherwise() -> None:
    blind = rolled_back("v3", "upper-half 0 < 0.3", decision("v3", "Enter", "shadow"))
    assert differences(chronicle(V3, blind), counts(v3=7)) == [
        "v3: clients got 7 answers of it, though it was never to have live traffic"
    ]
    assert differences(chronicle(V5, rolled_back("v5", "error-rate 0.5", SHADOW, CANARY)), counts(v2=900)) == []
    assert differences(chronicle(V2, promoted("v2", *V2_LOG)), counts(v1=900)) == [
        "v2: it had up to 100 % of the traffic, and clients got no answer of it"
    ]


def test_a_stage_that_starts_again_after_a_pause_counts_once() -> None:
    again = [SHADOW, decision("v5", "Suspend", "shadow"), SHADOW, CANARY]
    assert chronicle(V5, rolled_back("v5", "error-rate", *again)).stages == ("shadow", "canary")


def test_the_highest_weight_is_remembered_when_it_is_gone() -> None:
    told = chronicle(V5, seen("v5", CANARY, weight=5, attempt=revision("v5")), rolled_back("v5", "error-rate"))
    assert told.highest == 5


def test_what_is_left_of_the_chapter_before_is_passed_over() -> None:
    told = chronicle(V5, promoted("v2", *V2_LOG))
    assert (told.settled, told.highest, told.phase) == (False, 0, "not seen")
