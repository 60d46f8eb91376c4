"""An older route to the same Service takes the requests before ours does."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.kube.route import RouteView, route_view
from modelrollout.traffic.hidden import hidden_by
from tests.support.objects import merged, raw_object

pytestmark = pytest.mark.unit

HOST = "digits.example.com"
EARLIER, LATER = "2026-11-21T09:00:00Z", "2026-11-21T11:00:00Z"


def view(name: str, made: str, service: str = "prod", **spec: Any) -> RouteView:
    content: dict[str, Any] = {
        "parentRefs": [{"name": "gateway"}],
        "hostnames": [HOST],
        "rules": [{"backendRefs": [{"name": service, "port": 80}]}],
    }
    raw = raw_object(name, spec=content | spec, controller=None, rollout=None)
    return route_view(merged(raw, {"metadata": {"creationTimestamp": made}}))


def matching(*matches: dict[str, Any]) -> RouteView:
    return view("theirs", EARLIER, rules=[{"matches": list(matches), "backendRefs": [{"name": "prod", "port": 80}]}])


PATH = {"path": {"type": "PathPrefix", "value": "/"}}
HEADER = {"headers": [{"name": "x-moved", "value": "digits"}]}
OURS = view("digits", "2026-11-21T10:00:00Z")


@pytest.mark.parametrize(
    ("other", "hides"),
    [
        pytest.param(view("theirs", EARLIER), True, id="older"),
        pytest.param(view("theirs", LATER), False, id="younger"),
        pytest.param(view("a", "2026-11-21T10:00:00Z"), True, id="as old, and first by name"),
        pytest.param(OURS, False, id="ours"),
        pytest.param(matching(PATH), True, id="for a path"),
        pytest.param(matching(PATH | HEADER), False, id="for a header that nobody sends"),
        pytest.param(matching({"queryParams": [{"name": "a", "value": "b"}]}), False, id="for a query parameter"),
        pytest.param(matching(PATH | HEADER, PATH), True, id="for a header, or anything"),
        pytest.param(view("theirs", EARLIER, "another"), False, id="leads elsewhere"),
        pytest.param(
            view("theirs", EARLIER, rules=[{"backendRefs": [{"name": "prod", "port": 80, "weight": 0}]}]),
            False,
            id="with weight 0",
        ),
        pytest.param(
            view("theirs", EARLIER, rules=[{"backendRefs": [{"name": "prod", "namespace": "infra", "port": 80}]}]),
            False,
            id="to a Service of another namespace",
        ),
        pytest.param(view("theirs", EARLIER, hostnames=["other.example.com"]), False, id="for another host"),
        pytest.param(view("theirs", EARLIER, hostnames=[]), True, id="for all hosts"),
        pytest.param(view("theirs", EARLIER, hostnames=["*.example.com"]), True, id="for a wildcard"),
        pytest.param(view("theirs", EARLIER, parentRefs=[{"name": "internal"}]), False, id="on another Gateway"),
    ],
)
def test_what_hides_a_route(other: RouteView, *, hides: bool) -> None:
    assert hidden_by(OURS, [OURS, other], "prod") == (other.meta.name if hides else None)
