"""A ModelRollout as `kubectl get -o json` shows it: the part of it that the story is about."""

import json

from pydantic import AliasPath, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

SETTLED = ("Succeeded", "RolledBack", "Invalid")


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="ignore")


class Revision(_Read):
    """A revision by its hash, and the version of its model."""

    revision: str
    version: str


class Failure(Revision):
    """The revision that was rolled back last: where, and why with the numbers."""

    stage: str | None = None
    message: str


class Check(_Read):
    """The last verdict of one metric."""

    name: str
    mode: str
    verdict: str


class Decision(_Read):
    """One entry of the log; `weight` is the candidate's, in percent, after it."""

    at: str
    action: str
    revision: str
    stage: str | None = None
    weight: int
    message: str


class Status(_Read):
    """The status, empty until the operator has seen the object."""

    observed_generation: int = 0
    phase: str = "Pending"
    weight: int = 0
    verdict: str | None = None
    stable: Revision | None = None
    attempt: Revision | None = None
    failed: Failure | None = None
    checks: tuple[Check, ...] = ()
    log: tuple[Decision, ...] = ()


class Observation(_Read):
    """One state of the object."""

    generation: int = Field(validation_alias=AliasPath("metadata", "generation"))
    version: str = Field(validation_alias=AliasPath("spec", "model", "version"))
    status: Status = Status()

    @property
    def settled(self) -> bool:
        """Whether the version that the spec asks for has become stable, was rolled back, or was refused."""
        status = self.status
        if status.observed_generation < self.generation or status.phase not in SETTLED:
            return False
        known = [revision.version for revision in (status.stable, status.failed) if revision is not None]
        return status.phase == "Invalid" or self.version in known

    @property
    def revision(self) -> str | None:
        """The hash of the revision that the spec asks for, once the operator has named it."""
        status = self.status
        candidates = (status.attempt, status.failed, status.stable)
        return next((one.revision for one in candidates if one is not None and one.version == self.version), None)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was decided about that revision, oldest first."""
        return tuple(entry for entry in self.status.log if entry.revision == self.revision)


def parse(text: str) -> Observation:
    """Read one object. Raises pydantic.ValidationError for what is no ModelRollout."""
    return Observation.model_validate(json.loads(text))
