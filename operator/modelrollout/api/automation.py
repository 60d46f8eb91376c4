"""`spec.automation` and `stages[].approval`: how far the operator acts without a person."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import Field

from modelrollout.api.model import APIModel

DRY_RUN_MAX: Final = 10
DRY_RUN_MESSAGE_MAX: Final = 200


class Automation(StrEnum):
    """How far the operator acts. Whatever it is, hard failures take the candidate's traffic away."""

    HUMAN_ONLY = "HumanOnly"
    DRY_RUN = "DryRun"
    ASSIST = "Assist"
    PARTIAL = "Partial"
    FULL = "Full"


class Approval(StrEnum):
    """Whether a person has to approve that a step is left."""

    AUTO = "Auto"
    MANUAL = "Manual"


class DryRunEntry(APIModel):
    """What the operator would have done, beside what a person did."""

    at: datetime = Field(description="When it would have.")
    would: str = Field(max_length=63, description="What it would have done.")
    reason: str = Field(max_length=128, description="Why, as one CamelCase word.")
    message: str = Field(max_length=DRY_RUN_MESSAGE_MAX, description="Why, in words.")
    did: str | None = Field(None, max_length=63, description="What a person did, if one has acted.")


class DryRunStatus(APIModel):
    """How the operator's decisions and people's compare under `automation: DryRun`."""

    agreed: int = Field(0, ge=0, description="How often a person did what the operator would have done.")
    differed: int = Field(0, ge=0, description="How often a person did something else.")
    log: tuple[DryRunEntry, ...] = Field((), max_length=DRY_RUN_MAX, description="Would-be decisions, newest last.")
