"""`plan`: what a rollout will take. `backtest`: what would have been decided."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from modelrollout.analysis.feasibility import in_words
from modelrollout.analysis.outcome import Unavailable
from modelrollout.analysis.verdict import format_number
from modelrollout.api.errors import TerminalError, TransientError
from modelrollout.api.resource import Key, ModelRollout, SpecError, parse_spec
from modelrollout.api.status import ModelRolloutStatus, RevisionRef
from modelrollout.cli.arguments import Command, Verb
from modelrollout.cli.choosing import NothingToDoError
from modelrollout.cli.connecting import connected
from modelrollout.cli.reaching import reached
from modelrollout.cli.seeing import Seen, seen
from modelrollout.engine.plan import Action
from modelrollout.engine.presets import with_metrics
from modelrollout.engine.usual import awaiting, with_limits
from modelrollout.kube.resources import MODEL_ROLLOUT
from modelrollout.metrics.prometheus import PrometheusProvider
from modelrollout.runtime.foreseeing import Outlook, outlook
from modelrollout.runtime.halves import CANDIDATE, STABLE, halved, pods_of, trials
from modelrollout.runtime.presets import Presets
from modelrollout.runtime.replay import Moment, Trial, replayed
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.usual import Usuals

DEFAULTS: Final = Settings()
QUIET: Final = frozenset({Action.ACCEPT})
"""Decisions of a replay that say nothing: there is no gateway to wait for."""


@dataclass(frozen=True, slots=True)
class Case:
    """A rollout, and who plays which part in it."""

    rollout: ModelRollout
    stable: RevisionRef
    candidate: RevisionRef | None


async def foretold(command: Command) -> str:
    """What one of the two commands prints.

    Raises:
        ModelRolloutError: the spec, the cluster or Prometheus stands in the way.
        NothingToDoError: nothing says which revisions or which time is meant.
    """
    return await (_planned if command.verb is Verb.PLAN else _backtested)(command)


async def _planned(command: Command) -> str:
    """What each step will take, at the traffic of now."""
    case = await case_of(command)
    async with prometheus_of(command, case) as (provider, settings, now):
        rollout = await with_preset(case, provider, settings, now)
        found = await outlook(rollout, case.stable.revision, provider, settings, now)
    return "\n".join(_plan_lines(case, found))


async def _backtested(command: Command) -> str:
    """What would have been decided, and when; a line for each decision."""
    begin, end = command.begin, command.end or datetime.now(UTC)
    if begin is None or not begin < end:
        raise NothingToDoError("--from must be a time before --to")
    case = await case_of(command)
    if command.halves:
        return await _halved(command, case, Trial(case.stable, CANDIDATE, begin, end))
    if case.candidate is None or case.candidate.revision == case.stable.revision:
        raise NothingToDoError("say which revision is to be judged: --candidate HASH, as pods are named NAME-HASH-...")
    async with prometheus_of(command, case) as (provider, settings, _):
        rollout = await with_preset(case, provider, settings, begin.timestamp())
        moments = replayed(rollout, Trial(case.stable, case.candidate, begin, end), provider, settings)
        lines = [_line(moment) async for moment in moments if moment.plan.action not in QUIET]
    head = (
        f"{case.rollout.key.name}: revision {case.candidate.revision} judged against {case.stable.revision}, "
        f"{begin:%Y-%m-%d %H:%M:%S}Z to {end:%Y-%m-%d %H:%M:%S}Z"
    )
    return "\n".join((head, *lines))


async def _halved(command: Command, case: Case, asked: Trial) -> str:
    """How each trial of a revision against itself would have ended."""
    async with prometheus_of(command, case) as (provider, settings, _):
        pods = await pods_of(case.rollout, asked, provider, settings)
        if isinstance(pods, str):
            raise TransientError("MetricsUnavailable", pods)
        try:
            arms = halved(pods, asked.begin)
        except ValueError as error:
            raise NothingToDoError(f"revision {asked.stable.revision} cannot be its own candidate: {error}") from error
        trial = Trial(STABLE, CANDIDATE, asked.begin, asked.end, arms)
        rollout = await with_preset(case, provider, settings, asked.begin.timestamp())
        ends = [moment async for moment in trials(rollout, trial, provider, settings)]
    over = [moment for moment in ends if moment.is_end]
    alarms = sum(moment.plan.action is not Action.PROMOTE for moment in over)
    head = (
        f"{case.rollout.key.name}: {len(pods)} pods of revision {asked.stable.revision} in two halves, "
        f"{asked.begin:%Y-%m-%d %H:%M:%S}Z to {asked.end:%Y-%m-%d %H:%M:%S}Z"
    )
    return "\n".join((head, *map(_line, ends), f"false alarms: {alarms} of {len(over)} rollouts"))


@asynccontextmanager
async def prometheus_of(command: Command, case: Case) -> AsyncIterator[tuple[PrometheusProvider, Settings, float]]:
    """Where to ask, how it scrapes, and what its clock says."""
    named = case.rollout.spec.prometheus
    url = command.prometheus or (named.url if named is not None else DEFAULTS.prometheus_url)
    scrape = command.scrape_interval or DEFAULTS.scrape_interval
    settings = Settings(scrape_interval=scrape, scrape_timeout=min(scrape, DEFAULTS.scrape_timeout))
    async with reached(command, url, scrape.total_seconds()) as provider:
        now = await provider.now()
        if isinstance(now, Unavailable):
            raise TransientError("MetricsUnavailable", f"{url}: {now.message}; say with --prometheus where it is")
        yield provider, settings, now


async def with_preset(case: Case, provider: PrometheusProvider, settings: Settings, at: float) -> ModelRollout:
    """The rollout with the metrics that its preset stands for at that time, and the limits that history makes.

    Raises:
        TerminalError: no series of the stable revision tell which server it is, or what is usual.
    """
    return await _with_usual(await _with_chosen(case, provider, settings, at), provider, settings, at)


async def _with_usual(
    rollout: ModelRollout, provider: PrometheusProvider, settings: Settings, at: float
) -> ModelRollout:
    if not awaiting(rollout):
        return rollout
    found = await Usuals(provider, settings).look(rollout, at)
    if found.why:
        raise TerminalError("NoHistory", f"{found.why}: set max in the place of usual")
    return with_limits(rollout, found.limits)


async def _with_chosen(case: Case, provider: PrometheusProvider, settings: Settings, at: float) -> ModelRollout:
    if not case.rollout.spec.awaits_preset:
        return case.rollout
    found = await Presets(provider, settings).look(case.rollout, case.stable, at, has_stable=True)
    if found.preset is None:
        raise TerminalError("NoMetrics", f"{found.why}: set spec.metrics, or name a server in spec.preset")
    return with_metrics(case.rollout, found.metrics)


async def case_of(command: Command) -> Case:
    """From the file, if there is one, and from the cluster, as far as the command line does not say it."""
    raw = None if command.file is None else _read(command.file)
    name = command.name or (str(raw["metadata"]["name"]) if raw is not None else "")
    namespace = command.namespace or (raw or {}).get("metadata", {}).get("namespace")
    known: Seen | None = None
    if raw is None or command.stable is None or namespace is None:
        async with connected(command) as (client, its_namespace):
            namespace = namespace or its_namespace
            found = await client.get(MODEL_ROLLOUT, namespace, name)
            known = None if found is None else seen(found)
            raw = raw if raw is not None else found
    if raw is None:
        raise NothingToDoError(f"there is no ModelRollout {name} in namespace {namespace}: give -f a file")
    rollout = rollout_of(raw, Key(str(namespace), name))
    stable, candidate = _revisions(command, known)
    return Case(rollout, stable, candidate)


def _read(file: str) -> Mapping[str, Any]:
    try:
        documents = [each for each in yaml.safe_load_all(Path(file).read_text(encoding="utf-8")) if each]
    except (OSError, yaml.YAMLError) as error:
        raise TerminalError("InvalidSpec", f"{file}: {error}") from error
    found = [each for each in documents if isinstance(each, dict) and each.get("kind") == MODEL_ROLLOUT.kind]
    if len(found) != 1 or "name" not in found[0].get("metadata", {}):
        raise TerminalError("InvalidSpec", f"{file}: it must hold one ModelRollout with a name")
    manifest: Mapping[str, Any] = found[0]
    return manifest


def rollout_of(raw: Mapping[str, Any], key: Key) -> ModelRollout:
    """A rollout that has not begun anything.

    Raises:
        TerminalError: the spec cannot be read.
    """
    try:
        spec = parse_spec(raw.get("spec", {}))
    except SpecError as error:
        raise TerminalError("InvalidSpec", str(error)) from error
    return ModelRollout(
        key=key,
        uid=str(raw["metadata"].get("uid", key)),
        resource_version="",
        generation=1,
        deleting=False,
        spec=spec,
        raw_spec=raw.get("spec", {}),
        status=ModelRolloutStatus(),
        annotations={},
    )


def _revisions(command: Command, known: Seen | None) -> tuple[RevisionRef, RevisionRef | None]:
    """Who is stable and who is judged: as was said, else who is so now, else who was so last."""
    status = known.status if known is not None else ModelRolloutStatus()
    before: RevisionRef | None = status.stable
    judged: RevisionRef | None = status.attempt or status.failed
    if judged is None and status.previous is not None:
        before, judged = status.previous, status.stable
    stable = RevisionRef(revision=command.stable, version="?") if command.stable else before
    candidate = RevisionRef(revision=command.candidate, version="?") if command.candidate else judged
    if stable is None:
        raise NothingToDoError("nothing serves yet: say with --stable HASH whose history it is")
    return stable, candidate


def _plan_lines(case: Case, found: Outlook) -> list[str]:
    lines = [
        f"{case.rollout.key.name}: version {case.stable.version} answers "
        f"{format_number(found.requests_a_second)} requests/s now"
    ]
    for forecast in found.forecasts:
        mark = "!" if forecast.problem else " "
        least = "" if forecast.smallest_weight is None else f"; smallest weight in time: {forecast.smallest_weight} %"
        lines.append(f"{mark} {forecast.describe()}{'' if forecast.problem else least}")
    total = [forecast.seconds for forecast in found.forecasts]
    if total and all(seconds is not None for seconds in total):
        lines.append(f"  all steps: about {in_words(sum(seconds or 0.0 for seconds in total))}")
    return [*lines, *(f"! not foreseen: {text}" for text in found.unread)]


def _line(moment: Moment) -> str:
    plan = moment.plan
    where = f" {moment.stage}" if moment.stage else ""
    return f"{moment.at:%Y-%m-%d %H:%M:%S}Z {plan.action}{where} at {moment.weight} %: {plan.reason}: {plan.message}"
