"""docs/presets.md tells of every server what its data file says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modelrollout.metrics.preset_files import presets

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "presets.md").read_text(encoding="utf-8")


def servers() -> list[str]:
    return re.findall(r"^\| `([-a-z]+)` \|.*$", PAGE.split("## The servers")[1].split("## Traps")[0], re.MULTILINE)


def test_every_server_is_listed_in_the_order_in_which_they_are_looked_for() -> None:
    assert servers() == [preset.name.value for preset in presets()]


@pytest.mark.parametrize("preset", presets(), ids=lambda preset: preset.name.value)
def test_its_row_says_what_the_file_says(preset: object) -> None:
    one = next(p for p in presets() if p is preset)
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{one.name}` |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:4] == [one.title, one.proof, one.exposed]
    assert cells[4] == "; ".join(one.cannot)


def test_every_trap_names_a_test_that_exists() -> None:
    traps = PAGE.split("## Traps")[1].split("\n## ")[0]
    rows = [row.strip("|").split("|") for row in traps.splitlines() if row.startswith("|")][2:]
    assert len(rows) > 25
    for trap, _, tests in rows:
        named = re.findall(r"`([a-z0-9_/]+/test_[a-z_]+\.py)`", tests)
        assert named, trap
        places = [(ROOT / name, ROOT / "tests" / name, ROOT / "tests" / "unit" / name) for name in named]
        assert all(any(place.exists() for place in one) for one in places), trap
