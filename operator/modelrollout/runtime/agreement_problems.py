"""What can be wrong with an `agreement` metric by its text alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelrollout.api.metrics import Metric
from modelrollout.metrics.promql import QueryError, check_matchers, check_ratio_selector, expand

_EXAMPLES: Final = {
    "selector": "$selector",
    "namespace": "namespace",
    "rollout": "rollout",
    "revision": "revision",
    "version": "version",
    "stable": "stable",
}


def agreement_problems(metric: Metric) -> Iterator[str]:
    """What is wrong, each as `field (metric): what to write instead`."""
    agreement = metric.agreement
    if agreement is None:
        return
    ceiling = None if agreement.per_class is None else agreement.per_class.ceiling
    for field, selector in (("source", agreement.source), ("perClass.ceiling", ceiling)):
        problem = None if selector is None else _selector_problem(selector)
        if problem is not None:
            yield f"agreement.{field} ({metric.name}): {problem}"
    problem = check_matchers(agreement.comparer)
    if problem is not None:
        yield f"agreement.comparer ({metric.name}): {problem}"
    if agreement.per_class is not None and not 0 < agreement.per_class.min < 1:
        yield (
            f"agreement.perClass.min ({metric.name}): a share of pairs lies between 0 and 1, and no two models agree "
            f"always, not {agreement.per_class.min}"
        )
    if agreement.paired is not None and agreement.paired.loss_ratio <= 0:
        yield (
            f"agreement.paired.lossRatio ({metric.name}): losses for each win are above 0, not "
            f"{agreement.paired.loss_ratio}"
        )


def _selector_problem(selector: str) -> str | None:
    try:
        return check_ratio_selector(expand(selector, _EXAMPLES))
    except QueryError as error:
        return str(error)
