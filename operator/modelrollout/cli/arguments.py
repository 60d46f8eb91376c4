"""The command line of `kubectl mr`."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from modelrollout.api.controls import Control

TIMEOUT_SECONDS: Final = 30.0


class Verb(StrEnum):
    """Commands that are no control."""

    GET = "get"
    WATCH = "watch"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be done.

    Attributes:
        name: of the ModelRollout; None for all of the namespace.
        namespace: None for that of the context.
        everywhere: whether `get` lists all namespaces.
        timeout: seconds to wait for the operator's answer.
    """

    verb: Verb | Control
    name: str | None
    namespace: str | None
    context: str | None
    kubeconfig: str | None
    everywhere: bool = False
    timeout: float = TIMEOUT_SECONDS


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
}


def read(arguments: list[str] | None = None) -> Command:
    """Read the command line; SystemExit with the usage on an error."""
    given = _parser().parse_args(arguments)
    if given.verb == Verb.GET and given.name is not None and given.all_namespaces:
        _parser().error("--all-namespaces lists all: leave the name out")
    verb = Control.PROMOTE_FULL if getattr(given, "full", False) else _verb(given.verb)
    return Command(
        verb=verb,
        name=given.name,
        namespace=given.namespace,
        context=given.context,
        kubeconfig=given.kubeconfig,
        everywhere=getattr(given, "all_namespaces", False),
        timeout=getattr(given, "timeout", TIMEOUT_SECONDS),
    )


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
        command.add_argument("name", help="the ModelRollout")
        if verb is Control.PROMOTE:
            command.add_argument("--full", action="store_true", help="make it stable, skipping all stages left")
        if verb is not Verb.WATCH:
            command.add_argument(
                "--timeout", type=float, default=TIMEOUT_SECONDS, help="seconds to wait for the answer (%(default)s)"
            )
    return parser


def _add_common(parser: argparse.ArgumentParser, default: str | None) -> None:
    """Options that may stand before and after the command, as with kubectl."""
    parser.add_argument("-n", "--namespace", default=default, help="default: that of the context")
    parser.add_argument("--context", default=default, help="of the kubeconfig")
    parser.add_argument("--kubeconfig", default=default, help="default: $KUBECONFIG, or ~/.kube/config")
