"""What one operator is told of what others do, and what it is not told: a watch may be mute, or miss a deletion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from modelrollout.kube.client import KubeClient
from modelrollout.kube.resources import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    MODEL_ROLLOUT,
    SERVICE,
    Resource,
)
from modelrollout.runtime.app import App

CHILDREN: Final = (CONTROLLER_REVISION, DEPLOYMENT, SERVICE, ENDPOINT_SLICE, HTTP_ROUTE)
HEALED_AFTER: Final = timedelta(seconds=20)
"""Longer than a rollout takes here. In life it is 70 s for a stream that says nothing, and a resync for a deletion."""


@dataclass(frozen=True, slots=True)
class Missed:
    """An object that somebody deletes while its watch is broken: the list after it tells only of what exists.

    Attributes:
        version: whose object it is; None for one of the ModelRollout's own.
    """

    resource: Resource
    version: str | None


@dataclass
class Watches:
    """All watches of one operator, each of them a list of what there is when somebody has acted.

    Attributes:
        mute: the kind whose watch says nothing from `begin` on, until the silence is noticed.
        missed: what is deleted and nobody tells, until the resync.
        heals_at: when what was not told is found.
        kinds: what is told of, beside ModelRollouts.
        deleted: whether somebody has deleted what is missed.
    """

    client: KubeClient
    namespace: str
    mute: Resource | None = None
    missed: Missed | None = None
    heals_at: datetime | None = None
    kinds: tuple[Resource, ...] = CHILDREN
    deleted: bool = False

    def begin(self, now: datetime) -> None:
        """From now on they do what they do."""
        if self.mute is not None or self.missed is not None:
            self.heals_at = now + HEALED_AFTER

    def heal(self) -> None:
        """From now on they tell everything."""
        self.heals_at = self.mute = self.missed = None

    async def tell(self, app: App) -> None:
        """Tell of all that is there, and but for what is missed, of what has gone."""
        selectors = {watched.resource: watched.label_selector for watched in app.cache.resources()}
        for resource in self.kinds:
            if resource == self.mute:
                continue
            if self.missed is not None and resource == self.missed.resource:
                listing = await self.client.list(resource, self.namespace, label_selector=selectors[resource])
                for item in listing.items:
                    app.intake.child(resource, None, item)
            else:
                pages = self.client.pages(resource, self.namespace, label_selector=selectors[resource])
                await app.intake.list_of_children(resource, pages)
        if self.mute != MODEL_ROLLOUT:
            found = await self.client.get(MODEL_ROLLOUT, self.namespace, "digits")
            assert found is not None
            app.intake.rollout(None, found)
