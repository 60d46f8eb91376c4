"""How traffic shall flow, by what status says."""

from __future__ import annotations

from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.split import Split, between, only


def live_weight(status: ModelRolloutStatus) -> int:
    """Percent of live requests that the candidate is to answer."""
    attempt = status.attempt
    if attempt is None or attempt.step is None or attempt.is_withheld:
        return 0
    return attempt.step.weight


def split_of(status: ModelRolloutStatus) -> Split | None:
    """The split; None while nothing has ever served."""
    if status.stable is None:
        return None
    attempt = status.attempt
    if attempt is None or attempt.step is None or attempt.is_withheld:
        return only(status.stable.revision)
    return between(status.stable.revision, attempt.revision, live_weight(status), attempt.step.mirror_percent)
