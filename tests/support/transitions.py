"""What each policy can decide, read from its source: every (action, reason) that it or what it calls may answer."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from modelrollout.engine import chains
from modelrollout.engine.plan import Action

CHAINS: Final = {"Empty": "EMPTY", "Resting": "RESTING", "Loading": "LOADING", "Stepping": "STEPPING"}
OTHER: Final = "*"
"""A reason that is not written in the code: one that was remembered."""


@dataclass(frozen=True, slots=True, order=True)
class Transition:
    """One way in which a policy may answer."""

    situation: str
    policy: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Outcome:
    """An action and where its reason comes from: a word, or a parameter of the function."""

    action: str
    reason: str = ""
    parameter: str = ""


def transitions() -> set[Transition]:
    """All that the chains can answer, as far as the code says."""
    return {
        Transition(situation, policy.__name__, outcome.action, outcome.reason or OTHER)
        for situation, chain in CHAINS.items()
        for policy in getattr(chains, chain)
        for outcome in _outcomes(policy)
    }


def policies(situation: str) -> list[str]:
    """The names of a chain, in order."""
    return [policy.__name__ for policy in getattr(chains, CHAINS[situation])]


@cache
def _outcomes(function: Callable[..., Any]) -> frozenset[_Outcome]:
    function = inspect.unwrap(function)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    reader = _Reader(function, tree)
    answers = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value is not None]
    return frozenset(outcome for answer in answers for outcome in reader.read(answer))


@dataclass(frozen=True)
class _Reader:
    """Follows what a function returns to where it is decided."""

    function: Callable[..., Any]
    tree: ast.FunctionDef

    def read(self, answer: ast.expr) -> Iterator[_Outcome]:
        """What an expression may decide. A parameter decides nothing: whoever gives it is read there."""
        match answer:
            case ast.Name(name):
                yield from self._all(_assigned(name, self.tree))
            case ast.BoolOp():
                yield from self._all(answer.values)
            case ast.IfExp():
                yield from self._all((answer.body, answer.orelse))
            case ast.Tuple():
                yield from self._all(answer.elts)
            case ast.GeneratorExp():
                yield from self._all(part.iter for part in answer.generators)
            case ast.Call(ast.Name("next" | "replace")):
                yield from self.read(answer.args[0])
            case ast.Call():
                yield from self._call(answer)
            case _:
                return

    def _all(self, answers: Iterable[ast.expr]) -> Iterator[_Outcome]:
        for answer in answers:
            yield from self.read(answer)

    def _call(self, call: ast.Call) -> Iterator[_Outcome]:
        called = _called(call, self.function)
        if called is None:
            return
        if called.__name__ == "Decision":
            action = call.args[0]
            assert isinstance(action, ast.Attribute), "an action is written where it is decided"
            for source in _sources(call.args[1], self.tree):
                yield _Outcome(Action[action.attr].value, *source)
        elif _decides(called):
            for outcome in _outcomes(called):
                yield from _put_in(outcome, call, called, self.tree)
            given = zip(inspect.signature(called).parameters.values(), call.args, strict=False)
            yield from self._all(answer for parameter, answer in given if "Decision" in str(parameter.annotation))


def _called(call: ast.Call, inside: Callable[..., Any]) -> Callable[..., Any] | None:
    """What a call calls, as far as it is something of the engine."""
    scope = vars(sys.modules[inside.__module__])
    match call.func:
        case ast.Name(name):
            found = scope.get(name)
        case ast.Attribute(ast.Name(module), name):
            found = getattr(scope.get(module), name, None)
        case _:
            return None
    ours = callable(found) and getattr(found, "__module__", "").startswith("modelrollout.engine")
    return found if ours else None


def _decides(function: Callable[..., Any]) -> bool:
    return inspect.isfunction(function) and "Decision" in str(function.__annotations__.get("return", ""))


def _put_in(outcome: _Outcome, call: ast.Call, called: Callable[..., Any], tree: ast.FunctionDef) -> Iterator[_Outcome]:
    """An outcome of a function that was called, with the argument that its reason is."""
    if not outcome.parameter:
        yield outcome
        return
    position = list(inspect.signature(called).parameters).index(outcome.parameter)
    for source in _sources(call.args[position], tree):
        yield _Outcome(outcome.action, *source)


def _sources(expression: ast.expr, tree: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """(word, "") for each word that an expression may be, or ("", parameter)."""
    names = {argument.arg for argument in tree.args.args}
    if isinstance(expression, ast.Name) and expression.id in names:
        yield "", expression.id
        return
    if isinstance(expression, ast.Name):
        expression = next(iter(_assigned(expression.id, tree)), expression)
    words = [part.value for part in ast.walk(expression) if isinstance(part, ast.Constant)]
    found = [word for word in words if isinstance(word, str)]
    yield from ((word, "") for word in found)
    if not found:
        yield "", ""


def _assigned(name: str, tree: ast.FunctionDef) -> list[ast.expr]:
    """What a local name stands for, with the parts of what is assigned to several at once."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == name:
                found.append(node.value)
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts, strict=True)
                found += [value for part, value in pairs if isinstance(part, ast.Name) and part.id == name]
    return found
