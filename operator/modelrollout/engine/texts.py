"""Texts that fit where they are written: a message that is too long must never make a write fail."""

from __future__ import annotations

from typing import Final

REASON_MAX: Final = 128
VERDICT_MAX: Final = 160
"""A verdict is one line of `kubectl get`."""
LOG_MESSAGE_MAX: Final = 300
CHECK_REASON_MAX: Final = 300
SLICE_MAX: Final = 128
CHANGE_MAX: Final = 200
NOTE_MAX: Final = 1024
"""The API server refuses events with a longer note."""


def cut(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def squeezed(text: str, limit: int) -> str:
    """The text, or its beginning and its end with an ellipsis between: what happened, and the last line of a log."""
    if len(text) <= limit:
        return text
    head = limit // 3
    return f"{text[:head]}…{text[len(text) - (limit - head - 1) :]}"
