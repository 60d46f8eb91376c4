"""Reads the ConfigMaps and Secrets that templates name, one by one, and keeps nothing of them but digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from modelrollout.api.errors import TransientError
from modelrollout.api.resource import Key, ModelRollout
from modelrollout.engine.config import Config, ConfigKind, ConfigRef, refs_of
from modelrollout.engine.revisions import canonical, short_hash
from modelrollout.kube.client import KubeClient
from modelrollout.kube.errors import ForbiddenError
from modelrollout.kube.resources import CONFIG_MAP, SECRET, Resource

FRESH: Final = timedelta(minutes=1)
"""How long digests count without a new read, when something else makes us look."""
ASK_AGAIN: Final = timedelta(seconds=30)
RESOURCES: Final[Mapping[ConfigKind, Resource]] = {ConfigKind.CONFIG_MAP: CONFIG_MAP, ConfigKind.SECRET: SECRET}
CHART_VALUES: Final = {ConfigKind.CONFIG_MAP: "rbac.readConfigMaps", ConfigKind.SECRET: "rbac.readSecrets"}
FIELD: Final = "spec.workload.deployment.trackConfig"
ABSENT: Final = "absent"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a look at them has shown.

    Attributes:
        problems: why they cannot be read until somebody mends it.
        unread: why they could not be read now, or None.
    """

    config: Config
    problems: tuple[str, ...] = ()
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    wishes: tuple[object, ...]
    at: datetime
    reading: Reading


UNTRACKED: Final = Reading(Config(tracked=False))
NEVER_READ: Final = Reading(Config(tracked=True))


class Configs:
    """Digests of what templates name: read when a person has touched the ModelRollout, and otherwise now and then."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._known: dict[Key, _Known] = {}

    def known(self, rollout: ModelRollout) -> Reading:
        """What the last look has shown, without another one."""
        if not rollout.spec.workload.tracks_config:
            return UNTRACKED
        known = self._known.get(rollout.key)
        return known.reading if known is not None and known.wishes[:2] == _wishes(rollout)[:2] else NEVER_READ

    async def read(self, rollout: ModelRollout, now: datetime) -> Reading:
        """What is so now, or was a moment ago."""
        if not rollout.spec.workload.tracks_config:
            return UNTRACKED
        known, wishes = self._known.get(rollout.key), _wishes(rollout)
        if known is None or known.wishes != wishes or not known.at <= now < known.at + _counts_for(known.reading):
            known = _Known(wishes, now, await self._read(rollout))
            self._known[rollout.key] = known
        return known.reading

    def ask_again_at(self, key: Key) -> datetime | None:
        """When to look again although nothing is known to have changed; None if that is not needed."""
        known = self._known.get(key)
        return None if known is None or known.reading.config.digests is not None else known.at + ASK_AGAIN

    def forget(self, key: Key) -> None:
        """Drop what is remembered of a ModelRollout that is gone."""
        self._known.pop(key, None)

    async def _read(self, rollout: ModelRollout) -> Reading:
        digests: dict[str, str] = {}
        problems: list[str] = []
        missing: list[str] = []
        for ref in refs_of(rollout.raw_spec["workload"]["deployment"]["template"]):
            try:
                found = await self._client.get(RESOURCES[ref.kind], rollout.key.namespace, ref.name)
            except ForbiddenError:
                problems.append(_forbidden(ref))
                continue
            except TransientError as error:
                return Reading(Config(tracked=True), unread=str(error))
            if found is None and not ref.optional:
                missing.append(f"{ref.kind} {ref.name}, which the template names, does not exist")
            digests[ref.key] = ABSENT if found is None else digest_of(found)
        whole = not problems and not missing
        return Reading(
            Config(tracked=True, digests=digests if whole else None),
            tuple(dict.fromkeys(problems)),
            "; ".join(missing) or None,
        )


def digest_of(found: Mapping[str, Any]) -> str:
    """Digest of the data of a ConfigMap or Secret; its metadata may change without changing anything for a pod."""
    return short_hash(canonical({part: found.get(part) or {} for part in ("data", "binaryData")}))


def _forbidden(ref: ConfigRef) -> str:
    return (
        f"{FIELD}: the operator may not read {ref.kind}s, and the template names {ref.name}: set"
        f" {CHART_VALUES[ref.kind]}=true in the operator's chart, or take trackConfig away"
    )


def _wishes(rollout: ModelRollout) -> tuple[object, ...]:
    """What only people change."""
    return rollout.uid, rollout.generation, tuple(sorted(rollout.annotations.items()))


def _counts_for(reading: Reading) -> timedelta:
    return FRESH if reading.config.digests is not None else ASK_AGAIN
