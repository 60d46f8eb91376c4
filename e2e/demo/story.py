"""The story: what is rolled out, how each rollout must end, and whether it did."""

from dataclasses import dataclass, field
from itertools import groupby

from e2e.demo.clients import Counts
from e2e.demo.observation import Observation

PROMOTED = "Succeeded"
ROLLED_BACK = "RolledBack"


@dataclass(frozen=True)
class Chapter:
    """One rollout and the end it must come to.

    `stages` are those it goes through, in order; `stopped_by` is the metric that ends it; `highest` is the candidate's
    highest weight, in percent; `seconds` is how long anybody would wait for it.
    """

    version: str
    told: str
    phase: str
    stages: tuple[str, ...] = ()
    stopped_by: str | None = None
    highest: int = 0
    seconds: int = 120


CHAPTERS = (
    Chapter("v1", "the first version: nothing to compare with, it becomes stable", PROMOTED),
    Chapter(
        "v2",
        "a better model: shadow, 5 %, ramp, full",
        PROMOTED,
        stages=("shadow", "canary", "ramp", "full"),
        highest=100,
        seconds=300,
    ),
    Chapter(
        "v5",
        "fails on half of the images: its errors end it at 5 %",
        ROLLED_BACK,
        stages=("shadow", "canary"),
        stopped_by="error-rate",
        highest=5,
        seconds=180,
    ),
    Chapter(
        "v3",
        "blind to half of the digits, HTTP fine: its predictions end it in the shadow stage",
        ROLLED_BACK,
        stages=("shadow",),
        stopped_by="upper-half",
    ),
)


@dataclass
class Chronicle:
    """What has been seen of one chapter so far."""

    chapter: Chapter
    highest: int = 0
    last: Observation | None = field(default=None)

    def saw(self, observation: Observation) -> None:
        """Take in a state of the object. Those of the chapter before are passed over."""
        if observation.version != self.chapter.version:
            return
        self.last = observation
        weights = [entry.weight for entry in observation.decisions]
        attempt = observation.status.attempt
        if attempt is not None and attempt.version == self.chapter.version:
            weights.append(observation.status.weight)
        self.highest = max([self.highest, *weights])

    @property
    def settled(self) -> bool:
        """Whether the rollout has come to an end, be it the right one."""
        return self.last is not None and self.last.settled

    @property
    def phase(self) -> str:
        """Where the rollout is, as `kubectl get` says it."""
        return self.last.status.phase if self.last is not None else "not seen"

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that it entered, in order; one that was entered again after a pause counts once."""
        decisions = self.last.decisions if self.last is not None else ()
        entered = [entry.stage for entry in decisions if entry.action == "Enter" and entry.stage is not None]
        return tuple(stage for stage, _ in groupby(entered))

    @property
    def why(self) -> str:
        """The operator's own words for the end, with its numbers."""
        if self.last is None:
            return "the operator never wrote a status"
        failed = self.last.status.failed
        if self.phase == ROLLED_BACK and failed is not None:
            return failed.message
        decisions = self.last.decisions
        return decisions[-1].message if decisions else self.last.status.verdict or ""


def differences(chronicle: Chronicle, clients: Counts) -> list[str]:
    """In what the chapter did not come about as told; nothing when it did. `clients` counted from its beginning on."""
    chapter = chronicle.chapter
    found: list[str] = []

    def expect(what: str, wanted: object, came: object) -> None:
        if wanted != came:
            found.append(f"{chapter.version}: {what} should be {wanted}, and was {came}")

    expect("phase", chapter.phase, chronicle.phase)
    expect("stages", chapter.stages, chronicle.stages)
    expect("highest weight", chapter.highest, chronicle.highest)
    if chapter.stopped_by is not None and not chronicle.why.startswith(chapter.stopped_by):
        found.append(f"{chapter.version}: {chapter.stopped_by} should have stopped it, and this did: {chronicle.why}")
    answered = clients.of(chapter.version).answered
    # One that is rolled back may be stopped before the first of its few requests.
    if chapter.phase == PROMOTED and chapter.highest and not answered:
        found.append(
            f"{chapter.version}: it had up to {chapter.highest} % of the traffic, and clients got no answer of it"
        )
    if not chapter.highest and chapter.stages and answered:
        found.append(
            f"{chapter.version}: clients got {answered} answers of it, though it was never to have live traffic"
        )
    return found
