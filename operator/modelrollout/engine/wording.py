"""What policies say of a step: the words that `kubectl get` and events show."""

from __future__ import annotations

from modelrollout.analysis.verdict import Verdict
from modelrollout.engine.load import too_light
from modelrollout.engine.observed import JudgedMetric
from modelrollout.engine.scale import candidate_size, step_size
from modelrollout.engine.situation import Loading, Stepping
from modelrollout.engine.throughput import lacking


def enforced_names(s: Stepping) -> list[str]:
    """Names of the enforced metrics of the stage."""
    return [metric.name for metric in s.seen.rollout.spec.enforced_metrics if metric.applies_to(s.step.stage)]


def open_checks(s: Stepping) -> list[str]:
    """What each enforced check that does not pass is waiting for; a metric that nobody judged is open too.

    So is a throughput goal that the next weight needs.
    """
    results = {judged.metric.name: judged for judged in s.evidence.judged}
    found = (_open(s, name, results.get(name)) for name in enforced_names(s))
    texts = [text for text in found if text is not None]
    capacity = lacking(s)
    return texts if capacity is None else [*texts, capacity]


def _open(s: Stepping, name: str, judged: JudgedMetric | None) -> str | None:
    if judged is None:
        return f"{name}: not judged yet"
    return too_light(s, judged.metric) if judged.result.verdict is Verdict.PASS else judged.result.reason


def open_text(s: Stepping) -> str:
    """What the step waits for."""
    return "; ".join(open_checks(s)) or s.evidence.share_text


def not_shown_text(s: Stepping) -> str:
    """Why a step is not in force."""
    if s.evidence.share_shown is None and s.step.mirror_percent:
        return "set spec.traffic.requests, for only a count shows that copies arrive"
    return "requests do not follow the weight yet"


def settled_text(s: Stepping) -> str:
    """Why a step is in force although no count shows it."""
    if s.position is not None and s.position.is_preview:
        return "no client is sent to a preview: in force after settle"
    return "no counter can show the share: taken as in force after settle"


def passing_text(s: Stepping) -> str:
    """How many checks pass, on how many requests."""
    count = len(enforced_names(s))
    samples = max((judged.result.samples for judged in s.evidence.judged), default=0)
    return f"{count}/{count} checks, n={samples}" if count else s.evidence.share_text


def label(s: Stepping) -> str:
    """What the step is called."""
    return s.position.label if s.position else s.step.stage


def shortage_text(s: Stepping) -> str:
    """What a suspended candidate lacks."""
    need, version = step_size(s.seen, s.seen.status, s.step), s.candidate.revision.version
    if need == 1:
        return f"no endpoint of {version} is ready"
    return f"{s.candidate.ready_endpoints} of the {need} endpoints of {version} that its weight needs are ready"


def ready_text(s: Loading) -> str:
    """How far the candidate has loaded."""
    want = candidate_size(s.seen, s.seen.status)
    text = f"{s.candidate.ready_endpoints}/{want} endpoints of version {s.candidate.revision.version} ready"
    return f"{text}{s.candidate.waiting_text}"
