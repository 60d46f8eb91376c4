"""What is remembered of rollouts that are in a step: it only saves reading, and goes with its rollout at once."""

from __future__ import annotations

from typing import Generic, TypeVar

V = TypeVar("V")


class Memories(Generic[V]):
    """Values by a rollout's UID and a name of its own, which is a metric's as a rule.

    To forget a rollout costs the same however many others there are: it is asked at each look at one that rests.
    """

    def __init__(self) -> None:
        self._of: dict[str, dict[str, V]] = {}

    def get(self, key: tuple[str, str]) -> V | None:
        """What is remembered under (UID, name), or None."""
        uid, name = key
        return self._of.get(uid, {}).get(name)

    def __setitem__(self, key: tuple[str, str], value: V) -> None:
        """Remember a value under (UID, name)."""
        uid, name = key
        self._of.setdefault(uid, {})[name] = value

    def forget(self, uid: str) -> None:
        """Drop all that is remembered of a rollout."""
        self._of.pop(uid, None)
