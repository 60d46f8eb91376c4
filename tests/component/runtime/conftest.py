"""What the tests of the loop share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.api_server import ApiServer
from tests.support.playground import Playground, playground


@pytest.fixture
async def play(
    api_server: ApiServer, prometheus_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Playground]:
    """Everything but the operator."""
    # kopf's watches and kubectl's defaults go by it.
    monkeypatch.setenv("KUBECONFIG", str(api_server.kubeconfig))
    async with playground(api_server, prometheus_binary, tmp_path) as here:
        yield here
