"""What is simulated, cell by cell. Every cell has a seed of its own, so that any one can be made again alone.

Harm is looked for by `twin`, many rollouts at once. In every cell of false rollbacks those `REPLAYED` that ended first
go through the real code too, and have to end at the same tick.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from benchmarks.judgement import schedules
from benchmarks.judgement.history import measured
from benchmarks.judgement.judged import TICK_SECONDS, Judged, Numbers, Stretch
from benchmarks.judgement.rules import NEVER, Firsts, five_strikes, peeked_z
from benchmarks.judgement.twin import harms
from benchmarks.judgement.worlds import CLUSTER, WITHIN_ALPHA, WORLDS, Arms, Requests, independent, requests

ALPHA = 0.01
SEED = 20_260_101
RATES = {"errors": 0.005, "slow": 0.005, "timeouts": 0.001, "empty": 0.02, "unsure": 0.1, "refused": 0.003}
"""The six metrics, and the share of events that both revisions have."""
STEPS = tuple(Stretch(weight, 10) for weight in (5, 20, 35, 50, 65, 80, 95))
"""Seven steps of five minutes."""
TRAFFIC = (1.0, 10.0, 100.0, 1000.0)
CANARY = 10
HORIZON = 240
"""Two hours: for so long a candidate is looked at after it has gone bad."""
LATENCY_SPREAD = 0.6
"""Standard deviation of log latency."""
STRIKE_LIMIT = 2.0
"""The fixed limit of the usual rule, as a factor on the usual share."""
MARGIN = "1.5"
UNDECLARED = "2"
"""What evidence is divided by at least where nobody declares `clusters` (`analysis/dispersion.py`)."""
REPLAYED = 2
"""Rollouts of a cell that the real code judges again."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One way to be worse.

    Attributes:
        metric: in which it shows.
        factor: on the share of events.
    """

    name: str
    metric: str
    factor: float


def slower(percent: float) -> float:
    """By how much the share above an edge grows when all answers take `percent` longer; latencies are lognormal."""
    normal = NormalDist()
    edge = normal.inv_cdf(1 - RATES["slow"])
    return (1 - normal.cdf(edge - np.log1p(percent / 100) / LATENCY_SPREAD)) / RATES["slow"]


FAULTS = (
    *(Fault(f"errors x {factor:g}", "errors", factor) for factor in (1.5, 2.0, 5.0, 20.0)),
    *(Fault(f"latency +{percent:g} %", "slow", slower(percent)) for percent in (10.0, 25.0, 100.0)),
)


def metric(name: str, check: Mapping[str, str] | None = None, *, size: str | None = None) -> dict[str, Any]:
    """A metric that must be no worse than stable.

    Args:
        check: `noWorseThan`, if it is not to be the sharpest there is.
        size: what evidence is divided by; None declares that each fails for itself.
    """
    selector = "{$selector}"
    return {
        "name": name,
        "interval": "30s",
        "ratio": {"events": f"{name}_total{selector}", "total": f"requests_total{selector}"},
        "check": {"noWorseThan": dict(check or {"ratio": "1"})},
        "minSamples": 200,
        "clusters": {"by": "Request"} if size is None else {"by": "Session", "size": size},
    }


def false_rollbacks(world: str, traffic: float, runs: int) -> Row:
    """Candidates that are as good as stable: how many each rule rolls back.

    `judge` is told how many requests fail together. `measured` is not and measures it on a day of stable; `least` has
    no such day.
    """
    size = None if world in WITHIN_ALPHA else str(CLUSTER)
    judged = Judged([metric(name, size=size) for name in RATES], STEPS)
    weights = np.repeat([step.weight for step in STEPS], [step.ticks for step in STEPS])
    dice = _dice("false", world, traffic)
    sent = requests(dice, runs, weights, traffic, diurnal=0.5 if world == "diurnal" else 0.0)
    arms = {
        name: _arms(WORLDS[world](dice, sent, _flat(rate, rate, len(weights))), sent) for name, rate in RATES.items()
    }
    least = Judged([metric(name, size=UNDECLARED) for name in RATES], STEPS)
    day = _dice("history", world, traffic)
    factors = {name: f"{measured(day, world, traffic, rate):.3g}" for name, rate in RATES.items()}
    by_history = Judged([metric(name, size=factor) for name, factor in factors.items()], STEPS)
    found = replayed([judged, by_history, least], arms)
    return {
        "world": world,
        "traffic": traffic,
        "runs": runs,
        "judge": _count(found[0]),
        "measured": _count(found[1]),
        "least": _count(found[2]),
        "strikes": _count(five_strikes(list(arms.values()), [STRIKE_LIMIT * rate for rate in RATES.values()])),
        "z": _count(peeked_z(list(arms.values()))),
    }


def detection(fault: Fault, traffic: float, good_ticks: int, runs: int) -> Row:
    """Candidates that go bad: how long each rule takes, and how many bad answers clients get meanwhile.

    `judge` is told that each request fails for itself; to `undeclared` nobody says anything.
    """
    stretches = [Stretch(CANARY, good_ticks + HORIZON)]
    judged = Judged([metric(name) for name in RATES], stretches)
    undeclared = Judged([metric(name, size=UNDECLARED) for name in RATES], stretches)
    weights = np.full(good_ticks + HORIZON, CANARY)
    dice = _dice("detection", fault.name, traffic, good_ticks)
    sent = requests(dice, runs, weights, traffic)
    rate = RATES[fault.metric]
    rates = _flat(rate, rate, len(weights))
    rates[0, good_ticks:] = min(1.0, fault.factor * rate)
    arms = {fault.metric: _arms(independent(dice, sent, rates), sent)}
    ends = harms([judged, undeclared], arms)
    found = {
        "judge": ends[0],
        "undeclared": ends[1],
        "strikes": five_strikes(list(arms.values()), [STRIKE_LIMIT * rate]),
        "z": peeked_z(list(arms.values())),
    }
    row: Row = {"fault": fault.name, "traffic": traffic, "good_hours": good_ticks * TICK_SECONDS / 3600, "runs": runs}
    return row | {rule: _detected(firsts, arms[fault.metric], good_ticks) for rule, firsts in found.items()}


def replayed(judged: Sequence[Judged], arms: Mapping[str, Arms]) -> list[Firsts]:
    """Where the rollouts end for each, of which the real code has judged some again for the first of them.

    Raises:
        RuntimeError: it ended one elsewhere.
    """
    found = harms(judged, arms)
    # Those that ended first are the cheapest to judge again.
    for run in np.argsort(found[0], kind="stable")[:REPLAYED]:
        tick = judged[0].harm(_rows(arms, int(run))).tick
        if (NEVER if tick is None else tick) != found[0][run]:
            raise RuntimeError(f"rollout {run}: the real code finds harm at {tick}, its copy at {found[0][run]}")
    return found


def wrong_promotions(confidence: str | None, traffic: float, runs: int) -> Row:
    """Candidates that are exactly as bad as is no longer good: how many ever pass within two hours of looks."""
    check = {"ratio": MARGIN} | ({} if confidence is None else {"confidence": confidence})
    judged = Judged([metric("empty", check)], [Stretch(CANARY, HORIZON)])
    weights = np.full(HORIZON, CANARY)
    dice = _dice("margin", str(confidence), traffic)
    sent = requests(dice, runs, weights, traffic)
    rate = RATES["empty"]
    arms = {"empty": _arms(independent(dice, sent, _flat(float(MARGIN) * rate, rate, HORIZON)), sent)}
    passed = sum(judged.passing(_rows(arms, run), from_tick=10).tick is not None for run in range(runs))
    good = {"empty": _arms(independent(dice, sent, _flat(rate, rate, HORIZON)), sent)}
    ticks = [judged.passing(_rows(good, run), from_tick=10).tick for run in range(runs)]
    times = [HORIZON if tick is None else tick + 1 for tick in ticks]
    return {
        "confidence": confidence,
        "traffic": traffic,
        "runs": runs,
        "promoted": passed,
        "good_promoted": sum(tick is not None for tick in ticks),
        "good_minutes": float(np.median(times)) * TICK_SECONDS / 60,
    }


def _detected(firsts: Firsts, arms: Arms, good_ticks: int) -> Row:
    """What one rule made of it; those that it had rolled back before they were bad are counted apart."""
    early = firsts < good_ticks
    late = firsts[~early]
    found = late != NEVER
    ends = np.where(found, late, arms.candidate_events.shape[1] - 1)
    bad = [
        int(events[good_ticks : end + 1].sum()) for events, end in zip(arms.candidate_events[~early], ends, strict=True)
    ]
    minutes = [float(end - good_ticks + 1) * TICK_SECONDS / 60 for end in ends[found]]
    return asdict(
        Found(
            early=int(early.sum()),
            found=int(found.sum()),
            minutes=float(np.median(minutes)) if found.sum() * 2 > len(late) else None,
            bad=float(np.mean(bad)) if bad else None,
        )
    )


@dataclass(frozen=True)
class Found:
    """What one rule made of candidates that go bad.

    Attributes:
        early: rolled back while they were still good.
        found: of the others, rolled back within two hours.
        minutes: median time to that; None where fewer than half were found.
        bad: mean number of bad answers that clients got until then, or within two hours.
    """

    early: int
    found: int
    minutes: float | None
    bad: float | None


def _dice(*what: object) -> np.random.Generator:
    return np.random.default_rng([SEED, zlib.crc32(repr(what).encode())])


def _flat(candidate: float, stable: float, ticks: int) -> Any:
    return np.repeat([[candidate], [stable]], ticks, axis=1)


def _arms(events: tuple[Numbers, Numbers], sent: Requests) -> Arms:
    return Arms(events[0], sent.candidate, events[1], sent.stable)


def _rows(arms: Mapping[str, Arms], run: int) -> dict[str, tuple[Numbers, ...]]:
    return {name: arm.run(run) for name, arm in arms.items()}


def _count(firsts: Firsts) -> int:
    return int((firsts != NEVER).sum())


def cells(tables: Sequence[str], runs: int) -> Iterator[tuple[str, Row]]:
    """Every cell of the tables that are asked for, as (table, row).

    Args:
        runs: rollouts of each cell where false rollbacks are counted. A time needs a tenth, the rest a fifth.
    """
    if "false" in tables:
        for traffic in TRAFFIC:
            for world in WORLDS:
                yield "false", false_rollbacks(world, traffic, runs)
    if "detection" in tables:
        for good_ticks in (0, HORIZON):
            for traffic in TRAFFIC:
                for fault in FAULTS:
                    yield "detection", detection(fault, traffic, good_ticks, max(20, runs // 10))
    if "starts" in tables:
        for traffic in schedules.TRAFFIC:
            yield "starts", schedules.row(traffic, max(20, runs // 5), SEED)
    if "margin" in tables:
        for confidence in (None, "0.95"):
            for traffic in (10.0, 100.0):
                yield "margin", wrong_promotions(confidence, traffic, max(20, runs // 5))
