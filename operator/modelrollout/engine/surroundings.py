"""What a step's evidence rests on besides its stage: the way that requests come, and who counts them."""

from __future__ import annotations

from modelrollout.api.remembered import remembered
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import StepStatus
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.revisions import canonical, short_hash
from modelrollout.engine.situation import Stepping


@remembered
def route_hash(spec: ModelRolloutSpec) -> str:
    """Of the Gateways, hosts and route that requests come by.

    Not of the rules: what is matched is the user's to change, and its requests are as good as those before.
    """
    api = spec.traffic.gateway_api
    content = {
        "parents": [parent.dump() for parent in api.parents],
        "hostnames": list(api.hostnames or ()),
        "ref": api.http_route_ref.dump() if api.http_route_ref is not None else None,
    }
    return short_hash(canonical(content))


@remembered
def source_hash(spec: ModelRolloutSpec) -> str:
    """Of the Prometheus that counts them; the operator's own setting is not the user's to change."""
    return short_hash(canonical(spec.prometheus.url if spec.prometheus is not None else None))


def moved(s: Stepping) -> Decision | None:
    """A step that gets its requests or its counts from elsewhere starts again, at its weight: nothing jumps forward."""
    if s.position is None:
        return None
    spec, label = s.seen.rollout.spec, s.position.label
    if s.step.route_hash not in {None, route_hash(spec)}:
        message = f"requests come another way: {label} starts again"
        return Decision(Action.ENTER, "RouteEdited", message, step=s.position)
    if is_elsewhere(s.step, spec):
        message = f"metrics are read elsewhere: {label} starts again"
        return Decision(Action.ENTER, "PrometheusEdited", message, step=s.position)
    return None


def is_elsewhere(step: StepStatus, spec: ModelRolloutSpec) -> bool:
    """Whether a step was judged by another Prometheus than the spec names now."""
    return step.source_hash not in {None, source_hash(spec)}
