"""What makes a candidate reachable in a preview stage, and its removal in the order that answers nobody with errors."""

from __future__ import annotations

from collections.abc import Iterable

from modelrollout.api.resource import ModelRollout
from modelrollout.engine.plan import Plan
from modelrollout.engine.situation import Observation
from modelrollout.kube.apply import Drift
from modelrollout.traffic.registry import Traffics
from modelrollout.workload.registry import Workloads


class Previews:
    """Service `<name>-preview` and HTTPRoute `<name>-preview`, while a preview stage lasts."""

    def __init__(self, workloads: Workloads, traffics: Traffics) -> None:
        self._workloads = workloads
        self._traffics = traffics

    async def carry_out(self, seen: Observation, rollout: ModelRollout, plan: Plan) -> Iterable[Drift]:
        """Make both so, or remove both: the route first, and the Service when it is seen to be gone.

        A spec that cannot be carried out changes nothing of a preview that is there.

        Raises:
            ModelRolloutError: a write failed; the next look does it.
        """
        workload, traffic = self._workloads.of(rollout), self._traffics.of(rollout)
        if plan.preview is None:
            await traffic.preview(rollout, None)
            return () if traffic.has_preview(rollout) else await workload.preview(rollout, None)
        if seen.problems:
            return ()
        drifts = await workload.preview(rollout, plan.preview.revision)
        return (*drifts, *await traffic.preview(rollout, plan.preview))
