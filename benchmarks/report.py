"""Figures as a page for people."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.false_rollbacks import BASE_ERRORS, SECONDS
from benchmarks.results import Results, Row
from benchmarks.subject import SETTINGS_TEXT

FILE = Path(__file__).with_name("results.md")
_HEAD = """# Figures

Written by `make bench`; [README.md](README.md) says how each is measured, `results.json` has every run."""


def write(results: Results) -> str:
    """Write the page and return it."""
    parts = [_HEAD, table(("what", "on what it was measured"), list(results.facts.items()))]
    if results.rollback:
        parts += ["## A candidate that fails half of its requests", f"{SETTINGS_TEXT}.", _rollback(results.rollback)]
        parts += [_runs(results.rollback)]
    if results.quiet:
        parts += ["## False rollbacks, with the same settings", _quiet(results.quiet)]
    if results.idle:
        parts += ["## At rest", _idle(results.idle)]
    if results.moving:
        parts += ["## In a step", _moving(results.moving)]
    for row in results.scale:
        parts += [f"## {row['rollouts']} rollouts, {row['moving']} of them in a step", _scale(row)]
    parts += ["## When", _pieces(results)]
    text = "\n\n".join(parts) + "\n"
    FILE.write_text(text, encoding="utf-8")
    return text


def _rollback(runs: Sequence[Row]) -> str:
    columns: list[tuple[str, str, str]] = [
        ("weight 10 to weight 0 in the HTTPRoute, s", "weight_seconds", "3"),
        ("answers 5xx that clients got", "server_errors", "6"),
        ("other failures that clients met", "others", "0"),
        ("first to last answer of the candidate at the clients, s", "client_seconds", ""),
        ("weight 10 to harm visible in Prometheus, s", "visible_seconds", ""),
        ("harm visible in Prometheus to weight 0, s", "reaction_seconds", "2 (one interval + 1 s)"),
    ]
    rows = [(title, *_spread([run[key] for run in runs]), aim) for title, key, aim in columns]
    return table((f"of {len(runs)} runs", "p50", "mean", "min", "max", "aim"), rows)


def _spread(values: Sequence[float]) -> tuple[str, str, str, str]:
    return tuple(  # type: ignore[return-value]
        f"{value:.3g}" for value in (statistics.median(values), statistics.fmean(values), min(values), max(values))
    )


def _runs(runs: Sequence[Row]) -> str:
    rows = [
        (
            str(number),
            f"{run['weight_seconds']:.2f}",
            str(run["server_errors"]),
            f"{run['first_scrape_seconds']:.2f}",
            f"{run['visible_seconds']:.2f}",
            f"{run['reaction_seconds']:.2f}",
            f"{run['seen_events']} of {run['seen_total']}",
            str(run["message"]).replace("|", "\\|"),
        )
        for number, run in enumerate(runs, 1)
    ]
    head = ("run", "weight 10 to 0, s", "5xx", "first request in Prometheus after, s", "harm there after, s", "then, s")
    return table((*head, "counts then", "decided on"), rows)


def _quiet(runs: Sequence[Row]) -> str:
    requests, errors = sum(run["requests"] for run in runs), sum(run["server_errors"] for run in runs)
    return table(
        ("what", "measured", "aim"),
        [
            (f"false rollbacks of {len(runs)} attempts of {SECONDS:.0f} s", str(_count(runs)), "0"),
            ("requests that clients sent meanwhile", str(requests), ""),
            (f"answers 5xx, of both revisions ({BASE_ERRORS:.1%} meant)", f"{errors} ({errors / requests:.2%})", ""),
        ],
    )


def _scale(row: Row) -> str:
    rows: list[tuple[str, ...]] = [
        (title, *(f"{row[state][key]:.3g}" for state in ("resting", "moving_costs", "after_restart")), aim)
        for title, key, aim in (
            ("processor cores of the operator", "cores", "1"),
            ("its memory, MB", "resident_megabytes", "1074"),
            ("its memory at most, MB", "peak_megabytes", ""),
            ("API requests a second", "api_a_second", "0 at rest"),
            ("Prometheus requests a second", "prometheus_a_second", "0 at rest"),
            ("looks at rollouts a second", "reconciles_a_second", ""),
        )
    ]
    once = [
        ("seconds until all serve their first version", f"{row['adopt_seconds']:.0f}", ""),
        ("API requests of the operator for each of them", f"{row['adopt_api_requests_each']:.3g}", ""),
        ("seconds until those that move are in force", f"{row['move_seconds']:.0f}", ""),
    ]
    for found in row["restarts"]:
        how = "ended in order" if found["ended_by"] == "SIGTERM" else "killed"
        then = "one that stood by" if found["standby"] else "one that was started then"
        once += [
            (
                f"seconds until all that move are judged again, {how}, by {then}",
                f"{found['resumed_seconds']:.1f}",
                "30",
            ),
            ("steps that this changed", str(found["changed_steps"]), "0"),
        ]
    costs = table(("", "all at rest", "some moving", "after a restart", "aim"), rows)
    return costs + "\n\n" + table(("once", "measured", "aim"), once)


def _count(runs: Sequence[Row]) -> int:
    return sum(bool(run["rolled_back"]) for run in runs)


def _idle(rows: Sequence[Row]) -> str:
    total = _sum(rows)
    minutes, rollouts = total["seconds"] / 60, rows[-1]["rollouts"]
    each = minutes * rollouts
    return table(
        (f"{rollouts} rollouts over {minutes:.1f} min", "measured", "aim"),
        [
            ("API requests a minute and rollout, without watches and resync", f"{total['api'] / each:.3g}", "0"),
            ("of them made by the operator itself, not by kopf's watches", f"{total['own'] / each:.3g}", "0"),
            ("the resync's lists a minute, of all kinds and namespaces", f"{total['lists'] / minutes:.3g}", ""),
            ("watches that ended and began again, a minute", f"{total['watches'] / minutes:.3g}", ""),
            # Runs before there was a Lease have none.
            ("requests about the Lease, a minute", f"{total.get('lease', 0.0) / minutes:.3g}", ""),
            ("Prometheus requests a minute and rollout", f"{total['prometheus'] / each:.3g}", "0"),
            ("looks at rollouts a minute and rollout", f"{total['reconciles'] / each:.3g}", ""),
            ("processor seconds of the operator an hour", f"{total['cpu_seconds'] / minutes * 60:.1f}", ""),
            ("memory of the operator, MB", f"{rows[-1]['resident_megabytes']:.0f}", ""),
        ],
    )


def _moving(rows: Sequence[Row]) -> str:
    total = _sum(rows)
    seconds = total["seconds"]
    return table(
        (f"one rollout, three metrics, interval 1 s, over {seconds:.0f} s", "measured"),
        [
            ("looks a second", f"{total['reconciles'] / seconds:.2f}"),
            ("Prometheus requests a look", f"{total['prometheus'] / max(1.0, total['reconciles']):.2f}"),
            ("Prometheus requests a second", f"{total['prometheus'] / seconds:.2f}"),
            ("API requests a minute, without watches", f"{total['api'] / seconds * 60:.2g}"),
            ("processor of the operator, share of one core", f"{total['cpu_seconds'] / seconds:.1%}"),
            ("memory of the operator, MB", f"{rows[-1]['resident_megabytes']:.0f}"),
        ],
    )


def _sum(rows: Sequence[Row]) -> dict[str, float]:
    return {key: sum(row[key] for row in rows) for key in rows[0]}


def _pieces(results: Results) -> str:
    rows = [(figure, piece) for figure, pieces in results.pieces.items() for piece in pieces]
    return table(("figure", "each piece: when it ended, of which commit, how busy the machine was"), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
