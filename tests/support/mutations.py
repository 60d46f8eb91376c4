"""Manifests with one thing wrong, or only odd: every field of a good one removed, or given another value."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

Path = tuple[str | int, ...]

_KEPT_AS_GIVEN: Final = {"template", "matches", "filters", "timeouts", "retry"}
_VALUES: Final[tuple[Any, ...]] = (
    None, "", "x", "5m", "5m\n", "500m", "x" * 5000, -1, 0, 2.0, 101, 1.5, True, {}, [], [{}],
)  # fmt: skip


def mutants(document: Mapping[str, Any]) -> Iterator[tuple[Path, Any, dict[str, Any]]]:
    """Each mutant of the spec: where, the new value (`...` for a removed field), and the whole document."""
    for path in _paths(document["spec"], ("spec",)):
        for value in (..., *_VALUES):
            mutant = copy.deepcopy(dict(document))
            parent: Any = mutant
            for part in path[:-1]:
                parent = parent[part]
            if value is ...:
                del parent[path[-1]]
            else:
                parent[path[-1]] = value
            yield path, value, mutant


def _paths(node: Any, path: Path) -> Iterator[Path]:
    if path[-1] in _KEPT_AS_GIVEN:
        return
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from _paths(child, (*path, key))
