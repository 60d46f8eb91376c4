"""python -m benchmarks.judgement [false] [detection] [starts] [margin] [--runs N]

Without names: all tables; some minutes of one core. Seeds are fixed: the same code gives the same figures.
"""

from __future__ import annotations

import argparse

from benchmarks.judgement import report, tables

NAMES = ("false", "detection", "starts", "margin")


def main() -> None:
    """Simulate, and write results.json and results.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judgement", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="table", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument(
        "--runs", type=int, default=1000, help="rollouts of each cell of false rollbacks; times need fewer"
    )
    given = parser.parse_args()
    unknown = set(given.tables) - set(NAMES)
    if unknown:
        parser.error(f"no such table: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    wanted = given.tables or list(NAMES)
    found = {name: rows for name, rows in report.read().items() if name not in wanted}
    for name, row in tables.cells(wanted, given.runs):
        found.setdefault(name, []).append(row)
        print(name, row, flush=True)
        report.write(found)
    print(report.write(found))


if __name__ == "__main__":
    main()
