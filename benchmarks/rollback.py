"""A candidate that answers half of its requests with 500: how fast it loses its traffic, and who noticed."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

from benchmarks.clients import Clients, is_server_error
from benchmarks.platform import NAMESPACES, Bench
from benchmarks.subject import ALPHA, MAX, NAME, WEIGHT, Subject, serving
from benchmarks.visible import Observer
from e2e.cluster.progress import Progress
from e2e.support.waiting import until
from modelrollout.api.status import ModelRolloutStatus, Phase

RUNS_EACH = 5
"""Attempts of one ModelRollout. Another one has another UID, and with it looks at other moments."""


@dataclass(frozen=True, slots=True)
class RollbackRun:
    """One attempt with the failing version, in seconds and answers.

    Attributes:
        weight_seconds: from weight 10 to weight 0 in the HTTPRoute, as a watch of it tells.
        server_errors: answers 5xx that clients got, from the beginning of the attempt to its end.
        candidate_answers: all answers that clients got from the failing version.
        others: other failures that clients met: no answer, 4xx.
        client_seconds: from the first to the last answer of the failing version.
        first_answer_seconds: from weight 10 until the failing version first answered a client.
        first_sample_seconds: until Prometheus had any sample of the candidate; negative if it had one before.
        first_scrape_seconds: until it had one of a request.
        visible_seconds: from weight 10 until Prometheus held enough errors for the operator's own rule.
        reaction_seconds: from then to weight 0 in the HTTPRoute.
        resolution_seconds: how exactly `visible_seconds` is known.
        seen_events, seen_total: the candidate's counts in Prometheus at that moment.
        message: what the operator decided on.
    """

    weight_seconds: float
    server_errors: int
    candidate_answers: int
    others: int
    client_seconds: float
    first_answer_seconds: float
    first_sample_seconds: float
    first_scrape_seconds: float
    visible_seconds: float
    reaction_seconds: float
    resolution_seconds: float
    seen_events: int
    seen_total: int
    message: str


def measure(bench: Bench, progress: Progress, runs: int, seed: int) -> list[dict[str, object]]:
    """Run it `runs` times, one after the other."""
    found: list[dict[str, object]] = []
    while len(found) < runs:
        namespace = NAMESPACES[len(found) // RUNS_EACH % len(NAMESPACES)]
        with serving(bench, namespace) as subject:
            clients = subject.clients(bad_share=0.0, seed=seed + len(found))
            try:
                for _ in range(min(RUNS_EACH, runs - len(found))):
                    run = _once(subject, clients, f"v5-{seed}-{len(found)}")
                    progress.say(
                        f"rollback {len(found) + 1}: {run.weight_seconds:.2f} s, {run.server_errors} x 5xx,"
                        f" visible after {run.visible_seconds:.2f} s, then {run.reaction_seconds:.2f} s"
                    )
                    found.append(asdict(run))
            finally:
                clients.stop()
    return found


def _once(subject: Subject, clients: Clients, version: str) -> RollbackRun:
    scenario, before = subject.scenario, len(clients.met)
    subject.apply(version, "v5")
    revision = _attempted(subject, version)
    observer = Observer(
        subject.bench.platform.prometheus,
        f'namespace="{subject.namespace}",pod=~"{NAME}-{revision}-.*"',
        float(MAX),
        ALPHA,
    )
    observer.start()
    try:
        status = scenario.until(lambda s: _rolled_back(s, version), f"{version} to be rolled back").status
        at_weight = next(span for span in scenario.journal.spans(version) if span[0] == WEIGHT)
        until(lambda: observer.sighting is not None, "harm to be visible in Prometheus", seconds=20)
    finally:
        observer.stop()
    _, up, down = at_weight
    # Envoy follows the route within a second; answers that were under way are waited for, too.
    until(lambda: time.monotonic() > down + 4, "stragglers")
    assert observer.sighting is not None
    assert observer.first_sample is not None
    assert observer.first_scrape_with_requests is not None
    assert status.failed is not None
    met = clients.met[before:]
    bad = [one for one in met if is_server_error(one)]
    reached = [one.at for one in met if one.version == "v5"]
    _until_pods_gone(subject)
    return RollbackRun(
        weight_seconds=down - up,
        server_errors=len(bad),
        candidate_answers=len(reached),
        others=sum(1 for one in met if one.outcome != "200" and not is_server_error(one)),
        client_seconds=reached[-1] - reached[0],
        first_answer_seconds=reached[0] - up,
        first_sample_seconds=observer.first_sample - up,
        first_scrape_seconds=observer.first_scrape_with_requests - up,
        visible_seconds=observer.sighting.at - up,
        reaction_seconds=down - observer.sighting.at,
        resolution_seconds=observer.sighting.at - observer.sighting.previous,
        seen_events=observer.sighting.counts.events,
        seen_total=observer.sighting.counts.total,
        message=status.failed.message,
    )


def _attempted(subject: Subject, version: str) -> str:
    status = subject.scenario.until(
        lambda s: s.attempt is not None and s.attempt.version == version, f"{version} to be attempted"
    ).status
    assert status.attempt is not None
    return status.attempt.revision


def _rolled_back(status: ModelRolloutStatus, version: str) -> bool:
    return status.phase is Phase.ROLLED_BACK and status.failed is not None and status.failed.version == version


def _until_pods_gone(subject: Subject) -> None:
    """One attempt must not slow the next one down by what it leaves."""
    until(lambda: not subject.scenario.pods("v5"), "the failing version's pods to go")
