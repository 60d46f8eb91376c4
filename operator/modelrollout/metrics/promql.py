"""What users write as queries: variables, windows, and the plain selectors that a `ratio` reads raw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

VARIABLES: Final = ("selector", "window", "namespace", "rollout", "revision", "version")
_RATIO_VARIABLES: Final = ("selector", "namespace", "rollout")
"""Raw counters are read for both revisions by one selector, and without a window."""

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|([A-Za-z_]\w*))")
_METRIC: Final = re.compile(r"\s*([A-Za-z_:][A-Za-z0-9_:]*)?\s*\{")
_STRING: Final = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`[^`]*`"
_MATCHER: Final = re.compile(
    r"\s*(?:(?P<selector>\$selector\b|\$\{selector\})"
    rf"|(?P<label>[A-Za-z_]\w*|{_STRING})\s*(?:=~|!~|!=|=)\s*(?:{_STRING})"
    rf"|(?P<name>{_STRING}))\s*"
)
_EXAMPLE: Final = 'http_requests_total{$selector,code=~"5.."}'
_MATCHERS: Final = 'pod=~"queue-.*",job="queue"'
_SCRAPES_IN_A_WINDOW: Final = 2
_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", '"': r"\x22", "'": r"\x27", "`": r"\x60", "\n": r"\n", "\r": r"\r", "\x00": r"\x00"}
)


_ANY_HASH: Final = "r[a-z2-7]{9}"
"""The hash of any revision: what follows the name of a rollout in those of its pods."""
STAND_IN: Final = "$stand_in"
"""A label that no server can set: on series that were read as those of a stand-in, its name."""


@dataclass(frozen=True)
class Selector:
    """Matchers, and whose series they select.

    Attributes:
        stand_in: name of the stand-in; None for revisions that their labels tell apart.
    """

    matchers: str
    stand_in: str | None = None


class QueryError(ValueError):
    """A query that the user must correct. The message names what is wrong and what to write instead."""


@dataclass(frozen=True)
class SelectorStyle:
    """How series of one revision are told apart; an operator setting, since it depends on how Prometheus relabels.

    By default by pod name, which any Prometheus has that keeps `namespace` and `pod`. With `revision_label` by that
    label, whose value is the revision's hash; `rollout_label` then says whose revision it is.
    """

    namespace_label: str = "namespace"
    pod_label: str = "pod"
    revision_label: str | None = None
    rollout_label: str | None = None


@dataclass(frozen=True)
class StandIn:
    """What has series that no revision's name or label tells: a Service of the user's.

    Attributes:
        name: stands where a revision's hash stands, or is that of the revision behind the Service.
        matchers: of its series, known to be such.
    """

    name: str
    matchers: str


@dataclass(frozen=True)
class Scope:
    """The rollout whose series a query reads, and how."""

    namespace: str
    rollout: str
    style: SelectorStyle = SelectorStyle()
    stand_ins: tuple[StandIn, ...] = ()

    def selectors(self, *hashes: str) -> tuple[Selector, ...]:
        """The matchers that together select the series of these revisions, without braces; one for each stand-in."""
        ours = [revision for revision in hashes if not self._is_stand_in(revision)]
        others = [revision for revision in hashes if self._is_stand_in(revision)]
        found = [Selector(self.selector(*ours))] if ours else []
        return (*found, *(Selector(self.selector(revision), revision) for revision in others))

    def selector(self, *hashes: str) -> str:
        """The matchers that select the pods of these revisions, or else of the stand-in, without braces.

        Raises:
            ValueError: no revision is given, or the stand-in among others.
        """
        if not hashes:
            raise ValueError("a selector needs at least one revision")
        style = self.style
        if (found := next((one for one in self.stand_ins if one.name in hashes), None)) is not None:
            if len(hashes) > 1:
                raise ValueError("no one selector selects the series of revisions and of a stand-in")
            return f'{style.namespace_label}="{escape(self.namespace)}",{found.matchers}'
        matchers = [f'{style.namespace_label}="{escape(self.namespace)}"']
        if style.revision_label is None:
            prefixes = [_regex(f"{self.rollout}-{revision}") for revision in hashes]
            matchers.append(f'{style.pod_label}=~"{_alternatives(prefixes)}-.*"')
        else:
            if style.rollout_label is not None:
                matchers.append(f'{style.rollout_label}="{escape(self.rollout)}"')
            matchers.append(f'{style.revision_label}=~"{_alternatives([_regex(revision) for revision in hashes])}"')
        return ",".join(matchers)

    def history(self) -> tuple[Selector, ...]:
        """The matchers of all that has ever served, without braces: every revision, and each stand-in."""
        style = self.style
        matchers = [f'{style.namespace_label}="{escape(self.namespace)}"']
        if style.revision_label is None:
            matchers.append(f'{style.pod_label}=~"{_regex(self.rollout)}-{_ANY_HASH}-.*"')
        else:
            if style.rollout_label is not None:
                matchers.append(f'{style.rollout_label}="{escape(self.rollout)}"')
            matchers.append(f'{style.revision_label}=~"{_ANY_HASH}"')
        return (Selector(",".join(matchers)), *(Selector(self.selector(one.name), one.name) for one in self.stand_ins))

    def revision_of(self, labels: Mapping[str, str], hashes: Iterable[str]) -> str | None:
        """Which of these revisions a series belongs to; None where it belongs to none of them."""
        if (marked := labels.get(STAND_IN)) is not None:
            return marked if marked in hashes else None
        style = self.style
        if style.revision_label is not None:
            value = labels.get(style.revision_label)
            return next((revision for revision in hashes if revision == value), None)
        pod = labels.get(style.pod_label, "")
        return next((revision for revision in hashes if pod.startswith(f"{self.rollout}-{revision}-")), None)

    def _is_stand_in(self, revision: str) -> bool:
        return any(revision == one.name for one in self.stand_ins)

    def pod_of(self, labels: Mapping[str, str]) -> str:
        """The pod that a series comes from; empty where its labels do not tell."""
        return labels.get(self.style.pod_label, "")


def escape(value: str) -> str:
    """A text for use within a PromQL string, whichever quotes the user put around it.

    Quotes become `\\x22` and the like: PromQL refuses an escaped quote of the other kind, and nothing can end a string.
    """
    return value.translate(_ESCAPES)


def expand(query: str, variables: Mapping[str, str]) -> str:
    """Put values in the place of `$name` and `${name}`. A `$` before anything but a name stays: regexes end in it.

    `selector` is inserted as it is (it is PromQL already), every other value is escaped.

    Raises:
        QueryError: the query names a variable that does not exist, or one that has no value here.
    """

    def value_of(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in variables:
            raise QueryError(_unknown_variable(name))
        return variables[name] if name == "selector" else escape(variables[name])

    return _VARIABLE.sub(value_of, query)


def variables_of(scope: Scope, revision: str, version: str, window: float | None = None) -> dict[str, str]:
    """The variables of a query about one revision. `$window` has a value only where a window (seconds) is given."""
    values = {
        "selector": scope.selector(revision),
        "namespace": scope.namespace,
        "rollout": scope.rollout,
        "revision": revision,
        "version": version,
    }
    return values if window is None else values | {"window": duration(window)}


def unknown_variables(query: str) -> tuple[str, ...]:
    """One message for each variable in the query that does not exist, so that all can be reported at once."""
    names = dict.fromkeys(match[1] or match[2] for match in _VARIABLE.finditer(query))
    return tuple(_unknown_variable(name) for name in names if name not in VARIABLES)


def names_revision(query: str) -> bool:
    """Whether the query gives each revision a value of its own."""
    names = {match[1] or match[2] for match in _VARIABLE.finditer(query)}
    return not names.isdisjoint({"selector", "revision", "version"})


def check_ratio_selector(text: str) -> str | None:
    """What is wrong with one side of a `ratio`, in words that say what to write; None when nothing is.

    A ratio reads the counter's raw samples and takes differences itself, so only `name{matchers}` with `$selector`
    among the matchers will do: a function would see one series' samples at a time and lose first errors, resets and
    births.
    """
    start = _METRIC.match(text)
    if start is None:
        return f"{_not_plain(text)}; write the counter itself, such as {_EXAMPLE}"
    for name in dict.fromkeys(match[1] or match[2] for match in _VARIABLE.finditer(text)):
        if name not in _RATIO_VARIABLES:
            return _unknown_variable(name)
    position, selectors, named = start.end(), 0, start[1] is not None
    while (entry := _MATCHER.match(text, position)) is not None:
        selectors += entry["selector"] is not None
        named = named or entry["name"] is not None or entry["label"] == "__name__"
        position = entry.end()
        if text[position : position + 1] != ",":
            break
        position += 1
    rest = text[position:].strip()
    if not rest.startswith("}"):
        return f"cannot read the matchers from {rest[:40]!r} on; write them like {_EXAMPLE}"
    if rest != "}":
        return f"{_not_plain(text)}, found {rest[1:].strip()[:40]!r} after it; write only {_EXAMPLE}"
    if selectors != 1:
        return f"it must hold $selector once, or revisions cannot be told apart; write it like {_EXAMPLE}"
    return None if named else f"it names no metric; write it like {_EXAMPLE}"


def check_matchers(text: str) -> str | None:
    """What is wrong with label matchers, in words that say what to write; None when nothing is."""
    position = 0
    while (entry := _MATCHER.match(text, position)) is not None and entry["label"] is not None:
        position = entry.end()
        if text[position : position + 1] != ",":
            break
        position += 1
    rest = text[position:].strip()
    return f"cannot read the matchers from {rest[:40]!r} on; write them like {_MATCHERS}" if rest else None


def duration(seconds: float) -> str:
    """A PromQL duration: `90s`, or `1500ms` where the seconds are not whole.

    Raises:
        ValueError: shorter than a millisecond.
    """
    milliseconds = round(seconds * 1000)
    if milliseconds < 1:
        raise ValueError(f"a PromQL duration is at least 1 ms, not {seconds} s")
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def clip_window(window: float, in_step_seconds: float, scrape_interval: float) -> float | None:
    """The window to use now, in seconds: never longer than the step has lasted, so that it sees nothing from before.

    None while the step is younger than two scrapes: a rate needs two samples. A window that is configured shorter than
    two scrapes is widened to them, once the step is that old.
    """
    shortest = _SCRAPES_IN_A_WINDOW * scrape_interval
    if in_step_seconds < shortest:
        return None
    return max(min(window, in_step_seconds), shortest)


def _regex(value: str) -> str:
    """A literal for an RE2 expression within a PromQL string: escaped for the one, then for the other."""
    return escape(re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", value))


def _alternatives(patterns: list[str]) -> str:
    return patterns[0] if len(patterns) == 1 else f"({'|'.join(patterns)})"


def _unknown_variable(name: str) -> str:
    known = ", ".join(f"${variable}" for variable in VARIABLES)
    if name in VARIABLES:
        return f"${name} has no value here; it belongs into a `query`" + (" with a `window`" * (name == "window"))
    return f"unknown variable ${name}; known are {known}"


def _not_plain(text: str) -> str:
    called = re.match(r"\s*([A-Za-z_]\w*)\s*(?:by\s*|without\s*|\()", text)
    what = f"{called[1]}(...) is not" if called else "this is not"
    return f"a ratio reads raw counters, and {what} a plain series selector"
