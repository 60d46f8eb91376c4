import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from e2e.cluster import cache

pytestmark = pytest.mark.unit

RECIPE = {"version": "1", "flags": ["-a", "-b"]}


def fill(directory: Path) -> None:
    (directory / "result").write_text("made")


def test_the_key_does_not_depend_on_the_order_of_names() -> None:
    assert cache.key_of({"a": "1", "b": "2"}) == cache.key_of({"b": "2", "a": "1"})


@pytest.mark.parametrize(
    "other",
    [
        {"version": "2", "flags": ["-a", "-b"]},
        {"version": "1", "flags": ["-b", "-a"]},
        {"version": "1", "flags": ["-a"]},
        {"version": "1"},
    ],
    ids=["version", "order of flags", "fewer flags", "no flags"],
)
def test_the_key_changes_with_anything_in_the_recipe(other: dict[str, object]) -> None:
    assert cache.key_of(other) != cache.key_of(RECIPE)


def test_what_was_made_is_not_made_again(tmp_path: Path) -> None:
    first = cache.made("thing", RECIPE, fill, root=tmp_path)

    def refuse(directory: Path) -> None:
        raise AssertionError(f"made again in {directory}")

    assert cache.made("thing", RECIPE, refuse, root=tmp_path) == first
    assert (first / "result").read_text() == "made"


def test_a_failed_attempt_leaves_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    def fail(directory: Path) -> None:
        read_only = directory / "modules"
        read_only.mkdir()
        (read_only / "half").write_text("x")
        read_only.chmod(0o555)
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError, match="no network"):
        cache.made("thing", RECIPE, fail, root=tmp_path)
    assert os.listdir(tmp_path / "builds") == []
    assert (cache.made("thing", RECIPE, fill, root=tmp_path) / "result").exists()


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    leftover = tmp_path / "builds" / ".thing@killed"
    leftover.mkdir(parents=True)
    (leftover / "half").write_text("x")
    others = tmp_path / "builds" / ".thing-else@running"
    others.mkdir()
    cache.made("thing", RECIPE, fill, root=tmp_path)
    assert not leftover.exists()
    assert others.exists()


def test_two_who_want_the_same_make_it_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(directory: Path) -> None:
        made.append(directory)
        fill(directory)

    with ThreadPoolExecutor(max_workers=4) as pool:
        results = set(pool.map(lambda _: cache.made("thing", RECIPE, make, root=tmp_path), range(4)))
    assert len(made) == 1
    assert len(results) == 1
