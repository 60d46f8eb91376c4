"""The operator and a real kube-apiserver say the same of the same manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.api_server import ApiServer
from tests.support.manifests import BadManifest, bad_manifests, good_manifests
from tests.unit.api.test_manifests import EXAMPLES

pytestmark = pytest.mark.component

DRY_RUN = ("create", "--dry-run=server", "--filename", "-")


@pytest.mark.parametrize("file", [*good_manifests(), *EXAMPLES], ids=lambda file: file.stem)
def test_accepted(api_server: ApiServer, file: Path) -> None:
    assert "created (server dry run)" in api_server.kubectl(*DRY_RUN, stdin=file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("bad", bad_manifests(), ids=lambda bad: bad.name)
def test_refused(api_server: ApiServer, bad: BadManifest) -> None:
    outcome = api_server.attempt(*DRY_RUN, stdin=bad.text)
    assert not outcome.succeeded
    assert bad.path in outcome.errors
    assert bad.server in outcome.errors
