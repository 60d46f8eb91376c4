"""What `get` and `watch` print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from modelrollout.api.status import CheckStatus, LogEntry, StepStatus
from modelrollout.cli.seeing import Seen
from modelrollout.engine.steps import Step, steps_of

DECISIONS: Final = 10
HEAD: Final = ("NAME", "VERSION", "STABLE", "PHASE", "STAGE", "WEIGHT", "VERDICT", "AGE")


def table(rollouts: Iterable[Seen], now: datetime, *, with_namespace: bool = False) -> str:
    """One line each, with a head."""
    rows = [(one.key.namespace, *_row(one, now)) for one in rollouts]
    start = 0 if with_namespace else 1
    return aligned([("NAMESPACE", *HEAD)[start:], *(row[start:] for row in rows)])


def _row(one: Seen, now: datetime) -> tuple[str, ...]:
    status = one.status
    stable = status.stable.version if status.stable is not None else ""
    age = _age(now - one.created_at)
    phase = f"{status.phase}{' (paused)' if one.is_paused else ''}"
    return (
        one.key.name,
        one.version,
        stable,
        phase,
        status.stage or "",
        str(status.weight),
        status.verdict or "",
        age,
    )


def detail(one: Seen, now: datetime) -> str:
    """All that a person wants to know of one."""
    parts = [table([one], now), *_revisions(one)]
    parts += _section("STAGES", _stages(one))
    parts += _section("FORECAST", one.status.attempt.forecast if one.status.attempt is not None else ())
    parts += _section("EVIDENCE DIVIDED BY", _dispersion(one, now))
    parts += _section("LIMITS", _limits(one))
    parts += _section("CHECKS", _checks(one.status.checks))
    parts += _section("REVIEWS", _reviews(one))
    parts += _section("CONTROLS", (f"{e.control}: {e.outcome}: {e.message}" for e in one.status.controls))
    parts += _section("DECISIONS", (decision_line(entry) for entry in one.status.log[-DECISIONS:]))
    return "\n".join(parts)


def line(one: Seen) -> str:
    """Where it is, in one line: what `watch` prints when it changes."""
    status = one.status
    where = f" {status.stage}" if status.stage else ""
    paused = " (paused)" if one.is_paused else ""
    return f"{one.version} {status.phase}{paused}{where} {status.weight} %  {status.verdict or ''}".rstrip()


def _revisions(one: Seen) -> Iterator[str]:
    status = one.status
    named = (("stable", status.stable), ("candidate", status.attempt), ("previous", status.previous))
    for name, ref in (*named, ("rolled back", status.failed)):
        if ref is not None:
            yield f"{name}: version {ref.version}, revision {ref.revision}"


def _section(head: str, lines: Iterable[str]) -> list[str]:
    found = [f"  {each}" for each in lines]
    return ["", head, *found] if found else []


def _stages(one: Seen) -> Iterator[str]:
    """`[x]` is over, `[>]` is now, `[!]` is where it was rolled back, `[ ]` is to come."""
    if one.spec is None:
        return
    status = one.status
    step = status.attempt.step if status.attempt is not None else None
    failed = status.failed.stage if status.failed is not None and status.failed.revision == one.desired else None
    is_over = status.stable is not None and status.stable.revision == one.desired
    for entry in steps_of(one.spec):
        yield f"{_mark(entry, step, failed, is_over=is_over)} {entry.label}"


def _mark(entry: Step, step: StepStatus | None, failed: str | None, *, is_over: bool) -> str:
    if step is not None:
        now, here = (step.stage_index, step.index), (entry.stage_index, entry.index)
        return "[>]" if here == now else "[x]" if here < now else "[ ]"
    if failed == entry.stage.name:
        return "[!]"
    return "[x]" if is_over else "[ ]"


def _dispersion(one: Seen, now: datetime) -> Iterator[str]:
    """What was measured when the attempt began, with its age."""
    measured = one.status.attempt.dispersion if one.status.attempt is not None else None
    if measured is None or not measured.factors:
        return
    factors = ", ".join(f"{each.factor} ({each.metric})" for each in measured.factors)
    age = _age(now - measured.measured_at)
    yield f"{factors}, measured {age} ago on {measured.hours} of 24 hours of the stable version"


def _checks(checks: Sequence[CheckStatus]) -> Iterator[str]:
    rows = [(check.verdict, check.name, str(check.mode), check.reason) for check in checks]
    if not rows:
        return
    for check, text in zip(checks, aligned(rows).splitlines(), strict=True):
        yield text
        if check.would_change is not None:
            yield f"  {check.would_change}"


def _limits(one: Seen) -> Iterator[str]:
    """What history makes of `check.usual`."""
    for limit in one.status.usual.limits if one.status.usual is not None else ():
        made = f"usually {limit.mean}, sigma {limit.sigma}, of {limit.values} values"
        yield f"{limit.metric}: max {limit.max} ({made})"


def _reviews(one: Seen) -> Iterator[str]:
    """Metrics that stop nothing: what they would have done, and whether they are worth keeping."""
    for review in one.status.reviews:
        counts = (
            f"would have fired in {review.fired} of {review.rollouts} rollouts ({review.ahead} sooner than what is "
            f"enforced, {review.alone} alone), missed {review.missed}"
        )
        yield f"{review.metric} ({review.mode}): {counts}"
        yield from (f"  {text}" for text in (f"last: {review.last}" if review.last else "", review.advice) if text)


def decision_line(entry: LogEntry) -> str:
    """One decision: when, what, where, why."""
    where = f" {entry.stage}" if entry.stage else ""
    return f"{entry.at:%Y-%m-%d %H:%M:%S}Z {entry.action}{where} at {entry.weight} %: {entry.reason}: {entry.message}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Cells in columns, a line for each row."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _age(elapsed: timedelta) -> str:
    """As kubectl: the largest unit that says something."""
    seconds = max(0, int(elapsed.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
