"""Gates: Jobs and webhooks of the user's that must succeed before a rollout goes on."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from modelrollout.api.model import LIST_MAP_BY_NAME, APIModel, cel
from modelrollout.api.scalars import Interval, Preserved, Whole

GATES_MAX: Final = 8
"""Before, and again after, one stage."""
EXACTLY_ONE_GATE_KIND: Final = "set exactly one of job and webhook"
UNIQUE_GATES: Final = "names of gates must be unique"
NO_SECRETS: Final = (
    "credentials do not belong into a spec that everybody may read, and the operator sets content-type, content-length,"
    " host and idempotency-key itself: leave this header out"
)
_KEPT_HEADERS: Final = (
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "content-type",
    "content-length",
    "host",
    "idempotency-key",
    "transfer-encoding",
)


class OnGateFailure(StrEnum):
    """What a gate that does not succeed does: take the candidate's traffic away, or hold the rollout where it is."""

    ROLLBACK = "Rollback"
    HOLD = "Hold"


class GateJob(APIModel):
    """A Job that succeeds or fails."""

    template: Preserved = Field(description="PodTemplateSpec of its pod, kept as given; never restarted by default.")
    retries: Whole = Field(0, ge=0, le=10, description="How many more pods are tried after one that fails.")


def _not_kept(value: str) -> str:
    if value.lower() in _KEPT_HEADERS:
        raise ValueError(NO_SECRETS)
    return value


HeaderName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=63,
        pattern="^[A-Za-z0-9][-A-Za-z0-9_.]*$",
        json_schema_extra=cel((f"!(self.lowerAscii() in {list(_KEPT_HEADERS)!r})", NO_SECRETS)),
    ),
    AfterValidator(_not_kept),
]


class Header(APIModel):
    """A header that tells the receiver something; never a secret."""

    name: HeaderName = Field(description="Its name.")
    value: str = Field(max_length=1024, pattern=r"^[\t\x20-\x7e]*$", description="Its value.")


class Webhook(APIModel):
    """An address that is told of the rollout by POST and answers whether it may go on."""

    url: str = Field(
        min_length=8,
        max_length=2048,
        pattern=r"^https?://[^\s]+$",
        description="Where to. 2xx lets the rollout go on, 4xx does not, all else is tried again.",
    )
    headers: tuple[Header, ...] = Field(
        (), max_length=8, json_schema_extra=LIST_MAP_BY_NAME, description="More headers; no secrets."
    )


class Gate(APIModel):
    """Something that must succeed before a rollout goes on."""

    model_config = ConfigDict(
        json_schema_extra=cel(("has(self.job) != has(self.webhook)", EXACTLY_ONE_GATE_KIND)),
    )

    name: str = Field(min_length=1, max_length=63, pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$", description="Unique name.")
    job: GateJob | None = Field(None, description="A Job that must succeed.")
    webhook: Webhook | None = Field(None, description="A webhook that must agree.")
    timeout: Interval = Field(timedelta(minutes=10), description="How long it may take, starting included.")
    on_failure: OnGateFailure = Field(
        OnGateFailure.ROLLBACK, description="What happens when it fails, takes too long or cannot be started."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Gate:
        if (self.job is None) == (self.webhook is None):
            raise ValueError(EXACTLY_ONE_GATE_KIND)
        return self


class Warmup(APIModel):
    """A Job that sends requests to the candidate before anybody else does. If it fails, the candidate is given up."""

    job: GateJob = Field(description="The Job; MODELROLLOUT_SERVICE tells it where the candidate listens.")
    timeout: Interval = Field(timedelta(minutes=10), description="How long it may take, starting included.")


Gates = Annotated[
    tuple[Gate, ...],
    Field(max_length=GATES_MAX, json_schema_extra=LIST_MAP_BY_NAME),
]


class GateWhen(StrEnum):
    """Where a gate stands."""

    WARMUP = "Warmup"
    PRE = "Pre"
    POST = "Post"


class GateState(StrEnum):
    """What became of a gate."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    NOT_STARTED = "NotStarted"


class GateStatus(APIModel):
    """A gate that was begun: of the stage that is being judged, or before the next one."""

    run: str = Field(max_length=63, description="Its Job is named after the ModelRollout and this.")
    name: str = Field(max_length=63, description="Name of the gate.")
    stage: str | None = Field(None, max_length=63, description="Stage that it stands before or after.")
    when: GateWhen = Field(description="Warmup, Pre or Post.")
    state: GateState = Field(description="Running, or how it ended: Succeeded, Failed, TimedOut or NotStarted.")
    started_at: datetime = Field(description="When it was begun.")
    deadline: datetime = Field(description="When it has taken too long.")
    ended_at: datetime | None = Field(None, description="When it was seen to have ended.")
    message: str = Field("", max_length=1024, description="Exit code, the tail of the log, or what stands in its way.")
