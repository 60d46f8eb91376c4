"""A preview stage: the candidate at full size, off the live route, reachable for smoke tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import ModelRolloutStatus


@dataclass(frozen=True, slots=True)
class Preview:
    """Which revision is shown, and where.

    Attributes:
        hostnames: of an HTTPRoute of its own; none for its Service alone.
    """

    revision: str
    hostnames: tuple[str, ...]


def preview_of(spec: ModelRolloutSpec, status: ModelRolloutStatus) -> Preview | None:
    """What is shown in the step that status tells of; None where that is no preview."""
    attempt = status.attempt
    if attempt is None or attempt.step is None:
        return None
    name = attempt.step.stage
    stage = next((stage for stage in spec.stages if stage.name == name), None)
    if stage is None or stage.preview is None:
        return None
    return Preview(attempt.revision, stage.preview.hostnames or ())


def preview_problems(spec: ModelRolloutSpec) -> Iterator[str]:
    """What of the previews cannot be carried out. One line each."""
    gateway_api = spec.traffic.gateway_api
    for index, stage in enumerate(spec.stages):
        hostnames = stage.preview.hostnames if stage.preview is not None else None
        if not hostnames:
            continue
        field = f"spec.stages[{index}].preview.hostnames ({stage.name})"
        if gateway_api.http_route_ref is not None:
            yield (
                f"{field}: httpRouteRef names no Gateway that a route of the preview could attach to: leave them out "
                "and send smoke tests to the Service of the preview, or set parentRefs"
            )
        for hostname in hostnames:
            if hostname in (gateway_api.hostnames or ()):
                yield f"{field}: {hostname} is where live requests go: name another host for smoke tests"
