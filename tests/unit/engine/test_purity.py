"""The core is pure: it imports nothing that does I/O and asks no clock and no dice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelrollout

pytestmark = pytest.mark.unit

ROOT = Path(modelrollout.__file__).parent
STANDARD = {
    "__future__",
    "base64",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "math",
    "re",
    "statistics",
    "typing",
    "weakref",
}
"""What the core may use of the standard library: no files, no sockets, no time, no random numbers."""
ALLOWED = {
    "analysis": {"modelrollout.analysis"},
    "engine": {"modelrollout.engine", "modelrollout.analysis", "modelrollout.api"},
    "api": {"modelrollout.api", "pydantic"},
}
GENERATORS = {"api/crd.py", "api/docs.py"}
"""Programs that write files when they are run; the core imports neither."""
CLOCKS = {"now", "utcnow", "today", "monotonic", "perf_counter"}
EFFECTS = {"open", "print", "input", "exec", "eval", "__import__"}

FILES = sorted(
    path
    for package in ALLOWED
    for path in (ROOT / package).rglob("*.py")
    if path.relative_to(ROOT).as_posix() not in GENERATORS
)


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide what is imported"
            yield node.module or ""


def test_there_is_something_to_look_at() -> None:
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_down_and_at_nothing_that_does_io(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    allowed = ALLOWED[package]
    for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
        ours = any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed)
        assert ours or name.split(".")[0] in STANDARD, f"{path.name} imports {name}"
        assert name not in {"modelrollout.api.crd", "modelrollout.api.docs"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_clock_is_read_and_nothing_is_opened(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCKS, f"{path.name}:{node.lineno} reads a clock"
        if isinstance(node.func, ast.Name):
            assert node.func.id not in EFFECTS, f"{path.name}:{node.lineno} calls {node.func.id}"
