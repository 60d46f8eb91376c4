"""What would change a verdict: the end of the sentence that it begins."""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.analysis.quantile import percent
from modelrollout.analysis.sureness import Sureness, format_confidence
from modelrollout.analysis.verdict import CheckResult, Claim, Verdict, format_number
from modelrollout.api.metrics import Metric, Mode, OnNoData


def what_would_change(metric: Metric, result: CheckResult) -> str:
    """Say what would have to happen for another verdict, such as `pass: 120 more samples`."""
    match result.verdict:
        case Verdict.HARM:
            return _after_harm(metric)
        case Verdict.NO_DATA:
            return _after_silence(metric)
        case Verdict.PASS:
            return "; ".join(_to_harm(metric, result)) or "nothing: it has no limit"
        case Verdict.CONTINUE:
            return "; ".join((*_to_pass(metric, result), *_to_harm(metric, result)))


def _after_harm(metric: Metric) -> str:
    if metric.mode is Mode.ENFORCE:
        return "nothing in this attempt: harm is final, retry begins another one"
    return f"values within the limit again; nothing acts on it (mode: {metric.mode})"


def _after_silence(metric: Metric) -> str:
    if metric.on_no_data is not OnNoData.HOLD:
        return f"data; until there is some, it counts as said (onNoData: {metric.on_no_data})"
    needs = "one finite value for each revision" if metric.query is not None else "counts of the last few scrapes"
    return f"{needs}: until then the step holds" if metric.is_enforced else needs


def _to_pass(metric: Metric, result: CheckResult) -> Iterator[str]:
    missing = 0 if metric.query is not None else metric.min_samples - result.samples
    if missing > 0 and metric.agreement is None:
        yield f"pass: {missing} more samples, within the limit"
    elif result.sure is not None and result.claim is Claim.KEPT and not result.sure.is_enough:
        more = result.sure.outlook(result.samples).removeprefix(": ")
        yield f"pass: confidence {format_confidence(result.sure.needed)} that {Claim.KEPT}{f', {more}' if more else ''}"
    elif result.limit is not None:
        yield f"pass: back within the limit, {_limit(metric, result.limit)}"
    else:
        yield "pass: more of the same"


def _to_harm(metric: Metric, result: CheckResult) -> Iterator[str]:
    if metric.query is not None:
        if result.limit is not None:
            row = (metric.failure_limit or 0) + 1
            times = f"{row} evaluations in a row" if row > 1 else "one evaluation"
            yield f"harm: {times} beyond the limit, {_limit(metric, result.limit)}"
    elif result.sure is not None and result.claim is Claim.EXCEEDED:
        yield f"harm: {_short_of(result.sure)}"
    elif result.limit is not None:
        yield f"harm: evidence, and not chance, that it lies beyond the limit, {_limit(metric, result.limit)}"


def _short_of(sure: Sureness) -> str:
    now = format_confidence(sure.confidence)
    return f"confidence {format_confidence(sure.needed)} that {Claim.EXCEEDED}, now {now}"


def _limit(metric: Metric, limit: float) -> str:
    return percent(limit) if metric.histogram is not None else format_number(limit)
