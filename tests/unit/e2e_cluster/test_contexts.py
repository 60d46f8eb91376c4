from pathlib import Path

import pytest

from e2e.cluster import contexts

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("containerfile", "expected"),
    [
        ("FROM x\nCOPY a b /there/", ["a", "b"]),
        ("COPY --chown=1:1 a /there", ["a"]),
        ("COPY --from=build /out /there", []),
        ("# COPY no /there\nCOPY a \\\n  b \\\n  /there", ["a", "b"]),
        ('ADD ["with blank", "/there"]', ["with blank"]),
        ("ADD https://example.com/x /x", []),
        ("COPY ${PROGRAM} /usr/bin/", ["tool"]),
        ("copy a /there", ["a"]),
        ("RUN cp a b", []),
    ],
    ids=["two", "owner", "other stage", "comment and continuation", "json", "address", "argument", "case", "run"],
)
def test_sources_are_what_is_taken_from_the_context(containerfile: str, expected: list[str]) -> None:
    assert contexts.sources(containerfile, {"PROGRAM": "tool"}) == expected


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "src" / "__pycache__").mkdir(parents=True)
    (tmp_path / "src" / "main.py").write_text("print(1)")
    (tmp_path / "src" / "__pycache__" / "main.pyc").write_text("compiled")
    (tmp_path / "README").write_text("words")
    return tmp_path


def digest(context: Path) -> str:
    return contexts.digest("FROM x\nCOPY src /src", context, {})


def test_the_digest_changes_with_the_content_of_what_is_copied(context: Path) -> None:
    before = digest(context)
    (context / "src" / "main.py").write_text("print(2)")
    assert digest(context) != before


def test_the_digest_changes_with_names_and_with_executability(context: Path) -> None:
    before = digest(context)
    (context / "src" / "main.py").chmod(0o755)
    executable = digest(context)
    (context / "src" / "main.py").rename(context / "src" / "other.py")
    assert len({before, executable, digest(context)}) == 3


def test_the_digest_does_not_change_with_what_is_not_copied(context: Path) -> None:
    before = digest(context)
    (context / "README").write_text("other words")
    (context / "src" / "__pycache__" / "main.pyc").write_text("compiled again")
    assert digest(context) == before


def test_a_pattern_takes_what_it_matches(context: Path) -> None:
    before = contexts.digest("COPY READ* /x", context, {})
    (context / "README").write_text("other words")
    assert contexts.digest("COPY READ* /x", context, {}) != before


def test_a_source_that_is_missing_is_named(context: Path) -> None:
    with pytest.raises(FileNotFoundError, match="'absent'"):
        contexts.digest("COPY absent /x", context, {})


def test_a_declared_argument_is_found() -> None:
    assert contexts.declares("ARG BASE=python:3\nFROM ${BASE}", "BASE")
    assert contexts.declares("ARG BASE", "BASE")
    assert not contexts.declares("ARG BASELINE\nFROM x", "BASE")
