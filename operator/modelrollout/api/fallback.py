"""`spec.fallback`: who answers before any revision does, and instead of the first one while it is rolled out."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from modelrollout.api.model import APIModel, cel
from modelrollout.api.scalars import Port, parse_whole

ONE_ANSWERER = "set exactly one of service and statusCode"
ONLY_503 = (
    "a gateway answers a share that has no backend with 503, and with no other code: write statusCode: 503, or name a "
    "service that answers as it should"
)
SELECTOR_OF_SERVICE = "selector tells the series of the service: leave it out beside statusCode"
UNAVAILABLE: Final = 503


class FallbackService(APIModel):
    """A Service of the user's, in the namespace of the ModelRollout. It is never written."""

    name: str = Field(
        min_length=1, max_length=63, pattern="^[a-z]([-a-z0-9]*[a-z0-9])?$", description="Name of the Service."
    )
    port: Port = Field(description="Port of it.")


class Fallback(APIModel):
    """What stands in for a stable revision until there is one."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            ("has(self.service) != has(self.statusCode)", ONE_ANSWERER),
            ("!has(self.statusCode) || self.statusCode == 503", ONLY_503),
            ("!has(self.selector) || has(self.service)", SELECTOR_OF_SERVICE),
        )
    )

    service: FallbackService | None = Field(None, description="A Service that answers, such as a queue for people.")
    status_code: Annotated[int, BeforeValidator(parse_whole)] | None = Field(
        None, description="503: requests that no revision gets are refused."
    )
    selector: str | None = Field(
        None,
        min_length=1,
        max_length=1024,
        description='Label matchers of the service\'s series, such as pod=~"queue-.*": $selector and noWorseThan then '
        "work for it.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Fallback:
        if (self.service is None) == (self.status_code is None):
            raise ValueError(ONE_ANSWERER)
        if self.status_code not in (None, UNAVAILABLE):
            raise ValueError(ONLY_503)
        if self.selector is not None and self.service is None:
            raise ValueError(SELECTOR_OF_SERVICE)
        return self

    @property
    def title(self) -> str:
        """How people know it: the name of the Service, or the code."""
        return self.service.name if self.service is not None else str(self.status_code)
