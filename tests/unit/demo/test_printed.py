"""Lines of `kubectl get --watch`, as kubectl 1.36 printed them."""

from __future__ import annotations

import pytest

from e2e.demo.printed import Columns, aligned, heading, table

pytestmark = pytest.mark.unit

# kubectl made the first column of verdicts as wide as the first verdict.
WIDTH = len("0/1 endpoints of the first version v1 ready   ")
HEADING = "NAME     VERSION   STABLE   PHASE     STAGE   WEIGHT   " + "VERDICT".ljust(WIDTH) + "AGE"
FIRST = "digits   v1                 Pending           0        0/1 endpoints of the first version v1 ready   1s"
WIDER = (
    "digits   v2        v1       Progressing           0        " + "version v2 is to replace v1".ljust(WIDTH) + "14s"
)
WIDEST = (
    "digits   v2        v1       Progressing   1/4 shadow   0        "
    + "passing: 2/2 checks, n=121".ljust(WIDTH)
    + "26s"
)
EMPTY = (
    "digits   v5        v2       Progressing                0        "
    + "version v5 is to replace v2".ljust(WIDTH)
    + "2m"
)


def cells(*lines: str) -> list[list[str]]:
    columns = Columns(HEADING)
    return [list(columns.read(line).values()) for line in lines]


def test_empty_cells_stay_empty_and_wider_ones_widen_their_column() -> None:
    assert cells(FIRST, WIDER, WIDEST, EMPTY) == [
        ["digits", "v1", "", "Pending", "", "0", "0/1 endpoints of the first version v1 ready", "1s"],
        ["digits", "v2", "v1", "Progressing", "", "0", "version v2 is to replace v1", "14s"],
        ["digits", "v2", "v1", "Progressing", "1/4 shadow", "0", "passing: 2/2 checks, n=121", "26s"],
        ["digits", "v5", "v2", "Progressing", "", "0", "version v5 is to replace v2", "2m"],
    ]


def test_lines_that_kubectl_printed_apart_line_up() -> None:
    columns = Columns(HEADING)
    first, second = columns.read(WIDER), columns.read(WIDEST)
    assert aligned(first).index("version v2") == aligned(second).index("passing") == heading(first).index("VERDICT")


def test_what_stands_after_a_long_verdict_is_under_its_heading() -> None:
    top, line = table(Columns(HEADING).read(WIDEST))
    assert line.index("26s") == top.rindex("AGE")
