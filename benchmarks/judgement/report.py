"""The figures as a page for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.judgement import schedules
from benchmarks.judgement.tables import ALPHA, HORIZON, RATES, STEPS, STRIKE_LIMIT, UNDECLARED
from benchmarks.judgement.worlds import CLUSTER, WITHIN_ALPHA
from modelrollout.analysis.binomial import log_at_most
from modelrollout.analysis.starts import FIRST_SHARE, LATER_SHARE, STEPS_SHARE

FILE = Path(__file__).with_name("results.json")
PAGE = Path(__file__).with_name("results.md")
Tables = dict[str, list[dict[str, Any]]]
_HEAD = f"""# How well the judge judges

Written by `make bench` (`python -m benchmarks.judgement`); `results.json` has every cell. [README.md](README.md) says
how it is simulated.

Beside each other on the same counts: the judge (`analysis/`, level {ALPHA}), a threshold rule (the share of the last
minute above {STRIKE_LIMIT:g} times the usual one; the fifth failed look rolls back), and a z-test (two proportions,
level 0.01, on all counts so far, looked at at every tick). A tick is 30 s."""


def read() -> Tables:
    """What earlier runs left; empty where there is nothing."""
    found: Tables = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    return found


def write(tables: Tables) -> str:
    """Write both files and return the page."""
    FILE.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")
    text = page(tables)
    PAGE.write_text(text, encoding="utf-8")
    return text


def page(tables: Tables) -> str:
    """The page; tables that have not been made are left out."""
    parts = [_HEAD]
    if tables.get("false"):
        parts += [_false_head(tables["false"]), _false(_together(tables["false"])), _false(tables["false"])]
    if tables.get("detection"):
        for hours, text in ((0.0, "from its first request on"), (2.0, "after two good hours")):
            rows = [row for row in tables["detection"] if row["good_hours"] == hours]
            parts += [f"## A candidate that is bad {text}", _DETECTION, *_dated(rows), _detection(rows)] if rows else []
    if tables.get("starts"):
        parts += [
            "## What starts gain after two good hours",
            _STARTS,
            *_dated(tables["starts"]),
            _starts(tables["starts"]),
        ]
    if tables.get("margin"):
        parts += ["## A candidate that is exactly as bad as is no longer good", _MARGIN, *_dated(tables["margin"])]
        parts += [_margin(tables["margin"])]
    return "\n\n".join(parts) + "\n"


def _dated(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is to be said of rows that say they were made with starts of other weights than now."""
    weights = [FIRST_SHARE, LATER_SHARE, STEPS_SHARE]
    others = [row["starts"] for row in rows if row.get("starts", weights) != weights]
    if not others:
        return []
    said = [", ".join(f"{weight:g}" for weight in each) for each in (others[0], weights)]
    return [
        f"{len(others)} of these {len(rows)} rows were made with starts weighted {said[0]} and not yet made again with "
        f"{said[1]}, as they are; a time moves by a few per cent by it."
    ]


def upper(count: int, runs: int, level: float = 0.05) -> float:
    """Upper 95 % bound of a probability of which `count` of `runs` were seen (C. Clopper, E. Pearson, 1934)."""
    low, high = count / runs, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if log_at_most(count, runs, middle) > _LOG[level]:
            low = middle
        else:
            high = middle
    return high


_LOG = {0.05: -2.995732273553991}


def _false_head(rows: Sequence[Mapping[str, Any]]) -> str:
    runs = sum(row["runs"] for row in rows)
    return (
        f"## False rollbacks\n\nA candidate that is as good as stable, {len(RATES)} metrics with "
        '`noWorseThan: {ratio: "1"}` (the sharpest there is: any margin makes false alarms rarer), '
        f"{len(STEPS)} steps of 5 minutes, {runs} rollouts. Given is the part of them that was rolled back, and the "
        f"upper 95 % bound of the judge's. The level {ALPHA} is promised for {', '.join(sorted(WITHIN_ALPHA))}; the "
        f"others declare `clusters: {{size: {CLUSTER}}}` and are measured. Where nobody declares anything, evidence is "
        "divided by what a day of stable's history shows (`measured`); without any by "
        f"{UNDECLARED}, the least (`undeclared`)."
    )


def _false(rows: Sequence[Mapping[str, Any]]) -> str:
    body = [
        (
            row["world"],
            "all" if row["traffic"] is None else f"{row['traffic']:g}",
            str(row["runs"]),
            f"**{_share(row['judge'], row['runs'])}** (<= {upper(row['judge'], row['runs']):.2%})",
            _share(row["measured"], row["runs"]),
            _share(row["least"], row["runs"]),
            _share(row["strikes"], row["runs"]),
            _share(row["z"], row["runs"]),
        )
        for row in rows
    ]
    return table(
        ("errors", "requests/s", "rollouts", "judge", "measured", "undeclared", "five strikes", "peeked z"), body
    )


def _together(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row for each world, over all amounts of traffic."""
    worlds = dict.fromkeys(row["world"] for row in rows)
    sums = ("runs", "judge", "measured", "least", "strikes", "z")
    return [
        {"world": world, "traffic": None}
        | {key: sum(row[key] for row in rows if row["world"] == world) for key in sums}
        for world in worlds
    ]


_DETECTION = (
    "At weight 10 %, with six metrics sharing the level: median minutes to the rollback, and in brackets the mean "
    "number of bad answers that clients got from the candidate until then. Where fewer than half were found within "
    f"{HORIZON // 120} hours, how many were. `early`: rolled back before they were bad. `judge` is told that each "
    "request fails for itself (`clusters: {by: Request}`); to `undeclared` nobody says anything: its evidence is "
    f"divided by {UNDECLARED}."
)


def _detection(rows: Sequence[Mapping[str, Any]]) -> str:
    body = [
        (
            row["fault"],
            f"{row['traffic']:g}",
            str(row["runs"]),
            *(_found(row[rule], row["runs"]) for rule in ("judge", "undeclared", "strikes", "z")),
        )
        for row in rows
    ]
    return table(("fault", "requests/s", "rollouts", "judge", "undeclared", "five strikes", "peeked z"), body)


def _found(found: Mapping[str, Any], runs: int) -> str:
    late = runs - found["early"]
    bad = "" if found["bad"] is None else f" ({found['bad']:.0f})"
    time = f"{found['minutes']:.3g}" if found["minutes"] is not None else f"{found['found']} of {late} found"
    return f"{time}{bad}" + (f", early {_share(found['early'], runs)}" if found["early"] else "")


_STARTS = (
    f"Errors go from {schedules.RATES[0]:.1%} to {schedules.RATES[1]:.1%} after two good hours: median minutes until "
    f"one metric with a harm limit of {schedules.RATIO} times stable finds it, at level {schedules.LEVEL}, with weight "
    f"{schedules.WEIGHT:.0%} and ticks of {schedules.SECONDS:g} s. `alone`: one e-process from the first request on. "
    "`every 5 min`: starts on a schedule, start k tested for itself at level / (k (k + 1)), where the change falls on "
    "a start, and where it falls between two. `judge`: the weighted sum of a start with each tick "
    "(`analysis/starts.py`), for the change between two."
)


def _starts(rows: Sequence[Mapping[str, Any]]) -> str:
    body = [
        (
            f"{row['traffic']:g}",
            str(row["runs"]),
            *("not in 2 h" if row[way] is None else f"{row[way]:.3g}" for way in schedules.WAYS),
        )
        for row in rows
    ]
    return table(
        ("requests/s", "rollouts", "alone", "every 5 min, at a start", "every 5 min, between", "judge"),
        body,
    )


_MARGIN = (
    'Stable has 2 % events, the candidate 3 %, the metric `noWorseThan: {ratio: "1.5"}`, weight 10 %, looked at every '
    "30 s from 5 minutes on, for two hours. Beside it, what the same check makes of a candidate as good as stable."
)


def _margin(rows: Sequence[Mapping[str, Any]]) -> str:
    body = [
        (
            row["confidence"] or "not set",
            f"{row['traffic']:g}",
            str(row["runs"]),
            f"{_share(row['promoted'], row['runs'])} (<= {upper(row['promoted'], row['runs']):.1%})",
            _share(row["good_promoted"], row["runs"]),
            f"{row['good_minutes']:.3g}",
        )
        for row in rows
    ]
    head = ("`confidence`", "requests/s", "rollouts", "promoted at the margin", "good ones promoted", "minutes, median")
    return table(head, body)


def _share(count: int, runs: int) -> str:
    return f"{count / runs:.1%}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
