"""Runs the tests in the order of what they cost, and counts them in the last line.

python -m tests.run                  everything
python -m tests.run unit component   some kinds
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
TESTS = ("tests", "e2e")


@dataclass(frozen=True, slots=True)
class Count:
    """How many tests ended how."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    @property
    def text(self) -> str:
        """The line that closes a run."""
        line = f"{self.passed} passed, {self.failed} failed"
        return f"{line}, {self.skipped} skipped" if self.skipped else line


def lint() -> Count:
    """Style, format and types; each tool counts as one test."""
    commands = (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy", "operator/modelrollout", "tests", "e2e", "benchmarks", "examples"],
    )
    count = Count()
    for command in commands:
        ok = subprocess.run([PYTHON, "-m", *command], cwd=ROOT, check=False).returncode == 0
        count += Count(passed=1) if ok else Count(failed=1)
    return count


def marked(marker: str, *options: str, below: tuple[str, ...] = TESTS) -> Callable[[], Count]:
    """The tests of one marker, by pytest.

    Args:
        below: folders that they are looked for in.
    """

    def run() -> Count:
        with tempfile.TemporaryDirectory() as directory:
            report = Path(directory) / "report.xml"
            command = [PYTHON, "-m", "pytest", "-m", marker, *options, f"--junitxml={report}", *below]
            code = subprocess.run(command, cwd=ROOT, check=False).returncode
            return _counted(report, code)

    return run


def _counted(report: Path, code: int) -> Count:
    """Read pytest's report; a run that failed without a failing test, or ran none, counts as a failure."""
    if not report.exists():
        return Count(failed=1)
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 - pytest wrote it
    total, failed, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites for name in names)
        for names in (("tests",), ("failures", "errors"), ("skipped",))
    )
    if (code != 0 or total == 0) and failed == 0:
        failed = 1
    return Count(max(0, total - failed - skipped), failed, skipped)


KINDS: dict[str, Callable[[], Count]] = {
    "lint": lint,
    "unit": marked("unit", "-q", "-n", "2"),
    "machine": marked("machine", "-q", "-n", "2", below=("tests/machine",)),
    # Each process has a control plane of its own.
    "component": marked("component", "-q", "-n", "2", "--dist", "worksteal"),
    # 1.4 GB of packages: only where it is asked for.
    "servers": marked("servers", "-v", below=("tests/component/servers",)),
    # Apart from the scenarios: starting and killing whole clusters would take the processors from what they measure.
    "cluster": marked("e2e", "-q", "-n", "2", "--dist", "loadscope", below=("e2e/cluster",)),
    "e2e": marked("e2e", "-v", "-n", "3", "--dist", "loadscope", below=("e2e/scenarios",)),
}

EVERYTHING = tuple(kind for kind in KINDS if kind != "servers")
"""What runs where nothing is named."""


def main(wanted: list[str]) -> int:
    """Run the wanted kinds; without any, everything but what has to be named."""
    unknown = [kind for kind in wanted if kind not in KINDS]
    if unknown:
        print(f"there is no {unknown[0]!r}; kinds are {', '.join(KINDS)}")
        return 2
    total, lines = Count(), []
    for kind, run in KINDS.items():
        if kind not in (wanted or EVERYTHING):
            continue
        print(f"\n== {kind}", flush=True)
        start = time.monotonic()
        count = run()
        total += count
        lines.append(f"{kind:10} {count.text:40} {time.monotonic() - start:6.0f} s")
    print("\n" + "\n".join(lines))
    print(total.text)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
