"""Says in the end how far tests have gone that count their points."""

from __future__ import annotations

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line, whatever processes they ran in."""
    total: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        total.update({name: value for name, value in report.user_properties if isinstance(value, int)})
    if total:
        terminalreporter.write_line(", ".join(f"{value:,} {name}" for name, value in total.items()))
