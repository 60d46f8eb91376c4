"""What gateways can do. Their status does not tell all: some accept what they then break."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

MIRROR: Final = "HTTPRouteRequestMirror"
BACKEND_HEADERS: Final = "HTTPRouteBackendRequestHeaderModification"
MIRROR_PERCENT: Final = "HTTPRouteRequestPercentageMirror"


class Mirroring(IntEnum):
    """How a gateway mirrors requests; a larger value can do all that a smaller one can."""

    NONE = 0
    ALL = 1
    PERCENT = 2


MEASURED: Final[Mapping[str, Mirroring]] = {
    "gateway.envoyproxy.io/gatewayclass-controller": Mirroring.PERCENT,
    "istio.io/gateway-controller": Mirroring.PERCENT,
    # Accepts a percent and mirrors everything.
    "projectcontour.io/gateway-controller": Mirroring.ALL,
    # Accepts a mirror and then answers every request with 500.
    "traefik.io/gateway-controller": Mirroring.NONE,
}
"""What was measured with real requests, by `controllerName`."""


REFUSE_SHARES: Final = frozenset(
    {
        "gateway.envoyproxy.io/gatewayclass-controller",
        "istio.io/gateway-controller",
        "projectcontour.io/gateway-controller",
        "traefik.io/gateway-controller",
    }
)
"""Who was measured to answer the share of a Service without endpoints with 503, and nothing else."""
TELL_SHARES_APART: Final = frozenset(
    {
        "gateway.envoyproxy.io/gatewayclass-controller",
        "istio.io/gateway-controller",
        "projectcontour.io/gateway-controller",
        "traefik.io/gateway-controller",
    }
)
"""Who was measured to set another request header for each backend of a rule, by `controllerName`."""


def tells_shares_apart(controller_name: str, features: frozenset[str] | None) -> bool:
    """Whether a gateway can set a request header for the share of one backend alone."""
    return controller_name in TELL_SHARES_APART or BACKEND_HEADERS in (features or frozenset())


def mirroring(controller_name: str, features: frozenset[str] | None) -> Mirroring | None:
    """How a gateway mirrors, or None where nobody knows.

    What was measured and what the class says must both allow it: a feature list may be generous, a measurement old.

    Args:
        features: `GatewayClass.status.supportedFeatures`; None where the class says nothing.
    """
    measured = MEASURED.get(controller_name)
    if features is None:
        return measured
    said = Mirroring.NONE
    if MIRROR in features:
        said = Mirroring.PERCENT if MIRROR_PERCENT in features else Mirroring.ALL
    return said if measured is None else min(said, measured)
