"""Counters that no pod of a revision carries: those of a job that counts for them, such as labels or clicks. Pure.

Whose such a counter is, its own labels say (`SERIES`). Which pod of the job was scraped says nothing: a job that is
restarted goes on with what it had stored, or begins at zero, and either is the same counter. So

* a counter is known by all labels but those of the scrape (`SCRAPE_LABELS`); of several readings of it at a time one
  counts, until that one has been silent for `QUIET_TICKS` ticks. Then what was counted since its last sample counts,
  and a value that drops is a reset, as ever;
* the job is one target: whoever was seen in a tick was seen for both revisions. A revision of which nothing was counted
  shows zero as long as anything else of the metric is there, and a counter that is born counts from zero.

What is left is an ordinary batch (`metrics.counters`) of one target.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, Literal

from modelrollout.analysis.evidence import Tick
from modelrollout.metrics import counters
from modelrollout.metrics.counters import FORGET_SECONDS, QUIET_TICKS, Batch, CounterRules, Lead, Ledger
from modelrollout.metrics.promql import SelectorStyle
from modelrollout.metrics.provider import RawSeries
from modelrollout.metrics.readings import SeriesKey

REVISION_LABEL: Final = "revision"
SERIES: Final = SelectorStyle(revision_label=REVISION_LABEL, rollout_label="rollout")
"""How such counters name a revision: its hash, and its rollout."""
SCRAPE_LABELS: Final = frozenset({"job", "instance", "pod", "node", "container", "prometheus", "prometheus_replica"})
"""What says who was scraped, and by whom. A job in several parts needs a label of its own for the part."""


def advance(
    ledger: Ledger,
    batch: Batch,
    rules: CounterRules,
    *,
    after: float,
    until: float,
    final: Literal["final", "provisional"],
) -> tuple[Ledger, tuple[Tick, ...]]:
    """Read such counters as `counters.advance` reads those of pods."""
    quiet = min(QUIET_TICKS * rules.grid.interval, FORGET_SECONDS)
    total, of_total = joined(batch.total, ledger.leads.get("total", {}), quiet, until)
    marked, of_marked = joined(batch.marked, ledger.leads.get("marked", {}), quiet, until)
    seen = tuple(sorted({at for series in (*total, *marked) for at, _ in series.samples}))
    scrapes = tuple(RawSeries({REVISION_LABEL: one}, tuple((at, 1.0) for at in seen)) for one in rules.hashes if seen)
    read, ticks = counters.advance(ledger, Batch(total, marked, scrapes), rules, after=after, until=until, final=final)
    oldest = until - FORGET_SECONDS
    return replace(read, leads={"total": _since(of_total, oldest), "marked": _since(of_marked, oldest)}), ticks


def joined(
    group: Iterable[RawSeries], leads: Mapping[SeriesKey, Lead], quiet: float, until: float = math.inf
) -> tuple[tuple[RawSeries, ...], dict[SeriesKey, Lead]]:
    """One series for each counter, without the labels of the scrape.

    Args:
        group: readings of the counters.
        leads: which reading counted when these were read last; what is not later was read then.
        quiet: seconds without a sample after which another reading counts.
        until: later samples are left for later.

    Returns:
        The series, and which readings count now.
    """
    readings: dict[SeriesKey, list[tuple[float, SeriesKey, float]]] = defaultdict(list)
    for series in group:
        key = tuple(sorted(label for label in series.labels.items() if label[0] not in SCRAPE_LABELS))
        reading = tuple(sorted(label for label in series.labels.items() if label[0] in SCRAPE_LABELS))
        readings[key] += [(at, reading, value) for at, value in series.samples if at <= until]
    now, found = dict(leads), []
    for key, samples in readings.items():
        lead, kept = now.get(key), []
        for at, reading, value in sorted(samples):
            if lead is not None and (at <= lead.at or (reading != lead.reading and at - lead.at < quiet)):
                continue
            kept.append((at, value))
            lead = Lead(reading, at)
        if lead is not None:
            now[key] = lead
        found.append(RawSeries(dict(key), tuple(kept)))
    return tuple(found), now


def _since(leads: Mapping[SeriesKey, Lead], oldest: float) -> dict[SeriesKey, Lead]:
    return {key: lead for key, lead in leads.items() if lead.at >= oldest}
