"""A/A: the same model as its own candidate, with errors that both have. Every rollback is a false one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from benchmarks.clients import is_server_error
from benchmarks.platform import NAMESPACES, Bench
from benchmarks.subject import WEIGHT, Subject, serving
from e2e.cluster.progress import Progress
from e2e.support.waiting import until
from modelrollout.api.status import Phase

BASE_ERRORS = 0.005
SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class QuietRun:
    """One A/A attempt.

    Attributes:
        rolled_back: whether the candidate lost its weight.
        seconds: how long it had it.
        requests, server_errors: what clients sent in that time, and the answers 5xx that they got, of both revisions.
        candidate: the last verdict on the candidate.
    """

    rolled_back: bool
    seconds: float
    requests: int
    server_errors: int
    candidate: str


def measure(bench: Bench, progress: Progress, runs: int, seed: int) -> list[dict[str, object]]:
    """Run it `runs` times, side by side in as many namespaces as there are."""
    found: list[dict[str, object]] = []
    while len(found) < runs:
        names = NAMESPACES[: min(len(NAMESPACES), runs - len(found))]
        began = seed + len(found)
        with ThreadPoolExecutor(len(names)) as pool:
            made = pool.map(lambda pair: _once(bench, pair[1], began + pair[0]), enumerate(names))  # noqa: B023
            for run in made:
                progress.say(
                    f"A/A: {'ROLLED BACK' if run.rolled_back else 'kept'} after {run.seconds:.0f} s,"
                    f" {run.server_errors} of {run.requests} answers 5xx; {run.candidate}"
                )
                found.append(asdict(run))
    return found


def _once(bench: Bench, namespace: str, seed: int) -> QuietRun:
    with serving(bench, namespace) as subject:
        clients = subject.clients(bad_share=BASE_ERRORS, seed=seed)
        try:
            subject.apply("v1-again", "v1")
            until(lambda: _since(subject) is not None, "the candidate to get its weight")
            begin = _since(subject)
            assert begin is not None
            until(lambda: time.monotonic() >= begin + SECONDS or _is_over(subject), "two minutes", every=0.5)
            over, end = _is_over(subject), time.monotonic()
        finally:
            clients.stop()
        met = [one for one in clients.met if begin <= one.at <= end]
        status = subject.scenario.journal.moments[-1].status
        verdict = status.failed.message if over and status.failed is not None else status.verdict
        return QuietRun(over, end - begin, len(met), sum(is_server_error(one) for one in met), verdict or "")


def _since(subject: Subject) -> float | None:
    spans = subject.scenario.journal.spans("v1-again")
    return next((start for weight, start, _ in spans if weight == WEIGHT), None)


def _is_over(subject: Subject) -> bool:
    moments = subject.scenario.journal.moments
    return bool(moments) and moments[-1].status.phase is Phase.ROLLED_BACK
