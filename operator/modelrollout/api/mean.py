"""`metrics[].mean`: what servers that export no histogram have, a sum and a count."""

from __future__ import annotations

from pydantic import Field

from modelrollout.api.model import APIModel
from modelrollout.api.scalars import Selector


class Mean(APIModel):
    """An average per request: two counters, of amounts and of requests."""

    sum: Selector = Field(description="Counter of amounts, as a series selector: seconds_sum{$selector}.")
    count: Selector = Field(description="Counter of requests, as a series selector: seconds_count{$selector}.")
