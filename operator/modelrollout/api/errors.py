"""Two kinds of failure, told apart by type: one is retried, the other waits for the user."""

from __future__ import annotations


class ModelRolloutError(Exception):
    """Something that went wrong with a reason and a message fit for a condition.

    Attributes:
        reason: one CamelCase word.
        message: what to do about it, naming the field where there is one.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class TakenName(str):
    """A problem of a spec: somebody else has an object of a name that is needed. Text as any other problem."""

    __slots__ = ()


class TransientError(ModelRolloutError):
    """Retried with backoff: a conflict, an outage, a time-out."""


class TerminalError(ModelRolloutError):
    """Retrying changes nothing: it waits for a change of the spec or of the cluster."""
