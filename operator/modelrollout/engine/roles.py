"""How much a model is trusted to do in a stage, as its servers are told with each request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.stages import ModelRole, Stage
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.revisions import FALLBACK
from modelrollout.engine.split import Split


@dataclass(frozen=True, slots=True)
class Roles:
    """The role of each revision; one that has none is told none, whatever a client claims."""

    by_revision: tuple[tuple[str, ModelRole], ...]

    def of(self, revision: str) -> ModelRole | None:
        """The role of a revision."""
        return dict(self.by_revision).get(revision)

    def of_all(self, split: Split) -> ModelRole | None:
        """The role that all requests carry where one revision has all live ones.

        A copy carries what the request carries that it is a copy of: gateways have no other header for it. Who serves
        must never be told a wrong role, so a shadow is told its own only beside the fallback, which is no model.
        """
        (live, _), *_ = split.weights
        if split.mirror is not None and live == FALLBACK:
            return self.of(split.mirror.revision)
        return self.of(live)


def roles_of(spec: ModelRolloutSpec, status: ModelRolloutStatus) -> Roles | None:
    """The roles by what status says; None where no stage speaks of any.

    The candidate has that of its stage. A stable revision has that of the last stage: it is how far the model got.
    """
    if not uses_roles(spec):
        return None
    names = [stage.name for stage in spec.stages]
    attempt, found = status.attempt, dict[str, ModelRole | None]()
    if attempt is not None and attempt.step is not None and attempt.step.stage in names:
        found[attempt.revision] = role_in(spec.stages, names.index(attempt.step.stage))
    if status.stable is not None:
        found[status.stable.revision] = role_in(spec.stages, len(names) - 1)
    known = {revision: role for revision, role in found.items() if role is not None and revision != FALLBACK}
    return Roles(tuple(sorted(known.items())))


def role_in(stages: Sequence[Stage], index: int) -> ModelRole | None:
    """The role in a stage: its own, else that of the nearest stage before it that is not a shadow's."""
    own = stages[index].model_role
    if own is not None:
        return own
    before = (stage.model_role for stage in reversed(stages[:index]))
    return next((role for role in before if role not in {None, ModelRole.SHADOW}), None)


def uses_roles(spec: ModelRolloutSpec) -> bool:
    """Whether any stage speaks of a role."""
    return any(stage.model_role is not None for stage in spec.stages)


def role_problems(spec: ModelRolloutSpec) -> Iterator[str]:
    """What of the roles cannot be carried out. One line each."""
    if spec.traffic.gateway_api.http_route_ref is None:
        return
    for index, stage in enumerate(spec.stages):
        if stage.model_role is not None:
            yield (
                f"spec.stages[{index}].modelRole ({stage.name}): headers of a route that somebody else owns are not "
                "ours to set: set traffic.gatewayAPI.parentRefs instead of httpRouteRef, or remove it"
            )
