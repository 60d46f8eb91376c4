"""Steps that have passed all checks and wait for what the next weight needs."""

from __future__ import annotations

from modelrollout.engine.plan import Decision
from modelrollout.engine.shared import applied, wait
from modelrollout.engine.situation import Stepping
from modelrollout.engine.throughput import lacking
from modelrollout.engine.wording import open_checks


def unproven(s: Stepping) -> Decision | None:
    """All checks pass, and pods have not shown the throughput that the next weight needs."""
    text = lacking(s)
    if text is None or open_checks(s) != [text] or s.step.in_force_at is None or not applied(s):
        return None
    return wait("CapacityUnproven", text) if s.evidence.unavailable is None else None
