"""Counters told apart by a label of the user's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from modelrollout.analysis.slices import too_many


@dataclass(frozen=True)
class Slicing:
    """By which label counters are sliced.

    Attributes:
        label: its name; what has no such label is the slice of the empty value.
        limit: how many values are told apart; with more of them none is, as nobody says which to leave out.
        field: of the spec, that says so.
    """

    label: str
    limit: int
    field: str = "maxSlices"

    def value_of(self, labels: Mapping[str, str]) -> str:
        """Which slice a series belongs to."""
        return labels.get(self.label, "")

    def problem(self, total: Set[str], marked: Set[str]) -> str | None:
        """Why counters that have these values of the label cannot be sliced; None when they can.

        Args:
            total: values on the counter of all things.
            marked: values on the counter of events, or of good things.
        """
        if total == {""}:
            return f"no series has the label {self.label}"
        if "" in marked and "" not in total:
            return f"the label {self.label} is on the counter of all things only, and both need it"
        count = len(total | marked)
        if count > self.limit:
            return too_many(str(count), self.label, self.field, self.limit)
        return None
