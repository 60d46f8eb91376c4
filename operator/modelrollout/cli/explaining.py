"""`explain`: all that the verdicts of the rollout under way, or of the last one, rest on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from modelrollout.analysis.budget import Budget
from modelrollout.analysis.eprocess import log_threshold
from modelrollout.analysis.evidence import Counts
from modelrollout.analysis.verdict import format_number
from modelrollout.api.errors import ModelRolloutError
from modelrollout.api.metrics import Metric
from modelrollout.api.status import CheckStatus
from modelrollout.cli.arguments import Command
from modelrollout.cli.choosing import NothingToDoError
from modelrollout.cli.foretelling import Case, prometheus_of, rollout_of
from modelrollout.cli.seeing import Seen
from modelrollout.cli.showing import aligned, decision_line
from modelrollout.engine.changing import what_would_change
from modelrollout.engine.presets import with_chosen
from modelrollout.engine.retold import Retold, last_attempt
from modelrollout.engine.usual import with_kept
from modelrollout.runtime.explaining import Explained, Row, explained
from modelrollout.runtime.levels import budget_of

LARGEST_LOG_E: Final = 20.0
"""Above it e-values are written as powers of ten."""


async def told(command: Command, one: Seen) -> str:
    """What `explain` prints.

    Raises:
        NothingToDoError: nothing has been judged, or the metric is none of the rollout's.
        TerminalError: the spec cannot be read.
    """
    key = one.key
    if one.spec is None:
        raise NothingToDoError(f"the spec of {key.name} cannot be read: {one.status.verdict or 'no verdict'}")
    found = last_attempt(one.status, one.spec)
    if isinstance(found, str):
        raise NothingToDoError(f"nothing to explain: {found}")
    raw = {"metadata": {"name": key.name}, "spec": one.raw_spec}
    rollout = replace(rollout_of(raw, key), status=one.status.model_copy(update={"attempt": found.attempt}))
    chosen = with_kept(with_chosen(rollout))
    named = {metric.name: metric for metric in chosen.spec.metrics if command.metric in (None, metric.name)}
    if not named:
        names = ", ".join(metric.name for metric in chosen.spec.metrics) or "none"
        raise NothingToDoError(f"there is no metric {command.metric}: {names}")
    budget = budget_of(chosen.spec, found.attempt.number)
    lines = [*head(found, budget), ""]
    try:
        async with prometheus_of(command, Case(rollout, found.stable, None)) as (provider, settings, now):
            evidence = await explained(rollout, found, provider, settings, datetime.fromtimestamp(now, UTC))
    except ModelRolloutError as error:
        lines += [f"! only what status keeps, for Prometheus was not read: {error}", ""]
        checks = {check.name: check for check in one.status.checks}
        for name, metric in named.items():
            lines += [*_kept(metric, checks.get(name)), ""]
    else:
        for each in evidence:
            if each.metric.name in named:
                lines += [*body(each), ""]
    return "\n".join((*lines, *_decisions(found)))


def head(found: Retold, budget: Budget) -> Iterator[str]:
    """Who was judged, and what chance may do."""
    attempt, until = found.attempt, found.ended_at
    span = f"since {attempt.started_at:%Y-%m-%d %H:%M:%S}Z"
    if until is not None:
        span = f"{attempt.started_at:%Y-%m-%d %H:%M:%S}Z to {until:%Y-%m-%d %H:%M:%S}Z"
    yield f"version {attempt.version} (revision {attempt.revision}) beside {found.stable.version}, {span}"
    whole = f"alpha {format_number(budget.alpha)}, of which attempt {attempt.number} has"
    yield f"error budget: {whole} {format_number(budget.of_attempt)}"
    if budget.aggregates:
        yield f"  {budget.aggregates} metrics as a whole: {format_number(budget.of_aggregate)} each"
    if budget.slices:
        yield f"  {budget.slices} declared slices: {format_number(budget.of_slice)} each"


def body(one: Explained) -> Iterator[str]:
    """One metric: verdict, limits, counts and e-values, and what would change it."""
    metric, result = one.metric, one.result
    if result is None:
        yield f"{metric.name} ({metric.mode}): not judged in this step"
    else:
        yield f"{metric.name} ({metric.mode}): {result.verdict}: {result.reason}"
        if result.confidence is not None:
            yield f"  confidence: {result.confidence}"
        yield f"  would change it: {what_would_change(metric, result)}"
    yield from _level(one)
    if one.unread is not None:
        yield f"  ! counts could not be read: {one.unread}"
    if one.rows:
        yield from (f"  {line}" for line in _table(one.rows))
    if one.more is not None:
        yield f"  {_of_events(one)} in a row would be harm now, while stable goes on as it did"


def _of_events(one: Explained) -> str:
    what = "good answer lost" if one.metric.check.min is not None and one.metric.check.max is None else "bad answer"
    return f"{one.more} {what}{'' if one.more == 1 else 's'}"


def _level(one: Explained) -> Iterator[str]:
    if one.metric.query is not None:
        yield "  level: none: a value has no counts behind it, so only failureLimit keeps chance from a rollback"
    elif one.level is not None and one.metric.drift is None and one.metric.agreement is None:
        beside = "" if one.metric.draws_on_budget else ", beside the budget: it stops nothing"
        needed = _e_value(log_threshold(one.level))
        yield f"  level of each limit: {format_number(one.level)}: harm from e >= {needed}{beside}"
    if one.dispersion != 1:
        yield f"  {format_number(one.dispersion)} requests count as one: clusters"


def _table(rows: Sequence[Row]) -> list[str]:
    names = [name for name, _ in rows[0].log_e]
    cells = [("step", "candidate", "stable", *(f"e({name})" for name in names))]
    for row in rows:
        values = (_e_value(value) for _, value in row.log_e)
        shown = (_counted(row.candidate), _counted(row.stable)) if row.means is None else _means(row)
        cells.append((row.label, *shown, *values))
    return aligned(cells).splitlines()


def _counted(counts: Counts) -> str:
    share = "" if counts.rate is None else f" ({format_number(counts.rate)})"
    return f"{counts.events} of {counts.total}{share}"


def _means(row: Row) -> tuple[str, str]:
    both = zip(row.means or (None, None), (row.candidate, row.stable), strict=True)
    candidate, stable = ("none" if mean is None else f"{format_number(mean)} of {one.total}" for mean, one in both)
    return candidate, stable


def _e_value(log_e: float) -> str:
    if math.isinf(log_e):
        return "0"
    return format_number(math.exp(log_e)) if log_e < LARGEST_LOG_E else f"10^{log_e / math.log(10):.0f}"


def _kept(metric: Metric, check: CheckStatus | None) -> Iterator[str]:
    if check is None:
        yield f"{metric.name} ({metric.mode}): no verdict is kept"
        return
    yield f"{metric.name} ({metric.mode}): {check.verdict}: {check.reason}"
    if check.confidence is not None:
        yield f"  confidence: {check.confidence}"
    if check.would_change is not None:
        yield f"  would change it: {check.would_change}"


def _decisions(found: Retold) -> Iterator[str]:
    yield "DECISIONS"
    yield from (f"  {decision_line(entry)}" for entry in found.entries)
