"""What has to be given back before a ModelRollout may go, and the finalizer that sees to it.

It is there only while there is something: an idle rollout, and a namespace that is deleted, wait for nobody.
"""

from __future__ import annotations

from dataclasses import replace

from modelrollout.api.names import FINALIZER
from modelrollout.api.resource import ModelRollout
from modelrollout.api.spec import DeletionPolicy
from modelrollout.engine.observed import Acceptance
from modelrollout.engine.plan import Plan
from modelrollout.engine.situation import Observation
from modelrollout.kube.apply import Applier
from modelrollout.kube.client import KubeClient
from modelrollout.kube.finalizer import write_finalizers
from modelrollout.kube.resources import HTTP_ROUTE
from modelrollout.runtime.rollouts import Rollouts
from modelrollout.traffic.registry import Traffics


class Loans:
    """Takes the finalizer before the first loan, and takes it off after the last."""

    def __init__(self, client: KubeClient, rollouts: Rollouts, traffics: Traffics, applier: Applier) -> None:
        self._client = client
        self._rollouts = rollouts
        self._traffics = traffics
        self._applier = applier

    async def before(self, seen: Observation, plan: Plan) -> Observation:
        """Before a plan is carried out that does not only lower.

        Returns:
            the observation, of the ModelRollout as it is now.

        Raises:
            ModelRolloutError: a write failed; nothing was lent.
        """
        rollout = seen.rollout
        if _orphans(rollout) or (plan.split is not None and self._traffics.of(rollout).lends(rollout, plan.split)):
            rollout = await self._with(rollout, (*rollout.finalizers, FINALIZER))
        ref = rollout.spec.traffic.gateway_api.http_route_ref
        if self._traffics.lent.besides(rollout, ref):
            # The spec names another route, or another rule: what it does not name any more goes back to its owner.
            await self._traffics.lent.give_back(rollout, ref)
        return replace(seen, rollout=rollout)

    async def after(self, rollout: ModelRollout, seen: Observation, plan: Plan) -> None:
        """After it was carried out: what is not needed any more goes.

        Raises:
            ModelRolloutError: a write failed; the next look does it.
        """
        lends = plan.split is not None and self._traffics.of(rollout).lends(rollout, plan.split)
        if not lends and not _orphans(rollout) and not self._traffics.lent.anything(rollout):
            await self._with(rollout, tuple(name for name in rollout.finalizers if name != FINALIZER))
        named = rollout.spec.traffic.gateway_api.http_route_ref
        if named is not None and _carries(seen, plan) and self._traffics.has_own_route(rollout):
            # A route of our own from before the spec named one: clients are on the other one by now.
            await self._applier.delete(rollout, HTTP_ROUTE, rollout.key.name)

    async def _with(self, rollout: ModelRollout, finalizers: tuple[str, ...]) -> ModelRollout:
        wanted = tuple(dict.fromkeys(finalizers))
        if wanted == rollout.finalizers:
            return rollout
        raw = await write_finalizers(self._client, rollout, wanted)
        self._rollouts.put(raw)
        return replace(rollout, finalizers=wanted, resource_version=raw["metadata"]["resourceVersion"])


def _orphans(rollout: ModelRollout) -> bool:
    return rollout.spec.deletion_policy is DeletionPolicy.ORPHAN


def _carries(seen: Observation, plan: Plan) -> bool:
    route = seen.route
    return (
        route is not None
        and plan.split is not None
        and route.carries(plan.split)
        and route.acceptance is Acceptance.ACCEPTED
    )
