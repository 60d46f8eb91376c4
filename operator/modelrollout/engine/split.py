"""A split of traffic: the one thing the product must never get wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

FULL = 100


@dataclass(frozen=True, slots=True)
class Mirror:
    """A revision that gets copies of requests; its answers are used for nothing."""

    revision: str
    percent: int

    def __post_init__(self) -> None:
        if not 1 <= self.percent <= FULL:
            raise ValueError(f"a mirror's percent is from 1 to 100, not {self.percent}")


@dataclass(frozen=True, slots=True)
class Split:
    """Which revision answers which percent of live requests.

    Attributes:
        weights: revision hash and percent; they sum to 100, so traffic always has somewhere to go. Revisions with 0 are
            left out: a reference to a missing Service breaks requests on some gateways even at weight 0.
    """

    weights: tuple[tuple[str, int], ...]
    mirror: Mirror | None = None

    def __post_init__(self) -> None:
        percents = [percent for _, percent in self.weights]
        if sum(percents) != FULL or min(percents) < 1:
            raise ValueError(f"weights are from 1 to 100 and sum to 100, not {self.weights}")
        if len({revision for revision, _ in self.weights}) != len(percents):
            raise ValueError(f"a revision has one weight, not two: {self.weights}")

    def weight_of(self, revision: str) -> int:
        """Percent of live requests that a revision answers."""
        return dict(self.weights).get(revision, 0)

    def mirror_of(self, revision: str) -> int:
        """Percent of requests that are mirrored to a revision."""
        return self.mirror.percent if self.mirror and self.mirror.revision == revision else 0

    @property
    def revisions(self) -> frozenset[str]:
        """All revisions that the route names."""
        return frozenset(revision for revision, _ in self.weights) | ({self.mirror.revision} if self.mirror else set())


@lru_cache(maxsize=4096)
def only(revision: str) -> Split:
    """All traffic to one revision."""
    return Split(((revision, FULL),))


@lru_cache(maxsize=4096)
def between(stable: str, candidate: str, weight: int, mirror_percent: int = 0) -> Split:
    """A split between stable and the candidate.

    Args:
        weight: percent of live requests for the candidate, 0 to 100.
        mirror_percent: percent of requests mirrored to the candidate, 0 for none.
    """
    pairs = ((stable, FULL - weight), (candidate, weight))
    mirror = Mirror(candidate, mirror_percent) if mirror_percent else None
    return Split(tuple((revision, percent) for revision, percent in pairs if percent), mirror)
