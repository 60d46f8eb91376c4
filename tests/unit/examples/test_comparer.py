"""What the comparer makes of answers: pairs, counts, and a sample that names nobody."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from examples.comparer.comparer import (
    CLASSES_MAX,
    REVISIONS_MAX,
    SAMPLE_EACH,
    WAITING_MAX,
    WAITING_SECONDS,
    BadReportError,
    Comparer,
    Report,
    read_report,
    redacted,
)

pytestmark = pytest.mark.unit


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def counts(comparer: Comparer) -> dict[str, int]:
    rows = (line.rsplit(" ", 1) for line in comparer.exposition().splitlines())
    return {name: int(count) for name, count in rows}


def pair(outcome: str, candidate: str, reference: str, kind: str) -> str:
    return f'answer_pairs_total{{candidate="{candidate}",class="{kind}",outcome="{outcome}",reference="{reference}"}}'


def test_a_pair_counts_from_both_sides_by_the_class_of_the_other() -> None:
    comparer = Comparer()
    comparer.add(Report("1", "old", "8"))
    comparer.add(Report("1", "new", "3"))
    comparer.add(Report("2", "new", "5"))
    comparer.add(Report("2", "old", "5"))
    assert counts(comparer) == {
        pair("differ", "new", "old", "8"): 1,
        pair("differ", "old", "new", "3"): 1,
        pair("agree", "new", "old", "5"): 1,
        pair("agree", "old", "new", "5"): 1,
        'answers_total{revision="new"}': 2,
        'answers_total{revision="old"}': 2,
    }


def test_a_revision_mirrored_to_itself_makes_one_pair() -> None:
    comparer = Comparer()
    comparer.add(Report("1", "old", "8"))
    comparer.add(Report("1", "old", "3"))
    assert counts(comparer) == {pair("differ", "old", "old", "8"): 1, 'answers_total{revision="old"}': 2}


@pytest.mark.parametrize(
    ("new", "old", "ended"), [("8", "3", "win"), ("3", "8", "loss"), ("8", "8", "tie"), ("3", "3", "tie")]
)
def test_who_is_right(new: str, old: str, ended: str) -> None:
    comparer = Comparer()
    comparer.add(Report("1", "old", old, label="8"))
    comparer.add(Report("1", "new", new))
    assert counts(comparer)[f'labelled_pairs_total{{candidate="new",outcome="{ended}",reference="old"}}'] == 1


def test_what_meets_nobody_is_given_up_and_said() -> None:
    clock = Clock()
    comparer = Comparer(clock)
    comparer.add(Report("1", "old", "8"))
    clock.now = WAITING_SECONDS + 1
    comparer.add(Report("1", "new", "8"))
    found = counts(comparer)
    assert found['answers_unpaired_total{revision="old"}'] == 1
    assert not any(name.startswith("answer_pairs") for name in found)


def test_memory_is_bounded_whatever_is_sent() -> None:
    comparer = Comparer(Clock())
    for number in range(WAITING_MAX + 10):
        comparer.add(Report(str(number), "old", "8"))
    assert counts(comparer)['answers_unpaired_total{revision="old"}'] == 10
    comparer = Comparer(Clock())
    for number in range(CLASSES_MAX + 30):
        comparer.add(Report(str(number), "old", f"class {number}"))
        comparer.add(Report(str(number), "new", f"class {number}"))
    found = counts(comparer)
    assert sum(name.startswith("answer_pairs") for name in found) == 2 * (CLASSES_MAX + 1)
    assert found[pair("agree", "new", "old", "other")] == 30
    assert len(comparer.sample()) == 2 * SAMPLE_EACH
    for number in range(REVISIONS_MAX + 5):
        comparer.add(Report(f"r{number}", f"revision {number}", "8"))
    assert counts(comparer)['answers_refused_total{reason="revisions"}'] == 7


def test_people_see_those_that_differ_first_and_no_person() -> None:
    comparer = Comparer()
    for number, answer in enumerate(["8", "mail jane.roe@example.com or 0170 1234567"]):
        comparer.add(Report(f"secret-{number}", "old", "8", about="from 4111 1111 1111 1111"))
        comparer.add(Report(f"secret-{number}", "new", answer))
    first, *_, last = comparer.sample()
    assert (first["outcome"], last["outcome"]) == ("differ", "agree")
    text = str(comparer.sample())
    assert "secret" not in text
    assert not any(part in text for part in ("jane", "0170", "4111"))
    assert "[removed]" in text


def test_short_numbers_are_answers() -> None:
    assert redacted("12345 and 8") == "12345 and 8"


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        {"id": "1", "revision": "new"},
        {"id": 1, "revision": "new", "answer": "8"},
        {"id": "1", "revision": "new", "answer": "8", "label": 8},
    ],
)
def test_what_cannot_be_read_is_refused_with_a_remedy(raw: object) -> None:
    with pytest.raises(BadReportError, match="text"):
        read_report(raw)


def test_label_values_are_escaped() -> None:
    comparer = Comparer()
    comparer.add(Report("1", 'a"b\\c\n', "8"))
    assert comparer.exposition() == 'answers_total{revision="a\\"b\\\\c\\n"} 1\n'
