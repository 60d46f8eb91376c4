"""What all users of a session met: each scenario leaves a file, and the session's last line adds them up."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.support.traffic import Answers


def leave(home: Path, namespace: str, answers: Answers, bad: frozenset[str]) -> None:
    """Write down what a scenario's users met.

    Args:
        bad: versions of the scenario that were meant to fail; empty where all were healthy.
    """
    content = {"sent": len(answers), "failed": len(answers.failed), "healthy": not bad}
    (home / f"{namespace}.users.json").write_text(json.dumps(content), encoding="utf-8")


def lines(home: Path) -> list[str]:
    """For the end of a session."""
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(home.glob("*.users.json"))]
    healthy = [row for row in rows if row["healthy"]]
    return [
        f"clients sent {sum(row['sent'] for row in rows)} requests in {len(rows)} scenarios",
        f"where all versions were healthy: {sum(row['sent'] for row in healthy)} sent,"
        f" {sum(row['failed'] for row in healthy)} failed",
    ]
