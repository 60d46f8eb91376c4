"""Where figures are kept: one file of JSON, which runs that are made piece by piece add to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("results.json")
Row = dict[str, Any]


@dataclass
class Results:
    """Every run that was made.

    Attributes:
        facts: on what it was measured.
        pieces: per figure, when each piece was measured, of which commit, and how busy the machine was at its end.
        rollback, quiet: runs, one row each.
        idle, moving: rows of costs.
        scale: runs with very many rollouts.
    """

    facts: dict[str, str] = field(default_factory=dict)
    pieces: dict[str, list[str]] = field(default_factory=dict)
    rollback: list[Row] = field(default_factory=list)
    quiet: list[Row] = field(default_factory=list)
    idle: list[Row] = field(default_factory=list)
    moving: list[Row] = field(default_factory=list)
    scale: list[Row] = field(default_factory=list)

    def save(self) -> None:
        """Write the file."""
        FILE.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read() -> Results:
    """What earlier runs left; empty where there is nothing."""
    if not FILE.exists():
        return Results()
    return Results(**json.loads(FILE.read_text(encoding="utf-8")))
