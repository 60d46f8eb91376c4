"""Revisions: the immutable inputs that traffic moves between."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelrollout.api.metrics import Metric
from modelrollout.api.model import APIModel
from modelrollout.api.remembered import remembered
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import RevisionRef

HASH_VERSION = 1
"""Version of the recipe below. A new one must leave stored revisions alone: their input is what identifies them."""
HASH_LENGTH = 10
FALLBACK = "fallback"
"""Stands where a hash stands for what is no revision: the user's fallback. Hashes begin with an r."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One input as the user wrote it: model, pod template and ports.

    Attributes:
        hash: ten characters of [a-z2-7], the first a letter, unique within one ModelRollout.
        input: canonical JSON of the input; equality of revisions is equality of this text.
    """

    hash: str
    version: str
    input: str

    @property
    def ref(self) -> RevisionRef:
        """How status names it."""
        return RevisionRef(revision=self.hash, version=self.version)

    def object_name(self, rollout: str) -> str:
        """Name of its Deployment, Service and ControllerRevision."""
        return object_name(rollout, self.hash)

    @property
    def service(self) -> str | None:
        """The Service of the user's that it is behind; None for pods that the operator makes."""
        found = self.parsed().get("backend") if self.input else None
        return None if found is None else str(found)

    def parsed(self) -> Mapping[str, Any]:
        """The input as the user wrote it: `model` and `service`, with `template`, or with `backend`, a Service."""
        parsed: Mapping[str, Any] = json.loads(self.input)
        return parsed


def object_name(rollout: str, revision: str) -> str:
    """Name of a revision's objects."""
    return f"{rollout}-{revision}"


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces: the same text for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def short_hash(text: str) -> str:
    """SHA-256 in base 32, ten characters, the first a letter: valid in names and label values."""
    digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()
    return "r" + digest[: HASH_LENGTH - 1]


def revision_of(raw_spec: Mapping[str, Any], config: Mapping[str, str] | None = None) -> Revision:
    """The revision that a spec asks for.

    Args:
        raw_spec: the spec as the user wrote it, already known to parse.
        config: digests of the ConfigMaps and Secrets that are part of it.
    """
    services = raw_spec["workload"].get("services")
    if services is not None:
        behind = services.get("candidate")
        return revision_behind(raw_spec["model"], behind or services["stable"], raw_spec["service"])
    content = {
        "model": raw_spec["model"],
        "template": raw_spec["workload"]["deployment"]["template"],
        "service": raw_spec["service"],
        **({"config": dict(config)} if config else {}),
    }
    return _revision(content)


def revision_behind(model: Mapping[str, Any], backend: str, service: Mapping[str, Any]) -> Revision:
    """The revision that somebody else deploys behind a Service.

    Args:
        backend: name of the Service.
        service: `spec.service`, with the port.
    """
    return _revision({"model": model, "backend": backend, "service": service})


def _revision(content: Mapping[str, Any]) -> Revision:
    text = canonical(content)
    return Revision(hash=short_hash(text), version=str(content["model"]["version"]), input=text)


@remembered
def stage_hash(spec: ModelRolloutSpec, stage: str) -> str:
    """Hash of a stage and the metrics judged in it: when it changes, the step starts again.

    Of what differs from the defaults, so that a release with a new field restarts nothing. Gates are left out: no
    evidence rests on them, and an edited gate is run anew whatever the step does.
    """
    metrics = sorted((m for m in spec.metrics if m.applies_to(stage)), key=lambda metric: metric.name)
    content: dict[str, object] = {
        "stage": set_fields(next(s for s in spec.stages if s.name == stage), "pre", "post"),
        "metrics": [set_fields(metric) for metric in metrics],
    }
    if spec.stand_in is not None:
        content["fallback"] = set_fields(spec.stand_in)
    return short_hash(canonical(content))


def metric_digest(metric: Metric) -> str:
    """Hash of what a metric is, as far as it differs from the defaults. What history has made of it is left out."""
    if metric.check.usual is not None:
        metric = metric.model_copy(update={"check": metric.check.model_copy(update={"max": None})})
    return short_hash(canonical(set_fields(metric)))


def set_fields(model: APIModel, *without: str) -> dict[str, Any]:
    """Fields that differ from their defaults, but for some."""
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=set(without))
