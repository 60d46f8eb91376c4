"""How far kopf has got with its own first lists.

kopf takes in one object of each kind at a turn of the event loop. Beside rollouts that are looked at, turns are long,
and 20,000 objects would take more than the five minutes after which the API server forgets where the next part of a
list begins: kopf would end, and with it the process, again and again. So nothing is looked at before the lists are in,
which takes seconds for 1,000 rollouts. One that stands by has done it long before it leads.
"""

from __future__ import annotations

import asyncio
from typing import Final

from modelrollout.kube.resources import Resource

QUIET_SECONDS: Final = 5.0
"""After so long without another object the rest is not awaited: it was deleted meanwhile, or the watch cannot begin."""


class Arrivals:
    """Counts what kopf's first lists bring, and knows from lists of our own how much that is."""

    def __init__(self) -> None:
        self._expected: dict[Resource, int] = {}
        self._came = 0
        self._another = asyncio.Event()

    def expect(self, resource: Resource, count: int) -> None:
        """As many objects of a kind there are: by the first list of it, later ones change nothing."""
        self._expected.setdefault(resource, count)

    def count(self, event: str | None) -> None:
        """An object came, by a list (no event) or by a watch."""
        if event is None:
            self._came += 1
            self._another.set()

    async def are_in(self, quiet: float = QUIET_SECONDS) -> None:
        """Wait until all have come, or no more come for `quiet` seconds."""
        while self._came < sum(self._expected.values()):
            self._another.clear()
            try:
                async with asyncio.timeout(quiet):
                    await self._another.wait()
            except TimeoutError:
                return
