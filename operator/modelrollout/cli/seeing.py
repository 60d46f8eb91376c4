"""A ModelRollout as the plugin needs it: also one whose spec this version cannot read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from modelrollout.api.conditions import Condition, ConditionType, find_condition
from modelrollout.api.resource import Key, SpecError, parse_spec
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.config import refs_of
from modelrollout.engine.revisions import revision_of


@dataclass(frozen=True, slots=True)
class Seen:
    """One ModelRollout.

    Attributes:
        spec: None where it cannot be read; then `desired` is None too.
        desired: hash of the revision that the spec asks for.
        resource_version: of the object that was read.
        raw_spec: as it was read.
    """

    key: Key
    resource_version: str
    created_at: datetime
    version: str
    spec: ModelRolloutSpec | None
    desired: str | None
    status: ModelRolloutStatus
    annotations: Mapping[str, str]
    raw_spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_waiting(self) -> bool:
        """Whether the spec asks for a version that has not begun and has not failed."""
        known = {ref.revision for ref in (self.status.stable, self.status.failed) if ref is not None}
        return self.desired is not None and self.status.attempt is None and self.desired not in known

    def condition(self, kind: ConditionType) -> Condition | None:
        """A condition, if it is set."""
        return find_condition(self.status.conditions, kind)

    @property
    def is_paused(self) -> bool:
        """Whether the operator says that it is paused."""
        found = self.condition(ConditionType.PAUSED)
        return found is not None and found.status == "True"


def seen(raw: Mapping[str, Any]) -> Seen:
    """Read an object of the API server.

    Raises:
        ValidationError: the status cannot be read: the operator is newer than the plugin.
    """
    metadata, raw_spec = raw["metadata"], raw.get("spec", {})
    status = ModelRolloutStatus.model_validate(raw.get("status", {}))
    try:
        spec, desired = parse_spec(raw_spec), desired_of(raw_spec, status)
    except SpecError:
        spec, desired = None, None
    return Seen(
        key=Key(metadata["namespace"], metadata["name"]),
        resource_version=metadata["resourceVersion"],
        created_at=datetime.fromisoformat(metadata["creationTimestamp"]),
        version=str(raw_spec.get("model", {}).get("version", "?")),
        spec=spec,
        desired=desired,
        status=status,
        annotations=metadata.get("annotations", {}),
        raw_spec=raw_spec,
    )


def desired_of(raw_spec: Mapping[str, Any], status: ModelRolloutStatus) -> str:
    """Hash of the revision that a spec asks for, as far as the ModelRollout itself tells it.

    The operator knows more: what its records of revisions say, and what is in ConfigMaps and Secrets. The plugin needs
    the right to read neither, and goes by what status names.
    """
    exact = revision_of(raw_spec).hash
    named = [ref for ref in (status.attempt, status.failed, status.stable) if ref is not None]
    if exact in {ref.revision for ref in named}:
        return exact
    services = raw_spec["workload"].get("services")
    if services is not None:
        return _serving_nameless(services, status) or exact
    deployment = raw_spec["workload"]["deployment"]
    if not deployment.get("trackConfig") or not refs_of(deployment["template"]):
        return exact
    # Digests of what the template names are part of the hash: of this version it is the one that is in use.
    return next((ref.revision for ref in named if ref.version == raw_spec["model"]["version"]), exact)


def _serving_nameless(services: Mapping[str, Any], status: ModelRolloutStatus) -> str | None:
    """What serves behind a Service to which nobody has given a version, where the spec asks for nothing beside it."""
    stable = status.stable
    known = None if stable is None else status.service_of(stable.revision)
    if stable is None or known is None or services.get("candidate") is not None:
        return None
    return stable.revision if stable.version == known.service == services["stable"] else None
