"""The table and the drawing of packages are what the code imports."""

from __future__ import annotations

import ast
import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest

import modelrollout

pytestmark = pytest.mark.unit

PACKAGE = Path(modelrollout.__file__).parent
DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "architecture.md").read_text(encoding="utf-8")


def imports_of(package: Path) -> set[str]:
    """Other packages of ours that a package's modules import."""
    found: set[str] = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {name.split(".")[1] for name in names if name.startswith("modelrollout.")}
    return found - {package.name}


def actual() -> dict[str, set[str]]:
    packages = [path for path in PACKAGE.iterdir() if (path / "__init__.py").exists()]
    return {package.name: imports_of(package) for package in packages}


def table() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| ", PAGE, re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}


def reachable(edges: set[tuple[str, str]], start: str) -> set[str]:
    found: set[str] = set()
    ahead = {start}
    while ahead:
        found |= ahead
        ahead = {target for source, target in edges if source in ahead} - found
    return found - {start}


def test_the_table_is_what_the_code_imports() -> None:
    assert table() == actual()


def test_the_drawing_in_words_allows_what_the_code_imports_and_has_no_circle() -> None:
    edges: set[tuple[str, str]] = set()
    for line in re.findall(r"^(?:runtime|cli) --> .*$", PAGE, re.MULTILINE):
        groups = [part.split(", ") for part in line.split(" --> ")]
        for sources, targets in pairwise(groups):
            edges |= {(source, target) for source in sources for target in targets}
    for package, imported in actual().items():
        assert imported <= reachable(edges, package), package
        assert package not in {target for name in reachable(edges, package) for target in reachable(edges, name)}


def test_the_drawing_shows_every_package() -> None:
    drawing = ElementTree.fromstring((DOCS / "images" / "architecture.svg").read_text(encoding="utf-8"))  # noqa: S314
    names = {element.text for element in drawing.iter("{http://www.w3.org/2000/svg}tspan")}
    assert names == set(actual())
