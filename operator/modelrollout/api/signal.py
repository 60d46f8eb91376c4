"""What a metric tells when it fails, beyond that it does: `spec.metrics[].signal`."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

QUEUE_NEEDS_QUERY: Final = (
    "signal: Saturation belongs to query: a queue is full by its latest values, not by what was counted before"
)
QUEUE_IS_NO_FAULT: Final = (
    "a full queue is no fault of the model, so it does not enforce: leave mode out (Hold), or set Warn or Observe"
)


class Signal(StrEnum):
    """Which of the signals that diagnosis tells apart a metric is."""

    LATENCY = "Latency"
    """How long answers take: failing beside a full queue, it says that there are too few pods."""
    SATURATION = "Saturation"
    """How full a queue is, or whatever else runs out before requests wait."""
