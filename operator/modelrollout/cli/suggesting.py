"""`suggest`: limits that fit the stable version's history, and how often they would raise a false alarm."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from modelrollout.analysis.binomial import log_at_most
from modelrollout.analysis.verdict import format_number
from modelrollout.api.check import Check
from modelrollout.cli.arguments import Command
from modelrollout.cli.choosing import NothingToDoError
from modelrollout.cli.foretelling import case_of, prometheus_of, with_preset
from modelrollout.runtime.halves import CANDIDATE
from modelrollout.runtime.replay import Trial
from modelrollout.runtime.suggesting import Alarms, Proposal, proposals, tried

SPAN: Final = timedelta(days=1)
DOUBT: Final = 0.05
_LOG_DOUBT: Final = math.log(DOUBT)
_HALVINGS: Final = 40


async def suggested(command: Command) -> str:
    """What `suggest` prints.

    Raises:
        ModelRolloutError: the spec, the cluster or Prometheus stands in the way.
        NothingToDoError: nothing says whose history is meant, or which.
    """
    case = await case_of(command)
    async with prometheus_of(command, case) as (provider, settings, now):
        end = command.end or datetime.fromtimestamp(now, UTC)
        begin = command.begin or end - SPAN
        if begin >= end:
            raise NothingToDoError("--from must be a time before --to")
        asked = Trial(case.stable, CANDIDATE, begin, end)
        rollout = await with_preset(case, provider, settings, end.timestamp())
        found = await proposals(rollout, asked, provider, settings)
        alarms = await tried(rollout, found, asked, provider, settings)
    head = (
        f"{case.rollout.key.name}: limits from the history of version {case.stable.version} (revision "
        f"{case.stable.revision}), {begin:%Y-%m-%d %H:%M:%S}Z to {end:%Y-%m-%d %H:%M:%S}Z"
    )
    return "\n".join((head, *lines(found, alarms)))


def lines(found: Sequence[Proposal], alarms: Alarms) -> Iterator[str]:
    """What is said of each metric, and of all together."""
    for one in found:
        yield from _of_metric(one, alarms)
    if alarms.why is not None:
        yield f"false alarms: not tried: {alarms.why}"
        return
    yield f"false alarms of all together: {_rate(alarms.alarms, alarms.rollouts)}"


def _of_metric(one: Proposal, alarms: Alarms) -> Iterator[str]:
    name, usual = one.metric.name, one.usual
    if usual is None or one.check is None:
        yield f"{name}: nothing is proposed: {one.why}"
        return
    counted = "" if one.requests is None else f", n={one.requests}"
    yield (
        f"{name}: usually {format_number(usual.mean)}, sigma {format_number(usual.sigma)}, from "
        f"{format_number(usual.lowest)} to {format_number(usual.highest)} ({usual.values} values{counted})"
    )
    yield f"  now:      {in_yaml(one.metric.check)}"
    yield f"  proposed: {in_yaml(one.check)}"
    if alarms.why is None:
        yield f"  false alarms: {_rate(alarms.of(name), alarms.rollouts)}"


def in_yaml(check: Check) -> str:
    """A check as it is written in a manifest."""
    if check.is_empty:
        return "no limit"
    limits = (("max", check.max), ("min", check.min))
    parts = [f'{name}: "{_plain(value)}"' for name, value in limits if value is not None]
    beside = check.no_worse_than
    if beside is not None:
        named = (("ratio", beside.ratio), ("difference", beside.difference))
        inner = ", ".join(f'{name}: "{_plain(value)}"' for name, value in named if value is not None)
        parts.append(f"noWorseThan: {{{inner}}}")
    return f"check: {{{', '.join(parts)}}}"


def _plain(value: Decimal) -> str:
    return f"{value:f}"


def _rate(alarms: int, rollouts: int) -> str:
    if rollouts == 0:
        return "no rollout came to its end in that time: take a longer one, or shorter stages"
    most = at_most(alarms, rollouts)
    return (
        f"{alarms} of {rollouts} rollouts of the version against itself, so at most {100 * most:.0f} % "
        f"(confidence {1 - DOUBT:g})"
    )


def at_most(alarms: int, rollouts: int) -> float:
    """Give the upper bound of Clopper and Pearson (1934) on a probability, at confidence 0.95.

    Raises:
        ValueError: not 0 <= alarms <= rollouts, or there were none.
    """
    if not 0 <= alarms <= rollouts or rollouts == 0:
        raise ValueError(f"{alarms} of {rollouts} is no share")
    if alarms == rollouts:
        return 1.0
    low, high = alarms / rollouts, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if log_at_most(alarms, rollouts, middle) > _LOG_DOUBT else (low, middle)
    return high
