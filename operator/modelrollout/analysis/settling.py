"""Which ticks a pass may rest on: those in which no pod of the candidate is new. Pure.

Just after a pod begins to answer, the answers that have arrived are the quick ones, and quick answers are often
failures, or those of an empty cache. The same holds for a raised weight, which the caller sees to (`begins`). Ticks are
left out by when requests were answered and never by what became of them, so evidence stays what it claims to be. Harm
is sought in all ticks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from modelrollout.analysis.evidence import Tick


@dataclass(frozen=True, slots=True)
class Settled:
    """The ticks of a read that a pass may rest on.

    Attributes:
        ticks: in order.
        joined: the last final tick in which a pod of the candidate was new, to be given to the next call.
    """

    ticks: tuple[Tick, ...]
    joined: float


def settled(ticks: Sequence[Tick], begins: float, settle: float, joined: float = -math.inf) -> Settled:
    """Leave out the ticks before `begins`, and for `settle` seconds those after a pod of the candidate joined.

    Args:
        ticks: in order of time, those that can still change last.
        begins: seconds, the first tick that counts at all.
        settle: seconds; 0 leaves out nothing.
        joined: what the last call gave.
    """
    kept, latest = [], joined
    for tick in ticks:
        if tick.joined:
            latest = tick.at
            joined = latest if tick.final else joined
        if tick.at >= begins and tick.at >= latest + settle:
            kept.append(tick)
    return Settled(tuple(kept), joined)
