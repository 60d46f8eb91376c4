"""What kubectl prints, cut into news."""

from __future__ import annotations

import json

import pytest

from e2e.demo.feed import documents, objects, seconds
from tests.unit.demo.objects import seen

pytestmark = pytest.mark.unit

RAW = {"metadata": {"generation": 2}, "spec": {"model": {"version": "v2"}}, "status": {"phase": "Progressing"}}


def test_each_object_of_a_watch_is_cut_out() -> None:
    printed = "".join(json.dumps(RAW | {"number": number}, indent=4) + "\n" for number in range(3))
    found = [json.loads(document)["number"] for document in documents(printed.splitlines(keepends=True))]
    assert found == [0, 1, 2]


def test_an_object_that_was_cut_off_is_no_object() -> None:
    printed = (json.dumps(RAW, indent=4) + "\n").splitlines(keepends=True)
    assert list(documents(printed[:-1])) == []


def test_objects_and_seconds_are_read() -> None:
    printed = (json.dumps(RAW, indent=4) + "\n").splitlines(keepends=True)
    [read] = objects(printed)
    assert read == seen("v2", observedGeneration=0)
    assert list(seconds(["Python warns of something\n"])) == []
