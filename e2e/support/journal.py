"""Everything that became of one ModelRollout and its route, in order: what was there for a moment is not missed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from e2e.support.kube import HTTP_ROUTE, MODEL_ROLLOUT, Kube, Object
from e2e.support.waiting import PATIENCE
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.revisions import FALLBACK

Condition = Callable[[ModelRolloutStatus], bool]


@dataclass(frozen=True, slots=True)
class Split:
    """A route as it was written: percent by Service, and by Service that gets copies."""

    at: float
    weights: dict[str, int]
    mirrors: dict[str, int]


@dataclass(frozen=True, slots=True)
class Moment:
    """A status as it was written."""

    at: float
    generation: int
    status: ModelRolloutStatus


class Journal:
    """Watches one ModelRollout and its HTTPRoute, both of the same name."""

    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        self._name = name
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self.splits: list[Split] = []
        self.moments: list[Moment] = []
        self._versions: dict[str, str] = {}
        self._fallback = f"{name}-fallback"
        self._behind: dict[str, str] = {}
        for kind, seen in ((HTTP_ROUTE, self._route), (MODEL_ROLLOUT, self._rollout)):
            threading.Thread(target=kube.watch, args=(kind, namespace, seen, self._stopped), daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()

    def until(self, condition: Condition, what: str, *, since: int = 0, seconds: float = PATIENCE) -> int:
        """Wait for a status, from number `since` on, that meets a condition; its number.

        Raises:
            AssertionError: none did in time; says what was awaited and what was there instead.
        """
        deadline = time.monotonic() + seconds
        position = since
        with self._changed:
            while True:
                while position < len(self.moments):
                    if condition(self.moments[position].status):
                        return position
                    position += 1
                if not self._changed.wait(timeout=max(0.0, deadline - time.monotonic())):
                    last = self.moments[-1].status if self.moments else None
                    now = f"{last.phase} {last.stage} {last.weight} {last.verdict}" if last else "no status"
                    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}; it is: {now}")

    def weights_of(self, version: str, *, after: float = 0.0) -> list[int]:
        """The weights that a version had, one after the other, without repeats."""
        return without_repeats(self._weight(split, version) for split in self.splits if split.at >= after)

    def mirrors_of(self, version: str) -> list[int]:
        """The percents of copies that a version had, one after the other, without repeats."""
        services = self._services(version)
        return without_repeats(
            sum(percent for service, percent in split.mirrors.items() if service in services) for split in self.splits
        )

    def spans(self, version: str) -> list[tuple[int, float, float]]:
        """Weight, start and end of each time that a version kept one weight; the last one ends now."""
        groups = [
            (weight, next(rows).at)
            for weight, rows in groupby(self.splits[:], key=lambda split: self._weight(split, version))
        ]
        ends = [start for _, start in groups[1:]] + [time.monotonic()]
        return [(weight, start, end) for (weight, start), end in zip(groups, ends, strict=True)]

    def _weight(self, split: Split, version: str) -> int:
        services = self._services(version)
        return sum(weight for service, weight in split.weights.items() if service in services)

    def _services(self, version: str) -> set[str]:
        known = [revision for revision, name in self._versions.items() if name == version]
        made = {self._fallback if revision == FALLBACK else f"{self._name}-{revision}" for revision in known}
        return made | {self._behind[revision] for revision in known if revision in self._behind}

    def _rollout(self, happened: str, raw: Object) -> None:
        if happened == "DELETED" or raw["metadata"]["name"] != self._name or "status" not in raw:
            return
        status = ModelRolloutStatus.model_validate(raw["status"])
        with self._changed:
            for ref in (status.stable, status.attempt, status.previous, status.failed):
                if ref is not None:
                    self._versions[ref.revision] = ref.version
            self._behind |= {entry.revision: entry.service for entry in status.services}
            if status.fallback is not None and status.fallback.service is not None:
                self._fallback = status.fallback.service.name
            self.moments.append(Moment(time.monotonic(), raw["metadata"]["generation"], status))
            self._changed.notify_all()

    def _route(self, happened: str, raw: Object) -> None:
        if raw["metadata"]["name"] != self._name:
            return
        rules = [] if happened == "DELETED" else raw["spec"]["rules"]
        weights = {ref["name"]: ref.get("weight", 1) for rule in rules for ref in rule.get("backendRefs", [])}
        mirrors = {
            entry["requestMirror"]["backendRef"]["name"]: entry["requestMirror"].get("percent", 100)
            for rule in rules
            for entry in rule.get("filters", [])
            if entry["type"] == "RequestMirror"
        }
        with self._changed:
            self.splits.append(Split(time.monotonic(), weights, mirrors))
            self._changed.notify_all()


def without_repeats(values: Iterable[int]) -> list[int]:
    """A sequence in which no value follows itself."""
    return [value for value, _ in groupby(values)]
