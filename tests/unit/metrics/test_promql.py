"""Variables, selectors and windows in queries."""

from __future__ import annotations

import pytest

from modelrollout.metrics.promql import (
    STAND_IN,
    QueryError,
    Scope,
    Selector,
    SelectorStyle,
    StandIn,
    check_matchers,
    check_ratio_selector,
    clip_window,
    duration,
    expand,
    unknown_variables,
    variables_of,
)

pytestmark = pytest.mark.unit

SCOPE = Scope("demo", "digits")
BY_LABEL = Scope("demo", "digits", SelectorStyle(revision_label="revision", rollout_label="rollout"))


@pytest.mark.parametrize(
    ("scope", "hashes", "expected"),
    [
        pytest.param(SCOPE, ["abc"], 'namespace="demo",pod=~"digits-abc-.*"', id="one-by-pod"),
        pytest.param(SCOPE, ["abc", "def"], 'namespace="demo",pod=~"(digits-abc|digits-def)-.*"', id="two-by-pod"),
        pytest.param(BY_LABEL, ["abc"], 'namespace="demo",rollout="digits",revision=~"abc"', id="one-by-label"),
        pytest.param(
            BY_LABEL, ["abc", "def"], 'namespace="demo",rollout="digits",revision=~"(abc|def)"', id="two-by-label"
        ),
        pytest.param(
            Scope("demo", "digits", SelectorStyle(namespace_label="ns", pod_label="pod_name")),
            ["abc"],
            'ns="demo",pod_name=~"digits-abc-.*"',
            id="other-label-names",
        ),
        pytest.param(
            Scope('de"mo', "dig.its"), ["a"], r'namespace="de\x22mo",pod=~"dig\\.its-a-.*"', id="escaped-for-both"
        ),
    ],
)
def test_selector(scope: Scope, hashes: list[str], expected: str) -> None:
    assert scope.selector(*hashes) == expected


BESIDE_A_QUEUE = Scope("demo", "digits", stand_ins=(StandIn("fallback", 'pod=~"queue-.*"'),))


def test_a_stand_in_has_a_selector_of_its_own() -> None:
    assert BESIDE_A_QUEUE.selector("fallback") == 'namespace="demo",pod=~"queue-.*"'
    assert BESIDE_A_QUEUE.selectors("abc", "fallback") == (
        Selector('namespace="demo",pod=~"digits-abc-.*"'),
        Selector('namespace="demo",pod=~"queue-.*"', "fallback"),
    )
    assert BESIDE_A_QUEUE.selectors("abc", "def") == (Selector(BESIDE_A_QUEUE.selector("abc", "def")),)
    with pytest.raises(ValueError, match="no one selector"):
        BESIDE_A_QUEUE.selector("abc", "fallback")


def test_a_series_of_a_stand_in_is_known_by_how_it_was_read() -> None:
    labels = {"pod": "digits-abc-7f-x", STAND_IN: "fallback"}
    assert BESIDE_A_QUEUE.revision_of(labels, ("abc", "fallback")) == "fallback"
    assert BESIDE_A_QUEUE.revision_of(labels, ("abc", "def")) is None


@pytest.mark.parametrize("text", ['pod=~"queue-.*"', 'job="a", pod!="b"', "job='a',"])
def test_label_matchers_pass(text: str) -> None:
    assert check_matchers(text) is None


@pytest.mark.parametrize("text", ['{job="a"}', "job", 'job="a" or job="b"', "$selector", 'job="a"} or up{job="b"'])
def test_anything_but_label_matchers_is_refused(text: str) -> None:
    assert "write them like" in (check_matchers(text) or "")


def test_a_selector_needs_a_revision() -> None:
    with pytest.raises(ValueError, match="at least one revision"):
        SCOPE.selector()


@pytest.mark.parametrize(
    ("scope", "labels", "expected"),
    [
        pytest.param(SCOPE, {"pod": "digits-abc-7f-x"}, "abc", id="by-pod"),
        pytest.param(SCOPE, {"pod": "digits-abcd-7f-x"}, None, id="a-longer-hash-is-another"),
        pytest.param(SCOPE, {}, None, id="no-pod"),
        pytest.param(BY_LABEL, {"revision": "def", "pod": "digits-abc-7f-x"}, "def", id="by-label"),
        pytest.param(BY_LABEL, {"pod": "digits-abc-7f-x"}, None, id="no-label"),
    ],
)
def test_revision_of(scope: Scope, labels: dict[str, str], expected: str | None) -> None:
    assert scope.revision_of(labels, ("abc", "def")) == expected


def test_all_variables_are_put_in() -> None:
    variables = variables_of(SCOPE, "abc", "2", window=90)
    text = 'f(m{$selector,v="$version",r="$revision"}[$window]) # $namespace/${rollout}x'
    assert expand(text, variables) == ('f(m{namespace="demo",pod=~"digits-abc-.*",v="2",r="abc"}[90s]) # demo/digitsx')


@pytest.mark.parametrize("version", ['a"} or vector(1)', "a'b", "a`b", "a\\", "a\nb"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_value_cannot_end_the_string_it_stands_in(version: str, quote: str) -> None:
    text = expand(f"m{{v={quote}$version{quote}}}", variables_of(SCOPE, "abc", version))
    inside = text.removeprefix(f"m{{v={quote}").removesuffix(f"{quote}}}")
    assert not set(inside) & set("\"'`\n")
    assert len(inside.replace("\\\\", "")) - len(inside.replace("\\\\", "").rstrip("\\")) == 0


def test_a_dollar_that_starts_no_name_stays() -> None:
    assert expand('m{code=~"5..$"}', {}) == 'm{code=~"5..$"}'


def test_unknown_variables_are_named_with_the_known_ones() -> None:
    with pytest.raises(QueryError, match=r"unknown variable \$selektor; known are \$selector, \$window, "):
        expand("m{$selektor}", variables_of(SCOPE, "abc", "2"))
    assert [message.split(";")[0] for message in unknown_variables("m{$a}[$window] + m{${b}} + $a")] == [
        "unknown variable $a",
        "unknown variable $b",
    ]


def test_a_window_where_there_is_none_is_an_error() -> None:
    with pytest.raises(QueryError, match=r"\$window has no value here"):
        expand("rate(m{$selector}[$window])", variables_of(SCOPE, "abc", "2"))


@pytest.mark.parametrize(
    "text",
    [
        "m{$selector}",
        " m { $selector , code =~ \"5..\", path!~'/a\\'b', q=`\\`, } ",
        'ns:m_total{code="a,b}",$selector}',
        'm{x="$rollout",$selector}',
        '{__name__="m",$selector}',
        '{"a.b.total",$selector}',
        '{"a.b.total","a.label"="x",${selector}}',
    ],
)
def test_plain_selectors_pass(text: str) -> None:
    assert check_ratio_selector(text) is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        pytest.param("rate(m{$selector}[1m])", "rate(...) is not a plain series selector", id="function"),
        pytest.param("sum by (pod) (m{$selector})", "sum(...) is not a plain series selector", id="aggregation"),
        pytest.param("m", "this is not a plain series selector", id="no-braces"),
        pytest.param("", "write the counter itself", id="empty"),
        pytest.param("m{$selector}[1m]", "found '[1m]' after it", id="range"),
        pytest.param("m{$selector} offset 1m", "found 'offset 1m' after it", id="offset"),
        pytest.param("m{$selector} - n{$selector}", "found '- n{$selector}' after it", id="operator"),
        pytest.param("m{$selector}[1m])", "found '[1m])' after it", id="unbalanced"),
        pytest.param("m{$selector", "cannot read the matchers from ''", id="not-closed"),
        pytest.param("m{$selector,code=5}", "cannot read the matchers from 'code=5}'", id="no-quotes"),
        pytest.param('m{$selector code="5"}', "cannot read the matchers from 'code=", id="no-comma"),
        pytest.param('m{code="5"}', "it must hold $selector once", id="no-selector"),
        pytest.param("m{$selector,$selector}", "it must hold $selector once", id="selector-twice"),
        pytest.param('m{x="$selector"}', "it must hold $selector once", id="selector-as-a-value"),
        pytest.param('{$selector,code="5"}', "it names no metric", id="no-name"),
        pytest.param('m{$selector,v="$version"}', "$version has no value here", id="a-revision's-own-variable"),
        pytest.param("m{$selektor}", "unknown variable $selektor", id="unknown-variable"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(text: str, part: str) -> None:
    message = check_ratio_selector(text)
    assert message is not None
    assert part in message


@pytest.mark.parametrize(("seconds", "text"), [(90, "90s"), (1.5, "1500ms"), (0.001, "1ms"), (3600, "3600s")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_duration_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 ms"):
        duration(0)


@pytest.mark.parametrize(
    ("window", "in_step", "scrape", "expected"),
    [
        pytest.param(60, 600, 1, 60, id="as-configured"),
        pytest.param(60, 20, 1, 20, id="never-longer-than-the-step"),
        pytest.param(60, 1.9, 1, None, id="younger-than-two-scrapes"),
        pytest.param(60, 2, 1, 2, id="as-old-as-two-scrapes"),
        pytest.param(10, 600, 15, 30, id="widened-to-two-scrapes"),
    ],
)
def test_clip_window(window: float, in_step: float, scrape: float, expected: float | None) -> None:
    assert clip_window(window, in_step, scrape) == expected
