"""What clients got, as the load pod's log says it each second."""

from collections import Counter
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

GATEWAY = "gateway"
"""Stands for the version where the gateway itself answered."""


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Answers(_Read):
    """What one version answered: how often, with which codes, how often with the right digit."""

    answered: int
    codes: Mapping[str, int]
    correct: int

    @property
    def failed(self) -> int:
        """Answers with another code than 200."""
        return self.answered - self.codes.get("200", 0)


class Counts(_Read):
    """Requests, by what became of them.

    `failures` are those without an HTTP answer, by reason; `bad_version` were answered by a bad version; `harmed` met a
    bad version or any failure, each counted once.
    """

    sent: int = 0
    versions: Mapping[str, Answers] = {}
    failures: Mapping[str, int] = {}
    bad_version: int = 0
    harmed: int = 0

    def of(self, version: str) -> Answers:
        """What that version answered, which may be nothing."""
        return self.versions.get(version, Answers(answered=0, codes={}, correct=0))


NOTHING = Counts()


class Second(_Read):
    """One line of the log: what was counted in one second, and in all of them so far."""

    now: Counts
    total: Counts


def parse(line: str) -> Second | None:
    """Read a line; None for one that is not a second, such as the closing summary or a warning of Python's."""
    return Second.model_validate_json(line) if line.startswith('{"second"') else None


class Shares:
    """The part of the requests that each version answered, `unanswered` ones too, over some seconds."""

    UNANSWERED = "no answer"

    def __init__(self, seconds: Iterable[Second]) -> None:
        self._counts: Counter[str] = Counter()
        for second in seconds:
            for version, answers in second.now.versions.items():
                self._counts[version] += answers.answered
            self._counts[self.UNANSWERED] += sum(second.now.failures.values())

    @property
    def requests(self) -> int:
        """Of how many requests."""
        return self._counts.total()

    def by_version(self) -> dict[str, float]:
        """Shares that sum to 1, of those that have any."""
        counted = sorted((version, count) for version, count in self._counts.items() if count)
        return {version: count / self.requests for version, count in counted}
