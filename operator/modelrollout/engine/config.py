"""ConfigMaps and Secrets as part of a revision. See docs/design/0006-track-config.md.

Only digests get here. A revision that was stored without any stays the one that the spec asks for until something
changes: what it was first seen with is kept in status.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from modelrollout.api.status import ModelRolloutStatus, SeenConfig
from modelrollout.engine.revisions import Revision, canonical, revision_of, short_hash
from modelrollout.engine.services import desired_of

SEEN_MAX: Final = 20


class ConfigKind(StrEnum):
    """What can be mounted or named in the environment."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 - a kind


@dataclass(frozen=True, slots=True, order=True)
class ConfigRef:
    """An object that a template names.

    Attributes:
        optional: whether pods start without it.
    """

    kind: ConfigKind
    name: str
    optional: bool

    @property
    def key(self) -> str:
        """How an input names it."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Config:
    """What is known of the configuration that a spec's template names.

    Attributes:
        tracked: whether it is part of the revision at all.
        digests: by `ConfigRef.key`; None while they could not be read.
    """

    tracked: bool
    digests: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a spec asks for.

    Attributes:
        seen: what revisions stored without digests were first seen with.
    """

    revision: Revision
    seen: tuple[SeenConfig, ...]


def refs_of(template: Mapping[str, Any]) -> tuple[ConfigRef, ...]:
    """What a pod template mounts or names in env or envFrom; optional only if it is so wherever it is named."""
    spec = _mapping(template.get("spec"))
    found: dict[tuple[ConfigKind, str], bool] = {}
    for kind, source, field in (*_mounted(spec), *_named(spec)):
        name = source.get(field)
        if isinstance(name, str) and name:
            optional = source.get("optional") is True
            found[kind, name] = found.get((kind, name), True) and optional
    return tuple(sorted(ConfigRef(kind, name, optional) for (kind, name), optional in found.items()))


def wanted(
    raw_spec: Mapping[str, Any], stored: Sequence[Revision], status: ModelRolloutStatus, config: Config
) -> Wanted:
    """The revision that a spec asks for, among those that are stored if it is.

    Args:
        stored: oldest first.
    """
    if raw_spec["workload"].get("services") is not None:
        return Wanted(desired_of(raw_spec, stored, status), ())
    plain = revision_of(raw_spec)
    alike = [revision for revision in stored if _without_config(revision) == plain.input]
    if not config.tracked:
        return Wanted(_in_use(alike, (status.attempt, status.stable), plain), ())
    if config.digests is None:
        return Wanted(_in_use(alike, (status.attempt, status.failed, status.stable), plain), status.config)
    exact = revision_of(raw_spec, config.digests)
    digest = short_hash(canonical(dict(config.digests)))
    seen = {entry.revision: entry.digest for entry in status.config if any(r.hash == entry.revision for r in stored)}
    for revision in reversed(alike):
        if revision.input == exact.input:
            return Wanted(revision, _entries(seen))
    for revision in reversed(alike):
        if revision.input == plain.input and seen.setdefault(revision.hash, digest) == digest:
            return Wanted(revision, _entries(seen))
    return Wanted(exact, _entries(seen))


def _entries(seen: Mapping[str, str]) -> tuple[SeenConfig, ...]:
    return tuple(SeenConfig(revision=name, digest=digest) for name, digest in seen.items())[-SEEN_MAX:]


def _in_use(alike: Sequence[Revision], refs: tuple[Any, ...], otherwise: Revision) -> Revision:
    """Of revisions that differ in configuration alone: one that is in use, so that not knowing restarts nothing."""
    for ref in refs:
        for revision in alike:
            if ref is not None and ref.revision == revision.hash:
                return revision
    return alike[-1] if alike else otherwise


def _without_config(revision: Revision) -> str:
    if '"config":' not in revision.input:
        return revision.input
    return canonical({name: part for name, part in json.loads(revision.input).items() if name != "config"})


def _mounted(spec: Mapping[str, Any]) -> Iterator[tuple[ConfigKind, Mapping[str, Any], str]]:
    for volume in _list(spec.get("volumes")):
        yield ConfigKind.CONFIG_MAP, _mapping(volume.get("configMap")), "name"
        yield ConfigKind.SECRET, _mapping(volume.get("secret")), "secretName"
        for source in _list(_mapping(volume.get("projected")).get("sources")):
            yield ConfigKind.CONFIG_MAP, _mapping(source.get("configMap")), "name"
            yield ConfigKind.SECRET, _mapping(source.get("secret")), "name"


def _named(spec: Mapping[str, Any]) -> Iterator[tuple[ConfigKind, Mapping[str, Any], str]]:
    for container in (*_list(spec.get("containers")), *_list(spec.get("initContainers"))):
        for source in _list(container.get("envFrom")):
            yield ConfigKind.CONFIG_MAP, _mapping(source.get("configMapRef")), "name"
            yield ConfigKind.SECRET, _mapping(source.get("secretRef")), "name"
        for variable in _list(container.get("env")):
            source = _mapping(variable.get("valueFrom"))
            yield ConfigKind.CONFIG_MAP, _mapping(source.get("configMapKeyRef")), "name"
            yield ConfigKind.SECRET, _mapping(source.get("secretKeyRef")), "name"


def _mapping(value: object) -> Mapping[str, Any]:
    """The value, or nothing where a user wrote something else: the API server says so in its own words."""
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []
