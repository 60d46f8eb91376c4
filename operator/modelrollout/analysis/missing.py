"""When there is nothing to judge: counts that are not known, or not known any more."""

from __future__ import annotations

from typing import Protocol

STALE_TICKS = 3
"""Ticks in a row without counts after which nothing passes any more: one scrape lost is ordinary."""


class Known(Protocol):
    """What a folded state says of the ticks in it.

    Attributes:
        ticks: how many ticks the candidate's counts were known in.
        missed: how many ticks in a row, up to the last, they were not.
        missed_pairs: how many ticks in a row, up to the last, either revision's counts were not known.
    """

    @property
    def ticks(self) -> int: ...  # noqa: D102 - above
    @property
    def missed(self) -> int: ...  # noqa: D102 - above
    @property
    def missed_pairs(self) -> int: ...  # noqa: D102 - above


def no_data(final: Known, latest: Known, *, compared: bool) -> str | None:
    """Say why there is nothing to judge in a step, if so.

    Args:
        final: the ticks that cannot change any more.
        latest: those and the provisional ones.
        compared: whether the stable revision's counts are needed, too.
    """
    if latest.ticks == 0:
        return "the candidate's counts are not known yet in this step"
    if final.missed >= STALE_TICKS:
        return f"the candidate's counts have been unknown for {final.missed} ticks"
    if compared and final.missed_pairs >= STALE_TICKS:
        return f"the stable revision's counts have been unknown for {final.missed_pairs} ticks"
    return None
