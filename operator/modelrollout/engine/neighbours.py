"""Other ModelRollouts of the namespace, as far as a rollout looks at them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelrollout.analysis.verdict import Verdict
from modelrollout.api.conditions import ConditionStatus, ConditionType, find_condition
from modelrollout.api.metrics import Mode
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import ModelRolloutStatus, RevisionRef

STOPPING = frozenset({Mode.ENFORCE, Mode.HOLD})


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another ModelRollout.

    Attributes:
        serves: what is stable there; None while nothing is.
        moves: what is on its way there, in words; empty while nothing is.
        fails: what is wrong there, in words; empty while nothing is known to be.
        depends_on: names of those that it depends on itself.
    """

    name: str
    serves: RevisionRef | None = None
    moves: str = ""
    fails: str = ""
    depends_on: tuple[str, ...] = ()


def neighbour_of(name: str, status: ModelRolloutStatus, spec: ModelRolloutSpec | None) -> Neighbour:
    """What others see of a ModelRollout.

    Args:
        spec: None where it cannot be read.
    """
    upstreams = () if spec is None else tuple(upstream.name for upstream in spec.depends_on)
    return Neighbour(name, status.stable, _moves(status), _fails(status), upstreams)


def reached(spec: ModelRolloutSpec) -> tuple[str, ...]:
    """Names of those that a rollout looks at itself."""
    named = (*(upstream.name for upstream in spec.depends_on), *(metric.of for metric in spec.metrics if metric.of))
    return tuple(dict.fromkeys(named))


def circle(name: str, upstreams: Sequence[str], known: Mapping[str, Neighbour]) -> tuple[str, ...]:
    """The way from a rollout back to itself along `dependsOn`, its name at both ends; empty where there is none."""
    ways: list[tuple[str, ...]] = [(name, upstream) for upstream in upstreams]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        if way[-1] == name:
            return way
        if way[-1] not in seen:
            seen.add(way[-1])
            ways += [(*way, further) for further in (known[way[-1]].depends_on if way[-1] in known else ())]
    return ()


def _moves(status: ModelRolloutStatus) -> str:
    attempt = status.attempt
    if attempt is None:
        return ""
    where = "loads" if attempt.step is None else f"is in stage {attempt.step.stage}"
    return f"version {attempt.version} {where}"


def _fails(status: ModelRolloutStatus) -> str:
    """Of an attempt its checks tell; what rests is not measured, but for its pods and for outcomes that come late."""
    if status.attempt is not None:
        bad = (check for check in status.checks if check.mode in STOPPING and check.verdict == Verdict.HARM.value)
        return "; ".join(check.reason for check in bad)
    if status.late is not None and status.late.told:
        return f"outcomes of version {status.late.version} show harm: {', '.join(status.late.told)}"
    ready = find_condition(status.conditions, ConditionType.READY)
    return ready.message if ready is not None and ready.status is ConditionStatus.FALSE else ""
