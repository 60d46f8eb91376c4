"""At which level the metrics of a rollout are tested, and what their evidence is divided by."""

from __future__ import annotations

from modelrollout.analysis.budget import Budget
from modelrollout.analysis.dispersion import FLOOR
from modelrollout.api.metrics import Metric
from modelrollout.api.spec import ModelRolloutSpec
from modelrollout.api.status import AttemptStatus


def budget_of(spec: ModelRolloutSpec, attempt: int = 1) -> Budget:
    """Give the error budget of an attempt, by what is declared."""
    sliced = [metric.slice_by for metric in spec.enforced_metrics if metric.slice_by is not None]
    return Budget(
        alpha=float(spec.judgement.alpha),
        attempt=attempt,
        aggregates=sum(metric.draws_on_budget for metric in spec.metrics),
        slices=sum(by.max_slices for by in sliced),
    )


def declared_dispersion(metric: Metric) -> float:
    """Give how many requests the user says may fail together; 1 where nothing is said."""
    clusters = metric.clusters
    return 1.0 if clusters is None or clusters.size is None else float(clusters.size)


def dispersion_of(attempt: AttemptStatus | None, metric: Metric) -> float:
    """Give what a metric's evidence is divided by: what is declared, else what the attempt has measured at its start.

    A metric that was not there then has the least factor that anything undeclared has. An attempt that nobody measured
    for (it began under an operator that did not) goes on as it began.
    """
    noted = None if attempt is None else attempt.dispersion
    if metric.clusters is not None or not metric.is_enforced or noted is None:
        return declared_dispersion(metric)
    return next((float(one.factor) for one in noted.factors if one.metric == metric.name), FLOOR)
