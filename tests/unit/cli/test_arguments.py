"""The command line of `kubectl mr`."""

from __future__ import annotations

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
    ],
)
def test_what_is_read(words: str, expected: Command) -> None:
    assert read(words.split()) == expected


def test_every_control_has_a_command() -> None:
    assert {control for control in Control if control not in HELP} == {Control.PROMOTE_FULL}


@pytest.mark.parametrize(
    "words", ["", "pause", "get digits -A", "promote-full digits", "pause digits --full", "fly digits"]
)
def test_what_is_refused(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        read(words.split())
    assert stop.value.code == 2
    assert "usage: kubectl mr" in capsys.readouterr().err
