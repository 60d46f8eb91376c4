"""Which way leads to a Prometheus."""

import pytest

from modelrollout.cli.reaching import proxied_path

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://prometheus.monitoring:9090", "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy"),
        ("http://p.m.svc.cluster.local:80/prefix/", "/api/v1/namespaces/m/services/p:80/proxy/prefix"),
        ("https://thanos.obs.svc", "/api/v1/namespaces/obs/services/https:thanos:443/proxy"),
        ("http://localhost:9090", None),
        ("http://127.0.0.1:9090", None),
        ("https://prometheus.example.com", None),
    ],
)
def test_a_service_of_the_cluster_is_reached_through_the_api_server(url: str, path: str | None) -> None:
    assert proxied_path(url) == path
