"""The reference: as generated, with a row for every field."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelrollout.api.docs import FILE, reference

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_committed_page_is_what_the_models_give() -> None:
    assert (REPOSITORY / FILE).read_text(encoding="utf-8") == reference(), "run `make generate`"


@pytest.mark.parametrize(
    "row",
    [
        "| `model` | object | **required** | Identity of the model; part of the revision. |",
        "| `rollbackWindow` | duration | 1h | How long the previous revision stays warm after a promotion. |",
        "| `max` | decimal |  | Largest value that is still good. |",
        "| `onNoData` | `Hold`, `Fail`, `Pass` | Hold | What an evaluation without data counts as. |",
        "| `targetPort` | integer or string | the same number as port | Port of the container, by number or name. |",
        "| `template` | object, kept as given | **required** | PodTemplateSpec, kept as given. Part of the revision. |",
        "| `startedAt` | time | **required** | When it was decided. |",
    ],
)
def test_a_row_says_type_default_and_meaning(row: str) -> None:
    assert row in reference().splitlines()


def test_rules_are_told_where_they_hold() -> None:
    page = reference()
    section = page[page.index("## `spec.metrics[]`\n") : page.index("## `spec.metrics[].ratio`")]
    assert "* Rule: set exactly one of ratio, query" in section


def test_every_row_has_four_cells() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert rows
    assert [row for row in rows if row.replace("\\|", "").count("|") != 5] == []
