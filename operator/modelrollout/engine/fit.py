"""Keeps a status small: it is written often, and read by every `kubectl get` and every watch."""

from __future__ import annotations

from typing import Final

from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.texts import cut

STATUS_BYTES_MAX: Final = 32 * 1024
SHORT: Final = 100
"""To how many characters texts are cut when a status without a log is still too large."""
HARMLESS: Final = 12
"""So few entries of log, checks and reviews stay small, whatever is in them, when no condition is wordy."""
ENTRY: Final = 300
"""More bytes than an entry of log, checks or reviews has beside its text, unless all of its names are very long."""
ROOM: Final = 24 * 1024
"""What log, checks and reviews may have for themselves: it leaves place for very long names, and for all the rest."""


def fitted(status: ModelRolloutStatus) -> ModelRolloutStatus:
    """The status, without as many of its oldest log entries as it takes, and then with shorter texts."""
    wordy = sum(len(condition.message) for condition in status.conditions) > 2 * SHORT * len(status.conditions)
    if not wordy and _is_small(status):
        return status
    excess = _size(status) - STATUS_BYTES_MAX
    kept = list(status.log)
    while excess > 0 and kept:
        excess -= len(kept.pop(0).model_dump_json(by_alias=True, exclude_none=True).encode()) + 1
    fitting = status.model_copy(update={"log": tuple(kept)}) if len(kept) < len(status.log) else status
    return fitting if excess <= 0 else _shortened(fitting)


def _is_small(status: ModelRolloutStatus) -> bool:
    """Whether a status is small enough at a glance: to write it out only to see its size takes much longer."""
    texts = [entry.message for entry in status.log]
    texts += [check.reason + (check.would_change or "") for check in status.checks]
    texts += [review.last + review.advice for review in status.reviews]
    if len(texts) <= HARMLESS:
        return True
    text = "".join(texts)
    # Of such characters only quotes and backslashes become two.
    return text.isascii() and text.isprintable() and ENTRY * len(texts) + 2 * len(text) <= ROOM


def _size(status: ModelRolloutStatus) -> int:
    return len(status.model_dump_json(by_alias=True, exclude_none=True).encode())


def _shortened(status: ModelRolloutStatus) -> ModelRolloutStatus:
    checks = tuple(c.model_copy(update={"reason": cut(c.reason, SHORT), "would_change": None}) for c in status.checks)
    conditions = tuple(c.model_copy(update={"message": cut(c.message, 2 * SHORT)}) for c in status.conditions)
    reviews = tuple(r.model_copy(update={"last": "", "advice": cut(r.advice, SHORT)}) for r in status.reviews)
    return status.model_copy(update={"checks": checks, "conditions": conditions, "reviews": reviews})
