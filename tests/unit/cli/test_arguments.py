"""The command line of `kubectl mr`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from modelrollout.api.controls import Control
from modelrollout.cli.arguments import HELP, Command, Verb, read

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("get", Command(Verb.GET, None, None, None, None)),
        ("get -A", Command(Verb.GET, None, None, None, None, everywhere=True)),
        ("get digits -n demo", Command(Verb.GET, "digits", "demo", None, None)),
        ("-n demo --context c watch digits", Command(Verb.WATCH, "digits", "demo", "c", None)),
        ("pause digits --timeout 5", Command(Control.PAUSE, "digits", None, None, None, timeout=5.0)),
        ("promote digits", Command(Control.PROMOTE, "digits", None, None, None)),
        ("promote --full digits", Command(Control.PROMOTE_FULL, "digits", None, None, None)),
        ("resume digits --kubeconfig f", Command(Verb.RESUME, "digits", None, None, "f")),
        ("plan digits", Command(Verb.PLAN, "digits", None, None, None)),
        (
            "plan -f rollout.yaml --prometheus http://localhost:9090 --scrape-interval 5s --stable rabc",
            Command(
                Verb.PLAN,
                None,
                None,
                None,
                None,
                file="rollout.yaml",
                prometheus="http://localhost:9090",
                scrape_interval=timedelta(seconds=5),
                stable="rabc",
            ),
        ),
        (
            "backtest digits --from 2026-01-31T12:00:00 --to 2026-01-31T14:00:00+01:00 --candidate rdef",
            Command(
                Verb.BACKTEST,
                "digits",
                None,
                None,
                None,
                candidate="rdef",
                begin=datetime(2026, 1, 31, 12, tzinfo=UTC),
                end=datetime(2026, 1, 31, 14, tzinfo=timezone(timedelta(hours=1))),
            ),
        ),
        (
            "suggest digits --from 2026-01-31T12:00:00",
            Command(Verb.SUGGEST, "digits", None, None, None, begin=datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ),
        ("suggest -f rollout.yaml", Command(Verb.SUGGEST, None, None, None, None, file="rollout.yaml")),
        ("explain digits --metric latency", Command(Verb.EXPLAIN, "digits", None, None, None, metric="latency")),
    ],
)
def test_what_is_read(words: str, expected: Command) -> None:
    assert read(words.split()) == expected


def test_every_control_has_a_command() -> None:
    assert {control for control in Control if control not in HELP} == {Control.PROMOTE_FULL}


@pytest.mark.parametrize(
    "words",
    [
        "",
        "pause",
        "get digits -A",
        "promote-full digits",
        "pause digits --full",
        "fly digits",
        "plan",
        "plan digits --scrape-interval 5",
        "backtest digits",
        "backtest --from 2026-01-31",
        "backtest digits --from yesterday",
    ],
)
def test_what_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        read(words.split())
    assert stop.value.code == 2
    assert "usage: kubectl mr" in capsys.readouterr().err
