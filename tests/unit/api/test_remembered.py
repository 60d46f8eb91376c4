"""What is remembered of a model: once for each object, and no longer than it lives."""

from __future__ import annotations

import gc

import pytest

from modelrollout.api.model import APIModel
from modelrollout.api.remembered import remembered

pytestmark = pytest.mark.unit


class Named(APIModel):
    name: str


def test_each_model_is_asked_once_for_each_value() -> None:
    asked = []

    @remembered
    def greeting(model: Named, word: str) -> str:
        asked.append((model.name, word))
        return f"{word}, {model.name}"

    one, two = Named(name="one"), Named(name="two")
    for _ in range(2):
        assert [greeting(one, "good day"), greeting(one, "good night")] == ["good day, one", "good night, one"]
        assert greeting(two, "good day") == "good day, two"
    assert asked == [("one", "good day"), ("one", "good night"), ("two", "good day")]


def test_a_changed_copy_is_another_model() -> None:
    @remembered
    def length(model: Named) -> int:
        return len(model.name)

    one = Named(name="one")
    assert (length(one), length(one.model_copy(update={"name": "three"})), length(one)) == (3, 5, 3)


def test_nothing_is_kept_of_a_model_that_is_gone() -> None:
    results = []

    @remembered
    def itself(model: Named) -> list[Named]:
        results.append(model.name)
        return []

    for _ in range(3):
        itself(Named(name="short-lived"))
        gc.collect()
    assert results == ["short-lived"] * 3
