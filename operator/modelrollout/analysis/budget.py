"""How the probability of a false rollback is shared out.

`alpha` bounds the probability that chance alone rolls a harmless revision back, over all attempts of it. By the union
bound it is enough that the levels of all tests sum to alpha at most, however the tests depend on each other:

* attempt k of a revision has alpha / (k (k + 1)); these sum to alpha over all k;
* half of it goes to aggregate metrics and half to slices; where one of the two is not declared, the other has all;
* within each half every declared test has an equal part.

Promotion needs no correction: it takes the passes of all checks, and a wrong promotion is one of the check that should
have failed, so its probability is at most that check's own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """The error budget of one attempt.

    Attributes:
        alpha: for all attempts of the revision together, above 0 and below 1.
        attempt: which attempt of the revision this is, from 1.
        aggregates: how many enforced metrics are tested as a whole.
        slices: how many slices are tested, of all enforced metrics together, as declared (not as seen).

    Raises:
        ValueError: a number lies outside its range.
    """

    alpha: float = 0.01
    attempt: int = 1
    aggregates: int = 1
    slices: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha must lie between 0 and 1, got {self.alpha}")
        if self.attempt < 1 or self.aggregates < 0 or self.slices < 0:
            raise ValueError(f"attempts count from 1 and tests from 0, got {self}")

    @property
    def of_attempt(self) -> float:
        """The level of the whole attempt."""
        return self.alpha / (self.attempt * (self.attempt + 1))

    @property
    def of_aggregate(self) -> float:
        """The level of one aggregate metric in the whole attempt."""
        part = self.of_attempt / 2 if self.slices else self.of_attempt
        return part / max(1, self.aggregates)

    @property
    def of_slice(self) -> float:
        """The level of one slice of one metric in the whole attempt."""
        part = self.of_attempt / 2 if self.aggregates else self.of_attempt
        return part / max(1, self.slices)
