from __future__ import annotations

import pytest

from modelrollout.traffic.capabilities import Mirroring, mirroring

pytestmark = pytest.mark.unit

ENVOY = "gateway.envoyproxy.io/gatewayclass-controller"
CONTOUR = "projectcontour.io/gateway-controller"
TRAEFIK = "traefik.io/gateway-controller"
UNKNOWN = "example.com/controller"
MIRROR, PERCENT = "HTTPRouteRequestMirror", "HTTPRouteRequestPercentageMirror"


@pytest.mark.parametrize(
    ("controller", "features", "able"),
    [
        (ENVOY, None, Mirroring.PERCENT),
        (CONTOUR, None, Mirroring.ALL),
        (TRAEFIK, None, Mirroring.NONE),
        (UNKNOWN, None, None),
        (UNKNOWN, {MIRROR, PERCENT}, Mirroring.PERCENT),
        (UNKNOWN, {MIRROR}, Mirroring.ALL),
        (UNKNOWN, {PERCENT}, Mirroring.NONE),
        (UNKNOWN, {"Gateway"}, Mirroring.NONE),
        (ENVOY, {MIRROR}, Mirroring.ALL),
        (TRAEFIK, {MIRROR, PERCENT}, Mirroring.NONE),
    ],
)
def test_what_was_measured_and_what_is_said_must_agree(
    controller: str, features: set[str] | None, able: Mirroring | None
) -> None:
    assert mirroring(controller, None if features is None else frozenset(features)) is able
