"""What all component tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import binaries
from tests.support.api_server import ApiServer, running_api_server
from tests.support.prometheus import RealPrometheus


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real kube-apiserver, one for the whole session: keep to a namespace of your own."""
    with running_api_server(tmp_path_factory.mktemp("api") / "state") as server:
        yield server


@pytest.fixture
def namespace(api_server: ApiServer) -> str:
    """A namespace of the test's own."""
    return api_server.make_namespace()


@pytest.fixture(scope="session")
def prometheus_binary() -> Path:
    """Built on first use, and kept."""
    return binaries.path("prometheus")


@pytest.fixture(scope="session")
def prometheus(prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    """A real Prometheus without targets, one for the whole session: not to be stopped."""
    with RealPrometheus(prometheus_binary, tmp_path_factory.mktemp("prometheus")) as running:
        yield running
