"""Selectors of histograms, and the edges of classic ones: upper bounds of buckets, as numbers and as the label `le`
spells them. Pure."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from modelrollout.metrics.promql import Scope, check_ratio_selector
from modelrollout.metrics.provider import RawSeries

EDGE_LABEL: Final = "le"
EVERYTHING: Final = 'le="+Inf"'
"""Matches the last bucket, which holds all observations."""
_MOST_DIGITS: Final = 20
"""Longer numbers are not spelled out in full: an exporter would write an exponent."""
_EDGE_MATCHER: Final = re.compile(r"""[{,]\s*(?:le|"le")\s*(?:=~|!~|!=|=)""")
_NAME: Final = re.compile(
    r"""\s*([A-Za-z_:][A-Za-z0-9_:]*)\s*\{|.*[{,]\s*(?:__name__\s*=\s*)?["']([^"'\\]+)["']\s*[,}]""", re.DOTALL
)
_CLASSIC: Final = "_bucket"
_PARTS: Final = ("_count", "_sum")


@dataclass(frozen=True, slots=True)
class Buckets:
    """A revision's histogram as its counters stand now, all its series added up.

    Attributes:
        counts: how many observations lie at or below each edge, since the pods began; ascending by edge, +Inf last.
    """

    counts: tuple[tuple[float, float], ...]

    @property
    def edges(self) -> tuple[float, ...]:
        """Its finite edges, ascending."""
        return tuple(edge for edge, _ in self.counts if math.isfinite(edge))

    @property
    def total(self) -> float:
        """All observations."""
        return self.counts[-1][1]

    def has(self, edge: float) -> bool:
        """Whether that number is one of its edges."""
        return edge in self.edges


def spellings(edge: Decimal) -> str:
    """A regular expression (RE2, without anchors or backslashes) of all ways in which exporters write this edge.

    `0.5` is also `0.50` and `5e-01`; `1` is also `1.0`, `1e+00` and `1.0E0`. A Prometheus of version 3 normalises
    what it scrapes, an older one keeps what the exporter wrote, and both may be in its history.
    """
    sign, digits, exponent = edge.normalize().as_tuple()
    if not isinstance(exponent, int):
        raise TypeError(f"an edge is a finite number, not {edge}")
    text = "".join(str(digit) for digit in digits)
    minus = "-" if sign else ""
    if text == "0":
        return "-?0([.]0*)?([eE][+-]?0+)?"
    first, rest = text[0], text[1:]
    power = len(rest) + exponent
    mantissa = f"{first}[.]{rest}0*" if rest else f"{first}([.]0*)?"
    forms = [f"{mantissa}[eE]{'-' if power < 0 else '[+]?'}0*{abs(power)}"]
    if abs(power) <= _MOST_DIGITS:
        forms.append(_plain(text, exponent))
    return f"{minus}({'|'.join(forms)})"


def _plain(text: str, exponent: int) -> str:
    if exponent >= 0:
        return f"{text}{'0' * exponent}([.]0*)?"
    whole, part = text[:exponent], text[exponent:].rjust(-exponent, "0")
    return f"{whole or '0?'}[.]{part}0*"


def bucket_of(selector: str, edge: Decimal) -> str:
    """The selector of one bucket: what was observed at or below the edge."""
    return with_matcher(selector, f'{EDGE_LABEL}=~"{spellings(edge)}"')


def with_matcher(selector: str, matcher: str) -> str:
    """A plain selector with braces and one more matcher in them."""
    return selector.replace("{", f"{{{matcher},", 1)


def check_buckets(selector: str) -> str | None:
    """What is wrong with the selector of a histogram's buckets, in words that say what to write; None when nothing."""
    problem = check_ratio_selector(selector)
    if problem is not None:
        return problem
    if _EDGE_MATCHER.search(selector):
        return "leave the label le out: all buckets are needed"
    name = _name_of(selector)
    if name.endswith("_total"):
        return f"{name} is a counter by its name, and a histogram is needed: feature_bucket{{$selector}}, say"
    if name.endswith(_PARTS):
        whole = name.rpartition("_")[0]
        return (
            f"write the histogram, not {name}: {whole}_bucket{{$selector}} of a classic one, {whole}{{$selector}} of a "
            "native one"
        )
    return None


def is_native(selector: str) -> bool:
    """Whether the selector of a histogram is that of a native one: one series has all buckets, and no such ending."""
    name = _name_of(selector)
    return bool(name) and not name.endswith(_CLASSIC)


def of_other_kind(selector: str) -> str | None:
    """The selector of the same histogram as the other kind, classic or native; None where its name is not plain."""
    name = _name_of(selector)
    if not name:
        return None
    return selector.replace(name, name + _CLASSIC if is_native(selector) else name.removesuffix(_CLASSIC), 1)


def other_kind(selector: str) -> str:
    """What to write where the histogram that a selector names is of the other kind."""
    kind = "classic" if is_native(selector) else "native"
    other = of_other_kind(selector)
    return f"if it is a {kind} one, write {'its name' if other is None else other}"


def _name_of(selector: str) -> str:
    """The name of the metric; empty where it is none that can be read, such as a regular expression."""
    found = _NAME.match(selector)
    return "" if found is None else found[1] or found[2] or ""


def edge_of(labels: Mapping[str, str]) -> float | None:
    """The edge of a bucket's series; None where the label is missing or no number."""
    try:
        edge = float(labels.get(EDGE_LABEL, ""))
    except ValueError:
        return None
    return None if math.isnan(edge) else edge


def buckets_of(series: Iterable[RawSeries], scope: Scope, hashes: Iterable[str]) -> dict[str, Buckets]:
    """The histogram of each revision that has one, by the last sample of each series."""
    revisions = tuple(hashes)
    found: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for one in series:
        revision, edge = scope.revision_of(one.labels, revisions), edge_of(one.labels)
        if revision is not None and edge is not None and one.samples and math.isfinite(one.samples[-1][1]):
            found[revision][edge] += one.samples[-1][1]
    return {
        revision: Buckets(tuple(sorted(counts.items()))) for revision, counts in found.items() if math.inf in counts
    }
