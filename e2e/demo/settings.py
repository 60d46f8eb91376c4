"""What the environment may say about the demo, for clusters that are not ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
NAMESPACE = "demo"
ROLLOUT = "digits"
HOST = "digits.example.com"
OPERATOR_NAMESPACE = "modelrollout-system"
OPERATOR = "modelrollout"
"""The Helm release, and with it the operator's Deployment."""


@dataclass(frozen=True)
class Settings:
    """Where things come from. An image that is named is not built: the cluster pulls it.

    `rate` is in requests a second, `load_seconds` bounds how long they are sent.
    """

    prometheus: str = "http://prometheus.monitoring:9090"
    gateway_class: str = "eg"
    operator_image: str | None = None
    digits_image: str | None = None
    rate: int = 60
    load_seconds: int = 900


def read(environ: Mapping[str, str]) -> Settings:
    """Take PROMETHEUS_URL, GATEWAY_CLASS, OPERATOR_IMAGE and DIGITS_IMAGE, each of which may be unset."""
    usual = Settings()
    return Settings(
        prometheus=environ.get("PROMETHEUS_URL") or usual.prometheus,
        gateway_class=environ.get("GATEWAY_CLASS") or usual.gateway_class,
        operator_image=environ.get("OPERATOR_IMAGE") or None,
        digits_image=environ.get("DIGITS_IMAGE") or None,
    )
