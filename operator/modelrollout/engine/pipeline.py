"""Pipelines: a model is judged while those that it works on are still.

What an upstream model says is the input of this one. While it moves, nobody can tell whose doing a change is: so a
downstream rollout makes no step meanwhile, and begins its step anew on what the upstream has become. The other way
round, guardrails (`metrics[].of`) let an upstream candidate answer for what it does downstream.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelrollout.engine.neighbours import Neighbour, circle
from modelrollout.engine.plan import Action, Decision
from modelrollout.engine.revisions import canonical, short_hash
from modelrollout.engine.shared import wait
from modelrollout.engine.situation import Loading, Observation, Resting, Stepping


def upstream_first(s: Stepping | Loading | Resting) -> Decision | None:
    """No step while a model that this one works on moves, fails or does not exist."""
    known = _known(s.seen)
    named = [upstream.name for upstream in s.seen.rollout.spec.depends_on]
    missing = [name for name in named if name not in known]
    if missing:
        return wait("UpstreamMissing", f"dependsOn names {', '.join(missing)}: there is no ModelRollout of that name")
    failing = [f"{name}: {known[name].fails}" for name in named if known[name].fails]
    if failing:
        return wait("UpstreamFails", f"waits for what it depends on to do well: {'; '.join(failing)}")
    moving = [f"{name}: {known[name].moves}" for name in named if known[name].moves]
    if moving:
        return wait("UpstreamMoves", f"waits for what it depends on to rest: {'; '.join(moving)}")
    return None


def upstream_changed(s: Stepping) -> Decision | None:
    """A step that was judged on the answers of another upstream version starts again, at its weight."""
    now = upstream_hash(s.seen)
    if s.position is None or s.step.upstream_hash in {None, now}:
        return None
    text = f"what it depends on serves another version: {s.position.label} starts again"
    return Decision(Action.ENTER, "UpstreamChanged", text, step=s.position)


def upstream_hash(seen: Observation) -> str | None:
    """Of the versions that serve upstream; None where the rollout depends on nobody."""
    known = _known(seen)
    named = [upstream.name for upstream in seen.rollout.spec.depends_on]
    if not named:
        return None
    serves = {name: known[name].serves if name in known else None for name in named}
    return short_hash(canonical({name: ref.revision if ref else None for name, ref in serves.items()}))


def pipeline_problems(seen: Observation) -> Iterator[str]:
    """Rollouts that wait for each other would wait for ever."""
    name = seen.rollout.key.name
    way = circle(name, [upstream.name for upstream in seen.rollout.spec.depends_on], _known(seen))
    if way:
        yield f"spec.dependsOn: goes in a circle, so that nobody could move: {' -> '.join(way)}; leave one of them out"
    for index, metric in enumerate(seen.rollout.spec.metrics):
        if metric.of == name:
            yield f"spec.metrics[{index}].of ({metric.name}): is this rollout itself; leave it out"


def _known(seen: Observation) -> Mapping[str, Neighbour]:
    return {neighbour.name: neighbour for neighbour in seen.neighbours}
