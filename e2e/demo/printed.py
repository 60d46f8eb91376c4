"""What `kubectl get --watch` prints, read back into its columns, so that lines that came at other times line up."""

import itertools
import re
from collections.abc import Mapping

_GAP = "   "
"""kubectl puts this between columns; no cell has as much of it within."""
_WIDTHS = {"NAME": len("digits"), "PHASE": len("Progressing"), "STAGE": len("2/4 canary")}


class Columns:
    """The columns of one watch. kubectl widens them as it goes and never makes them narrower again."""

    def __init__(self, heading: str) -> None:
        words = list(re.finditer(r"\S+", heading))
        self._names = [word.group() for word in words]
        self._widths = [after.start() - word.start() for word, after in itertools.pairwise(words)]

    def read(self, line: str) -> dict[str, str]:
        """The cells of a line by the names of their columns, empty ones too."""
        cells: list[str] = []
        at = 0
        for column, width in enumerate(self._widths):
            cell = line[at:].split(_GAP, 1)[0] if line[at : at + width].strip() else ""
            self._widths[column] = max(width, len(cell) + len(_GAP))
            at += self._widths[column]
            cells.append(cell)
        return dict(zip(self._names, [*cells, line[at:]], strict=True))


def aligned(cells: Mapping[str, str]) -> str:
    """Cells as one line, in columns that are wide enough from the start."""
    return _line({name: (cell, _width(name)) for name, cell in cells.items()})


def heading(cells: Mapping[str, str]) -> str:
    """The heading over such lines."""
    return aligned({name: name for name in cells})


def table(cells: Mapping[str, str]) -> list[str]:
    """A heading and one line, in columns that fit both."""
    widths = {name: max(len(cell), _width(name)) for name, cell in cells.items()}
    return [
        _line({name: (name, widths[name]) for name in cells}),
        _line({name: (cell, widths[name]) for name, cell in cells.items()}),
    ]


def _line(cells: Mapping[str, tuple[str, int]]) -> str:
    return _GAP.join(cell.ljust(width) for cell, width in cells.values()).rstrip()


def _width(name: str) -> int:
    return max(len(name), _WIDTHS.get(name, 0))
