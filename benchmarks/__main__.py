"""python -m benchmarks [rollback] [quiet] [idle] [moving] [--runs N] [--seconds N] [--append]

Without names: all of them, about 35 minutes. With `--append` runs are added to those of results.json.
"""

from __future__ import annotations

import argparse
import random

from benchmarks import costs, false_rollbacks, machine, report, results, rollback
from benchmarks.platform import Bench, installed
from e2e.cluster.progress import Progress

FIGURES = ("rollback", "quiet", "idle", "moving")


def main() -> None:
    """Measure, and write results.json and results.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="figure", help=f"of {', '.join(FIGURES)}; default: all")
    parser.add_argument("--runs", type=int, default=20, help="of rollback and quiet, each")
    parser.add_argument("--seconds", type=float, default=300.0, help="of idle; moving takes a fifth")
    parser.add_argument("--append", action="store_true", help="keep earlier runs of the same figures")
    given = parser.parse_args()
    unknown = set(given.figures) - set(FIGURES)
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}")
    wanted = given.figures or list(FIGURES)
    progress, found = Progress(), results.read()
    if not given.append:
        for figure in wanted:
            setattr(found, figure, [])
            found.pieces.pop(figure, None)
    with installed(progress) as bench:
        found.facts = machine.facts(bench)
        for figure in wanted:
            getattr(found, figure).extend(_measure(figure, bench, progress, given.runs, given.seconds))
            found.pieces.setdefault(figure, []).append(machine.piece())
            found.save()
            report.write(found)
    print(report.write(found))


def _measure(figure: str, bench: Bench, progress: Progress, runs: int, seconds: float) -> list[results.Row]:
    # Every piece draws requests of its own; who wants the same ones again takes the seed that is said here.
    seed = random.randrange(1_000_000)
    progress.say(f"{figure}: seed {seed}")
    match figure:
        case "rollback":
            return rollback.measure(bench, progress, runs, seed)
        case "quiet":
            return false_rollbacks.measure(bench, progress, runs, seed)
        case "idle":
            return [costs.measure_idle(bench, progress, seconds)]
        case _:
            return [costs.measure_moving(bench, progress, seconds / 5, seed)]


if __name__ == "__main__":
    main()
