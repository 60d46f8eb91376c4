"""What all component tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.api_server import ApiServer, running_api_server


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real kube-apiserver, one for the whole session: keep to a namespace of your own."""
    with running_api_server(tmp_path_factory.mktemp("api") / "state") as server:
        yield server


@pytest.fixture
def namespace(api_server: ApiServer) -> str:
    """A namespace of the test's own."""
    return api_server.make_namespace()
