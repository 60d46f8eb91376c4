"""An adoption is a stand-in whose series are told by the names of its pods."""

from __future__ import annotations

import re

import pytest

from modelrollout.api.adopt import Adopt, pods_of
from modelrollout.api.fallback import Fallback, FallbackService
from modelrollout.api.resource import parse_spec
from tests.support.scenes import raw_spec

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("pod", "belongs"),
    [
        ("digits-6d4cf56db6-x2x9z", True),
        ("digits-77c5b98f4-abcde", True),
        ("digits-rabcdefghi-6d4cf56db6-x2x9z", False),
        ("digits-canary-6d4cf56db6-x2x9z", False),
        ("old-digits-6d4cf56db6-x2x9z", False),
        ("digits-0", False),
    ],
)
def test_pods_are_told_by_their_names(pod: str, *, belongs: bool) -> None:
    """A revision of ours has a dash more, so that no series counts twice."""
    (pattern,) = re.findall('pod=~"(.*)"', pods_of("digits"))
    assert bool(re.fullmatch(pattern, pod)) is belongs


def test_a_dot_in_a_name_is_a_dot() -> None:
    assert pods_of("digits.v1") == 'pod=~"digits[.]v1-[a-z0-9]+-[a-z0-9]{5}"'


@pytest.mark.parametrize(
    ("adopt", "port", "selector"),
    [
        (Adopt(deployment="prod", service="digits"), 8080, pods_of("prod")),
        (Adopt(deployment="prod", service="digits", port=80, selector='job="d"'), 80, 'job="d"'),
    ],
    ids=["defaults", "all said"],
)
def test_it_stands_in(adopt: Adopt, port: int, selector: str) -> None:
    raw = raw_spec("1")
    raw["workload"]["deployment"]["adopt"] = adopt.dump()
    spec = parse_spec(raw)
    assert spec.stand_in == Fallback(service=FallbackService(name="digits", port=port), selector=selector)
    assert spec.foreign_services == {"digits"}


def test_nothing_stands_in_unless_it_is_asked_for() -> None:
    assert parse_spec(raw_spec("1")).stand_in is None
