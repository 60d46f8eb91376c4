"""The fallback, or what is adopted: what plays stable until a first revision is. See docs/design/0005-fallback.md.

To the rest of the engine it is a revision like any other, under a hash that no input has. Nothing of it is ever made,
scaled, drained or collected.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from modelrollout.api.fallback import Fallback
from modelrollout.api.resource import ModelRollout
from modelrollout.api.status import ModelRolloutStatus, RevisionRef
from modelrollout.engine.observed import RevisionState
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.revisions import FALLBACK, Revision
from modelrollout.engine.shared import wait
from modelrollout.engine.situation import Empty, Observation

ALWAYS_READY: Final = 1


def revision_of_fallback(fallback: Fallback) -> Revision:
    """The fallback as a revision."""
    return Revision(hash=FALLBACK, version=fallback.title, input="")


def state_of_fallback(fallback: Fallback, ready_endpoints: int) -> RevisionState:
    """The fallback as a revision with pods that are not ours to count.

    Args:
        ready_endpoints: of its Service; a status code needs none.
    """
    ready = ready_endpoints if fallback.service is not None else ALWAYS_READY
    return RevisionState(revision_of_fallback(fallback), None, ready)


def in_use(rollout: ModelRollout) -> Fallback | None:
    """The fallback that traffic may go to: the one that status keeps, before the one that the spec asks for."""
    return rollout.status.fallback or rollout.spec.stand_in


@dataclass(frozen=True, slots=True)
class Fields:
    """Where the spec says what stands in: the whole, and parts of it."""

    whole: str
    service: str
    name: str
    port: str
    selector: str


ADOPT: Final = "spec.workload.deployment.adopt"
OF_ADOPTION: Final = Fields(ADOPT, f"{ADOPT}.service", f"{ADOPT}.service", f"{ADOPT}.port", f"{ADOPT}.selector")
OF_FALLBACK: Final = Fields(
    "spec.fallback",
    "spec.fallback.service",
    "spec.fallback.service.name",
    "spec.fallback.service.port",
    "spec.fallback.selector",
)


def fields_of(rollout: ModelRollout) -> Fields:
    """Where the spec says, or has said, what stands in."""
    adopts = rollout.spec.workload.adopt is not None or (
        rollout.spec.fallback is None and rollout.status.adopted is not None
    )
    return OF_ADOPTION if adopts else OF_FALLBACK


def is_fallback(ref: RevisionRef | None) -> bool:
    """Whether status names the fallback there."""
    return ref is not None and ref.revision == FALLBACK


def names_fallback(status: ModelRolloutStatus) -> bool:
    """Whether traffic goes to the fallback, or may be given back to it."""
    return is_fallback(status.stable) or is_fallback(status.previous)


def to_serve(seen: Observation, status: ModelRolloutStatus) -> str | None:
    """Revision that Service `<name>` shall select: the stable one; None to leave it.

    There is none before a first revision is stable. Afterwards, if a person goes back to the fallback, clients inside
    the cluster go back as well: what they would otherwise go on to use is about to be stopped.
    """
    if status.stable is None or not is_fallback(status.stable):
        return None if status.stable is None else status.stable.revision
    used = status.fallback
    return FALLBACK if used is not None and used.service is not None and seen.served is not None else None


def kept(status: ModelRolloutStatus, seen: Observation) -> ModelRolloutStatus:
    """Status with the fallback that it names: that of the spec, unless the spec cannot be carried out or has none."""
    if not names_fallback(status):
        return status if status.fallback is None else status.model_copy(update={"fallback": None})
    known, wanted = seen.status.fallback, seen.rollout.spec.stand_in
    is_trusted = known is None or (not seen.problems and seen.unchecked is None)
    return status.model_copy(update={"fallback": wanted if wanted is not None and is_trusted else known})


def is_awaited(seen: Observation, status: ModelRolloutStatus) -> bool:
    """Whether the desired revision is about to be rolled out beside the fallback: what runs of it goes on running."""
    failed = status.failed is not None and status.failed.revision == seen.desired.hash
    return is_fallback(status.stable) and not failed


def fallback_problems(rollout: ModelRollout, ready_endpoints: int) -> Iterator[str]:
    """What of the spec cannot be carried out while the fallback stands in. One line each.

    Args:
        ready_endpoints: of the Service that the spec names.
    """
    spec, status = rollout.spec, rollout.status
    wanted, known, fields = spec.stand_in, status.fallback, fields_of(rollout)
    if status.stable is not None and not is_fallback(status.stable):
        return
    if wanted is None:
        if known is not None:
            title = known.title
            yield f"{fields.whole}: {title} answers until a revision is stable, and cannot go before: set it again"
        return
    if known is not None and wanted.service not in (known.service, None) and not ready_endpoints:
        yield f"{fields.service}: no endpoint of Service {wanted.title} is ready; {known.title} goes on answering"
    if wanted.selector is not None:
        return
    remedy = "set spec.fallback.selector" if wanted.service is not None else "name a fallback.service with a selector"
    for index, metric in enumerate(spec.metrics):
        if metric.check.no_worse_than is not None:
            yield (
                f"spec.metrics[{index}].check.noWorseThan ({metric.name}): there is no stable revision to compare "
                f"with, and nothing tells the series of the fallback: set max or min instead, or {remedy}"
            )
    for index, stage in enumerate(spec.stages):
        if stage.shadow is not None:
            yield (
                f"spec.stages[{index}].shadow ({stage.name}): nothing counts the requests that the fallback answers, "
                f"so no count can show that copies of them arrive: {remedy}, or remove the stage"
            )


def stand_in(s: Empty) -> Decision | None:
    """With a fallback, the first revision runs the stages: the fallback has all traffic before it."""
    wanted = s.seen.rollout.spec.stand_in
    if wanted is None:
        return None
    state = s.seen.fallback
    if state is None or not state.is_ready:
        text = (
            f"no endpoint of the fallback, Service {wanted.title}, is ready: nothing can take the rest of the traffic"
        )
        return wait("FallbackUnready", text)
    return Decision(Action.STAND_IN, "FallbackReady", f"{wanted.title} answers until a first revision is stable")
