"""What a rollout will take at the traffic that there is: how long each step needs, and what can never be shown.

Nothing here has a formula of its own. A candidate that is as good as stable is sent along its typical path: so many
requests a second, as many events as stable's rate gives (the median of a Poisson count of mean m, which is close to
m + 1/3 - 0.02/m: K. P. Choi, *On the medians of gamma distributions and an equation of Ramanujan*, 1994), and the judge
that decides live is asked when it would pass. Half of all such candidates are faster, half are slower. What is sent
along is twice as bad as its limit when the question is how long harm takes to be found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from modelrollout.analysis.evidence import Counts, Tick
from modelrollout.analysis.limits import Limits
from modelrollout.analysis.ratio import Judgement, RatioCheck, judge
from modelrollout.analysis.ratio_state import RatioState, gather
from modelrollout.analysis.share import in_force
from modelrollout.analysis.verdict import Verdict, format_number

LONGEST_SECONDS = 30 * 86_400.0
"""What takes longer is said to be never."""
TWICE = 2.0
_PRECISION = 1.02
_FULL = 100


@dataclass(frozen=True, slots=True)
class Demand:
    """What one ratio metric asks for.

    Attributes:
        check: what it is held to.
        limits: its limits.
        rate: stable's share of events now, 0 to 1.
        dispersion: up to so many requests may fail together.
    """

    check: RatioCheck
    limits: Limits
    rate: float
    dispersion: float = 1.0


@dataclass(frozen=True, slots=True)
class Ahead:
    """One step that is to come.

    Attributes:
        label: how messages name it.
        weight: percent of live requests for the candidate.
        mirror_percent: percent of requests that is copied to it.
        seconds: how long it lasts at least.
        most_seconds: how long it may wait for its checks.
        metrics: names of the metrics that it is judged by.
    """

    label: str
    weight: int
    mirror_percent: int
    seconds: float
    most_seconds: float
    metrics: frozenset[str]

    @property
    def share(self) -> float:
        """The candidate's requests, as a part of all."""
        return (self.mirror_percent or self.weight) / _FULL

    @property
    def stable_share(self) -> float:
        """Stable's requests, as a part of all."""
        return 1.0 if self.mirror_percent else 1 - self.weight / _FULL


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one step will take.

    Attributes:
        seconds: until it passes, if the candidate is as good as stable; None for never.
        exposed: requests that the candidate answers until then, or within `most_seconds` where that is sooner.
        slowest: the metric that takes longest; None where only the step's duration counts.
        harm_seconds: until harm is found in a candidate that is twice as bad as a limit; None for never.
        smallest_weight: the smallest weight, or percent of mirroring, that passes within `most_seconds`; None for none.
        problem: why it will not pass in time and what to do instead; None where it will.
    """

    step: Ahead
    seconds: float | None
    exposed: int
    slowest: str | None
    harm_seconds: float | None
    smallest_weight: int | None
    problem: str | None

    def describe(self) -> str:
        """Say it in a line, such as `canary at 5 %: passes in about 10m, 180 requests; twice a limit: found in 40s`."""
        text = f"{self.step.label}: "
        text += self.problem or f"passes in about {in_words(self.seconds or 0.0)}, {self.exposed} requests"
        if self.harm_seconds is not None:
            text += f"; twice a limit is found in about {in_words(self.harm_seconds)}"
        return text


def foresee(demands: Sequence[Demand], steps: Sequence[Ahead], requests_a_second: float) -> tuple[Forecast, ...]:
    """Say of each step what it will take.

    Args:
        demands: the enforced ratio metrics; what other metrics need is not foreseen.
        steps: in the order in which they come.
        requests_a_second: of all revisions together.

    Raises:
        ValueError: the traffic is negative, or a rate lies outside 0 to 1.
    """
    if requests_a_second < 0:
        raise ValueError(f"requests_a_second must be at least 0, got {requests_a_second}")
    if any(not 0 <= demand.rate <= 1 for demand in demands):
        raise ValueError("each rate must lie between 0 and 1")
    found: list[Forecast] = []
    weight = 0
    kept: dict[str, float] = {}
    for number, step in enumerate(steps, start=1):
        here = [demand for demand in demands if demand.check.name in step.metrics]
        walk = _Walk(step, number, requests_a_second, weight, kept)
        found.append(_forecast(walk, here))
        kept = walk.frozen(here, found[-1])
        weight = step.weight
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Walk:
    """The typical path of a candidate through one step.

    Attributes:
        bounds: stable's bounds by metric, frozen at the end of the last step in which stable had a share.
    """

    step: Ahead
    number: int
    traffic: float
    weight_before: int
    bounds: dict[str, float]

    def shown_after(self) -> float | None:
        """Seconds until counts show the step's share."""
        step = self.step
        if step.share == 0:
            return 0.0

        def shown(seconds: float) -> bool:
            candidate = int(self.traffic * step.share * seconds)
            if step.mirror_percent:
                return candidate >= 3 and self.traffic * seconds >= 20
            total = int(self.traffic * seconds)
            return in_force(candidate, total, step.weight / _FULL, self.weight_before / _FULL)

        return _first(shown)

    def after(self, demand: Demand, seconds: float, worse: float | None = None) -> Judgement:
        """What is said of a metric after so long in force.

        Args:
            worse: the candidate's share of events, if it is not stable's.
        """
        candidate = _typical(self.traffic * self.step.share * seconds, demand.rate if worse is None else worse)
        stable = _typical(self.traffic * self.step.stable_share * seconds, demand.rate)
        tick = Tick(at=seconds, candidate=candidate, stable=stable if stable.total else None, final=True)
        evidence = gather(RatioState.start(demand.limits, demand.dispersion, stable), [tick])
        return judge(demand.check, evidence, evidence, self.number, self._bound(demand))

    def passes(self, demand: Demand, seconds: float) -> bool:
        """Whether a metric passes after so long in force."""
        return self.after(demand, seconds).result.verdict is Verdict.PASS

    def harms(self, demand: Demand, worse: float, seconds: float) -> bool:
        """Whether harm is found in a candidate of that share of events."""
        return self.after(demand, seconds, worse).result.verdict is Verdict.HARM

    def frozen(self, demands: Sequence[Demand], forecast: Forecast) -> dict[str, float]:
        """The bounds of stable for the steps that follow."""
        if self.step.stable_share == 0:
            return self.bounds
        seconds = max(self.step.seconds, forecast.seconds or self.step.most_seconds)
        bounds = ((demand.check.name, self.after(demand, seconds).stable_bound) for demand in demands)
        return self.bounds | {name: bound for name, bound in bounds if bound is not None}

    def _bound(self, demand: Demand) -> float | None:
        return self.bounds.get(demand.check.name) if self.step.stable_share == 0 else None


def _forecast(walk: _Walk, demands: Sequence[Demand]) -> Forecast:
    step, shown = walk.step, walk.shown_after()
    hopeless = next((why for demand in demands if (why := _itself(demand)) is not None), None)
    needs = {demand.check.name: _needed(walk, demand) for demand in demands} if hopeless is None else {}
    slowest = max(needs, key=lambda name: needs[name], default=None)
    needed = needs.get(slowest, 0.0) if slowest is not None else 0.0
    never = hopeless is not None or shown is None or needed == math.inf
    seconds = None if never or shown is None else shown + max(step.seconds, needed)
    is_late = seconds is None or seconds > max(step.most_seconds, step.seconds + (shown or 0.0))
    smallest = _smallest(walk, demands) if hopeless is None else None
    return Forecast(
        step=step,
        seconds=seconds,
        exposed=round(walk.traffic * step.share * (step.most_seconds if seconds is None or is_late else seconds)),
        slowest=slowest if needed > step.seconds else None,
        harm_seconds=_harm_seconds(walk, demands),
        smallest_weight=smallest,
        problem=(hopeless or _problem(walk, slowest, seconds, smallest)) if is_late else None,
    )


def _harm_seconds(walk: _Walk, demands: Sequence[Demand]) -> float | None:
    """Until harm is found whichever of the metrics it is in."""
    found = [_first(partial(walk.harms, demand, _twice_as_bad(demand))) for demand in demands]
    known = [each for each in found if each is not None]
    return max(known) if known and len(known) == len(found) else None


def _needed(walk: _Walk, demand: Demand) -> float:
    """Seconds in force until a metric passes, inf for never; 0 where it does before the step's duration is over."""
    if walk.passes(demand, walk.step.seconds):
        return 0.0
    found = _first(partial(walk.passes, demand), beyond=walk.step.seconds)
    return math.inf if found is None else found


def _smallest(walk: _Walk, demands: Sequence[Demand]) -> int | None:
    """The smallest share in percent that passes in time; relative limits need stable's part of it."""
    step = walk.step
    if step.share == 0:
        return None
    largest = _FULL if step.mirror_percent or walk.bounds or step.weight == _FULL else _FULL - 1

    def in_time(percent: int) -> bool:
        tried = replace(step, mirror_percent=percent) if step.mirror_percent else replace(step, weight=percent)
        other = replace(walk, step=tried, weight_before=0)
        shown = other.shown_after()
        left = step.most_seconds - (shown if shown is not None else LONGEST_SECONDS)
        return left > 0 and all(other.passes(demand, left) for demand in demands)

    # More requests help until stable has too few of them: beyond half, what helps is looked for one by one.
    low, high = 1, largest // 2
    if not in_time(high):
        return next((percent for percent in range(high + 1, largest + 1, 5) if in_time(percent)), None)
    while low < high:
        middle = (low + high) // 2
        if in_time(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _problem(walk: _Walk, slowest: str | None, seconds: float | None, smallest: int | None) -> str:
    most = in_words(walk.step.most_seconds)
    if walk.traffic == 0:
        return "there are no requests now: nothing can be shown"
    name = slowest or "the share of requests"
    if smallest is None:
        return (
            f"{name} can never be shown at this traffic ({format_number(walk.traffic)} requests/s) within maxDuration "
            f"{most}, at any weight: widen the margin, lower minSamples or raise maxDuration"
        )
    needs = "more than 30d" if seconds is None else f"about {in_words(seconds)}"
    return f"{name} needs {needs}, maxDuration is {most}: {smallest} % would do"


def _itself(demand: Demand) -> str | None:
    """Why no candidate that is like stable can pass."""
    rate, limits, name = demand.rate, demand.limits, demand.check.name
    if limits.max is not None and rate > limits.max:
        broken = f"{format_number(rate)} > {format_number(limits.max)}"
    elif limits.min is not None and rate < limits.min:
        broken = f"{format_number(rate)} < {format_number(limits.min)}"
    else:
        return None
    return f"{name} of the stable version itself is {broken}: a candidate that is like it never passes"


def _twice_as_bad(demand: Demand) -> float:
    """A candidate's share of events whose bad part is twice what the tightest limit allows."""
    limits = demand.limits
    bad = 1 - demand.rate if limits.more_is_better else demand.rate
    allowed = [limits.above(bad)] if limits.is_relative else []
    if limits.max is not None:
        allowed.append(limits.max)
    if limits.more_is_better and limits.min is not None:
        allowed.append(1 - limits.min)
    if not allowed:
        # Only `min` beside nothing that says which way is worse.
        return (limits.min or 0.0) / TWICE
    worse = min(1.0, TWICE * min(allowed))
    return 1 - worse if limits.more_is_better else worse


def _typical(total: float, rate: float) -> Counts:
    """Counts that half of all candidates stay below: the rarer kind of thing by its median."""
    things = int(total)
    if rate > 1 / 2:
        return _typical(total, 1 - rate).complement
    mean = things * rate
    events = int(mean + 1 / 3 - 0.02 / mean) if mean > 0.02 else 0
    return Counts(min(events, things), things)


def _first(holds: Callable[[float], bool], beyond: float = 1.0) -> float | None:
    """The first time from which something holds, to 2 %; None if it does not within `LONGEST_SECONDS`."""
    after, until = 0.0, max(1.0, beyond)
    while not holds(until):
        if until >= LONGEST_SECONDS:
            return None
        after, until = until, min(2 * until, LONGEST_SECONDS)
    after = max(after, until / 1024)
    while until / after > _PRECISION:
        middle = (after * until) ** 0.5
        if holds(middle):
            until = middle
        else:
            after = middle
    return until


def in_words(seconds: float) -> str:
    """A duration for people: `45s`, `12m`, `3.5h`, `2.1d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + unit
    return f"{seconds:.0f}s"
