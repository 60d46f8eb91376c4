"""The command line of `kubectl mr`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from modelrollout.api.controls import Control
from modelrollout.api.scalars import parse_duration

TIMEOUT_SECONDS: Final = 30.0


class Verb(StrEnum):
    """Commands that are no control."""

    GET = "get"
    WATCH = "watch"
    RESUME = "resume"
    PLAN = "plan"
    BACKTEST = "backtest"
    SUGGEST = "suggest"
    EXPLAIN = "explain"


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be done.

    Attributes:
        name: of the ModelRollout; None for all of the namespace.
        namespace: None for that of the context.
        everywhere: whether `get` lists all namespaces.
        timeout: seconds to wait for the operator's answer.
        file: manifest to take instead of what the cluster has, for `plan` and `backtest`, as all that follows.
        prometheus: address to ask directly; None for the spec's or the operator's, through the API server if need be.
        scrape_interval: of that Prometheus.
        stable, candidate: hashes of revisions; None for those that status names.
        begin, end: which history.
        halves: whether one half of the stable revision's pods plays the candidate.
        metric: the only one to explain; None for all.
    """

    verb: Verb | Control
    name: str | None
    namespace: str | None
    context: str | None
    kubeconfig: str | None
    everywhere: bool = False
    timeout: float = TIMEOUT_SECONDS
    file: str | None = None
    prometheus: str | None = None
    scrape_interval: timedelta | None = None
    stable: str | None = None
    candidate: str | None = None
    begin: datetime | None = None
    end: datetime | None = None
    halves: bool = False
    metric: str | None = None


FORETELLING: Final = frozenset({Verb.PLAN, Verb.BACKTEST, Verb.SUGGEST})

HELP: Final = {
    Control.PAUSE: "no step forward until resume",
    Verb.RESUME: "ends a pause",
    Control.ABORT: "all traffic back to the stable version now",
    Control.RETRY: "begin the version again that was rolled back",
    Control.PROMOTE: "enter the next stage now, or with --full make the candidate stable",
    Control.ROLLBACK: "back to the previous version, while it is kept warm",
    Control.APPROVE: "agree to what is recommended",
    Verb.GET: "where it is, and why there",
    Verb.WATCH: "follow it until interrupted",
    Verb.PLAN: "how long each step will take at the traffic of now, and what can never be shown",
    Verb.BACKTEST: "what would have been decided on the history that Prometheus has",
    Verb.SUGGEST: "limits from the stable version's history, and how often they would raise a false alarm",
    Verb.EXPLAIN: "all the evidence of the rollout under way, or of the last one: counts, e-values, levels, decisions",
}


def read(arguments: list[str] | None = None) -> Command:
    """Read the command line; SystemExit with the usage on an error."""
    given = _parser().parse_args(arguments)
    if given.verb == Verb.GET and given.name is not None and given.all_namespaces:
        _parser().error("--all-namespaces lists all: leave the name out")
    if given.verb in FORETELLING and given.name is None and given.file is None:
        _parser().error("say which: a name, or -f FILE")
    verb = Control.PROMOTE_FULL if getattr(given, "full", False) else _verb(given.verb)
    return Command(
        verb=verb,
        name=given.name,
        namespace=given.namespace,
        context=given.context,
        kubeconfig=given.kubeconfig,
        everywhere=getattr(given, "all_namespaces", False),
        timeout=getattr(given, "timeout", TIMEOUT_SECONDS),
        halves=getattr(given, "halves", False),
        **{name: getattr(given, name, None) for name in _HISTORY},
    )


_HISTORY: Final = ("file", "prometheus", "scrape_interval", "stable", "candidate", "begin", "end", "metric")


def _verb(word: str) -> Verb | Control:
    return Verb(word) if word in set(Verb) else Control(word)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubectl mr", description="A person's hand on ModelRollouts.")
    _add_common(parser, default=None)
    commands = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for verb, text in HELP.items():
        command = commands.add_parser(str(verb), help=text, description=text)
        _add_common(command, default=argparse.SUPPRESS)
        if verb is Verb.GET:
            command.add_argument("name", nargs="?", help="the ModelRollout; all of the namespace if it is left out")
            command.add_argument("-A", "--all-namespaces", action="store_true", help="of all namespaces")
            continue
        if verb in FORETELLING:
            _add_history(command, verb)
            continue
        command.add_argument("name", help="the ModelRollout")
        if verb is Verb.EXPLAIN:
            command.add_argument("--metric", metavar="NAME", help="only this one")
            _add_source(command)
            continue
        if verb is Control.PROMOTE:
            command.add_argument("--full", action="store_true", help="make it stable, skipping all stages left")
        if verb is not Verb.WATCH:
            command.add_argument(
                "--timeout", type=float, default=TIMEOUT_SECONDS, help="seconds to wait for the answer (%(default)s)"
            )
    return parser


def _add_history(command: argparse.ArgumentParser, verb: StrEnum) -> None:
    command.add_argument("name", nargs="?", help="the ModelRollout; default: the one in the file")
    command.add_argument("-f", "--file", help="manifest to take instead of what the cluster has")
    _add_source(command)
    command.add_argument("--stable", metavar="HASH", help="revision that serves; default: as status says")
    if verb is Verb.BACKTEST:
        command.add_argument("--candidate", metavar="HASH", help="revision that is judged; default: as status says")
        command.add_argument(
            "--aa",
            dest="halves",
            action="store_true",
            help="one half of the stable revision's pods plays the candidate, again and again: how many false alarms",
        )
        command.add_argument(
            "--from", dest="begin", type=_time, required=True, metavar="TIME", help="such as 2026-01-31T12:00:00Z"
        )
    if verb is Verb.SUGGEST:
        command.add_argument("--from", dest="begin", type=_time, metavar="TIME", help="default: a day before --to")
    if verb is not Verb.PLAN:
        command.add_argument("--to", dest="end", type=_time, metavar="TIME", help="default: now")


def _add_source(command: argparse.ArgumentParser) -> None:
    command.add_argument("--prometheus", metavar="URL", help="ask it there, not through the API server")
    command.add_argument("--scrape-interval", type=_duration, metavar="15s", help="of that Prometheus (15s)")


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not a time such as 2026-01-31T12:00:00Z: {text!r}") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _add_common(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Options that may stand before and after the command, as with kubectl."""
    parser.add_argument("-n", "--namespace", default=default, help="default: that of the context")
    parser.add_argument("--context", default=default, help="of the kubeconfig")
    parser.add_argument("--kubeconfig", default=default, help="default: $KUBECONFIG, or ~/.kube/config")
