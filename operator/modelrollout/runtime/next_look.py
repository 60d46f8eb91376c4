"""When there will be more to see of a step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from modelrollout.api.metrics import Metric
from modelrollout.runtime.counting import counted_of
from modelrollout.runtime.looking import Look

ARRIVAL_SECONDS = 0.15
"""How long after its timestamp the sample of a scrape is usually stored."""


def next_look(look: Look, metrics: Sequence[Metric], scraped_at: float | None) -> datetime:
    """The next moment at which one of the metrics may show more, on our clock.

    Harm may be seen in a tick that is still open. So a ratio that asks for a look at every scrape gets one right after
    each scrape of the candidate: on the grid, which knows nothing of scrapes, errors would lie there for half an
    interval before anybody looked. All others are looked at after their ticks.

    Args:
        metrics: those that apply to the step.
        scraped_at: when the candidate was last scraped, on Prometheus's clock; None where nobody has seen it.
    """
    scrape = look.settings.scrape_interval
    quick = [m for m in metrics if m.delayed is None and counted_of(m) is not None and m.interval <= scrape]
    if scraped_at is None or not quick:
        return _on_our_clock(look, min((_tick(look, metric) for metric in metrics), default=_tick(look, None)))
    others = (_tick(look, metric) for metric in metrics if metric not in quick)
    return _on_our_clock(look, min((_after_scrape(look.now, scraped_at, scrape.total_seconds()), *others)))


def _tick(look: Look, metric: Metric | None) -> float:
    """Its next tick, but no later than it asks to be looked at: comparisons have longer ticks than that."""
    grid, scrape = look.grid_for(metric), look.settings.scrape_interval
    interval = scrape if metric is None else max(metric.interval, scrape)
    return min(grid.tick_after(look.now), look.now + interval.total_seconds()) + ARRIVAL_SECONDS


def _after_scrape(now: float, scraped_at: float, every: float) -> float:
    missed = (now - scraped_at) // every
    following = scraped_at + (missed + 1) * every + ARRIVAL_SECONDS
    if missed != 1:
        return following
    # It is late: asked for again, after twice the time each time. Who misses more than one is asked at its usual times.
    return min(following, now + max(now - scraped_at - every, ARRIVAL_SECONDS))


def _on_our_clock(look: Look, moment: float) -> datetime:
    return datetime.fromtimestamp(moment - look.offset, UTC)
