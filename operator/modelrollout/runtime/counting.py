"""How counters of a rollout that is in a step are read: which series, on which ticks, since when."""

from __future__ import annotations

from modelrollout.analysis.outcome import Partial, Rejected, Unavailable
from modelrollout.api.metrics import Metric
from modelrollout.metrics.counters import CounterRules
from modelrollout.metrics.reader import CounterReader, CounterReading, CounterRequest
from modelrollout.runtime.looking import Look

Failure = Unavailable | Rejected | Partial


class Counting:
    """Reads counters, through one reader for all. One call at a time per rollout and name."""

    def __init__(self, reader: CounterReader) -> None:
        self._reader = reader

    def forget(self, uid: str) -> None:
        """Drop what is remembered of a rollout that is not in a step any more."""
        self._reader.forget(uid)

    async def read(
        self, look: Look, name: str, selectors: tuple[str, str], rules: CounterRules, cursor: float
    ) -> CounterReading | Failure:
        """Read what is new of two counters.

        Args:
            name: what the reader remembers them under: a metric's name, or one that no metric can have.
            selectors: of all things, and of those that are marked, as the user wrote them.
            cursor: up to when final ticks are known.
        """
        total, marked = selectors
        request = CounterRequest(
            uid=look.rollout.uid, metric=name, total=total, marked=marked, rules=rules, cursor=cursor, now=look.now
        )
        return await self._reader.read(request, look.reads)


def rules_of(look: Look, metric: Metric | None, since: float) -> CounterRules:
    """How the counters of a metric are counted, or those of requests without one."""
    good = metric is not None and metric.ratio is not None and metric.ratio.events is None
    return CounterRules(
        grid=look.grid_for(metric),
        since=since,
        scope=look.scope,
        candidate=look.attempt.revision,
        stable=look.stable,
        marks="good" if good else "events",
    )
