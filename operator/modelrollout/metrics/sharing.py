"""The reads of one look at a rollout: its metrics read much of the same, and ask for it once.

All that is read up to one moment is read in phases, `up` first, then events, then totals, then good things: no reading
has a total without its events, or good things without their total, however a scrape falls between two requests.
Within a phase, selectors that differ in nothing but the name of the metric are one request, which Prometheus answers as
of one moment. What is final can be read in any order: all of it is one phase.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from modelrollout.analysis.outcome import Rejected
from modelrollout.metrics.provider import MetricProvider, RawOutcome

REMEMBERED: Final = 16
"""Phases whose answers are kept: those of a long history go as reading goes on, and what is asked for again is read
again."""
REMEMBERED_APART: Final = 1000
"""Refused requests that are remembered; without them one in vain is made at each look."""
_PLAIN: Final = re.compile(r"\s*([A-Za-z_:][A-Za-z0-9_:]*)\s*\{(.*)", re.DOTALL)


class Phase(IntEnum):
    """What is read before what."""

    FINAL = 0
    SCRAPES = 1
    EVENTS = 2
    TOTALS = 3
    GOOD = 4


@dataclass(frozen=True)
class Read:
    """Raw samples of a selector within `(since, at]`, as `MetricProvider.raw` reads them."""

    phase: Phase
    selector: str
    at: float
    since: float


class Reads:
    """The reads of one look. What somebody announces before it is asked for is read together with the rest.

    Args:
        apart: requests of earlier looks that were refused, as all together was too much: their parts are asked for
            alone at once. This look adds its own.
    """

    def __init__(self, provider: MetricProvider, apart: set[str] | None = None) -> None:
        self._provider = provider
        self._apart = set() if apart is None else apart
        self._announced: dict[float, dict[Phase, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
        self._answers: OrderedDict[tuple[float, Phase], asyncio.Task[dict[str, _Answer]]] = OrderedDict()

    async def announce(self, reads: Iterable[Read]) -> None:
        """Tell what will be asked for; returns when all who began at the same time have told."""
        for read in reads:
            wanted = self._announced[read.at][read.phase]
            wanted[read.selector] = min(read.since, wanted.get(read.selector, read.since))
        # Metrics of a look are tasks that were started together, and this is the first that each of them waits for.
        await asyncio.sleep(0)

    async def raw(self, read: Read) -> RawOutcome:
        """Read; who has announced nothing, or too little, is answered too."""
        if read.selector in self._announced.get(read.at, {}).get(read.phase, {}):
            answer = (await self._phase(read.at, read.phase)).get(read.selector)
            if answer is not None and answer.since <= read.since:
                return answer.found if answer.since == read.since else _later(answer.found, read.since)
        return await self._provider.raw(read.selector, read.at, read.at - read.since)

    async def _phase(self, at: float, phase: Phase) -> dict[str, _Answer]:
        for earlier in sorted(other for other in self._announced[at] if other < phase):
            await self._task(at, earlier)
        return await self._task(at, phase)

    def _task(self, at: float, phase: Phase) -> asyncio.Task[dict[str, _Answer]]:
        known = self._answers.get((at, phase))
        if known is None:
            known = asyncio.create_task(self._read(at, dict(self._announced[at][phase])))
            self._answers[at, phase] = known
            if len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return known

    async def _read(self, at: float, wanted: dict[str, float]) -> dict[str, _Answer]:
        groups: dict[str, dict[str, str]] = defaultdict(dict)
        for selector in wanted:
            plain = _PLAIN.fullmatch(selector)
            name, rest = (plain[1], plain[2]) if plain else ("", selector)
            groups[rest][name] = selector
        # Metrics have ticks of their own and want a little more or less: who wants most decides.
        asked = ((rest, min(wanted[each] for each in names.values()), names) for rest, names in groups.items())
        parts = await asyncio.gather(*(self._group(rest, at, since, names) for rest, since, names in asked))
        return {selector: answer for part in parts for selector, answer in part.items()}

    async def _group(self, rest: str, at: float, since: float, names: dict[str, str]) -> dict[str, _Answer]:
        """One request for selectors that have their matchers in common; by name."""
        if len(names) == 1:
            (selector,) = names.values()
            return {selector: _Answer(since, await self._provider.raw(selector, at, at - since))}
        together = f'{{__name__=~"{"|".join(sorted(names))}",{rest}'
        if together in self._apart:
            return await self._alone(rest, at, since, names)
        found = await self._provider.raw(together, at, at - since)
        if isinstance(found, Rejected):
            # Whose fault it is shows when each is asked for alone.
            if len(self._apart) >= REMEMBERED_APART:
                self._apart.clear()
            self._apart.add(together)
            return await self._alone(rest, at, since, names)
        if not isinstance(found, tuple):
            return {selector: _Answer(since, found) for selector in names.values()}
        return {
            selector: _Answer(since, tuple(series for series in found if series.labels.get("__name__") == name))
            for name, selector in names.items()
        }

    async def _alone(self, rest: str, at: float, since: float, names: dict[str, str]) -> dict[str, _Answer]:
        parts = [self._group(rest, at, since, {name: selector}) for name, selector in names.items()]
        return {selector: answer for part in await asyncio.gather(*parts) for selector, answer in part.items()}


@dataclass(frozen=True, slots=True)
class _Answer:
    since: float
    found: RawOutcome


def _later(found: RawOutcome, since: float) -> RawOutcome:
    """What is later than `since`."""
    if not isinstance(found, tuple):
        return found
    cut = (series.within(since) for series in found)
    return tuple(series for series in cut if series.samples)
