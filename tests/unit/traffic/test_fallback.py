"""Where requests go that no revision gets."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.fallback import Fallback, FallbackService
from modelrollout.traffic import fallback
from modelrollout.traffic.render import Address
from tests.support.objects import rollout

pytestmark = pytest.mark.unit

QUEUE = Fallback(service=FallbackService(name="queue", port=8000))


@pytest.mark.parametrize(
    ("spec", "expected", "refuses"),
    [
        ({"fallback": QUEUE.dump()}, Address("queue", 8000), False),
        ({"fallback": {"statusCode": 503}}, Address("digits-fallback", 80), True),
    ],
)
def test_address(spec: dict[str, Any], expected: Address, refuses: bool) -> None:  # noqa: FBT001 - a table's column
    made = rollout(**spec)
    assert fallback.address(made) == expected
    assert fallback.naming(made).fallback == expected.name
    assert fallback.is_refusal(made) is refuses


def test_without_a_fallback_nothing_is_called_one() -> None:
    assert fallback.naming(rollout()).fallback is None
    assert not fallback.is_refusal(rollout())


def test_the_refusal_selects_nothing() -> None:
    body = fallback.refusal(rollout(fallback={"statusCode": 503}))
    assert body["metadata"]["name"] == "digits-fallback"
    assert body["spec"] == {
        "selector": {"modelrollout.io/name": "digits", "modelrollout.io/revision": "none"},
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    }


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ({"spec": {"ports": [{"port": 8000}]}}, []),
        (None, ['spec.fallback.service.name: no Service "queue" in namespace "demo"; create it or name another']),
        (
            {"spec": {"ports": [{"port": 80}, {"port": 81}]}},
            ['spec.fallback.service.port: Service "queue" has no port 8000; set one of: 80, 81'],
        ),
        (
            {"spec": {"type": "ExternalName"}},
            ['spec.fallback.service.name: Service "queue" is an ExternalName, whose readiness nobody tells; name '
             "another"],
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_users_service(live: dict[str, Any] | None, expected: list[str]) -> None:
    assert list(fallback.service_problems(rollout(), QUEUE, live)) == expected
    assert list(fallback.service_problems(rollout(), Fallback(status_code=503), live)) == []
