"""The table at the end."""

from collections.abc import Sequence

from e2e.demo.clients import Counts
from e2e.demo.story import PROMOTED, ROLLED_BACK, Chronicle

_OUTCOMES = {PROMOTED: "became stable", ROLLED_BACK: "rolled back"}
_HEAD = ("VERSION", "OUTCOME", "WEIGHT", "ANSWERED", "FAILED", "RIGHT", "WHY")
_NUMBERS = range(2, 6)


def table(chronicles: Sequence[Chronicle], total: Counts) -> str:
    """One line a version: how it ended, its highest weight, and what clients got of it."""
    rows = [_HEAD, *(_row(chronicle, total) for chronicle in chronicles)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(
        "   ".join(
            cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _row(chronicle: Chronicle, total: Counts) -> tuple[str, ...]:
    version = chronicle.chapter.version
    answers = total.of(version)
    right = f"{100 * answers.correct / answers.answered:.1f} %" if answers.answered else "-"
    return (
        version,
        _OUTCOMES.get(chronicle.phase, chronicle.phase),
        f"{chronicle.highest} %" if chronicle.chapter.stages else "first",
        str(answers.answered),
        str(answers.failed),
        right,
        chronicle.why,
    )


def harm(total: Counts) -> str:
    """How many live requests met a bad version, or any failure."""
    failed = total.harmed - total.bad_version
    share = f" ({100 * total.harmed / total.sent:.2f} %)" if total.sent else ""
    return (
        f"of {total.sent} live requests {total.bad_version} met a bad version and {failed} met another failure: "
        f"{total.harmed} harmed{share}"
    )
